"""Invoices: issued, listed oldest first, and the account's history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from billing import ledger
from billing.allocations import open_invoices
from billing.booking import apply_credit
from billing.models import Credit, Invoice, Payment, Refund
from billing.money import Money
from billing.payment_states import NOT_ATTEMPTED

__all__ = [
    "HistoryLine",
    "InvoiceDraft",
    "history",
    "issue_invoice",
    "issue_invoices",
    "issued_invoices",
    "open_invoices",
]


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """An invoice of `total` (> 0) that is to be issued."""

    account_id: int
    external_id: str
    number: str
    total: Money
    issued_on: date
    due_on: date


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
    draft = InvoiceDraft(account_id, external_id, number, total, issued_on, due_on)
    (invoice_id,) = issue_invoices(session, [draft], now=now)
    apply_credit(session, [account_id], now=now)
    return session.get_one(Invoice, invoice_id, populate_existing=True)


_INSERT = text("""
    insert into invoices (account_id, external_id, number, currency, total_minor, open_minor, issued_on, due_on)
    select d.account_id, d.external_id, d.number, d.currency, d.total, d.total, d.issued_on, d.due_on
      from unnest(cast(:account_ids as bigint[]), cast(:external_ids as text[]), cast(:numbers as text[]),
                  cast(:currencies as text[]), cast(:totals as bigint[]), cast(:issued as date[]), cast(:due as date[]))
           with ordinality as d(account_id, external_id, number, currency, total, issued_on, due_on, place)
     order by d.place
    returning id
""")


def issue_invoices(session: Session, drafts: Sequence[InvoiceDraft], *, now: datetime) -> list[int]:
    """Books any number of new invoices in a few statements; their ids in the order of `drafts`.

    Credit is not applied yet: that is one call for all of their accounts, `booking.apply_credit`.
    """
    if not drafts:
        return []
    returned = session.scalars(
        _INSERT,
        {
            "account_ids": [draft.account_id for draft in drafts],
            "external_ids": [draft.external_id for draft in drafts],
            "numbers": [draft.number for draft in drafts],
            "currencies": [draft.total.currency for draft in drafts],
            "totals": [draft.total.minor for draft in drafts],
            "issued": [draft.issued_on for draft in drafts],
            "due": [draft.due_on for draft in drafts],
        },
    )
    ids = sorted(returned)  # identities are drawn in the order of `place`; RETURNING promises no order
    postings = [
        ledger.Posting(
            "invoice_issued",
            draft.account_id,
            [ledger.debit("receivable", draft.total, invoice_id), ledger.credit("revenue", draft.total)],
        )
        for invoice_id, draft in zip(ids, drafts, strict=True)
    ]
    ledger.post_many(session, postings, now=now)
    return ids


def issued_invoices(session: Session, account_id: int) -> list[Invoice]:
    """Every invoice of the account, open or paid, the one that is due first before the others."""
    found = select(Invoice).where(Invoice.account_id == account_id).order_by(Invoice.due_on, Invoice.id)
    return list(session.scalars(found))


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """`amount` is positive for what was billed and for what was paid alike; `kind` tells them apart."""

    on: date
    kind: str  # invoice | payment | credit | refund
    label: str  # invoice number, payment reference, or the credit's reason
    amount: Money
    state: str


def history(session: Session, account_id: int, since: date, local: Callable[[datetime], datetime]) -> list[HistoryLine]:
    """Invoices, payments, credits granted and refunds since `since`, newest first; `local` says which day it was."""
    dated = [
        (p.created_at, "payment", p.reference, p.amount, p.state)
        for p in session.scalars(
            select(Payment).where(
                Payment.account_id == account_id, Payment.created_at >= since, Payment.state != NOT_ATTEMPTED
            )
        )
    ]
    dated += [
        (c.created_at, "credit", c.reason, Money(c.amount_minor, c.currency), "granted")
        for c in session.scalars(
            select(Credit).where(
                Credit.account_id == account_id, Credit.created_at >= since, Credit.payment_id.is_(None)
            )
        )
    ]
    dated += [
        (r.created_at, "refund", p.reference, Money(r.amount_minor, r.currency), r.state)
        for r, p in session.execute(
            select(Refund, Payment)
            .join(Payment, Payment.id == Refund.payment_id)
            .where(Refund.account_id == account_id, Refund.created_at >= since)
        )
    ]
    dated.sort(key=lambda told: told[0], reverse=True)
    lines = [HistoryLine(local(at).date(), kind, label, amount, state) for at, kind, label, amount, state in dated]
    lines += [
        HistoryLine(
            i.issued_on, "invoice", i.number, Money(i.total_minor, i.currency), "open" if i.open_minor else "paid"
        )
        for i in session.scalars(
            select(Invoice)
            .where(Invoice.account_id == account_id, Invoice.issued_on >= since)
            .order_by(Invoice.id.desc())
        )
    ]
    return sorted(lines, key=lambda line: line.on, reverse=True)  # stable: within a day the newest stays first
