"""Gateway events: stored once before they are answered, handled behind. An event is a hint, never the fact itself.

    receive_event (one statement) → no_change | ignored, where nothing is to be done
                                  → handle_event (a job) → settled | no_change | ignored
                                          └→ again at 1 min, 10 min, 1 h → suspense, and a person

Whatever order they come in and however old they are: what is settled is the object that the gateway shows now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session

from billing import audit, disputes, ledger, methods, outbox, refunds, settlement
from billing import operator_queue as queue
from billing.context import Context
from billing.errors import GatewayRejected
from billing.gateways.base import GatewayEvent, GatewayPayment
from billing.models import Attempt, Audit, EventReceived, Payment
from billing.payment_states import SUCCEEDED

# An event can overtake the commit that knows its payment; after the last try it is a person's.
ORPHAN_RETRIES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
LATER = -1  # priority of what is looked at again: a flood of strangers' events holds up none of ours

ABOUT_PAYMENTS = frozenset({"payment", "refund", "dispute"})
LOOKED_AT = ABOUT_PAYMENTS | {"method", "mandate"}

# The one statement on the way of a delivery: row and job are committed together, or neither is. What there is nothing
# to do about has no job: a capture that is booked already (it is never un-captured), and what is not about money. What
# is about a payment that no attempt names (a stranger) begins as an orphan, with its first pause.
_JOB = outbox.defer_sql("handle_event", at="at", priority=f"{LATER} * tries", event_row_id="id")
_STORE = text(f"""
    with looked as (
        select case when not :looked_at then 'ignored'
                    when :subject = 'payment' and state = '{SUCCEEDED}' then 'no_change'
                    when :by_id_only and state is null then 'orphan' end as outcome
          from (select 1) as always
          left join (select p.state from attempts a join payments p on p.id = a.payment_id
                      where a.gateway_object_id = :object_id and p.gateway = :gateway limit 1) as ours on true
    ), stored as (
        insert into events_received (gateway, event_id, type, subject, object_id, customer, payload, made_at,
                                     received_at, outcome, handled_at, tries)
        select :gateway, :event_id, :type, :subject, :object_id, :customer, cast(:payload as jsonb),
               cast(:made_at as timestamptz), :now, outcome,
               case when outcome in ('ignored', 'no_change') then cast(:now as timestamptz) end,
               case when outcome = 'orphan' then 1 else 0 end
          from looked
        on conflict do nothing
        returning id, tries, handled_at, case when tries > 0 then cast(:later as timestamptz) end as at
    )
    select case when handled_at is null then {_JOB} end from stored
""")  # noqa: S608  (constants of ours only)


def receive_event(session: Session | Connection, gateway: str, event: GatewayEvent, now: datetime) -> bool:
    """Stores a verified event and queues what is to be done. False when it was here before: nothing is done twice."""
    stored = session.execute(
        _STORE,
        {
            "gateway": gateway,
            "event_id": event.id,
            "type": event.type,
            "subject": event.subject,
            "object_id": event.object_id,
            "customer": event.customer,
            "payload": json.dumps(event.payload),
            "made_at": event.created_at,
            "now": now,
            "looked_at": event.subject in LOOKED_AT,
            "by_id_only": event.subject in ABOUT_PAYMENTS and not _bears_reference(event.payload),
            "later": now + ORPHAN_RETRIES[0],
        },
    )
    return stored.first() is not None


def handle_event(context: Context, event_row_id: int) -> None:
    """Looks at what the event points to and settles what the gateway says now. Safe to run again.

    Raises GatewayUnreachable or OutcomeUnknown when nobody answers: to be tried again, and given up by `give_up`.
    """
    with context.sessions.begin() as session:
        event = _still_open(session, event_row_id)
        if event is None or _known_without_asking(session, event, context.now()):
            return
    try:
        if event.gateway != context.gateway.name:
            raise GatewayRejected(f"an event of {event.gateway}, while {context.gateway.name} is configured")
        _look_at_subject(context, event)
    except GatewayRejected as error:
        with context.sessions.begin() as session:
            row = _still_open(session, event.id)
            if row is not None and not _later(session, row, "rejected", context.now()):
                _hand_to_operator(session, row, f"{row.object_id}: {error}", context.now())


def give_up(context: Context, event_row_id: int, error: Exception) -> None:
    """After the last try: the event is a person's, and is never lost in silence."""
    with context.sessions.begin() as session:
        row = _still_open(session, event_row_id)
        if row is not None:
            _hand_to_operator(session, row, f"{row.object_id}: {type(error).__name__}, {error}", context.now())


