"""Settlement: the one function in which the inline answer, a webhook, the reconciler and the operator end.

What the gateway's object says becomes state, audit row, allocations, credit and notice jobs, in one transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import ledger, notices, outbox
from billing import operator_queue as queue
from billing.booking import MoneyIn, book_money
from billing.config import Settings
from billing.gateways.base import GatewayPayment, MethodInfo
from billing.models import Attempt, Payment, PaymentMethod, Quote
from billing.payment_records import change_state, latest_attempt, lock_payment
from billing.payment_states import (
    CANCELED,
    DECLINED,
    FINAL_STATES,
    NOT_ATTEMPTED,
    OPEN_STATES,
    PROCESSING,
    REQUIRES_ACTION,
    SUBMITTING,
    SUCCEEDED,
    UNKNOWN,
    allowed,
)

CLOSED_WITHIN = timedelta(minutes=1)  # a declined object that the job has not closed by then is swept up

_STATE_OF = {
    "succeeded": SUCCEEDED,
    "declined": DECLINED,
    "processing": PROCESSING,
    "requires_action": REQUIRES_ACTION,
    "canceled": CANCELED,
}


def settle_payment(
    session: Session,
    payment_id: int,
    seen: GatewayPayment,
    *,
    settings: Settings,
    cause: str,
    actor: str,
    now: datetime,
    told_inline: bool = False,
    reopen: bool = False,
) -> Payment:
    """Takes over what the gateway's object says: state, audit row, allocations, credit and notice jobs, in one go.

    Runs in the caller's transaction and locks the account. Saying the same thing twice changes nothing; what comes
    late (an older answer after a newer one) changes nothing either. A capture is always booked, whatever our state
    was. `told_inline`: the caller tells the customer itself, so no message is pushed. `reopen`: the gateway was asked
    just now whether a declined object can still be charged, so that "processing" is news and no older answer.
    """
    payment = lock_payment(session, payment_id)
    state = _STATE_OF.get(seen.status)  # None: created but not confirmed, no news
    if state == SUCCEEDED:
        changed = _book_capture(session, payment, seen, cause=cause, actor=actor, now=now)
    else:
        after = _reachable(payment.state, state) if state is not None else payment.state
        changed = payment.state != after and allowed(payment.state, after) and (payment.state != DECLINED or reopen)
        if changed:
            change_state(session, payment, after, cause=cause, actor=actor, now=now)
    if not changed:
        return payment
    attempt = latest_attempt(session, payment_id)
    attempt.answer = seen.status if seen.decline_code is None else f"{seen.status}: {seen.decline_code}"
    attempt.gateway_object_id = attempt.gateway_object_id or seen.id
    payment.decline_code, payment.action_url = seen.decline_code, seen.action_url
    if seen.method is not None:
        payment.method_id = _remember_method(session, payment, seen.method, attempt)
    if payment.state in OPEN_STATES:
        payment.next_check_at = now + _first_check(settings, payment, seen)
    if payment.state == DECLINED:  # its object could still be charged with another card: closing.py
        payment.checks, payment.next_check_at = 0, now + CLOSED_WITHIN
        outbox.defer(session, "close_declined", payment_id=payment.id)
    notices.queue_for_payment(session, payment, now=now)
    if not told_inline:
        outbox.defer(session, "announce_payment", payment_id=payment.id, state=payment.state)
    return payment


def _reachable(before: str, after: str) -> str:
    """An object cancelled before any answer to a confirm never charged: no attempt at all."""
    return NOT_ATTEMPTED if before in (SUBMITTING, UNKNOWN) and after == CANCELED else after


def _book_capture(
    session: Session,
    payment: Payment,
    seen: GatewayPayment,
    *,
    cause: str,
    actor: str,
    now: datetime,
) -> bool:
    """Books what the gateway verifiably took. False when it is booked already."""
    if payment.state == SUCCEEDED:
        return False
    captured = seen.captured if seen.captured is not None else seen.amount
    before = payment.state
    if captured.currency != payment.currency:
        entries = [ledger.debit("gateway", captured), ledger.credit("suspense", captured)]
        ledger.post(
            session, kind="suspense", account_id=payment.account_id, entries=entries, now=now, payment_id=payment.id
        )
        queue.add(session, "capture_differs", f"captured {captured}, quoted {payment.amount}", now, payment.id)
    else:
        if captured != payment.amount:
            queue.add(session, "capture_differs", f"captured {captured}, quoted {payment.amount}", now, payment.id)
        quote = session.get(Quote, payment.quote_id) if payment.quote_id is not None else None
        arrival = MoneyIn(payment, captured, first=quote.invoice_id if quote is not None else None)
        book_money(session, [arrival], source="gateway", now=now)
    if before in FINAL_STATES:
        queue.add(session, "capture_unexpected", f"captured {captured} when we had {before}", now, payment.id)
    change_state(session, payment, SUCCEEDED, cause=cause, actor=actor, now=now, captured=True)
    return True


def _remember_method(session: Session, payment: Payment, info: MethodInfo, attempt: Attempt) -> int:
    """The card of the secure page, so that receipts can name it; offered again only if it was to be saved and paid.

    One that is known already is told what came later: that it paid after a step at the bank, or its mandate.
    """
    known = session.scalars(
        select(PaymentMethod).where(
            PaymentMethod.gateway == payment.gateway, PaymentMethod.gateway_reference == info.reference
        )
    ).one_or_none()
    keep = attempt.save_method and payment.state in (SUCCEEDED, PROCESSING)
    if known is not None:
        known.mandate_reference = info.mandate or known.mandate_reference
        known.state = "active" if keep and known.state == "single_use" else known.state
    if payment.method_id is not None:
        return payment.method_id
    if known is not None:
        return known.id
    method = PaymentMethod(
        account_id=payment.account_id,
        gateway=payment.gateway,
        gateway_reference=info.reference,
        kind=info.kind,
        brand=info.brand,
        last4=info.last4,
        exp_month=info.exp_month,
        exp_year=info.exp_year,
        billing_address=dict(info.address),
        billing_email=payment.billing_email,
        fingerprint=info.fingerprint,
        mandate_reference=info.mandate,
        state="active" if keep else "single_use",
    )
    session.add(method)
    session.flush()
    return method.id


def _first_check(settings: Settings, payment: Payment, seen: GatewayPayment) -> timedelta:
    if payment.state == PROCESSING and seen.method is not None and seen.method.kind == "bank_debit":
        return timedelta(seconds=settings.reconcile_debit_every_s)
    if payment.state == REQUIRES_ACTION:  # not after the customer's time for it is over
        return timedelta(seconds=min(settings.reconcile_card_after_s, settings.action_required_ttl_s + 1))
    return timedelta(seconds=settings.reconcile_card_after_s)
