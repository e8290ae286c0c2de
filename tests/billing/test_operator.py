"""The operator's desk: everything about a matter in one view, decisions that the gateway cannot contradict."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from billing import inbox
from billing import operator_queue as queue
from billing.context import Context
from billing.database import SessionFactory
from billing.disputes import refresh_disputes
from billing.errors import DecisionRefused, GatewayUnreachable, NotFound
from billing.models import Account, Audit, Notice, OperatorItem, Payment
from billing.operator import Decision, list_items, resolve_item, show_item
from billing.reconcile import reconcile_due
from billing.verify import verify
from tests.billing import builders as b
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
    with sessions.begin() as session:
        account = b.an_account(session)
        b.an_invoice(session, account, "80.00")
    return account


@pytest.fixture
def stuck(context: Context, gateway: FakeGateway, clock: b.Clock, account: Account) -> Payment:
    """A payment that the bank has been deciding about for too long; its matter is item 1."""
    with context.sessions.begin() as session:
        slow = b.a_method(session, account, reference="tok_slow")
    gateway.behaviours["tok_slow"] = "processing"
    payment = b.pay(context, account, method=slow)
    clock.forward(days=2)
    reconcile_due(context)
    return payment


def state_of(context: Context, payment: Payment) -> str:
    with context.sessions() as session:
        return session.get_one(Payment, payment.id).state


def resolve(context: Context, decision: Decision, note: str = "The bank told me on the phone.") -> OperatorItem:
    return resolve_item(context, 1, operator="ana", decision=decision, note=note)


def test_a_payment_beyond_its_age_limit_is_listed(context: Context, stuck: Payment) -> None:
    with context.sessions() as session:
        (item,) = list_items(session)
    assert (item.kind, item.payment_id, item.detail) == ("too_old", stuck.id, "processing since 2026-11-22 15:00")


def test_the_view_shows_payment_attempt_quote_consent_trail_and_the_gateway(context: Context, stuck: Payment) -> None:
    view = show_item(context, 1)
    assert view.payment is not None and view.payment.id == stuck.id
    assert [attempt.idempotency_key for attempt in view.attempts] == [f"remit-{stuck.reference}-1"]
    assert view.quote is not None and view.quote.amount == b.cad("80.00")
    assert view.consent is not None and view.consent.answered == "yes"
    assert [(row.after or {})["state"] for row in view.trail] == ["submitting", "processing"]
    assert view.at_gateway is not None and view.at_gateway.status == "processing"
    assert view.gateway_error is None


def test_a_gateway_that_does_not_answer_is_part_of_the_view(
    context: Context, gateway: FakeGateway, stuck: Payment
) -> None:
    gateway.fail_next("retrieve_payment", "unreachable")
    view = show_item(context, 1)
    assert (view.at_gateway, view.gateway_error) == (None, "connection refused")


def test_retrieve_settles_what_the_gateway_says_now(context: Context, gateway: FakeGateway, stuck: Payment) -> None:
    gateway.decide("pay_1", "succeeded")
    item = resolve(context, "retrieve")
    assert state_of(context, stuck) == "succeeded"
    assert (item.resolved_by, item.resolution) == ("operator:ana", "retrieve: The bank told me on the phone.")
    with context.sessions() as session:
        assert list_items(session) == []
        settled = session.scalars(select(Audit).where(Audit.entity == "payment").order_by(Audit.id.desc())).first()
        assert settled is not None and (settled.actor, settled.cause) == ("operator:ana", "operator:retrieve")


def test_retrieve_leaves_the_matter_open_while_the_bank_decides(context: Context, stuck: Payment) -> None:
    assert resolve(context, "retrieve").resolved_at is None
    with context.sessions() as session:
        assert [item.id for item in list_items(session)] == [1]


def test_retrieve_without_an_answer_raises_and_changes_nothing(
    context: Context, gateway: FakeGateway, stuck: Payment
) -> None:
    gateway.fail_next("retrieve_payment", "unreachable")
    with pytest.raises(GatewayUnreachable):
        resolve(context, "retrieve")
    assert state_of(context, stuck) == "processing"


@pytest.mark.parametrize(("decision", "notice"), [("succeeded", "receipt"), ("declined", "declined")])
def test_the_operators_word_counts_where_the_gateway_has_none(
    context: Context, stuck: Payment, decision: Decision, notice: str
) -> None:
    resolve(context, decision)
    assert state_of(context, stuck) == decision
    with context.sessions() as session:
        assert session.scalars(select(Notice.kind)).all() == [notice]
        assert session.get_one(Payment, stuck.id).captured_minor == (8000 if decision == "succeeded" else 0)
        assert verify(session) == []


@pytest.mark.parametrize(
    ("at_bank", "word"), [("succeeded", "declined"), ("declined", "succeeded"), ("canceled", "succeeded")]
)
def test_a_word_that_the_gateway_contradicts_is_refused(
    context: Context, gateway: FakeGateway, stuck: Payment, at_bank: str, word: Decision
) -> None:
    gateway.decide("pay_1", at_bank)  # type: ignore[arg-type]
    with pytest.raises(DecisionRefused, match=f"the gateway says {at_bank}"):
        resolve(context, word)
    assert state_of(context, stuck) == "processing"


def test_the_word_counts_when_the_gateway_cannot_be_reached(
    context: Context, gateway: FakeGateway, stuck: Payment
) -> None:
    gateway.fail_next("retrieve_payment", "unreachable")
    resolve(context, "succeeded")
    assert state_of(context, stuck) == "succeeded"


def test_a_capture_after_the_operator_declined_is_booked_all_the_same_and_filed(
    context: Context, gateway: FakeGateway, stuck: Payment
) -> None:
    resolve(context, "declined")
    gateway.decide("pay_1", "succeeded")
    with context.sessions.begin() as session:
        inbox.receive_event(session, "fake", gateway.event("pay_1", "payment.succeeded"), b.NOW)
    inbox.handle_event(context, 1)
    assert state_of(context, stuck) == "succeeded"
    with context.sessions() as session:
        assert [item.kind for item in list_items(session)] == ["capture_unexpected"]
        assert verify(session) == []


def test_a_bank_step_that_the_operator_declines_is_cancelled_at_the_gateway_first(
    context: Context, gateway: FakeGateway, clock: b.Clock, account: Account
) -> None:
    with context.sessions.begin() as session:
        step = b.a_method(session, account, reference="tok_step")
    gateway.behaviours["tok_step"] = "requires_action"
    payment = b.pay(context, account, method=step)
    with context.sessions.begin() as session:
        queue.add(session, "too_old", "requires_action", b.NOW, payment.id)
    resolve(context, "declined")
    assert gateway.payments["pay_1"].status == "canceled"
    assert state_of(context, payment) == "canceled"


def test_an_undecided_payment_cannot_be_dismissed(context: Context, stuck: Payment) -> None:
    with pytest.raises(DecisionRefused, match="not decided yet"):
        resolve(context, "dismiss")


def test_a_decided_matter_can_be_dismissed_once(context: Context, gateway: FakeGateway, stuck: Payment) -> None:
    gateway.decide("pay_1", "succeeded")
    with context.sessions.begin() as session:
        inbox.receive_event(session, "fake", gateway.event("pay_1", "payment.succeeded"), b.NOW)
    inbox.handle_event(context, 1)
    with pytest.raises(DecisionRefused, match="decided already"):
        resolve(context, "declined")
    resolve(context, "dismiss", "It came after all.")
    with pytest.raises(DecisionRefused, match="operator:ana resolved it already: dismiss: It came after all"):
        resolve(context, "dismiss")
    with context.sessions() as session:
        rows = session.scalars(select(Audit).where(Audit.entity == "operator_item")).all()
        assert [(row.actor, row.cause, (row.after or {})["note"]) for row in rows] == [
            ("operator:ana", "operator:dismiss", "It came after all.")
        ]


def test_a_decision_needs_a_note(context: Context, stuck: Payment) -> None:
    with pytest.raises(DecisionRefused, match="note"):
        resolve(context, "succeeded", "  ")


def test_an_orphan_event_can_be_seen_and_dismissed_but_not_decided(context: Context, gateway: FakeGateway) -> None:
    with context.sessions.begin() as session:
        inbox.receive_event(session, "fake", gateway.event("pay_9", "payment.succeeded"), b.NOW)
        queue.add(session, "orphan_event", "pay_9: succeeded", b.NOW, event_id=1)
    view = show_item(context, 1)
    assert view.payment is None and view.event is not None and view.event.object_id == "pay_9"
    assert view.gateway_error == "no payment pay_9"
    for decision in ("retrieve", "succeeded", "declined"):
        with pytest.raises(DecisionRefused, match="only be dismissed"):
            resolve(context, decision)  # type: ignore[arg-type]
    assert resolve(context, "dismiss", "A test at the bank.").resolved_at is not None


def test_an_unknown_item_is_not_found(context: Context) -> None:
    with pytest.raises(NotFound):
        show_item(context, 99)
    with pytest.raises(NotFound):
        resolve_item(context, 99, operator="ana", decision="dismiss", note="x")


def test_a_dispute_stands_on_the_page_with_its_trail_and_retrieve_takes_over_what_became_of_it(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    payment = b.pay(context, account)
    dispute = gateway.dispute("pay_1")
    refresh_disputes(context, payment.id)
    view = show_item(context, 1)
    assert view.item.kind == "dispute_opened"
    assert [(d.state, d.held_minor) for d in view.disputes] == [("open", 8000)]
    assert ("dispute", "1") in [(row.entity, row.entity_id) for row in view.trail]
    gateway.decide_dispute(dispute.id, "lost")
    resolve_item(context, 1, operator="ana", decision="retrieve", note="the bank wrote that we lost it")
    assert [(d.state, d.lost_minor) for d in show_item(context, 1).disputes] == [("lost", 8000)]
