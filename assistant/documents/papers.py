"""What stands on a receipt and on an invoice: told from the books, worded by the catalogue, set by pdf.py.

A receipt does not change with what happens to the account afterwards: its balance is the one right after the payment.
What becomes of this very money (credit that an invoice takes, a refund, a bank that takes it back) it does tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from assistant.documents.pdf import set_in_type
from assistant.wording import method_label, say, write
from billing.accounts import get_account
from billing.config import Settings
from billing.errors import NotFound
from billing.invoices import applied_to
from billing.models import Account, Invoice
from billing.money import Money
from billing.payment_records import get_payment
from billing.receipts import balance_after, receipt

CHANNEL = "page"
_ADDRESS = (("name",), ("line1",), ("line2",), ("city", "region", "postal_code"))


@dataclass(frozen=True, slots=True)
class Document:
    """A finished PDF and the name under which it is saved (without a path, plain ASCII)."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _Words:
    language: str

    def __call__(self, key: str, **values: object) -> str:
        return say(f"paper_{key}", self.language, CHANNEL, **values)

    def fact(self, key: str, value: object) -> list[str]:
        return [self(key), write(value, self.language, CHANNEL)]

    def line(self, key: str, value: object, *, strong: bool = False) -> list[str | bool]:
        """A line under the table; a strong one is what the others come to."""
        return [*self.fact(key, value), strong]


def receipt_document(session: Session, payment_id: int, language: str, settings: Settings) -> Document:
    """The receipt of a payment that took money. Raises NotFound: there is none of one that did not."""
    payment = get_payment(session, payment_id)
    if not payment.captured_minor:
        raise NotFound("receipt of payment", payment_id)
    words, account = _Words(language), get_account(session, payment.account_id)
    told = receipt(session, payment_id, settings.local(payment.created_at).date())
    captured = Money(payment.captured_minor, payment.currency)
    method = method_label(told.method, language, CHANNEL) if told.method is not None else words("method_elsewhere")
    facts = [
        words.fact("label_reference", payment.reference),
        words.fact("label_paid_on", _moment(settings, told.at, imported=payment.quote_id is None)),
        words.fact("label_method", method),
        words.fact("label_account", account.number),
    ]
    if payment.billing_email:
        facts.append(words.fact("label_email", payment.billing_email))
    due = {share.invoice_id: session.get_one(Invoice, share.invoice_id).due_on for share in told.shares}
    rows = [
        [share.number, *(write(value, language, CHANNEL) for value in (due[share.invoice_id], share.amount))]
        for share in told.shares
    ]
    totals = [
        words.line(key, Money(minor, payment.currency))
        for key, minor in (("total_credit", payment.unapplied_minor), ("total_unassigned", payment.suspense_minor))
        if minor
    ]
    totals.append(words.line("total_paid", captured, strong=True))
    totals += [
        words.line(key, Money(minor, payment.currency))
        for key, minor in (("total_refunded", payment.refunded_minor), ("total_lost", payment.lost_minor))
        if minor
    ]
    if (after := balance_after(session, payment)) is not None:
        totals.append(words.line("total_balance", after))
    data = _sheet(words, account, settings, settings.local(told.at).date()) | {
        "title": words("receipt_title", reference=payment.reference),
        "heading": words("receipt_heading"),
        "badge": words("receipt_badge"),
        "settled": True,
        "facts": facts,
        "bill_to": words("label_paid_by"),
        "sum": words.fact("receipt_sum", captured),
        "sum_note": None,
        "table_title": words("receipt_table"),
        "columns": [words("column_invoice"), words("column_due"), words("column_amount")],
        "rows": rows,
        "totals": totals,
        "closing": words("receipt_closing"),
    }
    return Document(_file_name(words("receipt_file", reference=payment.reference)), set_in_type(data))


def invoice_document(session: Session, invoice_id: int, language: str, settings: Settings) -> Document:
    """The invoice as it stands: what was billed, what was applied to it, what is still to pay. Raises NotFound."""
    invoice = session.get(Invoice, invoice_id)
    if invoice is None:
        raise NotFound("invoice", invoice_id)
    words, account = _Words(language), get_account(session, invoice.account_id)
    is_open = invoice.open_minor > 0

    def money(minor: int) -> Money:
        return Money(minor, invoice.currency)

    totals = [
        words.line("total_invoice", money(invoice.total_minor)),
        words.line("total_applied", _minus(money(invoice.applied_minor), language)),
    ]
    if invoice.written_off_minor:
        totals.append(words.line("total_written_off", _minus(money(invoice.written_off_minor), language)))
    totals.append(words.line("total_open", invoice.open, strong=True))
    rows = [
        [
            write(settings.local(line.at).date(), language, CHANNEL),
            words("from_payment", reference=line.label)
            if line.kind == "payment"
            else words("from_credit", reason=line.label),
            _minus(line.amount, language),
        ]
        for line in applied_to(session, invoice)
    ]
    data = _sheet(words, account, settings, invoice.issued_on) | {
        "title": words("invoice_title", number=invoice.number),
        "heading": words("invoice_heading"),
        "badge": words("invoice_badge_open" if is_open else "invoice_badge_paid"),
        "settled": not is_open,
        "facts": [
            words.fact("label_number", invoice.number),
            words.fact("label_issued", invoice.issued_on),
            words.fact("label_due", invoice.due_on),
            words.fact("label_account", account.number),
        ],
        "bill_to": words("label_bill_to"),
        "sum": words.fact("invoice_sum", invoice.open),
        "sum_note": words("invoice_sum_by", due=invoice.due_on) if is_open else None,
        "table_title": words("invoice_table"),
        "columns": [words("column_date"), words("column_from"), words("column_amount")],
        "rows": rows,
        "totals": totals,
        "closing": words("invoice_closing_open" if is_open else "invoice_closing_paid"),
    }
    return Document(_file_name(words("invoice_file", number=invoice.number)), set_in_type(data))


def _sheet(words: _Words, account: Account, settings: Settings, day: date) -> dict[str, Any]:
    """What every paper has. The PDF's own date is the document's, not that of its making."""
    lines = [" ".join(filter(None, map(account.billing_address.get, names))) for names in _ADDRESS]
    named = lines if lines[0] else [account.name, *lines[1:]]
    return {
        "language": words.language,
        "company": settings.company_name,
        "contact": words("contact", contact=settings.company_contact),
        "footer": words("footer", company=settings.company_name, account=account.number),
        "address": [line for line in named if line],
        "date": [day.year, day.month, day.day],
    }


def _moment(settings: Settings, at: Any, *, imported: bool) -> Any:
    """Day and time on the company's clock; of a payment made elsewhere only its day is known."""
    local = settings.local(at)
    return local.date() if imported else local


def _minus(amount: Money, language: str) -> str:
    """What lowers an invoice, with its sign; what was taken from it again goes without."""
    size = write(amount if amount.minor >= 0 else -amount, language, CHANNEL)
    return f"−{size}" if amount.minor > 0 else size


def _file_name(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name) + ".pdf"
