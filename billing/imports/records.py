"""Raw records become typed ones, or problems: a sentence about what is wrong with which field."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.imports.reading import Place, Problem, Raw
from billing.imports.values import (
    Wrong,
    read_address,
    read_amount,
    read_currency,
    read_day,
    read_email,
    read_language,
    read_phone,
    read_pin,
    read_position,
    read_text,
    read_yes_or_no,
)


@dataclass(frozen=True, slots=True)
class AccountRow:
    place: Place
    number: str
    name: str
    currency: str
    language: str
    billing_address: dict[str, str]
    pin: str | None = field(default=None, repr=False)  # None: whatever it is now


@dataclass(frozen=True, slots=True)
class UserRow:
    place: Place
    account: str
    external_id: str
    position: int
    name: str
    email: str
    phone: str | None
    language: str | None  # None: the account's
    notifications: bool


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    place: Place
    account: str
    external_id: str
    number: str
    total: Decimal
    issued_on: date
    due_on: date


@dataclass(frozen=True, slots=True)
class CreditRow:
    place: Place
    account: str
    external_id: str
    amount: Decimal
    reason: str
    on: date


@dataclass(frozen=True, slots=True)
class PaymentRow:
    place: Place
    account: str
    external_id: str
    amount: Decimal
    on: date


@dataclass(slots=True)
class Records:
    accounts: list[AccountRow] = field(default_factory=list)
    users: list[UserRow] = field(default_factory=list)
    invoices: list[InvoiceRow] = field(default_factory=list)
    credits: list[CreditRow] = field(default_factory=list)
    payments: list[PaymentRow] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  # account numbers whose own record had problems

    def __len__(self) -> int:
        return sum(len(rows) for rows in (self.accounts, self.users, self.invoices, self.credits, self.payments))


class _Fields:
    """Reads the fields of one record; what is wrong is noted and reading goes on, so that everything is listed."""

    def __init__(self, raw: Raw, today: date, problems: list[Problem]) -> None:
        self.raw, self.today, self.problems = raw, today, problems
        self.fields = dict(raw.fields)
        self.complete = True
        name = raw.fields.get("number" if raw.kind == "account" else "external_id")
        self.label = f"{raw.kind} {name}" if isinstance(name, str) and name.strip() else raw.kind

    def wrong(self, key: str | None, text: str) -> None:
        self.complete = False
        about = f"{self.label}: {key} {text}" if key else f"{self.label}: {text}"
        self.problems.append(Problem(self.raw.place, about, key if key in self.raw.fields else None))

    def take(self, key: str, read: Callable[[Any], object], default: object = None, *, optional: bool = False) -> Any:
        """The field as `read` makes it. Any, because a record with something wrong in it is never built."""
        value = self.fields.pop(key, None)
        if value is None or (isinstance(value, str) and not value.strip()):
            if not optional:
                self.wrong(key, "is missing")
            return default
        try:
            return read(value)
        except Wrong as wrong:
            self.wrong(key, str(wrong))
            return default

    def day(self, key: str) -> Any:
        return self.take(key, lambda value: read_day(value, self.today))

    def finish(self) -> bool:
        """True when every field was right and none was left over."""
        for key in self.fields:
            self.wrong(key, "is not a field that this record has")
        return self.complete


def read_records(raws: Iterable[Raw], today: date, problems: list[Problem]) -> Records:
    """`problems` grows by everything that is wrong inside single records, and by ids that stand in the file twice."""
    records = Records()
    first: dict[tuple[str, str], None] = {}
    numbers: dict[tuple[str, str], None] = {}
    for raw in raws:
        fields = _Fields(raw, today, problems)
        row = _READERS[raw.kind](fields, records)
        if row is None:
            continue
        identity = (raw.kind, row.number if isinstance(row, AccountRow) else row.external_id)
        if identity in first:
            fields.wrong(None, "is in this file twice")
        first[identity] = None
        if isinstance(row, InvoiceRow):
            if (row.account, row.number) in numbers:
                fields.wrong("number", f"{row.number} is on two invoices of account {row.account}")
            numbers[row.account, row.number] = None
    return records


def _account(f: _Fields, records: Records) -> AccountRow | None:
    number, name = f.take("number", read_text), f.take("name", read_text)
    currency = f.take("currency", read_currency)
    language = f.take("language", read_language, "en", optional=True)
    address = f.take("billing_address", read_address, {}, optional=True)
    pin = f.take("pin", read_pin, optional=True)
    if not f.finish():
        records.broken.add(str(f.raw.account).strip())
        return None
    records.accounts.append(row := AccountRow(f.raw.place, number, name, currency, language, address, pin))
    return row


def _owner(f: _Fields) -> Any:
    """The number of the account that the record belongs to."""
    number = f.raw.account
    if isinstance(f.raw.place, tuple) and not (isinstance(number, str) and number.strip()):
        f.complete = False  # in JSON it is the account around it that has no number, and it has been said of that
        return None
    f.fields["account"] = number
    return f.take("account", read_text)


def _portal_user(f: _Fields, records: Records) -> UserRow | None:
    account, external_id = _owner(f), f.take("external_id", read_text)
    position, name = f.take("position", read_position), f.take("name", read_text)
    email, phone = f.take("email", read_email), f.take("phone", read_phone, optional=True)
    language = f.take("language", read_language, optional=True)
    notifications = f.take("notifications", read_yes_or_no)
    if not f.finish():
        return None
    row = UserRow(f.raw.place, account, external_id, position, name, email, phone, language, notifications)
    records.users.append(row)
    return row


def _invoice(f: _Fields, records: Records) -> InvoiceRow | None:
    account, external_id, number = _owner(f), f.take("external_id", read_text), f.take("number", read_text)
    total, issued_on, due_on = f.take("total", read_amount), f.day("issued_on"), f.day("due_on")
    if issued_on and due_on and due_on < issued_on:
        f.wrong("due_on", f"{due_on} is before it was issued ({issued_on})")
    if not f.finish():
        return None
    records.invoices.append(row := InvoiceRow(f.raw.place, account, external_id, number, total, issued_on, due_on))
    return row


def _credit(f: _Fields, records: Records) -> CreditRow | None:
    account, external_id, amount = _owner(f), f.take("external_id", read_text), f.take("amount", read_amount)
    reason, on = f.take("reason", read_text), _past_day(f)
    if not f.finish():
        return None
    records.credits.append(row := CreditRow(f.raw.place, account, external_id, amount, reason, on))
    return row


def _payment(f: _Fields, records: Records) -> PaymentRow | None:
    account, external_id, amount = _owner(f), f.take("external_id", read_text), f.take("amount", read_amount)
    on = _past_day(f)
    if not f.finish():
        return None
    records.payments.append(row := PaymentRow(f.raw.place, account, external_id, amount, on))
    return row


_Reader = Callable[[_Fields, Records], AccountRow | UserRow | InvoiceRow | CreditRow | PaymentRow | None]
_READERS: dict[str, _Reader] = {
    "account": _account,
    "portal_user": _portal_user,
    "invoice": _invoice,
    "credit": _credit,
    "payment": _payment,
}


def _past_day(f: _Fields) -> Any:
    on = f.day("on")
    if on and on > f.today + timedelta(days=1):  # the exporting system's clock may stand further east
        f.wrong("on", f"{on} has not come yet")
    return on