def _known_without_asking(session: Session, row: EventReceived, now: datetime) -> bool:
    """A capture that has been booked meanwhile, or somebody else's payment: nobody is asked about these.

    A payment of which no attempt has the id and whose event does not bear a reference
    is most likely not ours; the gateway is asked at the last try.
    """
    if row.subject not in ABOUT_PAYMENTS:
        return False
    state = session.scalar(
        select(Payment.state)
        .join(Attempt, Attempt.payment_id == Payment.id)
        .where(Payment.gateway == row.gateway, Attempt.gateway_object_id == row.object_id)
    )
    if state == SUCCEEDED and row.subject == "payment":
        row.handled_at, row.outcome = now, "no_change"
        return True
    return state is None and not _bears_reference(row.payload) and _later(session, row, "orphan", now)


def _bears_reference(payload: Mapping[str, Any]) -> bool:
    """A hint, and all that is read from what the event itself says: does its object carry metadata as ours do?"""
    object_ = (payload.get("data") or {}).get("object") or {}
    return "payment_reference" in (object_.get("metadata") or {})


def _look_at_subject(context: Context, event: EventReceived) -> None:
    match event.subject, event.object_id:
        case subject, str(gateway_id) if subject in ABOUT_PAYMENTS:
            _handle_payment(context, event, context.gateway.retrieve_payment(gateway_id))
        case "method", reference:
            known = methods.sync_after_event(context, customer=event.customer, reference=reference)
            _finish(context, event, "settled" if known else "ignored")
        case "mandate", str(reference):
            known = methods.revoke_mandate(context, reference, cause=f"event:{event.event_id}")
            _finish(context, event, "settled" if known else "ignored")
        case _:
            _finish(context, event, "ignored")


def _handle_payment(context: Context, event: EventReceived, seen: GatewayPayment) -> None:
    """Settles and marks the event in one transaction; what else the event hints at is looked up after its payment."""
    hint = event.subject != "payment"
    with context.sessions.begin() as session:
        now = context.now()
        row = _still_open(session, event.id)
        if row is None:  # another worker was faster
            return
        payment_id = _find(session, row.gateway, seen)
        if payment_id is None:
            if not _later(session, row, "orphan", now):
                _put_in_suspense(session, row, seen, now)
            return
        settlement.settle_payment(
            session,
            payment_id,
            seen,
            settings=context.settings,
            cause=f"{'hint' if hint else 'event'}:{event.event_id}",
            actor=f"gateway:{event.gateway}",
            now=now,
        )
        if not hint:
            row.handled_at, row.outcome = now, "settled"
    if event.subject == "refund":
        refunds.refresh_refunds(context, payment_id)
    elif event.subject == "dispute":
        disputes.refresh_disputes(context, payment_id)
    if hint:
        _finish(context, event, "settled")


def _find(session: Session, gateway: str, seen: GatewayPayment) -> int | None:
    """By the gateway's id, or by our reference in its metadata where the id is not known yet: never by amount."""
    ours = select(Payment.id).join(Attempt, Attempt.payment_id == Payment.id).where(Payment.gateway == gateway)
    by_object = session.scalar(ours.where(Attempt.gateway_object_id == seen.id))
    if by_object is not None or seen.payment_reference is None:
        return by_object
    # One object per attempt: an object that bears the reference of a payment which has another one is nobody's.
    return session.scalar(
        ours.where(Payment.reference == seen.payment_reference, Attempt.gateway_object_id.is_(None)).limit(1)
    )


def _later(session: Session, row: EventReceived, outcome: str, now: datetime) -> bool:
    """Looks again after a pause. False once the pauses are used up."""
    if row.tries >= len(ORPHAN_RETRIES):
        return False
    row.tries += 1
    row.outcome = outcome
    at = now + ORPHAN_RETRIES[row.tries - 1]
    outbox.defer(session, "handle_event", at=at, priority=LATER, event_row_id=row.id)
    return True


def _hand_to_operator(session: Session, row: EventReceived, detail: str, now: datetime) -> None:
    row.handled_at, row.outcome = now, "unhandled"
    queue.add(session, "event_unhandled", f"{row.type} {detail}", now, event_id=row.id)


def _put_in_suspense(session: Session, row: EventReceived, seen: GatewayPayment, now: datetime) -> None:
    """Nobody's payment: a person's matter, and if money was taken, it is booked as nobody's."""
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


def _still_open(session: Session, event_row_id: int) -> EventReceived | None:
    """The event's row, locked; None when it has been handled meanwhile."""
    row = session.get_one(EventReceived, event_row_id, with_for_update=True)
    return row if row.handled_at is None else None


def _finish(context: Context, event: EventReceived, outcome: str) -> None:
    with context.sessions.begin() as session:
        row = session.get_one(EventReceived, event.id, with_for_update=True)
        row.handled_at, row.outcome = context.now(), outcome
