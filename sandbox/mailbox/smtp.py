"""The catch-all: takes every mail on a loopback port, for whomever it is."""

from __future__ import annotations

import asyncio
import logging

import psycopg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from psycopg_pool import PoolTimeout

from sandbox.database import Database
from sandbox.mailbox.store import keep

LARGEST_MAIL = 5 * 1024 * 1024
log = logging.getLogger(__name__)


class CatchAll:
    """aiosmtpd's handler. A mail that cannot be stored is refused for now, so that its sender tries again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        try:
            await asyncio.to_thread(keep, self._database, envelope.mail_from or "", envelope.rcpt_tos, raw)
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("mail not stored: %s", type(error).__name__)
            return "451 The mailbox cannot store it now, try again"
        return "250 Kept"


def start_smtp(database: Database, port: int) -> Controller:
    """Listens on 127.0.0.1:`port` in a thread of its own until `.stop()`."""
    controller = Controller(
        CatchAll(database), hostname="127.0.0.1", port=port, data_size_limit=LARGEST_MAIL, ident="Remit sandbox"
    )
    controller.start()
    return controller
