"""Records against the books: what is new, what changed, and what must not change. Nothing is written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Protocol, TypeVar

from babel.numbers import get_currency_precision
from sqlalchemy import ColumnElement, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import InstrumentedAttribute, Session

from billing.database import Base
from billing.errors import AmountNotWhole
from billing.imports.reading import Place, Problem
from billing.imports.records import CreditRow, InvoiceRow, PaymentRow, Records, UserRow
from billing.models import Account, Credit, Invoice, Payment, PortalUser
from billing.money import Money
from billing.pins import hash_pin, is_pin


@dataclass(frozen=True, slots=True)
class Change:
    """Attributes of a row in the books that the file has otherwise."""

    model: type[Base]
    id: int
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(slots=True)
class Comparison:
    """`new` is still to be inserted; every record of the file is new, changed, unchanged or a problem."""

    new: Records = field(default_factory=Records)
    changes: list[Change] = field(default_factory=list)
    unchanged: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    account_ids: dict[str, int] = field(default_factory=dict)  # by number, of those that the books have
    currencies: dict[str, str] = field(default_factory=dict)  # by number, of the file and the books
    broken: frozenset[str] = frozenset()  # numbers whose own record is a problem: theirs need no second one

    def wrong(self, place: Place, text: str, key: str | None = None) -> None:
        self.problems.append(Problem(place, text, key))


def compare(session: Session, records: Records) -> Comparison:
    found = Comparison(broken=frozenset(records.broken))
    _accounts(session, records, found)
    _users(session, records.users, found)
    _invoices(session, records.invoices, found)
    _credits(session, records.credits, found)
    _payments(session, records.payments, found)
    return found


def at_noon(day: date) -> datetime:
    """The file knows days; noon UTC is that day from Hawaii to Japan."""
    return datetime.combine(day, time(12), UTC)


def is_one_of(column: InstrumentedAttribute[str], values: Iterable[str]) -> ColumnElement[bool]:
    """One parameter, however many values."""
    return column == any_(literal(list(values), ARRAY(TEXT)))


class _Row(Protocol):
    @property
    def place(self) -> Place: ...
    @property
    def external_id(self) -> str: ...
    @property
    def account(self) -> str: ...


R = TypeVar("R", bound=_Row)


def _accounts(session: Session, records: Records, found: Comparison) -> None:
    mentioned = {row.number for row in records.accounts}
    for rows in (records.users, records.invoices, records.credits, records.payments):
        mentioned.update(row.account for row in rows)
    known = {a.number: a for a in session.scalars(select(Account).where(is_one_of(Account.number, mentioned)))}
    found.account_ids = {number: account.id for number, account in known.items()}
    found.currencies = {number: account.currency for number, account in known.items()}
    for row in records.accounts:
        account = known.get(row.number)
        if account is None:
            found.currencies[row.number] = row.currency
            found.new.accounts.append(row)
        elif account.currency != row.currency:
            text = f"account {row.number}: currency {row.currency} is {account.currency} in the books and cannot change"
            found.wrong(row.place, text, "currency")
        else:
            wanted = {"name": row.name, "language": row.language, "billing_address": row.billing_address}
            if row.pin is not None and not is_pin(account.pin_hash, row.pin):
                wanted["pin_hash"] = hash_pin(row.pin)
            _note_change("account", account, wanted, found)


def _note_change(kind: str, row: Base, wanted: Mapping[str, Any], found: Comparison) -> None:
    before = {name: getattr(row, name) for name, value in wanted.items() if getattr(row, name) != value}
    if not before:
        found.unchanged[kind] += 1
        return
    found.updated[kind] += 1
    after = {name: wanted[name] for name in before}
    found.changes.append(Change(type(row), row.id, before, after))  # type: ignore[attr-defined]  # every table has one


def _known(
    session: Session, model: type[Any], kind: str, rows: Sequence[R], found: Comparison
) -> Iterable[tuple[R, Any]]:
    """Each row with its counterpart in the books or None; rows of unknown or other accounts become problems."""
    query = select(model).where(is_one_of(model.external_id, [row.external_id for row in rows]))
    in_books = {known.external_id: known for known in session.scalars(query)} if rows else {}
    for row in rows:
        known = in_books.get(row.external_id)
        if row.account in found.broken:
            continue
        if row.account not in found.currencies:
            text = f"{kind} {row.external_id}: account {row.account} is neither in this file nor in the books"
            found.wrong(row.place, text)
        elif known is not None and known.account_id != found.account_ids.get(row.account):
            text = f"{kind} {row.external_id}: belongs to another account than {row.account} in the books"
            found.wrong(row.place, text)
        else:
            yield row, known


def _users(session: Session, rows: Sequence[UserRow], found: Comparison) -> None:
    languages = {row.number: row.language for row in found.new.accounts}
    for row, known in _known(session, PortalUser, "portal_user", rows, found):
        if known is None:
            found.new.users.append(row)
            continue
        wanted = {
            "position": row.position,
            "name": row.name,
            "email": row.email,
            "phone": row.phone,
            "language": row.language or languages.get(row.account, known.language),
            "notifications": row.notifications,
        }
        _note_change("portal_user", known, wanted, found)
    _one_place_each(session, rows, found)


def _one_place_each(session: Session, rows: Sequence[UserRow], found: Comparison) -> None:
    """Positions and emails must differ within an account, those of users counted whom the file does not name."""
    in_file = {row.external_id for row in rows}
    query = select(PortalUser.external_id, PortalUser.position, PortalUser.email, Account.number).join(Account)
    taken: dict[tuple[str, str, object], str] = {}
    for other, position, email, number in session.execute(
        query.where(is_one_of(Account.number, {row.account for row in rows}))
    ):
        if other not in in_file:
            taken[number, "position", position] = taken[number, "email", email] = other
    for row in rows:
        for key, value in (("position", row.position), ("email", row.email)):
            other = taken.setdefault((row.account, key, value), row.external_id)
            if other != row.external_id:
                text = f"portal_user {row.external_id}: {key} {value} is that of {other} too"
                found.wrong(row.place, text, key)


def money(row: InvoiceRow | CreditRow | PaymentRow, currency: str) -> Money:
    """Raises AmountNotWhole."""
    return Money.from_decimal(row.total if isinstance(row, InvoiceRow) else row.amount, currency)


def _same_money(
    kind: str, row: InvoiceRow | CreditRow | PaymentRow, known_minor: int | None, found: Comparison
) -> bool:
    """Is the amount whole, and that of the books if they have one?"""
    key, currency = "total" if isinstance(row, InvoiceRow) else "amount", found.currencies[row.account]
    try:
        amount = money(row, currency)
    except AmountNotWhole as error:
        decimals = get_currency_precision(currency)
        text = f"{kind} {row.external_id}: {key} {error.amount} has more than the {decimals} decimals of {currency}"
        found.wrong(row.place, text, key)
        return False
    if known_minor is not None and known_minor != amount.minor:
        booked = Money(known_minor, currency)
        text = f"{kind} {row.external_id}: {key} {amount} is {booked} in the books, and what is booked does not change"
        found.wrong(row.place, text, key)
        return False
    return True


def _invoices(session: Session, rows: Sequence[InvoiceRow], found: Comparison) -> None:
    for row, known in _known(session, Invoice, "invoice", rows, found):
        if not _same_money("invoice", row, known.total_minor if known else None, found):
            continue
        if known is None:
            found.new.invoices.append(row)
        else:
            wanted = {"number": row.number, "issued_on": row.issued_on, "due_on": row.due_on}
            _note_change("invoice", known, wanted, found)
    _one_number_each(session, rows, found)


def _one_number_each(session: Session, rows: Sequence[InvoiceRow], found: Comparison) -> None:
    """A customer who says "INV-1002" must mean one invoice."""
    in_file = {row.external_id for row in rows}
    query = select(Account.number, Invoice.number, Invoice.external_id).join(Account, Account.id == Invoice.account_id)
    taken: dict[tuple[str, str], str] = {}
    for account, number, other in session.execute(query.where(is_one_of(Invoice.number, {row.number for row in rows}))):
        if other not in in_file:
            taken[account, number] = other
    for row in rows:
        holder = taken.get((row.account, row.number))
        if holder is not None:
            found.wrong(row.place, f"invoice {row.external_id}: number {row.number} is that of {holder} too", "number")


def _credits(session: Session, rows: Sequence[CreditRow], found: Comparison) -> None:
    for row, known in _known(session, Credit, "credit", rows, found):
        if not _same_money("credit", row, known.amount_minor if known else None, found):
            continue
        if known is None:
            found.new.credits.append(row)
        else:
            _note_change("credit", known, {"reason": row.reason, "created_at": at_noon(row.on)}, found)


def _payments(session: Session, rows: Sequence[PaymentRow], found: Comparison) -> None:
    ours = select(Payment.reference).where(is_one_of(Payment.reference, {row.external_id for row in rows}))
    taken = set(session.scalars(ours.where(Payment.external_id.is_(None)))) if rows else set()
    for row, known in _known(session, Payment, "payment", rows, found):
        if row.external_id in taken:
            found.wrong(row.place, f"payment {row.external_id}: a payment made here has this reference", "external_id")
        elif not _same_money("payment", row, known.amount_minor if known else None, found):
            continue
        elif known is None:
            found.new.payments.append(row)
        else:
            _note_change("payment", known, {"created_at": at_noon(row.on), "decided_at": at_noon(row.on)}, found)
