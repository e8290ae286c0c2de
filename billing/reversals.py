"""Captured money that goes back: reversing entries, for refunds, lost disputes and what comes back of either."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from billing import allocations, booking, credits, ledger
from billing.models import Allocation, Credit, Dispute, Invoice, Payment, Refund
from billing.money import Money


class Piece(NamedTuple):
    """What of `invoice_id` is given back; `credit_id` is the lot that the money had gone through, if it had."""

    invoice_id: int
    credit_id: int | None
    amount_minor: int


def left_of(payment: Payment) -> Money:
    """What of the capture has not been given back or lost yet."""
    return Money(payment.allocated_minor + payment.unapplied_minor, payment.currency)


def pending_of(session: Session, payment: Payment) -> Money:
    """Refunds that were asked for and are not decided yet."""
    pending = select(func.sum(Refund.amount_minor)).where(Refund.payment_id == payment.id, Refund.state == "pending")
    return Money(int(session.scalar(pending) or 0), payment.currency)


def free_of(session: Session, payment: Payment) -> Money:
    """What of the rest nobody claims: neither a refund that is not decided yet nor an open dispute. Never negative."""
    held = session.scalar(select(func.sum(Dispute.held_minor)).where(Dispute.payment_id == payment.id))
    claimed = pending_of(session, payment) + Money(int(held or 0), payment.currency)
    return max(left_of(payment) - claimed, Money.zero(payment.currency))


def give_back(session: Session, payment: Payment, amount: Money, *, reopen_invoices: bool, now: datetime) -> None:
    """Books a refund of `amount` (at most `left_of(payment)`) of a locked payment.

    Unapplied credit goes first, then the newest allocation. An uncovered invoice is open again and may be paid by
    other credit of the account, or, if not `reopen_invoices`, that part of it is written off.
    """
    _undo(session, payment, amount, "refund", "refunded_minor", reopen_invoices=reopen_invoices, now=now)


def lose(session: Session, payment: Payment, amount: Money, *, now: datetime) -> None:
    """Books `amount` (at most `left_of(payment)`) of a locked payment as lost to the customer's bank.

    As with a refund: unapplied credit goes first, then the newest allocation; the uncovered invoices are open again.
    """
    _undo(session, payment, amount, "dispute_lost", "lost_minor", reopen_invoices=True, now=now)


def take_again(
    session: Session,
    payment: Payment,
    amount: Money,
    *,
    now: datetime,
    of: Literal["refunded_minor", "lost_minor"] = "refunded_minor",
) -> None:
    """A booked refund or loss came back: the money is the customer's credit again, and pays what is open."""
    entries = [ledger.debit("gateway", amount), ledger.credit("customer_credit", amount)]
    ledger.post(
        session,
        kind="refund_failed" if of == "refunded_minor" else "dispute_won",
        account_id=payment.account_id,
        entries=entries,
        now=now,
        payment_id=payment.id,
    )
    setattr(payment, of, getattr(payment, of) - amount.minor)
    payment.unapplied_minor += amount.minor
    session.add(credits.lot_of_payment(payment, amount, now=now))
    session.flush()
    booking.apply_credit(session, [payment.account_id], now=now)


def _undo(
    session: Session,
    payment: Payment,
    amount: Money,
    kind: str,
    counter: Literal["refunded_minor", "lost_minor"],
    *,
    reopen_invoices: bool,
    now: datetime,
) -> None:
    """Takes `amount` from what the payment covers, and adds it to its part `counter`."""
    from_credit = _shrink_lots(session, payment, amount.minor)
    pieces = _newest_first(session, payment.id, amount.minor - from_credit)
    uncovered = [(piece.invoice_id, Money(piece.amount_minor, payment.currency)) for piece in pieces]
    debits = [
        ledger.debit("receivable" if reopen_invoices else "write_off", part, invoice_id if reopen_invoices else None)
        for invoice_id, part in uncovered
    ]
    transaction_id = ledger.post(
        session,
        kind=kind,
        account_id=payment.account_id,
        entries=[
            ledger.debit("customer_credit", Money(from_credit, payment.currency)),
            *debits,
            ledger.credit("gateway", amount),
        ],
        now=now,
        payment_id=payment.id,
    )
    payment.unapplied_minor -= from_credit
    payment.allocated_minor -= amount.minor - from_credit
    setattr(payment, counter, getattr(payment, counter) + amount.minor)
    session.flush()
    rows = [allocations.NewRow(p.invoice_id, -p.amount_minor, payment.id, p.credit_id, transaction_id) for p in pieces]
    allocations.write(session, rows, now=now)
    if reopen_invoices:
        booking.apply_credit(session, [payment.account_id], now=now)
    else:
        _write_off(session, pieces)


def _shrink_lots(session: Session, payment: Payment, wanted_minor: int) -> int:
    """Takes up to `wanted_minor` from what of the payment is still credit. Returns how much there was."""
    lots = session.scalars(
        select(Credit).where(Credit.payment_id == payment.id, Credit.remaining_minor > 0).order_by(Credit.id.desc())
    )
    taken = 0
    for lot in lots.all():
        part = min(lot.remaining_minor, wanted_minor - taken)
        lot.remaining_minor -= part
        taken += part
    return taken


def _newest_first(session: Session, payment_id: int, wanted_minor: int) -> list[Piece]:
    """The allocations to undo, net of what was undone before."""
    net = func.sum(Allocation.amount_minor)
    rows = session.execute(
        select(Allocation.invoice_id, Allocation.credit_id, net.label("net"))
        .where(Allocation.payment_id == payment_id)
        .group_by(Allocation.invoice_id, Allocation.credit_id)
        .having(net > 0)
        .order_by(func.max(Allocation.id).desc())
    ).all()
    pieces: list[Piece] = []
    for row in rows:
        part = min(int(row.net), wanted_minor)
        if part:
            pieces.append(Piece(row.invoice_id, row.credit_id, part))
            wanted_minor -= part
    return pieces


_WRITE_OFF = text("""
    update invoices i set open_minor = i.open_minor - p.amount, written_off_minor = i.written_off_minor + p.amount
      from (select id, sum(amount) as amount
              from unnest(cast(:ids as bigint[]), cast(:amounts as bigint[])) as u(id, amount) group by id) p
     where i.id = p.id
""")


def _write_off(session: Session, pieces: Sequence[Piece]) -> None:
    values = {"ids": [p.invoice_id for p in pieces], "amounts": [p.amount_minor for p in pieces]}
    session.execute(_WRITE_OFF, values)
    for row in session.identity_map.values():
        if isinstance(row, Invoice):
            session.expire(row)
