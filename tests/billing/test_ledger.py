"""The ledger: balanced, append-only, and the same whether money came alone or in a crowd."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from billing import ledger
from billing.database import SessionFactory
from billing.models import Account, Audit, Consent, Credit, Invoice, LedgerEntry, LedgerTransaction, Payment
from billing.money import Money
from billing.payments_elsewhere import PaymentDraft, record_payments
from billing.verify import verify
from tests.billing import builders as b
from tests.billing.builders import cad


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    with sessions.begin() as session:
        return b.an_account(session)


def post(session: Session, account: Account, *entries: ledger.Entry, kind: str = "test") -> int:
    return ledger.post(session, kind=kind, account_id=account.id, entries=entries, now=b.NOW)


def test_a_balanced_transaction_is_written_with_its_entries(sessions: SessionFactory, account: Account) -> None:
    with sessions.begin() as session:
        id_ = post(
            session, account, ledger.debit("goodwill", cad("5.00")), ledger.credit("customer_credit", cad("5.00"))
        )
    with sessions() as session:
        entries = session.scalars(select(LedgerEntry).where(LedgerEntry.transaction_id == id_).order_by(LedgerEntry.id))
        assert [(e.ledger_account, e.direction, e.amount_minor, e.currency) for e in entries] == [
            ("goodwill", "debit", 500, "CAD"),
            ("customer_credit", "credit", 500, "CAD"),
        ]


def test_amounts_of_zero_are_left_out(sessions: SessionFactory, account: Account) -> None:
    with sessions.begin() as session:
        post(
            session,
            account,
            ledger.debit("gateway", cad("5.00")),
            ledger.credit("suspense", cad("5.00")),
            ledger.credit("customer_credit", cad("0.00")),
        )
        assert len(session.scalars(select(LedgerEntry)).all()) == 2


def test_the_database_refuses_what_does_not_balance(sessions: SessionFactory, account: Account) -> None:
    with sessions() as session, pytest.raises(DBAPIError, match="does not balance"):
        post(session, account, ledger.debit("goodwill", cad("5.00")), ledger.credit("customer_credit", cad("4.99")))


def test_one_that_does_not_balance_takes_all_of_its_batch_along(sessions: SessionFactory, account: Account) -> None:
    good = [ledger.debit("goodwill", cad("1.00")), ledger.credit("customer_credit", cad("1.00"))]
    postings = [ledger.Posting("test", account.id, good), ledger.Posting("test", account.id, good[:1])]
    with sessions() as session:
        with pytest.raises(DBAPIError, match="does not balance"):
            ledger.post_many(session, postings, now=b.NOW)
        session.rollback()
        assert session.scalars(select(LedgerTransaction)).all() == []


def test_an_entry_cannot_be_slipped_into_a_transaction_later(sessions: SessionFactory, account: Account) -> None:
    with sessions.begin() as session:
        id_ = post(
            session, account, ledger.debit("goodwill", cad("5.00")), ledger.credit("customer_credit", cad("5.00"))
        )
    late = text(
        "insert into ledger_entries (transaction_id, account_id, currency, ledger_account, direction, amount_minor)"
        " values (:id, :account, 'CAD', 'goodwill', 'debit', 1)"
    )
    with sessions() as session, pytest.raises(DBAPIError, match="does not balance"):
        session.execute(late, {"id": id_, "account": account.id})


@pytest.mark.parametrize(
    "entries",
    [
        [ledger.debit("pocket", cad("1.00")), ledger.credit("revenue", cad("1.00"))],
        [ledger.debit("receivable", cad("1.00")), ledger.credit("revenue", cad("1.00"))],
        [ledger.debit("goodwill", cad("-1.00")), ledger.credit("customer_credit", cad("-1.00"))],
        [ledger.debit("goodwill", cad("1.00")), ledger.credit("customer_credit", Money(100, "USD"))],
    ],
    ids=["an account nobody knows", "a receivable of no invoice", "a negative amount", "two currencies"],
)
def test_the_database_refuses_entries_that_make_no_sense(
    sessions: SessionFactory, account: Account, entries: list[ledger.Entry]
) -> None:
    with sessions() as session, pytest.raises(DBAPIError):
        post(session, account, *entries)


@pytest.mark.parametrize("table", ["ledger_entries", "audit", "consents"])
@pytest.mark.parametrize("statement", ["update {} set id = id", "delete from {}", "truncate {} cascade"])
def test_what_is_written_stays(sessions: SessionFactory, account: Account, table: str, statement: str) -> None:
    with sessions.begin() as session:
        b.an_invoice(session, account)
    b.pay(b.a_context(sessions), account)
    with sessions() as session, pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(statement.format(table)))


@pytest.mark.parametrize("model", [LedgerEntry, Audit, Consent])
def test_what_is_written_stays_for_the_orm_too(sessions: SessionFactory, account: Account, model: type) -> None:
    for statement in (delete(model), update(model).values(id=model.id)):  # type: ignore[attr-defined]
        with sessions() as session, pytest.raises(DBAPIError, match="append-only"):
            session.execute(statement)


def test_ids_come_in_the_order_of_the_postings(sessions: SessionFactory, account: Account) -> None:
    def posting(n: int) -> ledger.Posting:
        amount = Money(n, "CAD")
        return ledger.Posting(f"k{n}", account.id, [ledger.debit("goodwill", amount), ledger.credit("revenue", amount)])

    with sessions.begin() as session:
        ids = ledger.post_many(session, [posting(n) for n in range(1, 300)], now=b.NOW)
        kinds = dict(session.execute(select(LedgerTransaction.id, LedgerTransaction.kind)).all())  # type: ignore[arg-type]
        assert [kinds[id_] for id_ in ids] == [f"k{n}" for n in range(1, 300)]
        amounts = session.execute(text("select transaction_id, max(amount_minor) from ledger_entries group by 1"))
        assert sorted(amounts.all()) == [(id_, n) for n, id_ in enumerate(ids, start=1)]


# ------------------------------------------------------------------------- one by one, or all at once: the same books


def books(session: Session) -> tuple[object, ...]:
    """Everything about money, without ids of rows."""
    return (
        session.execute(
            select(Invoice.number, Invoice.open_minor, Invoice.applied_minor).order_by(Invoice.number)
        ).all(),
        session.execute(
            select(
                Payment.reference, Payment.captured_minor, Payment.allocated_minor, Payment.unapplied_minor
            ).order_by(Payment.reference)
        ).all(),
        session.execute(select(Credit.reason, Credit.amount_minor, Credit.remaining_minor).order_by(Credit.id)).all(),
        session.execute(
            text(
                "select ledger_account, direction, sum(amount_minor)::bigint from ledger_entries"
                " group by 1, 2 order by 1, 2"
            )
        ).all(),
    )


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 300)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 500)), max_size=6),
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 200)), max_size=3),
)
def test_many_payments_at_once_book_what_they_book_one_by_one(
    sessions: SessionFactory,
    invoices: list[tuple[int, int]],
    payments: list[tuple[int, int]],
    credits: list[tuple[int, int]],
) -> None:
    """Lists of (account, cents)."""
    seen = []
    for at_once in (True, False):
        with sessions() as session:
            accounts = [b.an_account(session, method=False) for _ in range(3)]
            for n, (place, cents) in enumerate(invoices):
                amount = str(Money(cents, "CAD").decimal)
                b.an_invoice(session, accounts[place], amount, due_days=n % 4, number=f"N{n}")
            for place, cents in credits:
                b.a_credit(session, accounts[place], str(Money(cents, "CAD").decimal))
            drafts = [
                PaymentDraft(accounts[place].id, f"P{n}", Money(cents, "CAD"), b.NOW + timedelta(hours=n))
                for n, (place, cents) in enumerate(payments)
            ]
            for batch in [drafts] if at_once else [[draft] for draft in drafts]:
                record_payments(session, batch, actor="system:test", now=b.NOW)
            session.flush()
            seen.append(books(session))
            assert [v for v in verify(session) if v.invariant != "7"] == []  # one moment for all of them
            session.rollback()
    assert seen[0] == seen[1]
