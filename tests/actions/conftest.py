"""The real action server over HTTP with a real database and a gateway in memory; tests/actions/bot.py plays Rasa.

Server and database live as long as the run; every test has accounts, senders, a clock and a gateway of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from sanic import Sanic

from actions.server import make_app
from assistant.models import ChatSession
from billing.accounts import top_user, usable_methods
from billing.config import Settings
from billing.context import Context
from billing.database import SessionFactory, make_engine, make_session_factory
from billing.models import Account
from remit.postgres import EmbeddedPostgres
from tests.actions.bot import FakeBot
from tests.billing.builders import Clock, a_context, a_method, an_account, an_invoice, some_settings
from tests.conftest import PASSWORD
from tests.support.fake_gateway import FakeGateway

_serial = itertools.count(1)


@pytest.fixture(scope="session")
def shared_sessions(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[SessionFactory]:
    name = f"t_actions_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url("postgres", PASSWORD, "postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template {migrated_template} strategy file_copy")
        engine = make_engine(postgres.url("postgres", PASSWORD, name), pool_size=10)
        yield make_session_factory(engine)
        engine.dispose()
        connection.execute(f"drop database {name} with (force)")


@dataclass
class ContextOfTheTest:
    """What the server holds: whatever the running test has put into it."""

    sessions: SessionFactory
    settings: Settings = field(default_factory=some_settings)
    gateway: FakeGateway = field(default_factory=FakeGateway)
    now: Clock = field(default_factory=Clock)


@dataclass
class Server:
    url: str
    token: str
    held: ContextOfTheTest
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=20))


@pytest.fixture(scope="session")
def shared_server(shared_sessions: SessionFactory) -> Iterator[Server]:
    """The action server on a free port of loopback, in a thread."""
    held: Any = ContextOfTheTest(shared_sessions)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app, loop, ready = make_app(held), asyncio.new_event_loop(), threading.Event()
    running: list[Any] = []

    async def serve() -> None:
        server: Any = await app.create_server(sock=listening, return_asyncio_server=True, access_log=False)
        await server.startup()
        await server.before_start()
        await server.after_start()
        running.append(server)
        ready.set()

    async def stop() -> None:
        running[0].close()
        await running[0].wait_closed()
        await loop.shutdown_default_executor()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    server = Server(f"http://127.0.0.1:{listening.getsockname()[1]}", held.settings.actions_token, held)
    yield server
    server.client.close()
    asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    listening.close()
    Sanic.unregister_app(app)


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway(ids=f"pay_{next(_serial)}")


class TickingClock(Clock):
    """A millisecond goes by whenever it is looked at: what was said later has a later time, as in life."""

    def __call__(self) -> datetime:
        return self.forward(milliseconds=1)


@pytest.fixture
def clock() -> Clock:
    return TickingClock()


@pytest.fixture
def server(shared_server: Server, gateway: FakeGateway, clock: Clock) -> Server:
    shared_server.held.gateway, shared_server.held.now = gateway, clock
    return shared_server


@pytest.fixture
def context(server: Server, gateway: FakeGateway, clock: Clock) -> Context:
    """The same books, gateway and clock that the server uses."""
    return a_context(server.held.sessions, gateway, now=clock, settings=server.held.settings)


@dataclass
class People:
    """Opens conversations for accounts."""

    context: Context
    server: Server

    def talk(self, account: Account, *, language: str = "en", channel: str = "chat") -> FakeBot:
        now, sender = self.context.now(), f"s_{next(_serial)}"
        with self.context.sessions.begin() as session:
            session.add(
                ChatSession(
                    sender=sender,
                    token_hash=f"hash of {sender}",
                    account_id=account.id,
                    portal_user_id=top_user(session, account.id).id,
                    channel=channel,
                    language=language,
                    created_at=now,
                    last_seen_at=now,
                    expires_at=now + timedelta(days=1),
                )
            )
        return FakeBot(self.server.client, self.server.url, self.server.token, sender, channel, language)


@pytest.fixture
def people(context: Context, server: Server) -> People:
    return People(context, server)


@pytest.fixture
def maya(context: Context) -> Account:
    """Owes 452.10 on three invoices, two of them late; Visa 4242, Mastercard 4444, Visa 0002 (declined)."""
    n = next(_serial)
    with context.sessions.begin() as session:
        account = an_account(session, method=False, users=2)
        an_invoice(session, account, "200.00", due_days=-60, number="INV-1001")
        an_invoice(session, account, "152.10", due_days=-30, number="INV-1002")
        an_invoice(session, account, "100.00", due_days=5, number="INV-1003")
        a_method(session, account, brand="visa", last4="4242", reference=f"visa_{n}")
        a_method(session, account, brand="mastercard", last4="4444", reference=f"mastercard_{n}")
        a_method(session, account, brand="visa", last4="0002", reference=f"declined_{n}")
    return account


@pytest.fixture
def tokens(context: Context, maya: Account, gateway: FakeGateway) -> dict[str, str]:
    """Maya's methods at the gateway, by their last digits; 0002 declines."""
    with context.sessions() as session:
        found = {m.last4: m.gateway_reference for m in usable_methods(session, maya.id, "fake")}
    gateway.behaviours[found["0002"]] = "declined"
    return found
