"""Nothing stays open without a clock: every undecided payment is asked about until the gateway has decided."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import operator_queue as queue
from billing.closing import try_to_close
from billing.config import Settings
from billing.context import Context
from billing.errors import GatewayError
from billing.gateways.base import GatewayPayment
from billing.models import Payment, PaymentMethod
from billing.payment_records import get_payment, latest_attempt, lock_payment
from billing.payment_states import DECLINED, OPEN_STATES, PROCESSING, REQUIRES_ACTION, SUBMITTING
from billing.payments import close_unattempted
from billing.settlement import settle_payment

LONGEST_PAUSE = timedelta(hours=1)
BATCH = 100  # per sweep; the next sweep takes the rest


def reconcile_due(context: Context) -> int:
    """Asks the gateway about every payment whose time has come. Returns how many were asked about."""
    with context.sessions() as session:
        due = session.scalars(
            select(Payment)
            .where(Payment.state.in_({*OPEN_STATES, DECLINED}), Payment.next_check_at <= context.now())
            .order_by(Payment.next_check_at)
            .limit(BATCH)
        ).all()
    for payment in due:
        if payment.state == DECLINED:  # decided, but its object is not known to be closed
            try_to_close(context, payment.id)
        else:
            refresh_payment(context, payment.id)
    return len(due)


def refresh_payment(context: Context, payment_id: int) -> Payment:
    """Retrieves the gateway's object and settles what it says; what it cannot say now is asked again later."""
    with context.sessions() as session:
        payment = get_payment(session, payment_id)
        gateway_id = latest_attempt(session, payment_id).gateway_object_id
    if payment.state not in OPEN_STATES or _still_being_submitted(payment, context.now()):
        return payment
    if payment.gateway != context.gateway.name:  # which only that one could tell; an operator's, once it is too old
        with context.sessions.begin() as session:
            return _ask_again_later(session, context.settings, payment_id, before=payment, now=context.now())
    try:
        seen = _look(context, payment, gateway_id)
    except GatewayError:  # it stays open and is asked again: not knowing is a state, not a failure
        seen = None
    else:
        if seen is None:
            close_unattempted(context, payment_id, cause="never_created", answer="the gateway has no such payment")
    with context.sessions.begin() as session:
        if seen is not None:
            settle_payment(
                session,
                payment_id,
                seen,
                settings=context.settings,
                cause="reconcile",
                actor="system:reconcile",
                now=context.now(),
            )
        return _ask_again_later(session, context.settings, payment_id, before=payment, now=context.now())


def _still_being_submitted(payment: Payment, now: datetime) -> bool:
    """Some process may be between create and confirm right now: to cancel under its hands would be rude."""
    return payment.state == SUBMITTING and payment.next_check_at is not None and now < payment.next_check_at


def _look(context: Context, payment: Payment, gateway_id: str | None) -> GatewayPayment | None:
    """The gateway's object as it is now; what nobody will finish any more is cancelled on the way.

    None: there is no such object, so nothing was charged. A cancel that comes too late returns what it became.
    """
    gateway = context.gateway
    if gateway_id is not None:
        found: GatewayPayment | None = gateway.retrieve_payment(gateway_id)
    else:
        found = gateway.find_payment(payment.reference, payment.created_at)
    if found is None:
        return None
    # A step of the customer's own has its time, also where it is our page that confirms (BANK_DEBIT_ON_PAGE).
    is_customers = found.status == "requires_action" or payment.state == REQUIRES_ACTION
    age = context.now() - payment.created_at
    too_late = not is_customers or age > timedelta(seconds=context.settings.action_required_ttl_s)
    if found.status in ("requires_confirmation", "requires_action") and too_late:
        return gateway.cancel_payment(found.id)
    return found


def _ask_again_later(
    session: Session, settings: Settings, payment_id: int, *, before: Payment, now: datetime
) -> Payment:
    payment = lock_payment(session, payment_id)
    if payment.state not in OPEN_STATES:
        return payment
    payment.checks = payment.checks + 1 if payment.state == before.state else 0
    payment.next_check_at = now + _pause(session, settings, payment, now)
    if now - payment.created_at > _age_limit(session, settings, payment):
        queue.add(session, "too_old", f"{payment.state} since {payment.created_at:%Y-%m-%d %H:%M}", now, payment_id)
    return payment


def _pause(session: Session, settings: Settings, payment: Payment, now: datetime) -> timedelta:
    if payment.state == PROCESSING and _is_debit(session, payment):
        return timedelta(seconds=settings.reconcile_debit_every_s)
    known = payment.state in (PROCESSING, REQUIRES_ACTION)
    first_s = settings.reconcile_card_after_s if known else settings.reconcile_unknown_after_s
    pause = min(timedelta(seconds=first_s * 2 ** min(payment.checks, 16)), LONGEST_PAUSE)
    if payment.state == REQUIRES_ACTION:
        deadline = payment.created_at + timedelta(seconds=settings.action_required_ttl_s + 1)
        pause = min(pause, max(deadline - now, timedelta(seconds=first_s)))
    return pause


def _age_limit(session: Session, settings: Settings, payment: Payment) -> timedelta:
    debit = payment.state == PROCESSING and _is_debit(session, payment)
    return timedelta(seconds=settings.debit_age_limit_s if debit else settings.payment_age_limit_s)


def _is_debit(session: Session, payment: Payment) -> bool:
    method = session.get(PaymentMethod, payment.method_id) if payment.method_id is not None else None
    return method is not None and method.kind == "bank_debit"
