"""Money meets open invoices; what they leave becomes credit. One payment or thousands, as many statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from billing import allocations, ledger
from billing.allocation import OpenInvoice, Plan, Share, plan
from billing.credits import lot_of_payment, lots_with_money
from billing.models import Credit, Invoice, Payment
from billing.money import Money, total


@dataclass(frozen=True, slots=True)
class MoneyIn:
    """`amount` (≥ 0, the payment's currency) captured by a payment of a locked account; `first` takes before others."""

    payment: Payment
    amount: Money
    first: int | None = None


def book_money(session: Session, arrivals: Sequence[MoneyIn], *, source: str, now: datetime) -> None:
    """Allocates each amount, in this order: a named invoice first, then the oldest; what nobody takes becomes credit.

    The account's older credit is used up along the way. `source` is the ledger account that the money came through.
    """
    booking = _Booking(session, {arrival.payment.account_id for arrival in arrivals}, now)
    for arrival in arrivals:
        booking.take(arrival, source)
    booking.write()


def apply_credit(session: Session, account_ids: Collection[int], *, now: datetime) -> None:
    """Lets the credit of locked accounts pay their open invoices, oldest first. Nothing to do is one statement."""
    booking = _Booking(session, account_ids, now)
    for account_id in booking.lots:
        booking.use_credit(account_id)
    booking.write()


class _Piece(NamedTuple):
    """What will be an allocation once its transaction and its lot have ids."""

    posting: int
    invoice_id: int
    amount_minor: int
    payment_id: int | None
    lot: Credit | None


class _Booking:
    """Some accounts in the middle of it: invoices and lots are read and locked once, and written once at the end."""

    def __init__(self, session: Session, account_ids: Collection[int], now: datetime) -> None:
        self.session, self.now = session, now
        self.lots = lots_with_money(session, account_ids)
        self.invoices = allocations.lock_open_invoices(session, account_ids)
        self.postings: list[ledger.Posting] = []
        self.pieces: list[_Piece] = []
        self.applied: Counter[int] = Counter()  # minor units by payment: unapplied no longer

    def take(self, arrival: MoneyIn, source: str) -> None:
        payment, amount = arrival.payment, arrival.amount
        planned = self._plan(payment.account_id, amount, arrival.first)
        shares, excess = planned.payment_shares, planned.excess
        entries = [
            ledger.debit(source, amount),
            *(ledger.credit("receivable", share.amount, share.invoice_id) for share in shares),
            ledger.credit("customer_credit", excess),
        ]
        self.postings.append(ledger.Posting("payment", payment.account_id, entries, payment.id))
        place = len(self.postings) - 1
        self.pieces += [_Piece(place, share.invoice_id, share.amount.minor, payment.id, None) for share in shares]
        payment.captured_minor = amount.minor
        payment.allocated_minor, payment.unapplied_minor = amount.minor - excess.minor, excess.minor
        self._spend(payment.account_id, planned.credit_shares)
        self._shrink(payment.account_id, [*shares, *planned.credit_shares])
        if excess:
            lot = lot_of_payment(payment, excess, now=self.now)
            self.session.add(lot)
            self.lots.setdefault(payment.account_id, []).append(lot)

    def use_credit(self, account_id: int) -> None:
        currency = self.lots[account_id][0].currency
        shares = self._plan(account_id, Money.zero(currency), None).credit_shares
        self._spend(account_id, shares)
        self._shrink(account_id, shares)

    def _plan(self, account_id: int, amount: Money, first: int | None) -> Plan:
        lots = self.lots.get(account_id, [])
        held = total((Money(lot.remaining_minor, lot.currency) for lot in lots), amount.currency)
        return plan(amount, held, self.invoices.get(account_id, []), first=first)

    def _spend(self, account_id: int, shares: Sequence[Share]) -> None:
        """The account's lots pay `shares`, oldest lot first."""
        if not shares:
            return
        spent = total((share.amount for share in shares), shares[0].amount.currency)
        entries = [
            ledger.debit("customer_credit", spent),
            *(ledger.credit("receivable", share.amount, share.invoice_id) for share in shares),
        ]
        self.postings.append(ledger.Posting("credit_applied", account_id, entries))
        lots = iter(self.lots[account_id])
        lot = next(lots)
        for share in shares:
            need = share.amount.minor
            while need:
                if not lot.remaining_minor:
                    lot = next(lots)
                    continue
                amount = min(need, lot.remaining_minor)
                lot.remaining_minor -= amount
                need -= amount
                place = len(self.postings) - 1
                self.pieces.append(_Piece(place, share.invoice_id, amount, lot.payment_id, lot))
                if lot.payment_id is not None:
                    self.applied[lot.payment_id] += amount
        self.lots[account_id] = [lot for lot in self.lots[account_id] if lot.remaining_minor]

    def _shrink(self, account_id: int, shares: Sequence[Share]) -> None:
        taken: Counter[int] = Counter()
        for share in shares:
            taken[share.invoice_id] += share.amount.minor
        left = (
            OpenInvoice(i.id, i.number, i.due_on, Money(i.open.minor - taken[i.id], i.open.currency))
            for i in self.invoices.get(account_id, [])
        )
        self.invoices[account_id] = [invoice for invoice in left if invoice.open]

    def write(self) -> None:
        if not self.postings:
            return
        self.session.flush()  # new lots get their ids, old ones their rest
        transactions = ledger.post_many(self.session, self.postings, now=self.now)
        if self.applied:
            moved = {"ids": list(self.applied), "amounts": list(self.applied.values())}
            self.session.execute(_MOVE_PAYMENTS, moved)
        rows = [
            allocations.NewRow(
                piece.invoice_id,
                piece.amount_minor,
                piece.payment_id,
                piece.lot.id if piece.lot is not None else None,
                transactions[piece.posting],
            )
            for piece in self.pieces
        ]
        allocations.write(self.session, rows, now=self.now)
        for row in self.session.identity_map.values():
            if isinstance(row, Invoice | Payment):  # changed behind the session's back, in SQL
                self.session.expire(row)


# What a payment could not allocate when it came is allocated now: invariant 5 moves along.
_MOVE_PAYMENTS = text("""
    update payments p set unapplied_minor = p.unapplied_minor - u.amount, allocated_minor = p.allocated_minor + u.amount
      from unnest(cast(:ids as bigint[]), cast(:amounts as bigint[])) as u(id, amount)
     where p.id = u.id
""")
