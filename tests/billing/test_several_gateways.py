"""Keys were changed, or the sandbox was left: what was made with one gateway is never asked of another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from billing.accounts import usable_methods
from billing.comparison import compare
from billing.context import Context
from billing.database import SessionFactory
from billing.disputes import reconcile_disputes
from billing.errors import DecisionRefused, QuoteOutdated, RefundRefused
from billing.models import Account, OperatorItem, Payment
from billing.operator import resolve_item, show_item
from billing.payments import start_payment
from billing.reconcile import reconcile_due
from billing.refunds import reconcile_refunds, refund_payment
from tests.billing import builders as b
from tests.billing.builders import cad
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def clock() -> b.Clock:
    return b.Clock()


@pytest.fixture
def old(sessions: SessionFactory, clock: b.Clock) -> Context:
    """With the gateway that the account has paid with so far."""
    return b.a_context(sessions, FakeGateway(now=clock), now=clock)


@pytest.fixture
def new(old: Context, clock: b.Clock) -> Context:
    """The same books, with another gateway, which knows nothing of all that."""
    return replace(old, gateway=FakeGateway(name="other", ids="oth", now=clock))


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    with sessions.begin() as session:
        account = b.an_account(session)
        b.an_invoice(session, account, "300.00")
    return account


def asked(context: Context) -> list[tuple[str, str]]:
    assert isinstance(context.gateway, FakeGateway)
    return context.gateway.calls


def a_pending_payment(old: Context, account: Account) -> Payment:
    assert isinstance(old.gateway, FakeGateway)
    with old.sessions() as session:
        method = usable_methods(session, account.id, "fake")[0]
    old.gateway.behaviours[method.gateway_reference] = "processing"
    return b.pay(old, account, "50.00")


def test_methods_of_another_gateway_are_neither_offered_nor_charged(
    old: Context, new: Context, account: Account
) -> None:
    with new.sessions.begin() as session:
        assert usable_methods(session, account.id, "other") == []
        saved = usable_methods(session, account.id, "fake")
        assert len(saved) == 1
        quote = b.a_quote(session, account, "50.00", method=saved[0])
    with pytest.raises(QuoteOutdated):
        start_payment(new, quote.id, b.a_consent())
    assert asked(new) == []


def test_an_undecided_payment_is_not_asked_of_another_gateway_and_becomes_an_operators(
    old: Context, new: Context, account: Account, clock: b.Clock
) -> None:
    payment = a_pending_payment(old, account)
    clock.forward(days=11)
    reconcile_due(new)
    assert asked(new) == []
    with new.sessions() as session:
        (item,) = session.scalars(select(OperatorItem))
        assert (item.kind, item.payment_id) == ("too_old", payment.id)
        assert session.get_one(Payment, payment.id).state == "processing"


def test_an_operator_is_told_that_the_gateway_cannot_be_asked_and_may_decide(
    old: Context, new: Context, account: Account, clock: b.Clock
) -> None:
    payment = a_pending_payment(old, account)
    clock.forward(days=11)
    reconcile_due(new)
    with new.sessions() as session:
        (item,) = session.scalars(select(OperatorItem))
    view = show_item(new, item.id)
    assert view.at_gateway is None and view.gateway_error == "fake: not the configured gateway, so it cannot be asked"
    with pytest.raises(DecisionRefused, match="was made with fake"):
        resolve_item(new, item.id, operator="ana", decision="retrieve", note="look")
    resolve_item(new, item.id, operator="ana", decision="declined", note="the old bank says no")
    with new.sessions() as session:
        assert session.get_one(Payment, payment.id).state == "declined"
    assert asked(new) == []


def test_a_payment_of_another_gateway_is_refunded_there(old: Context, new: Context, account: Account) -> None:
    payment = b.pay(old, account, "50.00")
    with pytest.raises(RefundRefused, match="made with fake, which is not configured"):
        refund_payment(new, payment.id, cad("10.00"), operator="ana", reopen_invoices=True)
    assert asked(new) == []


def test_a_pending_refund_is_not_called_failed_by_a_gateway_that_never_heard_of_it(
    old: Context, new: Context, account: Account, clock: b.Clock
) -> None:
    assert isinstance(old.gateway, FakeGateway)
    payment = b.pay(old, account, "50.00")
    old.gateway.fail_next("refund", "lost")
    refund = refund_payment(old, payment.id, cad("10.00"), operator="ana", reopen_invoices=True)
    clock.forward(days=2)
    reconcile_refunds(new)
    reconcile_disputes(new)
    with new.sessions() as session:
        assert session.get_one(type(refund), refund.id).state == "pending"
    assert asked(new) == []


def test_a_compare_looks_at_the_payments_of_its_own_gateway_alone(
    old: Context, new: Context, account: Account, clock: b.Clock
) -> None:
    began = clock()
    b.pay(old, account, "50.00")
    clock.forward(hours=2)
    report = compare(new, began, clock())
    assert (report.payments, report.agrees) == (0, True)
    assert {verb for verb, _ in asked(new)} == {"list_payments", "list_events"}
