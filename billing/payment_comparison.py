"""One payment at the gateway against the same payment in the books.

What the gateway has decided and we have not heard is settled from a fresh look at it. What remains different is a
person's: it lands in the operator's queue, once while it is open there (docs/operator.md says what to do about each).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing import operator_queue as queue
from billing.context import Context
from billing.differences import FOR_OPERATOR, Difference
from billing.errors import GatewayRejected
from billing.gateways.base import GatewayEvent, GatewayPayment
from billing.inbox import receive_event
from billing.models import Attempt, Audit, Dispute, EventReceived, LedgerEntry, LedgerTransaction, Payment, Refund
from billing.money import Money
from billing.payment_records import latest_attempt, lock_payment
from billing.payment_states import OPEN_STATES, SUBMITTING, SUCCEEDED
from billing.return_comparison import compare_returns
from billing.settlement import settle_payment

ACTOR = "system:compare"
CAUSE = "compare"
CAPTURES = ("payment", "suspense")  # kinds of ledger transactions that book what a payment's gateway took
STOPPABLE = ("requires_confirmation", "requires_action")


class Ours(NamedTuple):
    """What the books know of one object at the gateway."""

    payment: Payment
    by_reference_only: bool  # our attempt knows another object, or none yet
    booked: dict[str, int]  # captured, minor units by currency, as the ledger has it
    returns: bool  # refunds not decided yet, or any dispute


def compare_page(context: Context, page: Sequence[GatewayPayment], *, thorough: bool) -> Iterator[Difference]:
    """`page` as listed; what agrees costs three statements for all of it. `thorough`: refunds and disputes are looked
    at even where the gateway's own sums agree with ours."""
    with context.sessions() as session:
        known = _find(session, page)
    for seen in page:
        ours = known.get(seen.id)
        if ours is None:
            if seen.captured:
                yield from _of_nobody(context, seen)
        else:
            if not _agrees(ours, seen):
                yield from _repair(context, ours, seen.id)
            if seen.captured and (thorough or _may_differ(ours, seen)):
                yield from compare_returns(context, ours.payment.id, seen.id)


def compare_returned(context: Context, gateway_id: str) -> Iterator[Difference]:
    """Refunds and disputes of a payment of any age; one that is not ours comes in with its event."""
    with context.sessions() as session:
        payment_id = session.scalar(select(Attempt.payment_id).where(Attempt.gateway_object_id == gateway_id))
    if payment_id is not None:
        yield from compare_returns(context, payment_id, gateway_id)


def not_at_gateway(context: Context, gateway_id: str, error: GatewayRejected) -> Iterator[Difference]:
    """The gateway denies knowing an object that we charged."""
    with context.sessions.begin() as session:
        attempt = session.scalars(select(Attempt).where(Attempt.gateway_object_id == gateway_id)).one()
        payment = lock_payment(session, attempt.payment_id)
        if payment.state == SUCCEEDED:
            detail = f"{_taken_here(_booked(session, [payment.id]).get(payment.id, {}))}; there: {error}"
            yield _ask_operator(session, "not_captured_there", payment, gateway_id, detail, context.now())


# --------------------------------------------------------------------------------------------------- do they agree?


def _find(session: Session, page: Sequence[GatewayPayment]) -> dict[str, Ours]:
    """By the gateway's id, or by our reference in its metadata: never by amount."""
    by_object = {
        row.gateway_object_id: row.payment_id
        for row in session.execute(
            select(Attempt.gateway_object_id, Attempt.payment_id).where(
                Attempt.gateway_object_id.in_([seen.id for seen in page])
            )
        )
    }
    references = [seen.payment_reference for seen in page if seen.id not in by_object and seen.payment_reference]
    wanted = Payment.id.in_(by_object.values()) | Payment.reference.in_(references)
    payments = session.scalars(select(Payment).where(wanted)).all()
    by_id, by_reference = {p.id: p for p in payments}, {p.reference: p for p in payments}
    booked, returns = _booked(session, list(by_id)), _with_returns(session, list(by_id))
    found = {}
    for seen in page:
        known = seen.id in by_object
        payment = by_id[by_object[seen.id]] if known else by_reference.get(seen.payment_reference or "")
        if payment is not None:
            found[seen.id] = Ours(payment, not known, booked.get(payment.id, {}), payment.id in returns)
    return found


