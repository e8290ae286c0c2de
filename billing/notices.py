"""Who is written to about a payment: once each, queued in the transaction that settles it (invariant 21)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing import outbox
from billing.accounts import get_account
from billing.models import Notice, Payment, PortalUser
from billing.payment_states import DECLINED, SUCCEEDED

_KIND_OF = {SUCCEEDED: "receipt", DECLINED: "declined"}


def recipients(session: Session, account_id: int, billing_email: str | None) -> list[tuple[str, str]]:
    """(address, language) of everyone who is told: the method's billing email and portal users who want notices."""
    users = session.execute(
        select(PortalUser.email, PortalUser.language)
        .where(PortalUser.account_id == account_id, PortalUser.notifications)
        .order_by(PortalUser.position)
    )
    found = {email.casefold(): (email, language) for email, language in users}
    if billing_email:
        found.setdefault(billing_email.casefold(), (billing_email, get_account(session, account_id).language))
    return list(found.values())


def queue_for_payment(session: Session, payment: Payment, *, now: datetime) -> None:
    """One notice and one job per recipient, if the payment's state is worth a letter. Repeating adds nothing."""
    kind = _KIND_OF.get(payment.state)
    if kind is None:
        return
    for email, language in recipients(session, payment.account_id, payment.billing_email):
        queue(
            session,
            account_id=payment.account_id,
            payment_id=payment.id,
            kind=kind,
            recipient=email,
            language=language,
            now=now,
        )


def queue(
    session: Session,
    *,
    account_id: int,
    payment_id: int | None,
    kind: str,
    recipient: str,
    language: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """Writes the notice and defers its delivery, unless the same one is there already."""
    notice_id = session.scalar(
        insert(Notice)
        .values(
            account_id=account_id,
            payment_id=payment_id,
            kind=kind,
            recipient=recipient,
            language=language,
            state="queued",
            detail=detail or {},
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Notice.id)
    )
    if notice_id is not None:
        outbox.defer(session, "send_notice", notice_id=notice_id)
