"""Gateway events: stored once before they are answered, handled behind. An event is a hint, never the fact itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing import ledger, methods, outbox, refunds, settlement
from billing import operator_queue as queue
from billing.context import Context
from billing.gateways.base import GatewayEvent, GatewayPayment
from billing.models import Attempt, EventReceived, Payment

# An event can overtake the commit that knows its payment; after the last try it is a person's.
ORPHAN_RETRIES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))


def receive_event(session: Session, gateway: str, event: GatewayEvent, now: datetime) -> bool:
    """Stores a verified event and queues its handling. False when it was here before: nothing is done twice."""
    row_id = session.scalar(
        insert(EventReceived)
        .values(
            gateway=gateway,
            event_id=event.id,
            type=event.type,
            object_id=event.object_id,
            payload=dict(event.payload),
            received_at=now,
        )
        .on_conflict_do_nothing()
        .returning(EventReceived.id)
    )
    if row_id is None:
        return False
    outbox.defer(session, "handle_event", event_row_id=row_id)
    return True


def handle_event(context: Context, event_row_id: int) -> None:
    """Looks at what the event points to and settles what the gateway says now. Safe to run again."""
    with context.sessions() as session:
        event = session.get_one(EventReceived, event_row_id)
    if event.handled_at is not None:
        return
    if event.type.startswith("payment."):
        _handle_payment(context, event)
    elif event.type.startswith("refund."):
        _finish(context, event, refunds.settle_refund_event(context, event.object_id))
    elif event.type.startswith("method."):
        customer = event.payload.get("data", {}).get("object", {}).get("customer")
        if customer:
            methods.sync_methods_of_customer(context, customer)
        _finish(context, event, "settled")
    else:
        _finish(context, event, "ignored")


def _handle_payment(context: Context, event: EventReceived) -> None:
    if event.object_id is None:
        _finish(context, event, "ignored")
        return
    seen = context.gateway.retrieve_payment(event.object_id)
    with context.sessions.begin() as session:
        payment_id = _find(session, seen)
        if payment_id is not None:
            settlement.settle_payment(
                session,
                payment_id,
                seen,
                settings=context.settings,
                cause=f"event:{event.event_id}",
                actor=f"gateway:{event.gateway}",
                now=context.now(),
            )
    if payment_id is not None:
        _finish(context, event, "settled")
    else:
        _orphan(context, event, seen)


def _find(session: Session, seen: GatewayPayment) -> int | None:
    """By the gateway's id, or by our reference in its metadata: never by amount."""
    by_object = session.scalar(select(Attempt.payment_id).where(Attempt.gateway_object_id == seen.id))
    if by_object is not None or seen.payment_reference is None:
        return by_object
    return session.scalar(select(Payment.id).where(Payment.reference == seen.payment_reference))


def _orphan(context: Context, event: EventReceived, seen: GatewayPayment) -> None:
    now = context.now()
    with context.sessions.begin() as session:
        row = session.get_one(EventReceived, event.id, with_for_update=True)
        row.tries += 1
        row.outcome = "orphan"
        if row.tries <= len(ORPHAN_RETRIES):
            outbox.defer(session, "handle_event", at=now + ORPHAN_RETRIES[row.tries - 1], event_row_id=row.id)
            return
        row.handled_at, row.outcome = now, "suspense"
        queue.add(
            session, "orphan_event", f"{seen.id}: {seen.status}, {seen.captured or seen.amount}", now, event_id=row.id
        )
        if seen.captured:
            entries = [ledger.debit("gateway", seen.captured), ledger.credit("suspense", seen.captured)]
            ledger.post(session, kind="orphan", account_id=None, entries=entries, now=now)


def _finish(context: Context, event: EventReceived, outcome: str) -> None:
    with context.sessions.begin() as session:
        row = session.get_one(EventReceived, event.id, with_for_update=True)
        row.handled_at, row.outcome = context.now(), outcome
