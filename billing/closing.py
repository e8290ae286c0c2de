"""Closing what a decline leaves behind: whoever has the object's secret could still charge it with another card.

It is cancelled at the gateway by a job right after the decline, by the sweep of reconcile.py if that job was lost, and
at the latest before the account's next attempt makes an object of its own (payments.py). All three may run twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import operator_queue as queue
from billing.context import Context
from billing.errors import GONE, GatewayError, GatewayRejected
from billing.gateways.base import GatewayPayment
from billing.models import Attempt, Payment
from billing.payment_records import change_state, get_payment, latest_attempt, lock_payment, payment_under_way
from billing.payment_states import DECLINED, NOT_ATTEMPTED, SUBMITTING
from billing.settlement import settle_payment

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


def left_open(session: Session, account_id: int, gateway: str) -> list[int]:
    """The account's declined payments whose objects are not known to be closed, oldest first. Usually none, or one."""
    return list(
        session.scalars(
            select(Payment.id)
            .join(Attempt, Attempt.payment_id == Payment.id)
            .where(
                Payment.account_id == account_id,
                Payment.gateway == gateway,
                Payment.state == DECLINED,
                Attempt.gateway_object_id.is_not(None),
                Attempt.closed_at.is_(None),
            )
            .order_by(Payment.id)
        )
    )


def close_declined(context: Context, payment_id: int, *, instead_of: int | None = None) -> Payment:
    """Cancels the object of a declined payment, and obeys what the gateway says if it was charged in the meantime.

    Returns the payment: still declined and now closed, or succeeded or processing after all. `instead_of` is the
    account's newer payment, which has asked nothing of the gateway yet and gives way in the last case. Raises
    GatewayError when the gateway does not say; nothing has changed then.
    """
    with context.sessions() as session:
        payment, attempt = get_payment(session, payment_id), latest_attempt(session, payment_id)
    closable = payment.state == DECLINED and payment.gateway == context.gateway.name
    if not closable or attempt.gateway_object_id is None or attempt.closed_at is not None:
        return payment
    seen = _cancel(context, attempt.gateway_object_id)
    with context.sessions.begin() as session:
        payment, now = lock_payment(session, payment_id), context.now()
        if seen is None or seen.status not in ("succeeded", "processing", "requires_action"):
            latest_attempt(session, payment_id).closed_at = now
            if payment.state == DECLINED:
                payment.next_check_at = None
            return payment
        if seen.status != "succeeded" and not _make_room(session, payment, instead_of, now):
            return payment
        return settle_payment(
            session,
            payment_id,
            seen,
            settings=context.settings,
            cause="found_when_closing",
            actor="system:closing",
            now=now,
            reopen=True,
        )


def _cancel(context: Context, gateway_id: str) -> GatewayPayment | None:
    """None: there is no such object any more."""
    try:
        return context.gateway.cancel_payment(gateway_id)
    except GatewayRejected as error:
        if error.code != GONE:
            raise
        return None


def _make_room(session: Session, payment: Payment, instead_of: int | None, now: datetime) -> bool:
    """An account has one undecided payment at most: is the place free for this one? A newer one may have to go."""
    newer = payment_under_way(session, payment.account_id)
    if newer is not None and newer.id == instead_of and newer.state == SUBMITTING:
        change_state(session, newer, NOT_ATTEMPTED, cause="earlier_under_way", actor="system:closing", now=now)
        newer = None
    if newer is not None:
        queue.add(session, "not_closed", f"declined, but being charged while {newer.reference} is", now, payment.id)
        payment.next_check_at = now + FIRST_PAUSE
    return newer is None


def try_to_close(context: Context, payment_id: int) -> None:
    """`close_declined`, for those who cannot wait: what the gateway does not say now is asked again later."""
    try:
        payment = close_declined(context, payment_id)
        trouble = None if payment.gateway == context.gateway.name else f"made with the gateway {payment.gateway}"
        refused = False
    except GatewayError as error:
        trouble, refused = str(error), isinstance(error, GatewayRejected)
    if trouble is None:
        return
    with context.sessions.begin() as session:
        payment, now = lock_payment(session, payment_id), context.now()
        if payment.state != DECLINED or payment.next_check_at is None:
            return
        payment.next_check_at = now + min(FIRST_PAUSE * 2 ** min(payment.checks, 16), LONGEST_PAUSE)
        payment.checks += 1
        if refused or now - payment.created_at > timedelta(seconds=context.settings.payment_age_limit_s):
            queue.add(session, "not_closed", f"declined, and cannot be cancelled: {trouble}", now, payment_id)
