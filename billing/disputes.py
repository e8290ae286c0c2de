"""Captured money that the customer's bank takes back: held while it is disputed, then lost, or released.

    refresh_disputes: what do we have → what does the gateway say → settle_dispute for each (one commit)

| the bank says       | the books                                                                                    |
|---------------------|----------------------------------------------------------------------------------------------|
| open                | the money is put aside (debit disputes, credit gateway); invoices stay paid                  |
| lost, or a return   | unapplied credit, then the newest allocation is undone and its invoice is open again         |
| won                 | what was put aside is released; what was lost before is credit, which pays what is open      |

The same word twice moves nothing (dispute_books.py), and nobody is charged again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import audit, dispute_books, notices, outbox, refunds
from billing import operator_queue as queue
from billing.context import Context
from billing.dispute_books import LOST, OPEN, WON
from billing.errors import GatewayError, GatewayRejected, GatewayUnreachable
from billing.gateways.base import GatewayDispute
from billing.models import Dispute, EventReceived, Payment
from billing.money import Money
from billing.payment_records import get_payment, latest_attempt, lock_payment

ASK_EVERY = timedelta(hours=12)  # of an open dispute, whose event may have been lost; they take weeks
BATCH = 50  # per sweep; the next sweep takes the rest
TRIES = 5  # of a look at the gateway that others overtake
NOT_THERE = 404

Standing = tuple[int, str, int, datetime | None]  # id, state, minor units, decided at


# ------------------------------------------------------------------------------------------------ asking the gateway


def refresh_disputes(context: Context, payment_id: int) -> None:
    """Settles what the gateway says of every dispute of the payment. No transaction is open while it is asked.

    An answer is taken over only if nobody settled a newer one while it was on its way; refunds that were made before
    a dispute are booked before it, or the same money would seem to have gone twice. Raises GatewayError.
    """
    with context.sessions() as session:
        payment, gateway_id = get_payment(session, payment_id), latest_attempt(session, payment_id).gateway_object_id
    if gateway_id is None:
        return
    for _ in range(TRIES):
        with context.sessions() as session:
            known = _standing(session, payment_id)
        seen = disputes_there(context, payment.gateway, gateway_id)
        refunds.refresh_refunds(context, payment_id)
        if _take_over(context, payment_id, seen, known):
            return
    raise GatewayUnreachable(f"others go on settling the disputes of {gateway_id}")


def reconcile_disputes(context: Context) -> int:
    """Asks about open disputes now and then: the event that closes one may be lost. Returns how many were due."""
    with context.sessions() as session:
        due = session.scalars(
            select(Dispute)
            .join(Payment, Payment.id == Dispute.payment_id)
            .where(
                Dispute.state == OPEN,
                Dispute.next_check_at <= context.now(),
                Payment.gateway == context.gateway.name,
            )
            .order_by(Dispute.next_check_at)
            .limit(BATCH)
        ).all()
    for payment_id in dict.fromkeys(dispute.payment_id for dispute in due):
        with suppress(GatewayError):  # it stays open and is asked about again: not knowing is a state
            refresh_disputes(context, payment_id)
    with context.sessions.begin() as session:
        for dispute in due:
            row = session.get_one(Dispute, dispute.id, with_for_update=True)
            if row.state == OPEN:
                row.next_check_at = context.now() + ASK_EVERY
    return len(due)


def disputes_there(context: Context, gateway: str, gateway_id: str) -> Sequence[GatewayDispute]:
    """What the gateway says of a payment's disputes; where it has no such list (404), what its signed events said."""
    try:
        return context.gateway.list_disputes(gateway_id)
    except GatewayRejected as error:
        if error.status != NOT_THERE:
            raise
        return _told_by_events(context, gateway, gateway_id)


def _told_by_events(context: Context, gateway: str, gateway_id: str) -> list[GatewayDispute]:
    """What the signed events of the payment say, the newest word on each dispute: there is nothing else to ask."""
    with context.sessions() as session:
        events = session.scalars(
            select(EventReceived)
            .where(
                EventReceived.gateway == gateway,
                EventReceived.subject == "dispute",
                EventReceived.object_id == gateway_id,
            )
            .order_by(EventReceived.made_at.nulls_first(), EventReceived.event_id)
        ).all()
    told = [dispute for event in events if (dispute := context.gateway.read_dispute(event.payload)) is not None]
    told.sort(key=lambda dispute: dispute.status != OPEN)  # stable: within a second, a decision is the later word
    return list({dispute.id: dispute for dispute in told}.values())


def _standing(session: Session, payment_id: int) -> list[Standing]:
    """What we have of the payment's disputes; it differs as soon as anybody settles anything."""
    rows = session.execute(
        select(Dispute.id, Dispute.state, Dispute.amount_minor, Dispute.decided_at)
        .where(Dispute.payment_id == payment_id)
        .order_by(Dispute.id)
    )
    return [(row.id, row.state, row.amount_minor, row.decided_at) for row in rows]


