"""What disputes put aside and take away of a payment, in the ledger.

A dispute says what should be held or lost of its payment, and only the difference to what is booked already is posted.
Never more than the payment still has; what cannot be booked is a person's matter.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import ledger, reversals
from billing import operator_queue as queue
from billing.models import Dispute, Payment
from billing.money import Money

OPEN, WON, LOST = "open", "won", "lost"


def book_disputes(session: Session, payment: Payment, *, now: datetime) -> None:
    """Moves the books of a locked payment to where its disputes want them; what is there already stays.

    What is lost first, then what is put aside: a loss goes before a claim, and a refund that is under way before both.
    To be called whenever a dispute or a refund of the payment changes.
    """
    disputes = session.scalars(
        select(Dispute).where(Dispute.payment_id == payment.id).order_by(Dispute.gateway_object_id)
    ).all()
    for dispute in disputes:
        if dispute.state == LOST:
            _book_loss(session, payment, dispute, now)
    for dispute in disputes:
        if dispute.state == OPEN:
            _book_hold(session, payment, dispute, now)


def release(session: Session, payment: Payment, dispute: Dispute, *, keep_minor: int, now: datetime) -> None:
    """Undoes what is booked, but for `keep_minor` of a loss: the dispute is about to become another."""
    held, back = dispute.held_minor, max(dispute.lost_minor - keep_minor, 0)
    dispute.held_minor = 0
    _move_hold(session, payment, Money(-held, payment.currency), now)
    if back:
        dispute.lost_minor -= back
        reversals.take_again(session, payment, Money(back, payment.currency), now=now, of="lost_minor")


def _book_loss(session: Session, payment: Payment, dispute: Dispute, now: datetime) -> None:
    room = reversals.left_of(payment).minor - reversals.pending_of(session, payment).minor
    lost = min(dispute.amount_minor - dispute.lost_minor, max(room, 0))
    if lost:
        dispute.lost_minor += lost
        reversals.lose(session, payment, Money(lost, payment.currency), now=now)
    _flag_rest(session, dispute, dispute.lost_minor, now)


def _book_hold(session: Session, payment: Payment, dispute: Dispute, now: datetime) -> None:
    was_held, dispute.held_minor = dispute.held_minor, 0
    session.flush()
    dispute.held_minor = min(dispute.amount_minor, reversals.free_of(session, payment).minor)
    _move_hold(session, payment, Money(dispute.held_minor - was_held, payment.currency), now)
    _flag_rest(session, dispute, dispute.held_minor, now)


def _move_hold(session: Session, payment: Payment, change: Money, now: datetime) -> None:
    """Puts more aside, or less where `change` is negative."""
    if not change:
        return
    if change.minor > 0:
        kind, entries = "dispute_held", [ledger.debit("disputes", change), ledger.credit("gateway", change)]
    else:
        kind, entries = "dispute_released", [ledger.debit("gateway", -change), ledger.credit("disputes", -change)]
    ledger.post(session, kind=kind, account_id=payment.account_id, entries=entries, now=now, payment_id=payment.id)


def _flag_rest(session: Session, dispute: Dispute, booked_minor: int, now: datetime) -> None:
    if booked_minor == dispute.amount_minor:
        return
    amount, booked = Money(dispute.amount_minor, dispute.currency), Money(booked_minor, dispute.currency)
    detail = f"{dispute.gateway_object_id}: {dispute.state}, {amount}, of which only {booked} can be booked"
    queue.add(session, "dispute_differs", detail, now, dispute.payment_id)
