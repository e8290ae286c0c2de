"""Gateway events: stored once before they are answered, handled behind. An event is a hint, never the fact itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing import audit, ledger, methods, outbox, refunds, settlement
from billing import operator_queue as queue
from billing.context import Context
from billing.gateways.base import GatewayEvent, GatewayPayment
from billing.models import Attempt, Audit, EventReceived, Payment

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
            subject=event.subject,
            object_id=event.object_id,
            customer=event.customer,
            payload=dict(event.payload),
            made_at=event.created_at,
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
    if event.subject in ("payment", "refund") and event.object_id is not None:
        _handle_payment(context, event, context.gateway.retrieve_payment(event.object_id))
    elif event.subject == "method":
        if event.customer:
            methods.sync_methods_of_customer(context, event.customer)
        _finish(context, event, "settled")
    else:
        _finish(context, event, "ignored")


def _handle_payment(context: Context, event: EventReceived, seen: GatewayPayment) -> None:
    """Settles and marks the event in one transaction; what a refund event hints at is looked up after its payment."""
    about_refund = event.subject == "refund"
    with context.sessions.begin() as session:
        now = context.now()
        row = session.get_one(EventReceived, event.id, with_for_update=True)
        if row.handled_at is not None:  # another worker was faster
            return
        payment_id = _find(session, seen)
        if payment_id is None:
            _orphan(session, row, seen, now)
            return
        settlement.settle_payment(
            session,
            payment_id,
            seen,
            settings=context.settings,
            cause=f"{'hint' if about_refund else 'event'}:{event.event_id}",
            actor=f"gateway:{event.gateway}",
            now=now,
        )
        if not about_refund:
            row.handled_at, row.outcome = now, "settled"
    if about_refund:
        refunds.refresh_refunds(context, payment_id)
        _finish(context, event, "settled")


def _find(session: Session, seen: GatewayPayment) -> int | None:
    """By the gateway's id, or by our reference in its metadata: never by amount."""
    by_object = session.scalar(select(Attempt.payment_id).where(Attempt.gateway_object_id == seen.id))
    if by_object is not None or seen.payment_reference is None:
        return by_object
    return session.scalar(select(Payment.id).where(Payment.reference == seen.payment_reference))


def _orphan(session: Session, row: EventReceived, seen: GatewayPayment, now: datetime) -> None:
    row.tries += 1
    row.outcome = "orphan"
    if row.tries <= len(ORPHAN_RETRIES):
        outbox.defer(session, "handle_event", at=now + ORPHAN_RETRIES[row.tries - 1], event_row_id=row.id)
        return
    row.handled_at, row.outcome = now, "suspense"
    queue.add(
        session, "orphan_event", f"{seen.id}: {seen.status}, {seen.captured or seen.amount}", now, event_id=row.id
    )
    if seen.captured and not _in_suspense(session, row.gateway, seen.id):
        entries = [ledger.debit("gateway", seen.captured), ledger.credit("suspense", seen.captured)]
        ledger.post(session, kind="orphan", account_id=None, entries=entries, now=now)
        audit.record(
            session,
            actor=f"gateway:{row.gateway}",
            cause=f"event:{row.event_id}",
            entity="orphan",
            entity_id=f"{row.gateway}:{seen.id}",
            now=now,
            after={"captured_minor": seen.captured.minor, "currency": seen.captured.currency},
        )


def _in_suspense(session: Session, gateway: str, object_id: str) -> bool:
    """Several events tell of one capture; it is booked once. The lock makes their handlers take turns."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"orphan {object_id}"))))
    booked = select(Audit.id).where(Audit.entity == "orphan", Audit.entity_id == f"{gateway}:{object_id}")
    return session.scalar(booked) is not None


def _finish(context: Context, event: EventReceived, outcome: str) -> None:
    with context.sessions.begin() as session:
        row = session.get_one(EventReceived, event.id, with_for_update=True)
        row.handled_at, row.outcome = context.now(), outcome
