"""Allocations in the database: a constant number of statements, whatever the number of invoices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Row, any_, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.orm import Session

from billing.allocation import OpenInvoice
from billing.models import Invoice
from billing.money import Money


class NewRow(NamedTuple):
    """`amount_minor` that an invoice takes under a ledger transaction; negative gives it back."""

    invoice_id: int
    amount_minor: int
    payment_id: int | None
    credit_id: int | None
    transaction_id: int


def open_invoices(session: Session, account_id: int) -> list[OpenInvoice]:
    """What is still open, oldest first (by due date, then id)."""
    rows = session.execute(_OPEN.where(Invoice.account_id == account_id))
    return [_open_invoice(row) for row in rows]


def lock_open_invoices(session: Session, account_ids: Collection[int]) -> dict[int, list[OpenInvoice]]:
    """The same by account, with their rows locked to the end of the transaction."""
    invoices: dict[int, list[OpenInvoice]] = {}
    of_these = Invoice.account_id == any_(literal(list(account_ids), ARRAY(BIGINT)))
    for row in session.execute(_OPEN.where(of_these).with_for_update()):
        invoices.setdefault(row.account_id, []).append(_open_invoice(row))
    return invoices


_OPEN = (
    select(Invoice.id, Invoice.account_id, Invoice.number, Invoice.due_on, Invoice.open_minor, Invoice.currency)
    .where(Invoice.open_minor > 0)
    .order_by(Invoice.due_on, Invoice.id)
)


def _open_invoice(row: Row[int, int, str, date, int, str]) -> OpenInvoice:
    return OpenInvoice(row.id, row.number, row.due_on, Money(row.open_minor, row.currency))


_UPDATE_INVOICES = text("""
    update invoices i set open_minor = i.open_minor - a.amount, applied_minor = i.applied_minor + a.amount
      from (select invoice_id, sum(amount) as amount
              from unnest(cast(:invoice_ids as bigint[]), cast(:amounts as bigint[])) as u(invoice_id, amount)
             group by invoice_id) a
     where i.id = a.invoice_id
""")
# Account and currency are the invoice's; the keys to payment and lot refuse the row where theirs are others.
_INSERT = text("""
    insert into allocations (account_id, currency, at, invoice_id, amount_minor, payment_id, credit_id, transaction_id)
    select i.account_id, i.currency, :at, u.invoice_id, u.amount, u.payment_id, u.credit_id, u.transaction_id
      from unnest(cast(:invoice_ids as bigint[]), cast(:amounts as bigint[]), cast(:payment_ids as bigint[]),
                  cast(:credit_ids as bigint[]), cast(:transaction_ids as bigint[]))
           with ordinality as u(invoice_id, amount, payment_id, credit_id, transaction_id, place)
      join invoices i on i.id = u.invoice_id
     order by u.place
""")


def write(session: Session, rows: Sequence[NewRow], *, now: datetime) -> None:
    """Moves open to applied on the invoices and records who paid what; two statements."""
    if not rows:
        return
    values = {"invoice_ids": [r.invoice_id for r in rows], "amounts": [r.amount_minor for r in rows]}
    session.execute(_UPDATE_INVOICES, values)
    sources = {
        "at": now,
        "payment_ids": [r.payment_id for r in rows],
        "credit_ids": [r.credit_id for r in rows],
        "transaction_ids": [r.transaction_id for r in rows],
    }
    session.execute(_INSERT, values | sources)
