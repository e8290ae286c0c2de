"""Captured money that goes back: reversing entries, for refunds and for whatever else takes a capture away again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from billing import allocations, booking, credits, ledger
from billing.models import Allocation, Credit, Invoice, Payment
from billing.money import Money


class Piece(NamedTuple):
    """What of `invoice_id` is given back; `credit_id` is the lot that the money had gone through, if it had."""

    invoice_id: int
    credit_id: int | None
    amount_minor: int


def left_of(payment: Payment) -> Money:
    """What of the capture has not been given back yet."""
    return Money(payment.allocated_minor + payment.unapplied_minor, payment.currency)


def give_back(session: Session, payment: Payment, amount: Money, *, reopen_invoices: bool, now: datetime) -> None:
    """Books a refund of `amount` (at most `left_of(payment)`) of a locked payment.

    Unapplied credit goes first, then the newest allocation. An uncovered invoice is open again and may be paid by
    other credit of the account, or, if not `reopen_invoices`, that part of it is written off.
    """
    from_credit = _shrink_lots(session, payment, amount.minor)
    pieces = _newest_first(session, payment.id, amount.minor - from_credit)
    uncovered = [(piece.invoice_id, Money(piece.amount_minor, payment.currency)) for piece in pieces]
    debits = [
        ledger.debit("receivable" if reopen_invoices else "write_off", part, invoice_id if reopen_invoices else None)
        for invoice_id, part in uncovered
    ]
    transaction_id = ledger.post(
        session,
        kind="refund",
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
    payment.refunded_minor += amount.minor
    session.flush()
    rows = [allocations.NewRow(p.invoice_id, -p.amount_minor, payment.id, p.credit_id, transaction_id) for p in pieces]
    allocations.write(session, rows, now=now)
    if reopen_invoices:
        booking.apply_credit(session, [payment.account_id], now=now)
    else:
        _write_off(session, pieces)


def take_again(session: Session, payment: Payment, amount: Money, *, now: datetime) -> None:
    """The bank sent a booked refund back: the money is the customer's credit again, and pays what is open."""
    entries = [ledger.debit("gateway", amount), ledger.credit("customer_credit", amount)]
    ledger.post(
        session,
        kind="refund_failed",
        account_id=payment.account_id,
        entries=entries,
        now=now,
        payment_id=payment.id,
    )
    payment.refunded_minor -= amount.minor
    payment.unapplied_minor += amount.minor
    session.add(credits.lot_of_payment(payment, amount, now=now))
    session.flush()
    booking.apply_credit(session, [payment.account_id], now=now)


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
