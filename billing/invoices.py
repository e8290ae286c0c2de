"""Invoices: issued, listed oldest first, and the account's history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import credits, ledger
from billing.allocations import open_invoices
from billing.models import Credit, Invoice, Payment, Refund
from billing.money import Money
from billing.payment_states import NOT_ATTEMPTED

__all__ = ["HistoryLine", "history", "issue_invoice", "open_invoices"]


def issue_invoice(
    session: Session,
    *,
    account_id: int,
    external_id: str,
    number: str,
    total: Money,
    issued_on: date,
    due_on: date,
    now: datetime,
) -> Invoice:
    """Books a new invoice of `total` (> 0) and lets the account's credit pay what it can of it."""
    invoice = Invoice(
        account_id=account_id,
        external_id=external_id,
        number=number,
        currency=total.currency,
        total_minor=total.minor,
        open_minor=total.minor,
        issued_on=issued_on,
        due_on=due_on,
    )
    session.add(invoice)
    session.flush()
    entries = [ledger.debit("receivable", total, invoice.id), ledger.credit("revenue", total)]
    ledger.post(session, kind="invoice_issued", account_id=account_id, entries=entries, now=now)
    credits.apply_to_open_invoices(session, account_id, now=now)
    session.refresh(invoice)
    return invoice


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """`amount` is positive for what was billed and for what was paid alike; `kind` tells them apart."""

    on: date
    kind: str  # invoice | payment | credit | refund
    label: str  # invoice number, payment reference, or the credit's reason
    amount: Money
    state: str


def history(session: Session, account_id: int, since: date) -> list[HistoryLine]:
    """Invoices, payments, credits granted and refunds since `since`, newest first."""
    lines = [
        HistoryLine(
            i.issued_on, "invoice", i.number, Money(i.total_minor, i.currency), "open" if i.open_minor else "paid"
        )
        for i in session.scalars(select(Invoice).where(Invoice.account_id == account_id, Invoice.issued_on >= since))
    ]
    lines += [
        HistoryLine(p.created_at.date(), "payment", p.reference, p.amount, p.state)
        for p in session.scalars(
            select(Payment).where(
                Payment.account_id == account_id, Payment.created_at >= since, Payment.state != NOT_ATTEMPTED
            )
        )
    ]
    lines += [
        HistoryLine(c.created_at.date(), "credit", c.reason, Money(c.amount_minor, c.currency), "granted")
        for c in session.scalars(
            select(Credit).where(
                Credit.account_id == account_id, Credit.created_at >= since, Credit.payment_id.is_(None)
            )
        )
    ]
    lines += [
        HistoryLine(r.created_at.date(), "refund", p.reference, Money(r.amount_minor, r.currency), r.state)
        for r, p in session.execute(
            select(Refund, Payment)
            .join(Payment, Payment.id == Refund.payment_id)
            .where(Refund.account_id == account_id, Refund.created_at >= since)
        )
    ]
    return sorted(lines, key=lambda line: line.on, reverse=True)
