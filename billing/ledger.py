"""Double-entry bookkeeping, append-only. Every movement of money is one balanced transaction.

| what happened             | debit            | credit                                  |
|---------------------------|------------------|-----------------------------------------|
| invoice issued            | receivable       | revenue                                 |
| payment captured          | gateway          | receivable per invoice, customer_credit |
| payment made elsewhere    | elsewhere        | the same                                |
| credit granted            | goodwill         | customer_credit                         |
| credit applied            | customer_credit  | receivable per invoice                  |
| captured, currency differs| gateway          | suspense                                |
| refund, invoice reopened  | receivable       | gateway                                 |
| refund, written off       | write_off        | gateway                                 |
| refund of unapplied money | customer_credit  | gateway                                 |
| dispute opened            | disputes         | gateway                                 |
| dispute decided           | gateway          | disputes                                |
| dispute lost, or a return | receivable per invoice, customer_credit | gateway          |
| lost, then won after all  | gateway          | customer_credit                         |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.money import Money


@dataclass(frozen=True, slots=True)
class Entry:
    ledger_account: str
    direction: str  # debit | credit
    amount: Money
    invoice_id: int | None = None


def debit(ledger_account: str, amount: Money, invoice_id: int | None = None) -> Entry:
    return Entry(ledger_account, "debit", amount, invoice_id)


def credit(ledger_account: str, amount: Money, invoice_id: int | None = None) -> Entry:
    return Entry(ledger_account, "credit", amount, invoice_id)


@dataclass(frozen=True, slots=True)
class Posting:
    """One transaction to be written. `account_id` None: money of nobody known."""

    kind: str
    account_id: int | None
    entries: Sequence[Entry]
    payment_id: int | None = None


# Two statements however many transactions: the trigger that refuses imbalance looks at whole statements.
_INSERT_TRANSACTIONS = text("""
    insert into ledger_transactions (kind, account_id, currency, payment_id, at)
    select t.kind, t.account_id, t.currency, t.payment_id, :at
      from unnest(cast(:kinds as text[]), cast(:account_ids as bigint[]), cast(:currencies as text[]),
                  cast(:payment_ids as bigint[])) with ordinality as t(kind, account_id, currency, payment_id, place)
     order by t.place
    returning id
""")
_INSERT_ENTRIES = text("""
    insert into ledger_entries
           (transaction_id, account_id, currency, ledger_account, invoice_id, direction, amount_minor)
    select * from unnest(cast(:transaction_ids as bigint[]), cast(:account_ids as bigint[]),
                         cast(:currencies as text[]), cast(:ledger_accounts as text[]),
                         cast(:invoice_ids as bigint[]), cast(:directions as text[]), cast(:amounts as bigint[]))
""")


def post(
    session: Session,
    *,
    kind: str,
    account_id: int | None,
    entries: Sequence[Entry],
    now: datetime,
    payment_id: int | None = None,
) -> int:
    """Writes one transaction with its entries (two statements) and returns its id. Zero amounts are left out.

    The database raises IntegrityError when debits and credits differ.
    """
    return post_many(session, [Posting(kind, account_id, entries, payment_id)], now=now)[0]


def post_many(session: Session, postings: Sequence[Posting], *, now: datetime) -> list[int]:
    """The same for any number of transactions, still in two statements; the ids in the order of `postings`."""
    if not postings:
        return []
    session.flush()
    returned = session.scalars(
        _INSERT_TRANSACTIONS,
        {
            "kinds": [p.kind for p in postings],
            "account_ids": [p.account_id for p in postings],
            "currencies": [p.entries[0].amount.currency for p in postings],
            "payment_ids": [p.payment_id for p in postings],
            "at": now,
        },
    )
    ids = sorted(returned)  # identities are drawn in the order of `place`; RETURNING promises no order
    rows = [(i, p, e) for i, p in zip(ids, postings, strict=True) for e in p.entries if e.amount]
    session.execute(
        _INSERT_ENTRIES,
        {
            "transaction_ids": [i for i, _, _ in rows],
            "account_ids": [p.account_id for _, p, _ in rows],
            "currencies": [e.amount.currency for _, _, e in rows],
            "ledger_accounts": [e.ledger_account for _, _, e in rows],
            "invoice_ids": [e.invoice_id for _, _, e in rows],
            "directions": [e.direction for _, _, e in rows],
            "amounts": [e.amount.minor for _, _, e in rows],
        },
    )
    return ids
