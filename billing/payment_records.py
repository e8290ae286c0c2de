"""Rows of payments: found, locked in one order, and changed in state in one place."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import audit
from billing.accounts import lock_account
from billing.errors import NotFound, UndeclaredTransition
from billing.models import Attempt, Payment
from billing.payment_states import FINAL_STATES, NOT_ATTEMPTED, OPEN_STATES, SUCCEEDED, allowed


def get_payment(session: Session, payment_id: int) -> Payment:
    payment = session.get(Payment, payment_id)
    if payment is None:
        raise NotFound("payment", payment_id)
    return payment


def payment_by_reference(session: Session, account_id: int, reference: str) -> Payment:
    """Raises NotFound, for a payment of another account too."""
    payment = session.scalars(
        select(Payment).where(Payment.reference == reference, Payment.account_id == account_id)
    ).one_or_none()
    if payment is None:
        raise NotFound("payment", reference)
    return payment


def lock_payment(session: Session, payment_id: int) -> Payment:
    """Account first, then payment: one order of locks everywhere."""
    lock_account(session, get_payment(session, payment_id).account_id)
    payment = session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    if payment is None:
        raise NotFound("payment", payment_id)
    return payment


def latest_attempt(session: Session, payment_id: int) -> Attempt:
    return session.scalars(
        select(Attempt).where(Attempt.payment_id == payment_id).order_by(Attempt.number.desc()).limit(1)
    ).one()


def payment_under_way(session: Session, account_id: int) -> Payment | None:
    """The one payment of the account that is not decided yet."""
    return session.scalars(
        select(Payment).where(Payment.account_id == account_id, Payment.state.in_(OPEN_STATES))
    ).one_or_none()


def latest_payment(session: Session, account_id: int) -> Payment | None:
    return session.scalars(
        select(Payment)
        .where(Payment.account_id == account_id, Payment.state != NOT_ATTEMPTED)
        .order_by(Payment.created_at.desc(), Payment.id.desc())
        .limit(1)
    ).one_or_none()


def latest_accepted(session: Session, account_id: int) -> Payment | None:
    """The newest payment that took money, whoever took it."""
    return session.scalars(
        select(Payment)
        .where(Payment.account_id == account_id, Payment.state == SUCCEEDED)
        .order_by(Payment.created_at.desc(), Payment.id.desc())
        .limit(1)
    ).one_or_none()


def latest_try(session: Session, account_id: int) -> Payment | None:
    """The newest payment of all, also one that could not even be started."""
    return session.scalars(
        select(Payment)
        .where(Payment.account_id == account_id)
        .order_by(Payment.created_at.desc(), Payment.id.desc())
        .limit(1)
    ).one_or_none()


def payment_of_quote(session: Session, quote_id: uuid.UUID) -> Payment | None:
    return session.scalars(select(Payment).where(Payment.quote_id == quote_id)).one_or_none()


def change_state(
    session: Session, payment: Payment, after: str, *, cause: str, actor: str, now: datetime, captured: bool = False
) -> None:
    """The only place where a payment changes state. `captured`: the gateway's fact outranks the table."""
    before = payment.state
    if not captured and not allowed(before, after):
        raise UndeclaredTransition(payment.id, before, after)
    payment.state = after
    payment.next_check_at = None if after in FINAL_STATES else payment.next_check_at
    payment.decided_at = now if after in FINAL_STATES else None
    audit.record(
        session,
        actor=actor,
        channel=payment.channel,
        cause=cause,
        entity="payment",
        entity_id=payment.id,
        now=now,
        before={"state": before},
        after={"state": after},
    )
    session.flush()
