"""Money given back: asked of the gateway like a charge, booked as reversing entries. A capture is never un-captured.

    row and key (commit) → the gateway → settle_refund (commit)

An answer that is lost leaves the refund pending; it is looked up in the gateway's own list, and asked for again under
the same key only while the gateway keeps keys. What somebody refunds in the gateway's dashboard is found there too.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billing import audit, reversals
from billing import operator_queue as queue
from billing.context import Context
from billing.dispute_books import book_disputes
from billing.errors import AmountNotPositive, CurrencyMismatch, GatewayError, GatewayRejected, NotFound, RefundRefused
from billing.gateways.base import GatewayRefund
from billing.models import Payment, Refund
from billing.money import Money
from billing.payment_records import get_payment, latest_attempt, lock_payment

KEY_LIFE = timedelta(hours=23)  # Stripe keeps keys for 24 h: later the same key could refund a second time
FIRST_PAUSE = timedelta(minutes=1)  # longer than any call may take
LONGEST_PAUSE = timedelta(hours=1)


def refund_payment(
    context: Context,
    payment_id: int,
    amount: Money,
    *,
    operator: str,
    reopen_invoices: bool,
    request_id: str | None = None,
) -> Refund:
    """Gives `amount` (> 0) of a captured payment back and returns the refund, decided or `pending`.

    Unapplied credit goes first, then the newest allocation; what that uncovers of an invoice is open again, or written
    off if not `reopen_invoices`. The same `request_id` again is the same refund. Raises NotFound, AmountNotPositive,
    CurrencyMismatch and RefundRefused (more than is left; another refund is pending; made with another gateway than
    the configured one), before anything moves.
    """
    actor = f"operator:{operator}"
    try:
        with context.sessions.begin() as session:
            refund, is_new = _open(session, context, payment_id, amount, reopen_invoices, request_id, actor)
    except IntegrityError as error:
        raise RefundRefused(payment_id, "another refund of it is not decided yet") from error
    if is_new:
        _ask(context, refund, actor=actor)
    with context.sessions() as session:
        return session.get_one(Refund, refund.id)


def _open(
    session: Session,
    context: Context,
    payment_id: int,
    amount: Money,
    reopen_invoices: bool,
    request_id: str | None,
    actor: str,
) -> tuple[Refund, bool]:
    payment = lock_payment(session, payment_id)
    earlier = session.scalars(select(Refund).where(Refund.payment_id == payment_id)).all()
    key = f"remit-{payment.reference}-refund-{request_id or len(earlier) + 1}"
    for refund in earlier:
        if refund.idempotency_key == key:
            return refund, False
    if amount.minor <= 0:
        raise AmountNotPositive(str(amount))
    if amount.currency != payment.currency:
        raise CurrencyMismatch(payment.currency, amount.currency)
    if payment.gateway == "elsewhere":
        raise RefundRefused(payment_id, "it was made elsewhere and is refunded there")
    if payment.gateway != context.gateway.name:
        raise RefundRefused(payment_id, f"it was made with {payment.gateway}, which is not configured")
    if any(refund.state == "pending" for refund in earlier):
        raise RefundRefused(payment_id, "another refund of it is not decided yet")
    free = reversals.free_of(session, payment)
    if amount > free:
        raise RefundRefused(payment_id, f"only {free} of it can be given back")
    return _insert(session, payment, amount, "pending", key, reopen_invoices, actor, context.now()), True


def _insert(
    session: Session,
    payment: Payment,
    amount: Money,
    state: str,
    key: str,
    reopen_invoices: bool,
    actor: str,
    now: datetime,
) -> Refund:
    refund = Refund(
        payment_id=payment.id,
        account_id=payment.account_id,
        currency=amount.currency,
        amount_minor=amount.minor,
        state=state,
        reopen_invoices=reopen_invoices,
        idempotency_key=key,
        next_check_at=now + FIRST_PAUSE if state == "pending" else None,
        created_at=now,
    )
    session.add(refund)
    session.flush()
    after = {"state": state, "amount_minor": amount.minor, "reopen_invoices": reopen_invoices}
    audit.record(session, actor=actor, cause="refund", entity="refund", entity_id=refund.id, now=now, after=after)
    return refund


def _ask(context: Context, refund: Refund, *, actor: str) -> None:
    """No transaction is open here. Without an answer the refund stays pending and is looked up later."""
    with context.sessions() as session:
        gateway_id = latest_attempt(session, refund.payment_id).gateway_object_id
    if gateway_id is None:
        raise NotFound("gateway object of payment", refund.payment_id)
    try:
        seen = context.gateway.refund(gateway_id, Money(refund.amount_minor, refund.currency), refund.idempotency_key)
    except GatewayRejected as error:
        with context.sessions.begin() as session:
            lock_payment(session, refund.payment_id)
            row = session.get_one(Refund, refund.id, populate_existing=True)
            _change_state(session, row, "failed", cause=f"rejected: {error}", actor=actor, now=context.now())
    except GatewayError:
        return
    else:
        with context.sessions.begin() as session:
            settle_refund(session, refund.id, seen, cause="answer", actor=actor, now=context.now())


def settle_refund(
    session: Session, refund_id: int, seen: GatewayRefund, *, cause: str, actor: str, now: datetime
) -> Refund:
    """Takes over what the gateway says of one refund; saying it twice changes nothing. Locks the account.

    A refund that the bank sends back after it succeeded becomes the customer's credit, and an operator's matter.
    """
    payment = lock_payment(session, session.get_one(Refund, refund_id).payment_id)
    refund = session.get_one(Refund, refund_id, populate_existing=True)
    refund.gateway_object_id = seen.id
    if seen.status in (refund.state, "pending"):
        return refund
    amount, before = Money(refund.amount_minor, refund.currency), refund.state
    if seen.amount != amount or (seen.status == "succeeded" and amount > reversals.left_of(payment)):
        queue.add(
            session, "refund_differs", f"{seen.id}: {seen.amount}, our refund {refund.id}: {amount}", now, payment.id
        )
        return refund
    if seen.status == "succeeded":
        reversals.give_back(session, payment, amount, reopen_invoices=refund.reopen_invoices, now=now)
    elif before == "succeeded":
        queue.add(session, "refund_sent_back", f"{seen.id}: {amount} became credit", now, payment.id)
        reversals.take_again(session, payment, amount, now=now)
    _change_state(session, refund, seen.status, cause=cause, actor=actor, now=now)
    return refund


def _change_state(session: Session, refund: Refund, after: str, *, cause: str, actor: str, now: datetime) -> None:
    if refund.state == after:
        return
    audit.record(
        session,
        actor=actor,
        cause=cause,
        entity="refund",
        entity_id=refund.id,
        now=now,
        before={"state": refund.state},
        after={"state": after},
    )
    refund.state, refund.next_check_at = after, None
    session.flush()
    book_disputes(session, session.get_one(Payment, refund.payment_id), now=now)


def reconcile_refunds(context: Context) -> int:
    """Asks about every pending refund whose time has come. Returns how many were asked about."""
    with context.sessions() as session:
        due = session.scalars(
            select(Refund)
            .where(Refund.state == "pending", Refund.next_check_at <= context.now())
            .order_by(Refund.next_check_at)
        ).all()
    for refund in due:
        with suppress(GatewayError):  # it stays pending and is asked about again: not knowing is a state
            refresh_refunds(context, refund.payment_id)
        _ask_again_later(context, refund.id)
    return len(due)


def refresh_refunds(context: Context, payment_id: int) -> None:
    """Settles what the gateway's list says of the payment's refunds; one that it never heard of is asked for again.

    Nothing where the payment was made with another gateway: what this one does not know says nothing about it.
    """
    with context.sessions() as session:
        payment, gateway_id = get_payment(session, payment_id), latest_attempt(session, payment_id).gateway_object_id
    if gateway_id is None or payment.gateway != context.gateway.name:
        return
    listed = context.gateway.list_refunds(gateway_id)
    for seen in listed:
        with context.sessions.begin() as session:
            refund_id = _row_of(session, payment_id, seen, context.now())
            if refund_id is not None:
                now = context.now()
                settle_refund(session, refund_id, seen, cause="reconcile", actor="system:reconcile", now=now)
    with context.sessions() as session:
        pending = session.scalars(
            select(Refund).where(
                Refund.payment_id == payment_id, Refund.state == "pending", Refund.gateway_object_id.is_(None)
            )
        ).one_or_none()
    if pending is not None and pending.next_check_at is not None and pending.next_check_at <= context.now():
        _never_made(context, pending)


def _row_of(session: Session, payment_id: int, seen: GatewayRefund, now: datetime) -> int | None:
    """Our row for the gateway's refund. One that was made at the gateway itself is booked here, and flagged."""
    payment = lock_payment(session, payment_id)
    key = seen.key or f"gateway-{seen.id}"
    known = session.scalar(
        select(Refund.id).where(
            Refund.payment_id == payment_id, (Refund.gateway_object_id == seen.id) | (Refund.idempotency_key == key)
        )
    )
    if known is not None or seen.status != "succeeded":
        return known
    queue.add(session, "refund_unexpected", f"{seen.id}: {seen.amount} given back at the gateway", now, payment_id)
    if seen.amount.currency == payment.currency and seen.amount <= reversals.left_of(payment):
        actor = f"gateway:{payment.gateway}"
        refund = _insert(session, payment, seen.amount, "succeeded", key, True, actor, now)
        # An invoice whose payment went back is unpaid: it opens again until a person says otherwise.
        reversals.give_back(session, payment, seen.amount, reopen_invoices=True, now=now)
        book_disputes(session, payment, now=now)
        return refund.id
    return None


def _never_made(context: Context, refund: Refund) -> None:
    """The gateway does not know it: the same key asks again while it is sure to be kept, then nothing was refunded."""
    if context.now() - refund.created_at < KEY_LIFE:
        _ask(context, refund, actor="system:reconcile")
        return
    with context.sessions.begin() as session:
        lock_payment(session, refund.payment_id)
        row = session.get_one(Refund, refund.id)
        if row.state == "pending":
            _change_state(session, row, "failed", cause="never_made", actor="system:reconcile", now=context.now())


def _ask_again_later(context: Context, refund_id: int) -> None:
    """Pauses as long as it has waited already; after the age limit it is an operator's as well."""
    now, limit = context.now(), timedelta(seconds=context.settings.debit_age_limit_s)
    with context.sessions.begin() as session:
        refund = session.get_one(Refund, refund_id, with_for_update=True)
        if refund.state != "pending":
            return
        age = now - refund.created_at
        refund.next_check_at = now + min(max(age, FIRST_PAUSE), LONGEST_PAUSE)
        if age > limit:
            queue.add(session, "refund_too_old", f"refund {refund.id} is pending", now, refund.payment_id)
