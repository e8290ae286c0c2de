"""Invoices: issued, listed oldest first, and the account's history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from billing import ledger
from billing.allocations import open_invoices
from billing.booking import apply_credit
from billing.errors import NotFound
from billing.models import Allocation, Credit, Invoice, Payment, Refund
from billing.money import Money
from billing.payment_states import NOT_ATTEMPTED

__all__ = [
    "REACHES_BACK",
    "Applied",
    "HistoryLine",
    "InvoiceDraft",
    "applied_to",
    "history",
    "invoice_by_number",
    "issue_invoice",
    "issue_invoices",
    "issued_invoices",
    "open_invoices",
]


REACHES_BACK = timedelta(days=731)  # 24 months: how far a history goes


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


def invoice_by_number(session: Session, account_id: int, number: str) -> Invoice:
    """The newest invoice that bears the number. Raises NotFound, for an invoice of another account too."""
    invoice = session.scalars(
        select(Invoice)
        .where(Invoice.account_id == account_id, Invoice.number == number)
        .order_by(Invoice.id.desc())
        .limit(1)
    ).one_or_none()
    if invoice is None:
        raise NotFound("invoice", number)
    return invoice


@dataclass(frozen=True, slots=True)
class Applied:
    """Money that an invoice took (negative: that was taken from it again), and where it came from."""

    at: datetime
    kind: str  # payment | credit
    label: str  # the payment's reference, or the credit's reason
    amount: Money


def applied_to(session: Session, invoice: Invoice) -> list[Applied]:
    """Oldest first. A payment that was told later (an import) stands at the time when it was made."""
    rows = session.execute(
        select(
            Allocation.amount_minor,
            func.coalesce(Payment.decided_at, Credit.created_at, Allocation.at),
            Payment.reference,
            Credit.reason,
            Allocation.at,
        )
        .outerjoin(Payment, Payment.id == Allocation.payment_id)
        .outerjoin(Credit, Credit.id == Allocation.credit_id)
        .where(Allocation.invoice_id == invoice.id)
        .order_by(Allocation.id)
    )
    found = [
        Applied(
            undone_at if minor < 0 else at,
            "payment" if reference is not None else "credit",
            reference if reference is not None else reason,
            Money(minor, invoice.currency),
        )
        for minor, at, reference, reason, undone_at in rows
    ]
    return sorted(found, key=lambda line: line.at)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """`amount` is positive for what was billed and for what was paid alike; `kind` tells them apart."""

    on: date
    kind: str  # invoice | payment | credit | refund
    label: str  # invoice number, payment reference, or the credit's reason
    amount: Money
    state: str
    document_id: int | None = None  # the invoice's, or the payment's if it took money: what a PDF can be made of
    due_on: date | None = None  # of an invoice


def history(session: Session, account_id: int, since: date, local: Callable[[datetime], datetime]) -> list[HistoryLine]:
    """Invoices, payments, credits granted and refunds since `since`, newest first; `local` says which day it was."""
    dated: list[tuple[datetime, str, str, Money, str, int | None]] = [
        (p.created_at, "payment", p.reference, p.amount, p.state, p.id if p.captured_minor else None)
        for p in session.scalars(
            select(Payment).where(
                Payment.account_id == account_id, Payment.created_at >= since, Payment.state != NOT_ATTEMPTED
            )
        )
    ]
    dated += [
        (c.created_at, "credit", c.reason, Money(c.amount_minor, c.currency), "granted", None)
        for c in session.scalars(
            select(Credit).where(
                Credit.account_id == account_id, Credit.created_at >= since, Credit.payment_id.is_(None)
            )
        )
    ]
    dated += [
        (r.created_at, "refund", p.reference, Money(r.amount_minor, r.currency), r.state, None)
        for r, p in session.execute(
            select(Refund, Payment)
            .join(Payment, Payment.id == Refund.payment_id)
            .where(Refund.account_id == account_id, Refund.created_at >= since)
        )
    ]
    dated.sort(key=lambda told: told[0], reverse=True)
    lines = [HistoryLine(local(told[0]).date(), *told[1:]) for told in dated]
    lines += [
        HistoryLine(
            i.issued_on,
            "invoice",
            i.number,
            Money(i.total_minor, i.currency),
            "open" if i.open_minor else "paid",
            i.id,
            i.due_on,
        )
        for i in session.scalars(
            select(Invoice)
            .where(Invoice.account_id == account_id, Invoice.issued_on >= since)
            .order_by(Invoice.id.desc())
        )
    ]
    return sorted(lines, key=lambda line: line.on, reverse=True)  # stable: within a day the newest stays first