def _take_over(context: Context, payment_id: int, seen: Sequence[GatewayDispute], known: Sequence[Standing]) -> bool:
    """False when somebody settled something since we had what is `known`: the answer may be older than theirs."""
    with context.sessions.begin() as session:
        payment = lock_payment(session, payment_id)
        if _standing(session, payment_id) != known:
            return False
        for dispute in sorted(seen, key=lambda dispute: dispute.id):
            actor = f"gateway:{payment.gateway}"
            settle_dispute(session, payment_id, dispute, cause="disputes", actor=actor, now=context.now())
    return True


# ---------------------------------------------------------------------------------------------------------- settling


def settle_dispute(
    session: Session, payment_id: int, seen: GatewayDispute, *, cause: str, actor: str, now: datetime
) -> Dispute | None:
    """Takes over what the gateway says of one dispute; saying it twice changes nothing. Locks the account.

    A decided dispute is never open again: that is an old answer. None for one in another currency than the payment's,
    which only a person can settle.
    """
    payment = lock_payment(session, payment_id)
    if seen.amount.currency != payment.currency or seen.amount.minor <= 0:
        detail = f"{seen.id}: {seen.status}, {seen.amount} of a payment of {payment.amount}"
        queue.add(session, "dispute_differs", detail, now, payment_id)
        return None
    dispute = session.scalars(
        select(Dispute).where(Dispute.gateway_object_id == seen.id).execution_options(populate_existing=True)
    ).one_or_none()
    before = dispute.state if dispute is not None else None
    if dispute is None:
        dispute = _insert(session, payment, seen, now)
    elif (before, dispute.amount_minor) == (seen.status, seen.amount.minor) or (seen.status == OPEN and before != OPEN):
        return dispute
    was_held, was_lost = dispute.held_minor, dispute.lost_minor
    dispute_books.release(
        session, payment, dispute, keep_minor=seen.amount.minor if seen.status == LOST else 0, now=now
    )
    dispute.state, dispute.amount_minor, dispute.is_return = seen.status, seen.amount.minor, seen.is_return
    dispute.decided_at = None if seen.status == OPEN else now
    dispute.next_check_at = now + ASK_EVERY if seen.status == OPEN else None
    dispute_books.book_disputes(session, payment, now=now)
    audit.record(
        session,
        actor=actor,
        cause=cause,
        entity="dispute",
        entity_id=dispute.id,
        now=now,
        before={"state": before} if before is not None else None,
        after={"state": seen.status, "held_minor": dispute.held_minor, "lost_minor": dispute.lost_minor},
    )
    if before != seen.status:
        _tell(session, payment, dispute, _news(dispute, before, was_lost), was_lost or was_held, now)
    session.flush()
    return dispute


def _insert(session: Session, payment: Payment, seen: GatewayDispute, now: datetime) -> Dispute:
    dispute = Dispute(
        payment_id=payment.id,
        account_id=payment.account_id,
        currency=payment.currency,
        amount_minor=seen.amount.minor,
        state=seen.status,
        held_minor=0,
        lost_minor=0,
        is_return=seen.is_return,
        reason=seen.reason,
        gateway_object_id=seen.id,
        next_check_at=now + ASK_EVERY if seen.status == OPEN else None,
        created_at=now,
    )
    session.add(dispute)
    session.flush()
    return dispute


# ------------------------------------------------------------------------------------------------------- who is told


def _news(dispute: Dispute, before: str | None, was_lost: int) -> str | None:
    """What has happened, as letters and the operator's queue name it; None for what nobody has to hear."""
    if dispute.state == OPEN:
        return "dispute_opened"
    if dispute.state == LOST:
        return "debit_returned" if dispute.is_return else "dispute_lost"
    if was_lost:
        return "dispute_reversed"
    return "dispute_won" if before == OPEN else None


def _tell(
    session: Session, payment: Payment, dispute: Dispute, kind: str | None, came_back: int, now: datetime
) -> None:
    """The operator; and the customer, where money moved: by letter, and in the conversations they have open."""
    if kind is None:
        return
    amount = Money(dispute.amount_minor, dispute.currency)
    detail = f"{dispute.gateway_object_id}: {amount} of payment {payment.reference}, reason: {dispute.reason or 'none'}"
    queue.add(session, kind, detail, now, payment.id)
    moved = came_back if dispute.state == WON else dispute.held_minor + dispute.lost_minor
    if not moved:
        return
    for email, language in notices.recipients(session, payment.account_id, payment.billing_email):
        # Not tied to the payment: one that is disputed twice is written about twice.
        notices.queue(
            session,
            account_id=payment.account_id,
            payment_id=None,
            kind=kind,
            recipient=email,
            language=language,
            now=now,
            detail={"dispute": dispute.id, "amount_minor": moved},
        )
    outbox.defer(session, "announce_dispute", dispute_id=dispute.id, kind=kind, amount_minor=moved)
