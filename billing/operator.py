"""The operator's desk: what waits for a person, all that is known about it, and the decision, always audited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from billing import audit
from billing import operator_queue as queue
from billing.context import Context
from billing.disputes import refresh_disputes
from billing.errors import DecisionRefused, GatewayError, NotFound
from billing.gateways.base import GatewayPayment
from billing.models import Attempt, Audit, Consent, Dispute, EventReceived, OperatorItem, Payment, Quote, Refund
from billing.payment_records import get_payment, latest_attempt, lock_payment
from billing.payment_states import OPEN_STATES, SUCCEEDED
from billing.settlement import settle_payment

# `retrieve` asks the gateway again and settles what it says; `succeeded` and `declined` are the operator's own word
# where the gateway has none; `dismiss` closes a matter in which nothing is left to be decided.
Decision = Literal["retrieve", "succeeded", "declined", "dismiss"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)

NOT_ASKED = "not the configured gateway, so it cannot be asked"

_FINAL = {"succeeded": "succeeded", "declined": "declined", "canceled": "declined"}


@dataclass(frozen=True, slots=True)
class ItemView:
    """One matter with all that the books and the gateway know about it."""

    item: OperatorItem
    payment: Payment | None
    attempts: list[Attempt]
    quote: Quote | None
    consent: Consent | None
    refunds: list[Refund]
    disputes: list[Dispute]
    event: EventReceived | None
    trail: list[Audit]  # of the payment, its refunds and disputes and the item itself, in order
    at_gateway: GatewayPayment | None
    gateway_error: str | None  # why the gateway's view is missing, if it was asked and did not say


def list_items(session: Session) -> list[OperatorItem]:
    """What waits for a person, oldest first."""
    return queue.open_items(session)


def show_item(context: Context, item_id: int) -> ItemView:
    """Raises NotFound. Asks the gateway, with no transaction open; that it does not answer is part of the view."""
    with context.sessions() as session:
        item = _get_item(session, item_id)
        payment = session.get(Payment, item.payment_id) if item.payment_id is not None else None
        event = session.get(EventReceived, item.event_id) if item.event_id is not None else None
        of_payment = payment.id if payment is not None else None
        attempts = list(session.scalars(select(Attempt).where(Attempt.payment_id == of_payment).order_by(Attempt.id)))
        refunds = list(session.scalars(select(Refund).where(Refund.payment_id == of_payment).order_by(Refund.id)))
        disputes = list(session.scalars(select(Dispute).where(Dispute.payment_id == of_payment).order_by(Dispute.id)))
        quote = session.get(Quote, payment.quote_id) if payment is not None and payment.quote_id is not None else None
        consent = session.scalars(select(Consent).where(Consent.quote_id == quote.id)).one_or_none() if quote else None
        trail = _trail(session, item, payment, refunds, disputes)
    gateway_id = attempts[-1].gateway_object_id if attempts else event.object_id if event is not None else None
    of_gateway = payment.gateway if payment is not None else event.gateway if event is not None else None
    at_gateway, error = _look(context, of_gateway, gateway_id)
    return ItemView(item, payment, attempts, quote, consent, refunds, disputes, event, trail, at_gateway, error)


def resolve_item(context: Context, item_id: int, *, operator: str, decision: Decision, note: str) -> OperatorItem:
    """Carries a decision out and closes the item; `retrieve` leaves it open where the gateway has not decided either.

    Raises NotFound, GatewayError (`retrieve` without an answer), and DecisionRefused: already resolved, nothing to
    decide, contradicted by the gateway, or no note.
    """
    with context.sessions() as session:
        item = _get_item(session, item_id)
        payment = get_payment(session, item.payment_id) if item.payment_id is not None else None
        gateway_id = latest_attempt(session, payment.id).gateway_object_id if payment is not None else None
    if item.resolved_at is not None:
        raise DecisionRefused(item_id, f"{item.resolved_by} resolved it already: {item.resolution}")
    if not note.strip():
        raise DecisionRefused(item_id, "a note is needed: why was it decided so?")
    if decision == "dismiss":
        if payment is not None and payment.state in OPEN_STATES:
            raise DecisionRefused(item_id, f"payment {payment.reference} is not decided yet ({payment.state})")
        seen = None
    else:
        seen = _settled_by(context, item_id, payment, gateway_id, decision)
        if decision == "retrieve" and payment is not None and payment.state == SUCCEEDED:
            refresh_disputes(context, payment.id)  # and its refunds, while the matter is open: it may raise
    return _close(context, item_id, payment, seen, operator=operator, decision=decision, note=note)


def _settled_by(
    context: Context, item_id: int, payment: Payment | None, gateway_id: str | None, decision: Decision
) -> GatewayPayment:
    """What will be settled: the gateway's word where it has one, otherwise the operator's."""
    if payment is None or gateway_id is None:
        raise DecisionRefused(item_id, "the gateway has no payment of ours for it: it can only be dismissed")
    if decision == "retrieve":
        if payment.gateway != context.gateway.name:
            raise DecisionRefused(item_id, f"payment {payment.reference} was made with {payment.gateway}: {NOT_ASKED}")
        return context.gateway.retrieve_payment(gateway_id)
    if payment.state not in OPEN_STATES:
        raise DecisionRefused(item_id, f"payment {payment.reference} is decided already ({payment.state})")
    seen, _ = _look(context, payment.gateway, gateway_id)
    if seen is not None and decision == "declined" and seen.status in ("requires_confirmation", "requires_action"):
        seen = context.gateway.cancel_payment(gateway_id)  # so that it cannot be charged after all
    if seen is not None and seen.status in _FINAL:
        if _FINAL[seen.status] != decision:
            raise DecisionRefused(item_id, f"the gateway says {seen.status}: decide `retrieve` to take that over")
        return seen
    captured = payment.amount if decision == "succeeded" else None
    return GatewayPayment(gateway_id, decision, payment.amount, captured, payment.reference)  # type: ignore[arg-type]


def _close(
    context: Context,
    item_id: int,
    payment: Payment | None,
    seen: GatewayPayment | None,
    *,
    operator: str,
    decision: Decision,
    note: str,
) -> OperatorItem:
    actor, cause, now = f"operator:{operator}", f"operator:{decision}", context.now()
    with context.sessions.begin() as session:
        locked = lock_payment(session, payment.id) if payment is not None else None
        item = session.get_one(OperatorItem, item_id, with_for_update=True, populate_existing=True)
        if item.resolved_at is not None:
            raise DecisionRefused(item_id, f"{item.resolved_by} resolved it already: {item.resolution}")
        before = after = locked.state if locked is not None else None
        if locked is not None and seen is not None:
            if decision != "retrieve" and locked.state not in OPEN_STATES:
                raise DecisionRefused(item_id, f"payment {locked.reference} is decided already ({locked.state})")
            settings = context.settings
            settled = settle_payment(session, locked.id, seen, settings=settings, cause=cause, actor=actor, now=now)
            after = settled.state
        if after not in OPEN_STATES:
            item.resolved_at, item.resolved_by, item.resolution = now, actor, f"{decision}: {note.strip()}"
        audit.record(
            session,
            actor=actor,
            cause=cause,
            entity="operator_item",
            entity_id=item_id,
            now=now,
            before={"payment": before},
            after={"payment": after, "resolved": item.resolved_at is not None, "note": note.strip()},
        )
    return item


def _get_item(session: Session, item_id: int) -> OperatorItem:
    item = session.get(OperatorItem, item_id)
    if item is None:
        raise NotFound("operator item", item_id)
    return item


def _look(context: Context, gateway: str | None, gateway_id: str | None) -> tuple[GatewayPayment | None, str | None]:
    """The gateway's object as it is now, or why it cannot be had."""
    if gateway_id is None:
        return None, None
    if gateway != context.gateway.name:
        return None, f"{gateway}: {NOT_ASKED}"
    try:
        return context.gateway.retrieve_payment(gateway_id), None
    except GatewayError as error:
        return None, str(error)


def _trail(
    session: Session, item: OperatorItem, payment: Payment | None, refunds: list[Refund], disputes: list[Dispute]
) -> list[Audit]:
    about = [("operator_item", str(item.id)), *(("refund", str(refund.id)) for refund in refunds)]
    about += [("dispute", str(dispute.id)) for dispute in disputes]
    if payment is not None:
        about.append(("payment", str(payment.id)))
    rows = select(Audit).where(tuple_(Audit.entity, Audit.entity_id).in_(about)).order_by(Audit.id)
    return list(session.scalars(rows))
