"""Allocations in the database: a constant number of statements, whatever the number of invoices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from billing.allocation import OpenInvoice
from billing.models import Invoice
from billing.money import Money


class Row(NamedTuple):
    """`amount_minor` that an invoice takes; negative gives it back."""

    invoice_id: int
    amount_minor: int
    payment_id: int | None
    credit_id: int | None


def open_invoices(session: Session, account_id: int) -> list[OpenInvoice]:
    """What is still open, oldest first (by due date, then id)."""
    return _open_invoices(session, account_id, lock=False)


def lock_open_invoices(session: Session, account_id: int) -> list[OpenInvoice]:
    """The same, with their rows locked to the end of the transaction."""
    return _open_invoices(session, account_id, lock=True)


def _open_invoices(session: Session, account_id: int, *, lock: bool) -> list[OpenInvoice]:
    query = (
        select(Invoice.id, Invoice.number, Invoice.due_on, Invoice.open_minor, Invoice.currency)
        .where(Invoice.account_id == account_id, Invoice.open_minor > 0)
        .order_by(Invoice.due_on, Invoice.id)
    )
    rows = session.execute(query.with_for_update() if lock else query)
    return [OpenInvoice(row.id, row.number, row.due_on, Money(row.open_minor, row.currency)) for row in rows]


_UPDATE_INVOICES = text("""
    update invoices i set open_minor = i.open_minor - a.amount, applied_minor = i.applied_minor + a.amount
      from (select invoice_id, sum(amount) as amount
              from unnest(cast(:invoice_ids as bigint[]), cast(:amounts as bigint[])) as u(invoice_id, amount)
             group by invoice_id) a
     where i.id = a.invoice_id and i.account_id = :account_id
""")
_INSERT = text("""
    insert into allocations (account_id, currency, transaction_id, at, invoice_id, amount_minor, payment_id, credit_id)
    select :account_id, :currency, :transaction_id, :at, u.*
      from unnest(cast(:invoice_ids as bigint[]), cast(:amounts as bigint[]),
                  cast(:payment_ids as bigint[]), cast(:credit_ids as bigint[])) as u
""")


def write(
    session: Session, account_id: int, currency: str, transaction_id: int, rows: Sequence[Row], *, now: datetime
) -> None:
    """Moves open to applied on the invoices and records who paid what; two statements."""
    if not rows:
        return
    values = {
        "account_id": account_id,
        "invoice_ids": [r.invoice_id for r in rows],
        "amounts": [r.amount_minor for r in rows],
    }
    session.execute(_UPDATE_INVOICES, values)
    values |= {
        "currency": currency,
        "transaction_id": transaction_id,
        "at": now,
        "payment_ids": [r.payment_id for r in rows],
        "credit_ids": [r.credit_id for r in rows],
    }
    session.execute(_INSERT, values)
