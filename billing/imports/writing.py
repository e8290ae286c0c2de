"""What the comparison found, written in batches: a constant number of statements per round of records."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import any_, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.orm import Session

from billing.booking import apply_credit
from billing.credits import CreditDraft, grant_credits
from billing.imports.comparing import Change, Comparison, at_noon, money
from billing.imports.records import CreditRow, PaymentRow, Records
from billing.invoices import InvoiceDraft, issue_invoices
from billing.models import Account, PortalUser
from billing.payments_elsewhere import PaymentDraft, record_payments
from billing.pins import hash_pin

ACTOR = "system:import"
BATCH = 2_000  # records per round, and per step of the progress
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counts:
    new: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """By kind of record (account, portal_user, invoice, credit, payment), what became of the file's records."""

    counts: dict[str, Counts]

    @property
    def changed_anything(self) -> bool:
        return any(count.new or count.updated for count in self.counts.values())


@dataclass(slots=True)
class Writer:
    """One import on its way into the books, inside the caller's transaction."""

    session: Session
    found: Comparison
    now: datetime
    progress: Callable[[int, int], None]
    total: int
    done: int = 0
    languages: dict[str, str] = field(default_factory=dict)

    def write(self) -> ImportReport:
        """Changes first (a due date decides who is paid first), then invoices, then credits and payments by day."""
        new = self.found.new
        self._step(sum(self.found.unchanged.values()))
        self._write_changes()
        self._insert_accounts()
        self._insert_users()
        self._lock_accounts()
        self._issue_invoices()
        self._book_credits_and_payments()
        touched = {row.account for rows in (new.invoices, new.credits, new.payments) for row in rows}
        for numbers in _batches(sorted(touched)):
            apply_credit(self.session, [self.found.account_ids[number] for number in numbers], now=self.now)
        return ImportReport(_counts(self.found))

    def _step(self, records: int) -> None:
        self.done += records
        self.progress(self.done, self.total)

    def _write_changes(self) -> None:
        self._park_emails()
        by_model: dict[tuple[type[Any], frozenset[str]], list[Change]] = {}
        for change in self.found.changes:
            by_model.setdefault((change.model, frozenset(change.after)), []).append(change)
        for (model, _), changes in by_model.items():
            for batch in _batches(changes):
                self.session.execute(update(model), [{"id": change.id, **change.after} for change in batch])
                self._audit("updated", [(model.__tablename__, c.id, _told(c.before), _told(c.after)) for c in batch])
                self._step(len(batch))

    def _park_emails(self) -> None:
        """Two users who swap addresses would meet the unique key half-way."""
        moving = [c.id for c in self.found.changes if c.model is PortalUser and "email" in c.after]
        if moving:
            these = PortalUser.id == any_(literal(moving, ARRAY(BIGINT)))
            parked = PortalUser.external_id + "@moving.invalid"
            self.session.execute(
                update(PortalUser).where(these).values(email=parked), execution_options={"synchronize_session": False}
            )

    def _insert_accounts(self) -> None:
        for batch in _batches(self.found.new.accounts):
            ids = self.session.scalars(
                insert(Account).returning(Account.id, sort_by_parameter_order=True),
                [
                    {
                        "number": row.number,
                        "name": row.name,
                        "currency": row.currency,
                        "language": row.language,
                        "billing_address": row.billing_address,
                        "pin_hash": hash_pin(row.pin) if row.pin is not None else None,
                    }
                    for row in batch
                ],
            ).all()
            self.found.account_ids |= {row.number: id_ for row, id_ in zip(batch, ids, strict=True)}
            self._audit(
                "created", [("accounts", id_, None, {"number": r.number}) for id_, r in zip(ids, batch, strict=True)]
            )
            self._step(len(batch))

    def _insert_users(self) -> None:
        numbers = sorted({row.account for row in self.found.new.users})
        ids = [self.found.account_ids[number] for number in numbers]
        query = select(Account.id, Account.language).where(Account.id == any_(literal(ids, ARRAY(BIGINT))))
        languages = {row.id: row.language for row in self.session.execute(query)}
        for batch in _batches(self.found.new.users):
            user_ids = self.session.scalars(
                insert(PortalUser).returning(PortalUser.id, sort_by_parameter_order=True),
                [
                    {
                        "account_id": self.found.account_ids[row.account],
                        "external_id": row.external_id,
                        "position": row.position,
                        "name": row.name,
                        "email": row.email,
                        "phone": row.phone,
                        "language": row.language or languages[self.found.account_ids[row.account]],
                        "notifications": row.notifications,
                    }
                    for row in batch
                ],
            ).all()
            created = zip(user_ids, batch, strict=True)
            self._audit("created", [("portal_users", id_, None, {"external_id": r.external_id}) for id_, r in created])
            self._step(len(batch))

    def _lock_accounts(self) -> None:
        """In one order, before any money moves: a payment under way on one of them waits, or is waited for."""
        new = self.found.new
        touched = {
            self.found.account_ids[row.account] for rows in (new.invoices, new.credits, new.payments) for row in rows
        }
        these = Account.id == any_(literal(sorted(touched), ARRAY(BIGINT)))
        self.session.execute(select(Account.id).where(these).order_by(Account.id).with_for_update())

    def _issue_invoices(self) -> None:
        for batch in _batches(self.found.new.invoices):
            drafts = [
                InvoiceDraft(
                    self.found.account_ids[row.account],
                    row.external_id,
                    row.number,
                    money(row, self.found.currencies[row.account]),
                    row.issued_on,
                    row.due_on,
                )
                for row in batch
            ]
            ids = issue_invoices(self.session, drafts, now=self.now)
            self._audit(
                "issued",
                [("invoices", id_, None, {"total_minor": d.total.minor}) for id_, d in zip(ids, drafts, strict=True)],
            )
            self._step(len(batch))

    def _book_credits_and_payments(self) -> None:
        """By day, so that a credit granted after a payment does not take the payment's invoice."""
        new = self.found.new
        for run in _in_turns(sorted([*new.credits, *new.payments], key=lambda row: row.on)):
            for batch in _batches(run):
                self._grant([row for row in batch if isinstance(row, CreditRow)])
                self._record([row for row in batch if isinstance(row, PaymentRow)])
                self._step(len(batch))

    def _grant(self, rows: Sequence[CreditRow]) -> None:
        drafts = [
            CreditDraft(
                self.found.account_ids[row.account],
                row.external_id,
                money(row, self.found.currencies[row.account]),
                row.reason,
                at_noon(row.on),
            )
            for row in rows
        ]
        ids = grant_credits(self.session, drafts, now=self.now)
        granted = zip(ids, drafts, strict=True)
        self._audit("granted", [("credits", id_, None, {"amount_minor": d.amount.minor}) for id_, d in granted])

    def _record(self, rows: Sequence[PaymentRow]) -> None:
        drafts = [
            PaymentDraft(
                self.found.account_ids[row.account],
                row.external_id,
                money(row, self.found.currencies[row.account]),
                at_noon(row.on),
            )
            for row in rows
        ]
        if not drafts:
            return
        record_payments(self.session, drafts, actor=ACTOR, now=self.now)
        self.session.expunge_all()  # thousands of payments are not to be looked after to the end of the file

    def _audit(self, cause: str, rows: Sequence[tuple[str, int, dict[str, Any] | None, dict[str, Any]]]) -> None:
        if not rows:
            return
        self.session.execute(
            _INSERT_AUDIT,
            {
                "at": self.now,
                "actor": ACTOR,
                "cause": cause,
                "entities": [table.removesuffix("s") for table, _, _, _ in rows],
                "entity_ids": [str(id_) for _, id_, _, _ in rows],
                "befores": [before and _json(before) for _, _, before, _ in rows],
                "afters": [_json(after) for _, _, _, after in rows],
            },
        )


