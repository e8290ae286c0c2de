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
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.models import LedgerTransaction
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


# One statement however many entries: the trigger that refuses imbalance looks at whole statements.
_INSERT_ENTRIES = text("""
    insert into ledger_entries
           (transaction_id, account_id, currency, ledger_account, invoice_id, direction, amount_minor)
    select :transaction_id, cast(:account_id as bigint), :currency, e.*
      from unnest(cast(:ledger_accounts as text[]), cast(:invoice_ids as bigint[]),
                  cast(:directions as text[]), cast(:amounts as bigint[])) as e
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
    entries = [e for e in entries if e.amount]
    currency = entries[0].amount.currency
    transaction = LedgerTransaction(kind=kind, account_id=account_id, currency=currency, payment_id=payment_id, at=now)
    session.add(transaction)
    session.flush()
    session.execute(
        _INSERT_ENTRIES,
        {
            "transaction_id": transaction.id,
            "account_id": account_id,
            "currency": currency,
            "ledger_accounts": [e.ledger_account for e in entries],
            "invoice_ids": [e.invoice_id for e in entries],
            "directions": [e.direction for e in entries],
            "amounts": [e.amount.minor for e in entries],
        },
    )
    return transaction.id
