"""`verify` says nothing about sound books, and exactly what is wrong with others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.database import SessionFactory
from billing.imports import import_file
from billing.invariants import INVARIANTS
from billing.reconcile import refresh_payment
from billing.refunds import refund_payment
from billing.verify import verify
from tests.billing import builders as b
from tests.billing.builders import cad
from tests.billing.test_imports import DEMO
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def books(sessions: SessionFactory) -> SessionFactory:
    """A bit of everything, made by the services. Rows are numbered from 1, so that plants can name them.

    Account 1 (two users): OLD 200.00, NEW 100.00; payment 1 declined, payment 2 takes all, refund 1 gives 50.00 back,
    payment 3 succeeded after an unknown outcome. Account 2: credit 1 of 35.00 and payment 4 of more than is owed.
    Account 3: payment 5 pays 15.00 of two invoices of 20.00.
    """
    clock, gateway = b.Clock(), FakeGateway()
    context = b.a_context(sessions, gateway, now=clock)
    with sessions.begin() as session:
        one, two, three = b.an_account(session, users=2), b.an_account(session), b.an_account(session)
        session.execute(text("update portal_users set created_at = :at"), {"at": b.NOW})
        b.an_invoice(session, one, "200.00", due_days=-60, number="OLD")
        b.an_invoice(session, one, "100.00", due_days=5, number="NEW")
        b.a_credit(session, two)
        b.an_invoice(session, two, "60.00")
        b.an_invoice(session, three, "20.00", due_days=-10, number="FIRST")
        b.an_invoice(session, three, "20.00", number="SECOND")
        bad = b.a_method(session, one, reference="tok_bad")
        slow = b.a_method(session, one, reference="tok_slow")
    gateway.behaviours |= {"tok_bad": "declined", "tok_slow": "charged_but_lost"}
    for account, amount, method in ((one, None, bad), (one, None, None)):
        clock.forward(minutes=1)
        payment = b.pay(context, account, amount, method=method)
    clock.forward(minutes=1)
    refund_payment(context, payment.id, cad("50.00"), operator="ana", reopen_invoices=True)
    clock.forward(minutes=1)
    lost = b.pay(context, one, method=slow)
    clock.forward(minutes=1)
    refresh_payment(context, lost.id)
    clock.forward(minutes=1)
    b.pay(context, two, "99.00")
    clock.forward(minutes=1)
    b.pay(context, three, "15.00")
    return sessions


def reported(session: Session) -> dict[str, list[str]]:
    """Quotes are numbered by age here: their ids are random."""
    quotes = session.scalars(text("select 'quotes:' || id from quotes order by created_at")).all()
    return {
        violation.invariant: sorted(f"quotes:{quotes.index(r) + 1}" if r in quotes else r for r in violation.rows)
        for violation in verify(session)
    }


@contextmanager
def planted(sessions: SessionFactory, *statements: str) -> Iterator[Session]:
    """The books with something wrong in them; constraints and triggers, which would not have it, are put aside."""
    with sessions() as session:
        session.execute(text("set local session_replication_role = replica"))
        kinds = "'c', 'u', 'f'"
        drop = session.scalars(
            text(
                "select format('alter table %s drop constraint %I cascade', conrelid::regclass, conname)"
                f" from pg_constraint where contype in ({kinds}) and connamespace = 'public'::regnamespace"
                " and conrelid::regclass::text !~ '^procrastinate' order by contype = 'u'"
            )
        ).all()
        for statement in (*drop, "drop index uq_payments_one_open", "drop index uq_refunds_one_pending", *statements):
            session.execute(text(statement))
        yield session
        session.rollback()


def test_sound_books_have_no_violation(books: SessionFactory) -> None:
    with books() as session:
        assert reported(session) == {}


def test_empty_books_have_no_violation(sessions: SessionFactory) -> None:
    with sessions() as session:
        assert reported(session) == {}


def test_imported_books_have_no_violation(sessions: SessionFactory) -> None:
    import_file(sessions, DEMO, today=b.TODAY, now=b.NOW)
    with sessions() as session:
        assert reported(session) == {}


ENTRY = (
    "insert into ledger_entries (transaction_id, account_id, currency, ledger_account, invoice_id, direction,"
    " amount_minor) values "
)
AUDIT = "insert into audit (at, actor, cause, entity, entity_id, before, after) values "

# What is done to the books, and the rows that every invariant which notices must name.
PLANTS: list[tuple[str, list[str], dict[str, list[str]]]] = [
    (
        "a transaction that does not balance",
        [ENTRY + "(1, 1, 'CAD', 'revenue', null, 'credit', 1)"],
        {"1": ["ledger_transactions:1"]},
    ),
    (
        "a trigger put aside",
        ["alter table audit disable trigger audit_append_only",
         "drop trigger ledger_entries_balanced on ledger_entries"],
        {"2": ["triggers:audit_append_only", "triggers:ledger_entries_balanced"]},
    ),
    (
        "an entry of a negative amount",
        ["update ledger_entries set amount_minor = -amount_minor where transaction_id = 1"],
        {"3": ["ledger_entries:1", "ledger_entries:2"], "9": ["invoices:1"]},
    ),
    (
        "an invoice whose parts are not its total",
        ["update invoices set total_minor = total_minor + 1 where id = 1"],
        {"4": ["invoices:1"]},
    ),
    (
        "an invoice that is open again for no reason",
        ["update invoices set open_minor = 100, applied_minor = total_minor - 100 where id = 1"],
        {"4": ["invoices:1"], "9": ["invoices:1"]},
    ),
    (
        "a payment with a part that nothing explains",
        ["update payments set suspense_minor = 5 where id = 2"],
        {"5": ["payments:2"]},
    ),
    (
        "a payment that says it allocated more than it did",
        ["update payments set allocated_minor = allocated_minor + 1, refunded_minor = refunded_minor - 1 where id = 2"],
        {"5": ["payments:2"], "9": ["payments:2"]},
    ),
    (
        "an allocation to somebody else's invoice",
        ["update allocations set account_id = 2 where id = 2"],
        {"6": ["allocations:2"]},
    ),
    (
        "the newest invoice paid first",
        ["update invoices set due_on = '2027-06-01' where number = 'FIRST'"],
        {"7": ["invoices:4"]},
    ),
    (
        "a refund of more than was captured",
        ["update refunds set amount_minor = 30001, state = 'pending' where id = 1"],
        {"5": ["payments:2"], "8": ["payments:2"], "25": ["refunds:1"]},
    ),
    (
        "credit that came from nowhere",
        ["update credits set remaining_minor = remaining_minor + 1 where payment_id is null"],
        {"9": ["accounts:2"]},
    ),
    (
        "a write-off without an entry",
        ["insert into invoices select 6, account_id, 'x', 'X', currency, 100, 100, 0, 0, issued_on, due_on, created_at"
         " from invoices where id = 1",
         "update invoices set open_minor = 0, written_off_minor = 100 where id = 6"],
        {"9": ["accounts:1"]},
    ),
    (
        "two open payments",
        ["update payments set state = 'unknown' where id in (2, 3)"],
        {"10": ["accounts:1"], "13": ["payments:2", "payments:3"], "19": [f"notices:{n}" for n in range(3, 7)],
         "25": ["payments:2", "payments:3"]},
    ),
    (
        "one gateway object for two attempts",
        ["update attempts set gateway_object_id = 'pay_1' where id = 2"],
        {"11": ["attempts:2"]},
    ),
    (
        "one key for two attempts",
        ["update attempts set idempotency_key = (select idempotency_key from attempts where id = 1) where id = 3"],
        {"11": ["attempts:3"]},
    ),
    (
        "a second attempt of one payment",
        ["update attempts set payment_id = 2, number = 2 where id = 1"],
        {"11": ["payments:2"], "12": ["payments:1"]},
    ),
    (
        "a payment without an attempt",
        ["delete from attempts where payment_id = 1"],
        {"12": ["payments:1"]},
    ),
    (
        "a capture booked twice",
        ["insert into ledger_transactions (kind, account_id, currency, payment_id, at)"
         " values ('payment', 1, 'CAD', 2, now())"],
        {"13": ["payments:2"]},
    ),
    (
        "a capture booked from the wrong place",
        ["update ledger_entries set ledger_account = 'elsewhere'"
         " where ledger_account = 'gateway' and direction = 'debit'"
         " and transaction_id in (select id from ledger_transactions where payment_id = 3)"],
        {"13": ["payments:3"]},
    ),
    (
        "a success that the gateway has nothing of",
        ["update attempts set gateway_object_id = null where payment_id = 4"],
        {"14": ["payments:4"]},
    ),
    (
        "an undeclared transition",
        [AUDIT + "(now(), 'x', 'x', 'payment', '1', '{\"state\": \"declined\"}', '{\"state\": \"unknown\"}')",
         AUDIT + "(now(), 'x', 'x', 'payment', '1', '{\"state\": \"unknown\"}', '{\"state\": \"declined\"}')"],
        {"15": ["audit:14"]},
    ),
    (
        "a payment started while another was undecided",
        ["update audit set id = 1000 where entity = 'payment' and entity_id = '1' and before is not null"],
        {"16": ["payments:2", "payments:3"]},
    ),
    (
        "a charge of another amount than was quoted",
        ["update payments set amount_minor = amount_minor + 1 where id = 1"],
        {"17": ["payments:1"]},
    ),
    (
        "a capture that differs and that nobody was told of",
        ["update payments set amount_minor = 9901 where id = 4",
         "update quotes set amount_minor = 9901 where id = (select quote_id from payments where id = 4)"],
        {"17": ["payments:4"]},
    ),
    (
        "a quote that was charged twice",
        ["update payments set quote_id = (select quote_id from payments where id = 1) where id = 2"],
        {"18": ["quotes:1", "quotes:2"]},
    ),
    (
        "a quote that was charged after it had expired",
        ["update quotes set expires_at = created_at where id = (select quote_id from payments where id = 4)"],
        {"18": ["quotes:4"]},
    ),
    (
        "a charge without a consent",
        ["delete from consents where quote_id = (select quote_id from payments where id = 4)"],
        {"18": ["quotes:4"]},
    ),
    (
        "a receipt of a declined payment",
        ["update notices set kind = 'receipt' where payment_id = 1 and id = 1"],
        {"19": ["notices:1"]},
    ),
    (
        "an event that was applied twice",
        ["update audit set cause = 'event:evt_1' where entity = 'payment' and entity_id = '2'"],
        {"20": ["audit:4"]},
    ),
    (
        "a receipt that was never written",
        ["delete from notices where payment_id = 3"],
        {"21": ["payments:3"]},
    ),
    (
        "two receipts to one recipient",
        ["insert into notices (account_id, payment_id, kind, recipient, language, state, created_at)"
         " select account_id, payment_id, kind, upper(recipient), language, 'sent', now() from notices where id = 3"],
        {"21": ["notices:9"]},
    ),
    (
        "a notice without a job",
        ["delete from procrastinate_jobs where (args ->> 'notice_id')::int = 3"],
        {"21": ["notices:3"]},
    ),
    (
        "a state that no audit row led to",
        ["update payments set state = 'canceled' where id = 1"],
        {"25": ["payments:1"]},
    ),
    (
        "a gap in the trail",
        ["update audit set before = '{\"state\": \"unknown\"}' where entity = 'payment' and entity_id = '2'"
         " and before is not null"],
        {"25": ["audit:4"]},
    ),
]  # fmt: skip


def test_every_planted_violation_is_reported_with_its_rows_and_nothing_else(books: SessionFactory) -> None:
    found = {}
    for name, statements, _ in PLANTS:
        with planted(books, *statements) as session:
            found[name] = reported(session)
    assert found == {name: expected for name, _, expected in PLANTS}


def test_every_invariant_has_a_plant() -> None:
    assert {number for _, _, expected in PLANTS for number in expected} == {i.number for i in INVARIANTS}
