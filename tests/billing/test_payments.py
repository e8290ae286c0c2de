"""The protocol of one payment, with a gateway that remembers and a database that is real."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import IntegrityError

from billing import inbox, quotes, reconcile
from billing.accounts import position
from billing.closing import try_to_close
from billing.context import Context
from billing.database import SessionFactory
from billing.errors import PaymentUnderWay, QuoteExpired, QuoteNotOpen, QuoteOutdated
from billing.gateways.base import BANK_DEBIT_ON_PAGE, BillingDetails, ChargeOrder, GatewayStatus, MethodInfo
from billing.models import (
    Account,
    Allocation,
    Attempt,
    Audit,
    Consent,
    EventReceived,
    LedgerEntry,
    Notice,
    OperatorItem,
    Payment,
    PaymentMethod,
    Quote,
)
from billing.money import Money
from billing.payment_records import latest_attempt
from billing.payments import NewMethod, start_payment
from billing.receipts import receipt
from billing.verify import verify
from tests.billing.builders import (
    TODAY,
    Clock,
    a_consent,
    a_context,
    a_credit,
    a_method,
    a_quote,
    a_user,
    an_account,
    an_invoice,
    cad,
    pay,
    some_settings,
)
from tests.support.fake_gateway import Behaviour, FakeGateway


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway, clock: Clock) -> Context:
    return a_context(sessions, gateway, now=clock)


@pytest.fixture
def account(sessions: SessionFactory) -> Iterator[Account]:
    """Three invoices, 452.10 in all."""
    with sessions.begin() as session:
        account = an_account(session)
        an_invoice(session, account, "200.00", due_days=-60, number="INV-1")
        an_invoice(session, account, "152.10", due_days=-30, number="INV-2")
        an_invoice(session, account, "100.00", due_days=5, number="INV-3")
    yield account


def balance(context: Context, account: Account) -> str:
    with context.sessions() as session:
        return str(position(session, account.id, TODAY).balance)


def state(context: Context, payment: Payment) -> str:
    with context.sessions() as session:
        return session.get_one(Payment, payment.id).state


def count(context: Context, table: type) -> int:
    with context.sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def behave(gateway: FakeGateway, context: Context, account: Account, behaviour: str) -> None:
    with context.sessions() as session:
        method = session.scalars(select(PaymentMethod).where(PaymentMethod.account_id == account.id)).first()
        assert method is not None
        gateway.behaviours[method.gateway_reference] = behaviour  # type: ignore[assignment]


# ------------------------------------------------------------------------------------------------ the good way


def test_paying_all_of_it_pays_every_invoice(context: Context, account: Account, gateway: FakeGateway) -> None:
    payment = pay(context, account)
    assert payment.state == "succeeded"
    assert balance(context, account) == "0.00 CAD"
    assert [str(p.captured) for p in gateway.charges()] == ["452.10 CAD"]
    with context.sessions() as session:
        told = receipt(session, payment.id, TODAY)
    assert [(s.number, str(s.amount), str(s.left)) for s in told.shares] == [
        ("INV-1", "200.00 CAD", "0.00 CAD"),
        ("INV-2", "152.10 CAD", "0.00 CAD"),
        ("INV-3", "100.00 CAD", "0.00 CAD"),
    ]
    assert not told.differs_from_quote


def test_a_part_goes_to_the_oldest_invoice_first(context: Context, account: Account) -> None:
    payment = pay(context, account, "250.00")
    with context.sessions() as session:
        told = receipt(session, payment.id, TODAY)
    assert [(s.number, str(s.left)) for s in told.shares] == [("INV-1", "0.00 CAD"), ("INV-2", "102.10 CAD")]


def test_what_no_invoice_takes_becomes_credit_and_pays_the_next_invoice(context: Context, account: Account) -> None:
    payment = pay(context, account, "500.00")
    assert balance(context, account) == "-47.90 CAD"
    with context.sessions.begin() as session:
        an_invoice(session, account, "40.00", due_days=30)
    assert balance(context, account) == "-7.90 CAD"
    with context.sessions() as session:
        after = session.get_one(Payment, payment.id)
        assert (after.allocated_minor, after.unapplied_minor) == (492_10, 7_90)


def test_older_credit_is_used_before_the_payment(context: Context, account: Account) -> None:
    with context.sessions.begin() as session:
        a_credit(session, account, "52.10")
    payment = pay(context, account)
    assert str(payment.amount) == "400.00 CAD"
    assert balance(context, account) == "0.00 CAD"


def test_the_number_of_statements_does_not_grow_with_the_number_of_invoices(
    context: Context, sessions: SessionFactory
) -> None:
    def statements(invoices: int) -> int:
        with sessions.begin() as session:
            account = an_account(session)
            for day in range(invoices):
                an_invoice(session, account, "10.00", due_days=-day)
        seen: list[str] = []

        def note(_c: object, _cur: object, statement: str, *_: object) -> None:
            seen.append(statement)

        engine = sessions.kw["bind"]
        event.listen(engine, "before_cursor_execute", note)
        assert pay(context, account).state == "succeeded"
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(1) == statements(60)


def test_receipts_go_once_to_the_billing_email_and_to_users_who_want_them(context: Context, account: Account) -> None:
    with context.sessions.begin() as session:
        a_user(session, account, email="second@northwind.example")
        a_user(session, account, email="silent@northwind.example", notifications=False)
    payment = pay(context, account)
    with context.sessions() as session:
        notices = session.scalars(select(Notice).where(Notice.payment_id == payment.id)).all()
        jobs = session.connection().exec_driver_sql(
            "select count(*) from procrastinate_jobs where task_name = 'send_notice'"
        )
        assert jobs.scalar_one() == len(notices)
        recipients = [n.recipient for n in notices]
    assert len(recipients) == 2
    assert "second@northwind.example" in recipients
    assert "silent@northwind.example" not in recipients


def test_the_consent_keeps_where_the_yes_came_from_and_the_mandate_word_for_word(
    context: Context, account: Account
) -> None:
    with context.sessions.begin() as session:
        quote = a_quote(session, account, "50.00")
    given = replace(a_consent(), mandate_text="I authorize…", address="203.0.113.7", user_agent="A browser")
    start_payment(context, quote.id, given)
    with context.sessions() as session:
        kept = session.scalars(select(Consent)).one()
    assert (kept.mandate_text, kept.address, kept.user_agent) == ("I authorize…", "203.0.113.7", "A browser")


def test_the_consent_keeps_what_was_said_and_every_state_change_is_audited(context: Context, account: Account) -> None:
    payment = pay(context, account)
    with context.sessions() as session:
        consent = session.scalars(select(Consent).where(Consent.quote_id == payment.quote_id)).one()
        trail = session.scalars(select(Audit).where(Audit.entity == "payment").order_by(Audit.id)).all()
    assert consent.said == "I will charge that. Is that right?"
    assert [(a.before, a.after and a.after["state"]) for a in trail] == [
        (None, "submitting"),
        ({"state": "submitting"}, "succeeded"),
    ]


# ------------------------------------------------------------------------------------------ what must not charge


def test_a_second_yes_charges_nothing_and_names_the_first_payment(context: Context, account: Account) -> None:
    payment = pay(context, account, "50.00")
    assert payment.quote_id is not None
    with pytest.raises(QuoteNotOpen) as refused:
        start_payment(context, payment.quote_id, a_consent())
    assert (refused.value.state, refused.value.payment_id) == ("consumed", payment.id)


def test_a_yes_to_a_replaced_quote_charges_nothing(
    context: Context, account: Account, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    with sessions.begin() as session:
        old = a_quote(session, account, "50.00")
        a_quote(session, account, "60.00")
    with pytest.raises(QuoteNotOpen, match="replaced"):
        start_payment(context, old.id, a_consent())
    assert gateway.calls == []


def test_an_expired_quote_charges_nothing(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    with context.sessions.begin() as session:
        quote = a_quote(session, account, "50.00")
    clock.forward(minutes=5)
    with pytest.raises(QuoteExpired):
        start_payment(context, quote.id, a_consent())
    assert gateway.calls == []


def test_a_quote_whose_invoices_changed_charges_nothing_and_is_void(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    with context.sessions.begin() as session:
        quote = a_quote(session, account, "450.00")
        an_invoice(session, account, "20.00", due_days=-90)
    with pytest.raises(QuoteOutdated):
        start_payment(context, quote.id, a_consent())
    assert gateway.calls == []
    with context.sessions() as session:
        assert quotes.get_quote(session, quote.id).state == "void"


def test_a_quote_that_nobody_heard_charges_nothing(context: Context, account: Account, gateway: FakeGateway) -> None:
    with context.sessions.begin() as session:
        quote = a_quote(session, account, "50.00")
        session.get_one(Quote, quote.id).delivered_at = None
    with pytest.raises(QuoteOutdated):
        start_payment(context, quote.id, a_consent())
    assert gateway.calls == []


def test_a_removed_card_charges_nothing(context: Context, account: Account, gateway: FakeGateway) -> None:
    with context.sessions.begin() as session:
        quote = a_quote(session, account, "50.00")
        session.get_one(PaymentMethod, quote.method_id).state = "removed"
    with pytest.raises(QuoteOutdated):
        start_payment(context, quote.id, a_consent())
    assert gateway.calls == []


def test_no_second_payment_while_one_is_undecided(context: Context, account: Account, gateway: FakeGateway) -> None:
    behave(gateway, context, account, "processing")
    first = pay(context, account, "50.00")
    with pytest.raises(PaymentUnderWay) as refused:
        pay(context, account, "60.00")
    assert refused.value.payment_id == first.id


def test_the_database_itself_refuses_a_second_undecided_payment(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    behave(gateway, context, account, "processing")
    first = pay(context, account, "50.00")
    with context.sessions() as session:
        row = {c.key: getattr(first, c.key) for c in Payment.__table__.columns if c.key not in ("id", "quote_id")}
        session.add(Payment(**row | {"reference": "OTHER", "gateway": "elsewhere"}))
        with pytest.raises(IntegrityError, match="uq_payments_one_open"):
            session.flush()


def test_eight_yeses_at_once_make_one_charge(
    context: Context, account: Account, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    with sessions.begin() as session:
        quote = a_quote(session, account, "50.00")
    results: list[object] = []

    def yes() -> None:
        try:
            results.append(start_payment(context, quote.id, a_consent()).state)
        except QuoteNotOpen as refused:
            results.append(refused.state)

    threads = [threading.Thread(target=yes) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["consumed"] * 7 + ["succeeded"]
    assert len(gateway.charges()) == 1


def test_no_transaction_is_open_while_the_gateway_thinks(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    open_transactions: list[int] = []

    def look() -> None:
        with context.sessions() as session:
            query = (
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and starts_with(state, 'idle in transaction')"
            )
            open_transactions.append(session.connection().exec_driver_sql(query).scalar_one())

    gateway.before_confirm = look
    assert pay(context, account).state == "succeeded"
    assert open_transactions == [0]


# ------------------------------------------------------------------------------------- declined, pending, unknown


def test_a_decline_is_final_keeps_the_reason_for_the_operator_and_leaves_the_balance(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    behave(gateway, context, account, "declined")
    payment = pay(context, account)
    assert (payment.state, payment.decline_code) == ("declined", "card_declined")
    assert balance(context, account) == "452.10 CAD"
    behave(gateway, context, account, "succeeded")
    assert pay(context, account).state == "succeeded"
    with context.sessions() as session:
        keys = session.scalars(select(Attempt.idempotency_key)).all()
        objects = session.scalars(select(Attempt.gateway_object_id)).all()
    assert len(set(keys)) == len(set(objects)) == 2


def test_another_card_after_a_decline_is_a_new_quote_a_new_object_and_a_new_key_and_the_old_one_is_cancelled(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    gateway.reopens = True
    gateway.behaviours["tok_bad"] = "declined"
    details = BillingDetails("new@northwind.example")
    assert pay(context, account, new_method=NewMethod("tok_bad", details)).state == "declined"
    assert pay(context, account, new_method=NewMethod("tok_good", details)).state == "succeeded"
    assert [verb for verb, _ in gateway.calls] == [
        *("create_payment", "confirm_payment"),
        *("cancel_payment", "create_payment", "confirm_payment"),
    ]
    assert [(p.status, str(p.captured)) for p in gateway.payments.values()] == [
        ("canceled", "None"),
        ("succeeded", "452.10 CAD"),
    ]
    with context.sessions() as session:
        attempts = session.scalars(select(Attempt).order_by(Attempt.id)).all()
        assert len({a.idempotency_key for a in attempts}) == len({a.gateway_object_id for a in attempts}) == 2
        assert [a.closed_at is not None for a in attempts] == [True, False]
        assert len(set(session.scalars(select(Payment.quote_id)))) == 2


# ------------------------------------------------------------------------------- what a decline leaves at the gateway


def jobs(context: Context, task: str) -> list[int]:
    """The payments for which `task` is queued."""
    with context.sessions() as session:
        query = text("select (args ->> 'payment_id')::bigint from procrastinate_jobs where task_name = :task")
        return list(session.scalars(query, {"task": task}))


def closed(context: Context, payment: Payment) -> bool:
    with context.sessions() as session:
        return latest_attempt(session, payment.id).closed_at is not None


@pytest.mark.parametrize("reopens", [True, False])
def test_a_declined_object_is_closed_by_a_job_at_once_and_only_once(
    context: Context, account: Account, gateway: FakeGateway, reopens: bool
) -> None:
    """A gateway whose declined objects are final answers "declined" to the cancel, and that will do."""
    gateway.reopens = reopens
    behave(gateway, context, account, "declined")
    payment = pay(context, account)
    assert jobs(context, "close_declined") == [payment.id]
    for _ in range(3):
        try_to_close(context, payment.id)
    assert closed(context, payment) and state(context, payment) == "declined"
    behave(gateway, context, account, "succeeded")
    assert pay(context, account).state == "succeeded"
    assert gateway.count("cancel_payment") == 1


def test_what_the_job_could_not_close_is_swept_up(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    gateway.reopens = True
    behave(gateway, context, account, "declined")
    payment = pay(context, account)
    gateway.fail_next("cancel_payment", "unreachable", "lost", "lost")
    try_to_close(context, payment.id)
    for minutes in (1, 1, 3, 5):
        assert not closed(context, payment)
        clock.forward(minutes=minutes)
        reconcile.reconcile_due(context)
    assert closed(context, payment)
    assert gateway.count("cancel_payment") == 4
    clock.forward(hours=2)
    assert reconcile.reconcile_due(context) == 0


def test_what_can_never_be_cancelled_is_an_operators(context: Context, account: Account, gateway: FakeGateway) -> None:
    behave(gateway, context, account, "declined")
    payment = pay(context, account)
    gateway.fail_next("cancel_payment", "rejected")
    try_to_close(context, payment.id)
    with context.sessions() as session:
        item = session.scalars(select(OperatorItem)).one()
    assert (item.kind, item.payment_id) == ("not_closed", payment.id)


@pytest.mark.parametrize("trouble", ["unreachable", "lost", "rejected"])
def test_nothing_new_is_started_while_the_declined_one_cannot_be_closed(
    context: Context, account: Account, gateway: FakeGateway, trouble: Behaviour
) -> None:
    gateway.reopens = True
    behave(gateway, context, account, "declined")
    pay(context, account)
    behave(gateway, context, account, "succeeded")
    gateway.fail_next("cancel_payment", trouble)
    assert pay(context, account).state == "not_attempted"
    assert gateway.count("create_payment") == 1
    assert pay(context, account).state == "succeeded"
    assert len(gateway.charges()) == 1


def test_a_declined_one_that_was_paid_after_all_is_booked_and_nothing_new_is_charged(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    """Somebody used the old page's secret with another card, and no event has come yet."""
    behave(gateway, context, account, "declined")
    declined = pay(context, account)
    behave(gateway, context, account, "succeeded")
    gateway.decide("pay_1", "succeeded")
    with pytest.raises(QuoteOutdated):
        pay(context, account)
    assert state(context, declined) == "succeeded"
    assert balance(context, account) == "0.00 CAD"
    assert gateway.count("create_payment") == 1
    with context.sessions() as session:
        assert sorted(session.scalars(select(Payment.state))) == ["not_attempted", "succeeded"]
        assert session.scalars(select(OperatorItem.kind)).all() == ["capture_unexpected"]
        assert verify(session) == []