_INSERT_AUDIT = text("""
    insert into audit (at, actor, cause, entity, entity_id, before, after)
    select :at, :actor, :cause, d.entity, d.entity_id, cast(d.before as jsonb), cast(d.after as jsonb)
      from unnest(cast(:entities as text[]), cast(:entity_ids as text[]), cast(:befores as text[]),
                  cast(:afters as text[])) with ordinality as d(entity, entity_id, before, after, place)
     order by d.place
""")


def _told(values: dict[str, Any]) -> dict[str, Any]:
    """For the audit trail, which says that a PIN changed and nothing more."""
    return values | {"pin_hash": "***"} if "pin_hash" in values else values


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, default=str)  # days and instants


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _in_turns(rows: Sequence[CreditRow | PaymentRow]) -> Iterator[Sequence[CreditRow | PaymentRow]]:
    """Payments and credits by turns, with each account's own rows kept in order: few runs, each of one type."""
    turns: dict[int, list[CreditRow | PaymentRow]] = defaultdict(list)  # payments in the even ones
    latest: dict[str, int] = {}
    for row in rows:
        turn, parity = latest.get(row.account, 0), int(isinstance(row, CreditRow))
        latest[row.account] = turn if turn % 2 == parity else turn + 1
        turns[latest[row.account]].append(row)
    for turn in sorted(turns):
        yield turns[turn]


def _counts(found: Comparison) -> dict[str, Counts]:
    new: Records = found.new
    lengths: Counter[str] = Counter(
        account=len(new.accounts),
        portal_user=len(new.users),
        invoice=len(new.invoices),
        credit=len(new.credits),
        payment=len(new.payments),
    )
    return {kind: Counts(count, found.updated[kind], found.unchanged[kind]) for kind, count in lengths.items()}
