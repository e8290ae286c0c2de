"""Handing a conversation to a person: a ticket with the state it was in, and a letter to whoever takes tickets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.identity import Principal
from assistant.models import Ticket
from assistant.wording import say
from billing import notices
from billing.accounts import get_account
from billing.config import Settings

STAFF_LANGUAGE = "en"


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
    account = get_account(session, principal.account_id)
    notices.queue(
        session,
        account_id=account.id,
        payment_id=None,
        kind="handoff",
        recipient=settings.handoff_email,
        language=STAFF_LANGUAGE,
        now=now,
        detail={
            "ticket": str(ticket.id),
            "account": account.number,
            "customer": account.name,
            "reason": say(f"ticket_reason_{reason}", STAFF_LANGUAGE, "email"),
            "channel": principal.channel,
        },
    )
    return ticket, True