def _booked(session: Session, payment_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """From the ledger itself: what each payment's captures brought in, minor units by currency."""
    rows = session.execute(
        select(
            LedgerTransaction.payment_id, LedgerTransaction.currency, func.sum(LedgerEntry.amount_minor).label("taken")
        )
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .where(
            LedgerTransaction.payment_id.in_(payment_ids),
            LedgerTransaction.kind.in_(CAPTURES),
            LedgerEntry.ledger_account == "gateway",
            LedgerEntry.direction == "debit",
        )
        .group_by(LedgerTransaction.payment_id, LedgerTransaction.currency)
    )
    booked: dict[int, dict[str, int]] = {}
    for row in rows:
        booked.setdefault(row.payment_id, {})[row.currency] = int(row.taken)
    return booked


def _with_returns(session: Session, payment_ids: Sequence[int]) -> set[int]:
    pending = select(Refund.payment_id).where(Refund.payment_id.in_(payment_ids), Refund.state == "pending")
    disputed = select(Dispute.payment_id).where(Dispute.payment_id.in_(payment_ids))
    return set(session.scalars(pending.union(disputed)))


def _agrees(ours: Ours, seen: GatewayPayment) -> bool:
    open_here = ours.payment.state in OPEN_STATES
    if seen.captured or (ours.payment.state == SUCCEEDED and not ours.by_reference_only):
        return ours.payment.state == SUCCEEDED and not ours.by_reference_only and ours.booked == _taken(seen)
    if seen.status in STOPPABLE or seen.status == "processing":
        return open_here  # polling sees to it
    return ours.by_reference_only or not open_here


def _taken(seen: GatewayPayment) -> dict[str, int]:
    return {seen.captured.currency: seen.captured.minor} if seen.captured else {}


def _may_differ(ours: Ours, seen: GatewayPayment) -> bool:
    """Do the sums that came with the payment leave its refunds and disputes in doubt?"""
    refunded = seen.refunded is not None and seen.refunded.minor == ours.payment.refunded_minor
    return not refunded or seen.disputed is not False or ours.returns


# ------------------------------------------------------------------------------------------------- what is done now


def _repair(context: Context, ours: Ours, gateway_id: str) -> Iterator[Difference]:
    """Looks again, at both sides, and takes over what the gateway has decided."""
    seen = context.gateway.retrieve_payment(gateway_id)
    stopped = ours.payment.state not in OPEN_STATES and seen.status in STOPPABLE
    if stopped:  # nobody may charge what we have told to be over
        seen = context.gateway.cancel_payment(gateway_id)
    with context.sessions.begin() as session:
        payment, now = lock_payment(session, ours.payment.id), context.now()
        before = payment.state
        if before == SUBMITTING and payment.next_check_at is not None and now < payment.next_check_at:
            return  # some process may be between create and confirm right now
        other = latest_attempt(session, payment.id).gateway_object_id
        is_second = other not in (None, gateway_id)
        if is_second and seen.captured and before == SUCCEEDED:
            detail = f"{seen.captured} captured, beside {other}"
            yield _ask_operator(session, "captured_twice", payment, gateway_id, detail, now)
            return
        if seen.captured or not is_second:  # a second object that took nothing says nothing about the payment
            settings = context.settings
            payment = settle_payment(session, payment.id, seen, settings=settings, cause=CAUSE, actor=ACTOR, now=now)
        if payment.state != before:
            yield Difference("behind", payment.reference, gateway_id, f"{before} here, {seen.status} there", "settled")
        elif stopped:
            yield Difference("open_there", payment.reference, gateway_id, f"{before} here, open there", "canceled")
        yield from _still_different(session, payment, seen, now)


def _still_different(session: Session, payment: Payment, seen: GatewayPayment, now: datetime) -> Iterator[Difference]:
    booked = _booked(session, [payment.id]).get(payment.id, {})
    there = str(seen.captured) if seen.captured else seen.status
    if payment.state == SUCCEEDED and booked != _taken(seen):
        kind = "booked_differs" if seen.captured else "not_captured_there"
        yield _ask_operator(session, kind, payment, seen.id, f"{_taken_here(booked)}; there: {there}", now)
    elif payment.state not in OPEN_STATES and seen.status == "processing":
        yield _ask_operator(session, "open_there", payment, seen.id, f"{payment.state} here, processing there", now)


def _taken_here(booked: dict[str, int]) -> str:
    sums = " and ".join(str(Money(minor, currency)) for currency, minor in booked.items())
    return f"booked {sums or 'nothing'}"


def _ask_operator(
    session: Session, kind: str, payment: Payment, gateway_id: str, detail: str, now: datetime
) -> Difference:
    queue.add(session, kind, f"{gateway_id}: {detail}", now, payment.id)
    return Difference(kind, payment.reference, gateway_id, detail, FOR_OPERATOR)


def _of_nobody(context: Context, seen: GatewayPayment) -> Iterator[Difference]:
    """A capture of which no payment here knows takes the inbox's way: looked for again, then suspense and a person."""
    gateway, now = context.gateway.name, context.now()
    with context.sessions.begin() as session:
        in_suspense = select(Audit.id).where(Audit.entity == "orphan", Audit.entity_id == f"{gateway}:{seen.id}")
        if session.scalar(in_suspense) is not None:
            return  # booked there, and told when it was
        waiting = select(EventReceived.id).where(
            EventReceived.gateway == gateway, EventReceived.object_id == seen.id, EventReceived.handled_at.is_(None)
        )
        if session.scalars(waiting.limit(1)).one_or_none() is None:
            event = GatewayEvent(f"compare-{seen.id}", "remit.compare", seen.id, {}, "payment", None, now)
            receive_event(session, gateway, event, now)
    detail = f"{seen.captured} captured, of nobody known"
    yield Difference("of_nobody", seen.payment_reference, seen.id, detail, "suspense, unless its payment turns up")
