"""What a payment did, for receipts and for the conversation: told from the books, not from what was planned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from billing.accounts import Position, position
from billing.allocation import Share
from billing.models import Allocation, Invoice, LedgerEntry, LedgerTransaction, Payment, PaymentMethod, Quote
from billing.money import Money
from billing.payment_records import get_payment
from billing.quotes import as_rows


@dataclass(frozen=True, slots=True)
class Receipt:
    payment: Payment
    method: PaymentMethod | None
    shares: list[Share]  # per invoice: what it took of this payment, what is open of it now
    credit: Money  # of this payment, not taken by any invoice yet
    position: Position  # the account after it
    differs_from_quote: bool  # something was paid or issued between the quote and the settlement

    @property
    def at(self) -> datetime:
        return self.payment.decided_at or self.payment.created_at


def receipt(session: Session, payment_id: int, today: date) -> Receipt:
    """Raises NotFound. For a payment that took no money the shares are empty."""
    payment = get_payment(session, payment_id)
    rows = session.execute(
        select(Invoice.id, Invoice.number, Allocation.amount_minor, Invoice.open_minor)
        .join(Allocation, Allocation.invoice_id == Invoice.id)
        .where(Allocation.payment_id == payment.id, Allocation.amount_minor > 0)
        .order_by(Invoice.due_on, Invoice.id)
    )
    shares = [
        Share(row.id, row.number, Money(row.amount_minor, payment.currency), Money(row.open_minor, payment.currency))
        for row in rows
    ]
    quote = session.get(Quote, payment.quote_id) if payment.quote_id is not None else None
    planned = {row["invoice_id"]: row["amount_minor"] for row in quote.allocation} if quote is not None else {}
    done = {row["invoice_id"]: row["amount_minor"] for row in as_rows(shares)}
    return Receipt(
        payment=payment,
        method=session.get(PaymentMethod, payment.method_id) if payment.method_id is not None else None,
        shares=shares,
        credit=Money(payment.unapplied_minor, payment.currency),
        position=position(session, payment.account_id, today),
        differs_from_quote=quote is not None and bool(payment.captured_minor) and planned != done,
    )


def balance_after(session: Session, payment: Payment) -> Money | None:
    """What the account owed once this payment was booked, told by the ledger: the same however much later one asks.

    None for a payment that was booked on another day than it was made (an import): nobody knows what was owed then.
    """
    booked = session.scalar(
        select(func.max(LedgerTransaction.id)).where(
            LedgerTransaction.payment_id == payment.id,
            LedgerTransaction.kind == "payment",
            LedgerTransaction.at == payment.decided_at,
        )
    )
    if booked is None:
        return None
    raises = and_(LedgerEntry.ledger_account == "receivable", LedgerEntry.direction == "debit")
    gives_back = and_(LedgerEntry.ledger_account == "customer_credit", LedgerEntry.direction == "debit")
    owed = session.scalar(
        select(
            func.coalesce(func.sum(LedgerEntry.amount_minor).filter(raises | gives_back), 0)
            - func.coalesce(func.sum(LedgerEntry.amount_minor).filter(~(raises | gives_back)), 0)
        ).where(
            LedgerEntry.account_id == payment.account_id,
            LedgerEntry.transaction_id <= booked,
            LedgerEntry.ledger_account.in_(("receivable", "customer_credit")),
        )
    )
    return Money(int(owed or 0), payment.currency)
