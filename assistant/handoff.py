"""Handing a conversation to a person: a ticket with the state it was in, and a letter to whoever takes tickets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.identity import Principal
from assistant.models import Ticket
from billing import notices
from billing.config import Settings


def open_ticket(
    session: Session, principal: Principal, reason: str, state: Mapping[str, Any], now: datetime, *, settings: Settings
) -> tuple[Ticket, bool]:
    """The conversation's ticket for `reason` (human, refund_or_dispute), and whether it is new.

    Asking twice opens one ticket: a person who waits for a person should not have to wait in two queues.
    """
    waiting = session.scalars(
        select(Ticket)
        .where(Ticket.sender == principal.sender, Ticket.reason == reason, Ticket.resolved_at.is_(None))
        .limit(1)
    ).one_or_none()
    if waiting is not None:
        return waiting, False
    ticket = Ticket(
        account_id=principal.account_id,
        portal_user_id=principal.portal_user_id,
        channel=principal.channel,
        sender=principal.sender,
        reason=reason,
        state=dict(state),
        created_at=now,
    )
    session.add(ticket)
    session.flush()
    # The letter finds its ticket by account and moment: both rows are written with the same `now`.
    notices.queue(
        session,
        account_id=principal.account_id,
        payment_id=None,
        kind="handoff",
        recipient=settings.handoff_email,
        language="en",
        now=now,
    )
    return ticket, True