def test_a_declined_one_that_is_being_charged_after_all_blocks_until_it_is_decided(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    behave(gateway, context, account, "declined")
    declined = pay(context, account)
    gateway.decide("pay_1", "processing")
    for _ in range(2):
        with pytest.raises(PaymentUnderWay) as refused:
            pay(context, account)
        assert refused.value.payment_id == declined.id
    assert state(context, declined) == "processing"
    assert gateway.count("create_payment") == 1
    gateway.decide("pay_1", "succeeded")
    clock.forward(minutes=3)
    reconcile.reconcile_due(context)
    assert state(context, declined) == "succeeded"
    with context.sessions() as session:
        assert verify(session) == []


def test_the_job_leaves_a_newer_payment_in_peace(context: Context, account: Account, gateway: FakeGateway) -> None:
    behave(gateway, context, account, "declined")
    declined = pay(context, account)
    try_to_close(context, declined.id)  # closed: the next one may start, and waits for its bank
    behave(gateway, context, account, "processing")
    newer = pay(context, account)
    with context.sessions.begin() as session:
        latest_attempt(session, declined.id).closed_at = None
    gateway.decide("pay_1", "processing")
    try_to_close(context, declined.id)
    assert (state(context, declined), state(context, newer)) == ("declined", "processing")
    with context.sessions() as session:
        assert session.scalars(select(OperatorItem.kind)).all() == ["not_closed"]


def test_a_late_answer_never_reopens_a_declined_payment(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    behave(gateway, context, account, "declined")
    payment = pay(context, account)
    gateway.decide("pay_1", "processing")
    deliver(context, gateway)
    assert state(context, payment) == "declined"


def test_a_crash_while_the_old_one_is_closed_is_cleared_up_without_a_charge(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.reopens = True
    behave(gateway, context, account, "declined")
    declined = pay(context, account)

    def die(_gateway_id: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gateway, "cancel_payment", die)
        with pytest.raises(KeyboardInterrupt):
            pay(context, account)
    clock.forward(seconds=61)
    reconcile.reconcile_due(context)
    assert closed(context, declined)
    with context.sessions() as session:
        assert sorted(session.scalars(select(Payment.state))) == ["declined", "not_attempted"]
    behave(gateway, context, account, "succeeded")
    assert pay(context, account).state == "succeeded"


# -------------------------------------------------------------------------------------- payments of other gateways


def test_a_payment_of_another_gateway_is_not_asked_about_here_and_is_an_operators_in_the_end(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    behave(gateway, context, account, "processing")
    payment = pay(context, account)
    other = a_context(context.sessions, FakeGateway(name="other"), now=clock)
    for _ in range(30):
        clock.forward(hours=1)
        reconcile.reconcile_due(other)
    assert cast("FakeGateway", other.gateway).calls == []
    assert state(context, payment) == "processing"
    with context.sessions() as session:
        assert session.scalars(select(OperatorItem.kind)).all() == ["too_old"]


def test_a_declined_one_of_another_gateway_is_not_cancelled_here_and_is_an_operators_in_the_end(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    behave(gateway, context, account, "declined")
    payment = pay(context, account)
    other = a_context(context.sessions, FakeGateway(name="other"), now=clock)
    for _ in range(30):
        clock.forward(hours=1)
        reconcile.reconcile_due(other)
    assert cast("FakeGateway", other.gateway).calls == []
    assert not closed(context, payment)
    with context.sessions() as session:
        assert session.scalars(select(OperatorItem.kind)).all() == ["not_closed"]


def test_a_card_of_another_gateway_charges_nothing(context: Context, account: Account, clock: Clock) -> None:
    other = a_context(context.sessions, FakeGateway(name="other"), now=clock)
    with context.sessions.begin() as session:
        quote = a_quote(session, account, "50.00")
    with pytest.raises(QuoteOutdated):
        start_payment(other, quote.id, a_consent())
    assert cast("FakeGateway", other.gateway).calls == []


def test_a_pending_payment_is_settled_by_the_banks_event_once(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    behave(gateway, context, account, "processing")
    payment = pay(context, account)
    assert payment.state == "processing"
    assert balance(context, account) == "452.10 CAD"
    gateway.decide("pay_1", "succeeded")
    for _ in range(3):
        deliver(context, gateway, "evt_same")
    assert state(context, payment) == "succeeded"
    assert balance(context, account) == "0.00 CAD"
    assert count(context, EventReceived) == 1


def deliver(context: Context, gateway: FakeGateway, event_id: str | None = None, of: str = "pay_1") -> None:
    event = gateway.event(of, "payment.updated", id=event_id)
    with context.sessions.begin() as session:
        inbox.receive_event(session, gateway.name, event, context.now())
    with context.sessions() as session:
        row_id = session.scalar(select(EventReceived.id).where(EventReceived.event_id == event.id))
    assert row_id is not None
    inbox.handle_event(context, row_id)


@pytest.mark.parametrize("behaviour", ["charged_but_lost", "lost"])
def test_a_lost_answer_is_unknown_and_blocks_until_the_gateway_says(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock, behaviour: str
) -> None:
    behave(gateway, context, account, behaviour)
    payment = pay(context, account)
    assert payment.state == "unknown"
    with pytest.raises(PaymentUnderWay):
        pay(context, account)
    clock.forward(seconds=6)
    assert reconcile.reconcile_due(context) == 1
    charged = behaviour == "charged_but_lost"
    assert state(context, payment) == ("succeeded" if charged else "not_attempted")
    assert len(gateway.charges()) == (1 if charged else 0)
    assert balance(context, account) == ("0.00 CAD" if charged else "452.10 CAD")


def test_a_lost_create_is_made_again_under_the_same_key(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    gateway.fail_next("create_payment", "lost")
    assert pay(context, account).state == "succeeded"
    assert len(gateway.payments) == 1


@pytest.mark.parametrize("failures", [["lost", "lost"], ["unreachable"], ["rejected"]])
def test_a_create_that_fails_charges_nothing_and_says_so(
    context: Context, account: Account, gateway: FakeGateway, failures: list[str]
) -> None:
    gateway.fail_next("create_payment", *failures)  # type: ignore[arg-type]
    assert pay(context, account).state == "not_attempted"
    assert gateway.charges() == []
    assert pay(context, account).state == "succeeded"


def test_a_confirm_that_never_left_is_no_attempt(context: Context, account: Account, gateway: FakeGateway) -> None:
    behave(gateway, context, account, "unreachable")
    assert pay(context, account).state == "not_attempted"


def test_a_crash_after_the_first_commit_is_cleared_up_without_a_charge(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    gateway.fail_next("create_payment", "lost", "lost")
    original = gateway.create_payment

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    gateway.create_payment = die  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        pay(context, account)
    gateway.create_payment = original  # type: ignore[method-assign]
    clock.forward(seconds=25)
    reconcile.reconcile_due(context)
    with context.sessions() as session:
        assert session.scalars(select(Payment.state)).all() == ["not_attempted"]


def test_a_crash_while_confirming_ends_as_the_gateway_says(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    confirm = gateway.confirm_payment

    def die(gateway_id: str, order: ChargeOrder, key: str) -> None:
        confirm(gateway_id, order, key)
        raise KeyboardInterrupt

    gateway.confirm_payment = die  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        pay(context, account)
    reconcile.reconcile_due(context)
    with context.sessions() as session:
        assert session.scalars(select(Payment.state)).all() == ["submitting"]  # its process may still be at work
    clock.forward(seconds=25)
    reconcile.reconcile_due(context)
    with context.sessions() as session:
        assert session.scalars(select(Payment.state)).all() == ["succeeded"]
    assert balance(context, account) == "0.00 CAD"


def test_a_bank_step_left_undone_is_cancelled_after_half_an_hour(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    behave(gateway, context, account, "requires_action")
    payment = pay(context, account)
    assert payment.action_url == "https://bank.example/pay_1"
    clock.forward(minutes=29)
    reconcile.reconcile_due(context)
    assert state(context, payment) == "requires_action"
    clock.forward(minutes=2)
    reconcile.reconcile_due(context)
    assert state(context, payment) == "canceled"


def test_a_bank_step_with_less_time_than_the_first_status_query_is_cancelled_when_it_is_over(
    sessions: SessionFactory, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    context = Context(sessions, gateway, some_settings(action_required_ttl_s=30, reconcile_card_after_s=120), clock)
    behave(gateway, context, account, "requires_action")
    payment = pay(context, account)
    clock.forward(seconds=32)
    reconcile.reconcile_due(context)
    assert state(context, payment) == "canceled"


def test_a_bank_debit_that_the_page_was_to_confirm_has_its_half_hour_too(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    """Whatever the gateway calls it meanwhile: nobody cancels it under the customer's hands, nor leaves it open."""
    gateway.behaviours[BANK_DEBIT_ON_PAGE] = "requires_action"
    new = NewMethod(BANK_DEBIT_ON_PAGE, BillingDetails("new@northwind.example"))
    payment = pay(context, account, new_method=new, channel="page")
    gateway.decide("pay_1", "requires_confirmation")
    clock.forward(minutes=29)
    reconcile.reconcile_due(context)
    assert state(context, payment) == "requires_action"
    assert gateway.count("cancel_payment") == gateway.count("retrieve_method") == 0
    clock.forward(minutes=2)
    reconcile.reconcile_due(context)
    assert state(context, payment) == "canceled"
    assert gateway.payments["pay_1"].status == "canceled"


def test_a_bank_step_done_in_the_last_moment_wins_over_the_cancel(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    behave(gateway, context, account, "requires_action")
    payment = pay(context, account)
    clock.forward(minutes=31)
    gateway.decide("pay_1", "succeeded")
    reconcile.reconcile_due(context)
    assert state(context, payment) == "succeeded"


def test_what_stays_undecided_too_long_is_an_operators(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    behave(gateway, context, account, "processing")
    pay(context, account)
    for _ in range(30):
        clock.forward(hours=1)
        reconcile.reconcile_due(context)
    with context.sessions() as session:
        items = session.scalars(select(OperatorItem)).all()
    assert [item.kind for item in items] == ["too_old"]


# ---------------------------------------------------------------------------------- what the gateway says is booked


def test_a_capture_after_a_decline_is_booked_and_flagged(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    behave(gateway, context, account, "declined")
    payment = pay(context, account)
    gateway.decide("pay_1", "succeeded")
    deliver(context, gateway)
    assert state(context, payment) == "succeeded"
    assert balance(context, account) == "0.00 CAD"
    with context.sessions() as session:
        assert [item.kind for item in session.scalars(select(OperatorItem))] == ["capture_unexpected"]


def test_another_amount_than_quoted_is_booked_as_captured_and_flagged(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    behave(gateway, context, account, "processing")
    pay(context, account)
    gateway.decide("pay_1", "succeeded", captured=cad("400.00"))
    deliver(context, gateway)
    assert balance(context, account) == "52.10 CAD"
    with context.sessions() as session:
        assert [item.kind for item in session.scalars(select(OperatorItem))] == ["capture_differs"]


def test_another_currency_than_quoted_goes_to_suspense(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    behave(gateway, context, account, "processing")
    pay(context, account)
    gateway.decide("pay_1", "succeeded", captured=Money(452_10, "USD"))
    deliver(context, gateway)
    assert balance(context, account) == "452.10 CAD"
    with context.sessions() as session:
        held = session.scalars(select(LedgerEntry).where(LedgerEntry.ledger_account == "suspense")).one()
    assert (held.amount_minor, held.currency) == (452_10, "USD")


@pytest.mark.parametrize("late", ["processing", "declined", "canceled", "requires_action"])
def test_an_older_answer_after_success_changes_nothing(
    context: Context, account: Account, gateway: FakeGateway, late: GatewayStatus
) -> None:
    payment = pay(context, account)
    gateway.decide("pay_1", late)
    deliver(context, gateway)
    assert state(context, payment) == "succeeded"
    assert balance(context, account) == "0.00 CAD"


def test_an_invoice_paid_elsewhere_during_the_charge_sends_the_money_to_the_next(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    behave(gateway, context, account, "processing")
    payment = pay(context, account, "250.00")
    with context.sessions.begin() as session:
        a_credit(session, account, "210.00")
        an_invoice(session, account, "5.00", due_days=60)  # issuing applies the credit to the oldest
    gateway.decide("pay_1", "succeeded")
    deliver(context, gateway)
    with context.sessions() as session:
        told = receipt(session, payment.id, TODAY)
    assert told.shares[0].number == "INV-2"
    assert told.differs_from_quote


def test_an_event_about_an_unknown_payment_waits_then_goes_to_suspense(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    gateway.create_payment(ChargeOrder(cad("9.00"), "pm_x", None, "NOBODYS", BillingDetails("a@b.example")), "k")
    gateway.decide("pay_1", "succeeded")
    for _ in range(4):
        deliver(context, gateway, "evt_orphan")
        clock.forward(hours=1)
    with context.sessions() as session:
        assert session.scalars(select(OperatorItem.kind)).all() == ["orphan_event"]
        held = session.scalars(select(LedgerEntry).where(LedgerEntry.ledger_account == "suspense")).all()
    assert [h.amount_minor for h in held] == [9_00]
    assert count(context, Allocation) == 0


# ------------------------------------------------------------------------------------------------ the secure page


@pytest.mark.parametrize(("save", "kept"), [(True, "active"), (False, "single_use")])
def test_a_card_from_the_secure_page_is_kept_only_if_asked(
    context: Context, account: Account, save: bool, kept: str
) -> None:
    details = BillingDetails("new@northwind.example", {"line1": "2 Elm St"})
    payment = pay(context, account, "50.00", new_method=NewMethod("tok_1", details, save), channel="page")
    assert payment.state == "succeeded"
    with context.sessions() as session:
        method = session.get_one(PaymentMethod, payment.method_id)
    assert method.state == kept
    assert method.billing_email == "new@northwind.example"


def test_a_card_that_pays_after_a_step_at_the_bank_is_kept_if_asked(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    gateway.behaviours["tok_1"] = "requires_action"
    new = NewMethod("tok_1", BillingDetails("new@northwind.example"), save=True)
    payment = pay(context, account, "50.00", new_method=new, channel="page")
    with context.sessions() as session:
        assert session.get_one(PaymentMethod, payment.method_id).state == "single_use"
    gateway.decide("pay_1", "succeeded")
    deliver(context, gateway)
    with context.sessions() as session:
        assert session.get_one(PaymentMethod, payment.method_id).state == "active"


def test_the_mandate_of_a_bank_account_is_kept_when_it_comes_and_sent_with_the_next_debit(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    with context.sessions.begin() as session:
        method = a_method(session, account, kind="bank_debit", reference="ba_1")
    gateway.methods["ba_1"] = MethodInfo("ba_1", "bank_debit", "bank", "6789", mandate="mandate_1")
    for _ in range(2):
        assert pay(context, account, "50.00", method=method).state == "succeeded"
    assert [order.mandate for order in gateway.orders.values()] == [None, "mandate_1"]


def test_a_declined_card_is_not_kept_even_if_asked(context: Context, account: Account, gateway: FakeGateway) -> None:
    gateway.behaviours["tok_1"] = "declined"
    new = NewMethod("tok_1", BillingDetails("new@northwind.example"), save=True)
    payment = pay(context, account, "50.00", new_method=new, channel="page")
    assert payment.state == "declined"
    with context.sessions() as session:
        assert session.get_one(PaymentMethod, payment.method_id).state == "single_use"
