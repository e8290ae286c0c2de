"""Refunds: asked like a charge, booked as reversing entries, never twice."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from billing import inbox
from billing.context import Context
from billing.database import SessionFactory
from billing.errors import AmountNotPositive, CurrencyMismatch, RefundRefused
from billing.models import Account, Audit, Credit, Invoice, OperatorItem, Payment, Refund
from billing.money import Money
from billing.reconcile import refresh_payment
from billing.refunds import reconcile_refunds, refresh_refunds, refund_payment
from tests.billing import builders as b
from tests.billing.builders import cad
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def clock() -> b.Clock:
    return b.Clock()


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway, clock: b.Clock) -> Context:
    return b.a_context(sessions, gateway, now=clock)


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    """Owes 200.00 (old) and 100.00 (newer)."""
    with sessions.begin() as session:
        account = b.an_account(session)
        b.an_invoice(session, account, "200.00", due_days=-60, number="OLD")
        b.an_invoice(session, account, "100.00", due_days=5, number="NEW")
    return account


def refund(context: Context, payment: Payment, amount: str, **changes: object) -> Refund:
    arguments = {"operator": "ana", "reopen_invoices": True} | changes
    return refund_payment(context, payment.id, cad(amount), **arguments)  # type: ignore[arg-type]


def parts(session: Session, payment: Payment) -> dict[str, int]:
    p = session.get_one(Payment, payment.id)
    return {
        name: value
        for name in ("captured", "allocated", "unapplied", "refunded", "lost", "suspense")
        if (value := getattr(p, f"{name}_minor"))
    }


def invoices(session: Session) -> dict[str, tuple[int, int, int]]:
    """number → open, applied, written off"""
    rows = session.scalars(select(Invoice).order_by(Invoice.due_on))
    return {i.number: (i.open_minor, i.applied_minor, i.written_off_minor) for i in rows}


def given_back(gateway: FakeGateway) -> int:
    return sum(r.amount.minor for r in gateway.refunds.values() if r.status == "succeeded")


def flags(session: Session) -> list[str]:
    return list(session.scalars(select(OperatorItem.kind).order_by(OperatorItem.id)))


def test_a_full_refund_reopens_every_invoice(context: Context, account: Account) -> None:
    payment = b.pay(context, account)
    assert refund(context, payment, "300.00").state == "succeeded"
    with context.sessions() as session:
        assert parts(session, payment) == {"captured": 30000, "refunded": 30000}
        assert invoices(session) == {"OLD": (20000, 0, 0), "NEW": (10000, 0, 0)}
        assert session.get_one(Payment, payment.id).state == "succeeded"


def test_unapplied_credit_goes_back_first_then_the_newest_allocation(context: Context, account: Account) -> None:
    payment = b.pay(context, account, "350.00")
    refund(context, payment, "80.00")
    with context.sessions() as session:
        assert parts(session, payment) == {"captured": 35000, "allocated": 27000, "refunded": 8000}
        assert invoices(session) == {"OLD": (0, 20000, 0), "NEW": (3000, 7000, 0)}
        assert session.scalars(select(Credit.remaining_minor)).all() == [0]


def test_what_a_refund_uncovers_can_be_written_off(context: Context, account: Account) -> None:
    payment = b.pay(context, account)
    refund(context, payment, "120.00", reopen_invoices=False)
    with context.sessions() as session:
        assert invoices(session) == {"OLD": (0, 18000, 2000), "NEW": (0, 0, 10000)}
        balances = session.execute(
            text(
                "select ledger_account, sum(case direction when 'debit' then amount_minor else -amount_minor end)::int"
                " from ledger_entries where ledger_account in ('gateway', 'write_off', 'receivable') group by 1"
            )
        )
        assert dict(balances.all()) == {"gateway": 18000, "write_off": 12000, "receivable": 0}


def test_partial_refunds_add_up_and_stop_at_what_was_captured(context: Context, account: Account) -> None:
    payment = b.pay(context, account)
    refund(context, payment, "100.00")
    refund(context, payment, "150.00")
    with pytest.raises(RefundRefused, match=r"only 50\.00 CAD"):
        refund(context, payment, "50.01")
    refund(context, payment, "50.00")
    with context.sessions() as session:
        assert parts(session, payment) == {"captured": 30000, "refunded": 30000}


def test_credit_that_paid_a_later_invoice_is_undone_there(context: Context, account: Account) -> None:
    payment = b.pay(context, account, "350.00")
    with context.sessions.begin() as session:
        b.an_invoice(session, account, "50.00", due_days=30, number="LATER")
    refund(context, payment, "60.00")
    with context.sessions() as session:
        assert invoices(session) == {"OLD": (0, 20000, 0), "NEW": (1000, 9000, 0), "LATER": (5000, 0, 0)}
        assert parts(session, payment) == {"captured": 35000, "allocated": 29000, "refunded": 6000}


def test_other_credit_of_the_account_pays_what_reopens(context: Context, account: Account) -> None:
    first = b.pay(context, account)
    b.pay(context, account, "300.00")
    refund(context, first, "300.00")
    with context.sessions() as session:
        assert invoices(session) == {"OLD": (0, 20000, 0), "NEW": (0, 10000, 0)}


@pytest.mark.parametrize("amount", ["0.00", "-5.00"])
def test_nothing_and_less_is_refused(context: Context, account: Account, amount: str) -> None:
    payment = b.pay(context, account)
    with pytest.raises(AmountNotPositive):
        refund(context, payment, amount)


def test_another_currency_is_refused(context: Context, account: Account) -> None:
    payment = b.pay(context, account)
    with pytest.raises(CurrencyMismatch):
        refund_payment(context, payment.id, Money(100, "USD"), operator="ana", reopen_invoices=True)


def test_a_declined_payment_has_nothing_to_give_back(context: Context, account: Account, gateway: FakeGateway) -> None:
    with context.sessions.begin() as session:
        method = b.a_method(session, account, reference="tok_declined")
    gateway.behaviours["tok_declined"] = "declined"
    payment = b.pay(context, account, method=method)
    with pytest.raises(RefundRefused):
        refund(context, payment, "1.00")
    assert gateway.count("refund") == 0


def test_the_row_is_committed_before_the_gateway_is_asked(
    context: Context, account: Account, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = b.pay(context, account)
    seen: list[str] = []
    ask = gateway.refund

    def looking(gateway_id: str, amount: Money, key: str) -> object:
        with context.sessions() as session:
            seen.extend(session.scalars(select(Refund.idempotency_key).where(Refund.state == "pending")))
            open_transactions = session.scalar(
                text("select count(*) from pg_stat_activity where state like 'idle in transaction%'")
            )
        assert open_transactions == 0
        seen.append(key)
        return ask(gateway_id, amount, key)

    monkeypatch.setattr(gateway, "refund", looking)
    refund(context, payment, "10.00")
    assert len(seen) == 2 and seen[0] == seen[1]


@pytest.mark.parametrize("failure", ["lost", "unreachable"])
def test_a_lost_answer_is_asked_for_again_under_the_same_key(
    context: Context, account: Account, gateway: FakeGateway, clock: b.Clock, failure: str
) -> None:
    payment = b.pay(context, account)
    gateway.fail_next("refund", failure)  # type: ignore[arg-type]
    assert refund(context, payment, "300.00").state == "pending"
    with pytest.raises(RefundRefused, match="not decided"):
        refund(context, payment, "300.00")
    clock.forward(minutes=2)
    assert reconcile_refunds(context) == 1
    with context.sessions() as session:
        assert session.scalars(select(Refund.state)).all() == ["succeeded"]
    assert given_back(gateway) == 30000
    assert reconcile_refunds(context) == 0


def test_a_refund_made_behind_a_lost_answer_is_found_and_not_made_again(
    context: Context, account: Account, gateway: FakeGateway, clock: b.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = b.pay(context, account)
    ask = gateway.refund

    def made_but_lost(gateway_id: str, amount: Money, key: str) -> object:
        ask(gateway_id, amount, key)
        gateway.fail_next("refund", "lost")
        return ask(gateway_id, amount, key)

    monkeypatch.setattr(gateway, "refund", made_but_lost)
    assert refund(context, payment, "100.00").state == "pending"
    clock.forward(hours=30)
    reconcile_refunds(context)
    with context.sessions() as session:
        assert parts(session, payment)["refunded"] == 10000
    assert given_back(gateway) == 10000


def test_a_lost_refund_is_not_asked_for_again_once_its_key_may_be_forgotten(
    context: Context, account: Account, gateway: FakeGateway, clock: b.Clock
) -> None:
    payment = b.pay(context, account)
    gateway.fail_next("refund", "lost")
    refund(context, payment, "100.00")
    clock.forward(hours=24)
    reconcile_refunds(context)
    with context.sessions() as session:
        assert session.scalars(select(Refund.state)).all() == ["failed"]
    assert given_back(gateway) == 0
    assert refund(context, payment, "100.00").state == "succeeded"


def test_a_pending_refund_is_booked_when_the_bank_has_decided(
    context: Context, account: Account, gateway: FakeGateway, clock: b.Clock
) -> None:
    payment = b.pay(context, account)
    gateway.refunds_end = "pending"
    pending = refund(context, payment, "100.00")
    assert pending.state == "pending" and pending.gateway_object_id
    clock.forward(minutes=2)
    reconcile_refunds(context)
    with context.sessions() as session:
        assert "refunded" not in parts(session, payment)
    gateway.decide_refund(pending.gateway_object_id, "succeeded")
    clock.forward(hours=2)
    reconcile_refunds(context)
    with context.sessions() as session:
        assert parts(session, payment)["refunded"] == 10000
        assert session.scalars(select(Refund.next_check_at)).all() == [None]


def test_a_refund_that_stays_pending_becomes_an_operators_matter(
    context: Context, account: Account, gateway: FakeGateway, clock: b.Clock
) -> None:
    payment = b.pay(context, account)
    gateway.refunds_end = "pending"
    refund(context, payment, "100.00")
    clock.forward(days=11)
    reconcile_refunds(context)
    with context.sessions() as session:
        assert flags(session) == ["refund_too_old"]


def test_an_unreachable_gateway_leaves_a_pending_refund_for_the_next_sweep(
    context: Context, account: Account, gateway: FakeGateway, clock: b.Clock
) -> None:
    payment = b.pay(context, account)
    gateway.fail_next("refund", "lost")
    refund(context, payment, "100.00")
    clock.forward(minutes=2)
    gateway.fail_next("list_refunds", "unreachable")
    assert reconcile_refunds(context) == 1
    assert reconcile_refunds(context) == 0
    clock.forward(minutes=5)
    reconcile_refunds(context)
    assert given_back(gateway) == 10000


def test_a_refund_that_the_gateway_refuses_moves_nothing(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    payment = b.pay(context, account)
    gateway.fail_next("refund", "rejected")
    assert refund(context, payment, "100.00").state == "failed"
    with context.sessions() as session:
        assert parts(session, payment) == {"captured": 30000, "allocated": 30000}


def test_a_refund_that_the_bank_sends_back_becomes_credit_and_is_flagged(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    payment = b.pay(context, account)
    done = refund(context, payment, "100.00", reopen_invoices=False)
    assert done.gateway_object_id is not None
    gateway.decide_refund(done.gateway_object_id, "failed")
    refresh_refunds(context, payment.id)
    refresh_refunds(context, payment.id)
    with context.sessions() as session:
        assert session.scalars(select(Refund.state)).all() == ["failed"]
        assert parts(session, payment) == {"captured": 30000, "allocated": 20000, "unapplied": 10000}
        assert flags(session) == ["refund_sent_back"]


def test_a_refund_that_comes_back_pays_the_invoice_that_it_had_opened(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    payment = b.pay(context, account)
    done = refund(context, payment, "100.00")
    gateway.decide_refund(str(done.gateway_object_id), "failed")
    refresh_refunds(context, payment.id)
    with context.sessions() as session:
        assert invoices(session) == {"OLD": (0, 20000, 0), "NEW": (0, 10000, 0)}
        assert parts(session, payment) == {"captured": 30000, "allocated": 30000}


def test_a_refund_made_at_the_bank_is_booked_once_and_flagged(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    payment = b.pay(context, account)
    gateway_id = gateway.charges()[0].id
    gateway.refund_at_the_bank(gateway_id, cad("100.00"))
    event = gateway.event(gateway_id, "refund.succeeded")
    again = replace(gateway.event(gateway_id, "refund.created"))
    with context.sessions.begin() as session:
        assert inbox.receive_event(session, "fake", event, b.NOW)
        assert inbox.receive_event(session, "fake", again, b.NOW)
    inbox.handle_event(context, 1)
    inbox.handle_event(context, 2)
    with context.sessions() as session:
        assert parts(session, payment) == {"captured": 30000, "allocated": 20000, "refunded": 10000}
        assert invoices(session)["NEW"] == (10000, 0, 0)
        assert flags(session) == ["refund_unexpected"]


def test_more_refunded_at_the_bank_than_the_books_hold_is_flagged_and_not_booked(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    payment = b.pay(context, account)
    gateway_id = gateway.charges()[0].id
    gateway.payments[gateway_id] = replace(gateway.payments[gateway_id], captured=cad("999.00"))
    gateway.refund_at_the_bank(gateway_id, cad("999.00"))
    refresh_refunds(context, payment.id)
    with context.sessions() as session:
        assert parts(session, payment) == {"captured": 30000, "allocated": 30000}
        assert flags(session) == ["refund_unexpected"]


def test_the_same_request_again_is_the_same_refund(context: Context, account: Account, gateway: FakeGateway) -> None:
    payment = b.pay(context, account)
    first = refund(context, payment, "50.00", request_id="case-7")
    second = refund(context, payment, "50.00", request_id="case-7")
    assert first.id == second.id
    assert given_back(gateway) == 5000


def test_two_operators_at_once_refund_once(context: Context, account: Account, gateway: FakeGateway) -> None:
    payment = b.pay(context, account)
    start, outcomes = threading.Barrier(4), []

    def one() -> None:
        start.wait()
        try:
            outcomes.append(refund(context, payment, "300.00").state)
        except RefundRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "succeeded"]
    assert given_back(gateway) == 30000


def test_every_change_of_a_refund_is_audited(context: Context, account: Account) -> None:
    payment = b.pay(context, account)
    done = refund(context, payment, "50.00")
    with context.sessions() as session:
        rows = session.scalars(select(Audit).where(Audit.entity == "refund").order_by(Audit.id)).all()
        assert [(r.actor, r.entity_id, (r.after or {})["state"]) for r in rows] == [
            ("operator:ana", str(done.id), "pending"),
            ("operator:ana", str(done.id), "succeeded"),
        ]


def test_a_refund_of_a_payment_made_elsewhere_is_refused(context: Context, account: Account) -> None:
    with context.sessions.begin() as session:
        session.execute(
            text(
                "insert into payments (reference, account_id, external_id, currency, amount_minor, state, gateway,"
                " channel, created_at) values ('E', :a, 'e', 'CAD', 100, 'succeeded', 'elsewhere', 'import', now())"
            ),
            {"a": account.id},
        )
        payment = session.scalars(select(Payment)).one()
    with pytest.raises(RefundRefused, match="elsewhere"):
        refund(context, payment, "1.00")


def test_reading_a_refunded_payment_again_changes_nothing(context: Context, account: Account) -> None:
    payment = b.pay(context, account)
    refund(context, payment, "300.00")
    assert refresh_payment(context, payment.id).state == "succeeded"
    with context.sessions() as session:
        assert parts(session, payment) == {"captured": 30000, "refunded": 30000}
