"""Events are hints: about what is ours or not, early or late, answered by the gateway or never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from procrastinate import JobContext
from sqlalchemy import func, select, text, update

from billing import inbox
from billing.context import Context
from billing.database import SessionFactory
from billing.errors import GatewayUnreachable
from billing.gateways.base import GatewayEvent
from billing.models import Account, Attempt, EventReceived, LedgerTransaction, OperatorItem, Payment
from billing.verify import verify
from tests.billing import builders as b
from tests.support.fake_gateway import Behaviour, FakeGateway
from worker import tasks

REJECTED: list[Behaviour] = ["rejected"] * 4
UNREACHABLE: list[Behaviour] = ["unreachable"] * 20


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway) -> Context:
    return b.a_context(sessions, gateway)


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    with sessions.begin() as session:
        account = b.an_account(session, method=False)
        b.a_method(session, account, reference="tok_slow")
        b.an_invoice(session, account, "60.00")
    return account


@pytest.fixture
def pending(context: Context, account: Account, gateway: FakeGateway) -> Payment:
    """A payment that the bank is still thinking about, pay_1 at the gateway."""
    gateway.behaviours["tok_slow"] = "processing"
    return b.pay(context, account)


def arrive(context: Context, event: GatewayEvent) -> int:
    """Receives the event and returns its row's id."""
    with context.sessions.begin() as session:
        assert inbox.receive_event(session, context.gateway.name, event, context.now())
        return session.scalars(select(func.max(EventReceived.id))).one() or 0


def happen(context: Context, event: GatewayEvent) -> str | None:
    """Receives and handles it once; what became of it."""
    row_id = arrive(context, event)
    inbox.handle_event(context, row_id)
    return outcome(context, row_id)


def outcome(context: Context, row_id: int) -> str | None:
    with context.sessions() as session:
        return session.get_one(EventReceived, row_id).outcome


def pauses(context: Context) -> list[timedelta]:
    """How long after now each job that is put off will run."""
    with context.sessions() as session:
        jobs = session.scalars(text("select scheduled_at from procrastinate_jobs where scheduled_at is not null"))
        return sorted(at - context.now() for at in jobs)


def jobs_of_events(context: Context) -> int:
    with context.sessions() as session:
        return session.scalar(text("select count(*) from procrastinate_jobs where task_name = 'handle_event'")) or 0


def state(context: Context, payment: Payment) -> str:
    with context.sessions() as session:
        return session.get_one(Payment, payment.id).state


def filed(context: Context) -> list[str]:
    with context.sessions() as session:
        return list(session.scalars(select(OperatorItem.kind).order_by(OperatorItem.id)))


def with_reference(event: GatewayEvent, reference: str) -> GatewayEvent:
    payload: Mapping[str, Any] = {"data": {"object": {"metadata": {"payment_reference": reference}}}}
    return replace(event, payload=payload)


def test_what_is_settled_is_what_the_gateway_says_now_and_not_what_the_event_says(
    context: Context, gateway: FakeGateway, pending: Payment
) -> None:
    assert happen(context, gateway.event("pay_1", "payment.succeeded")) == "settled"
    assert state(context, pending) == "processing"
    gateway.decide("pay_1", "succeeded")
    assert happen(context, gateway.event("pay_1", "payment.declined")) == "settled"
    assert state(context, pending) == "succeeded"


def test_events_of_a_booked_capture_ask_nobody(context: Context, gateway: FakeGateway, pending: Payment) -> None:
    gateway.decide("pay_1", "succeeded")
    happen(context, gateway.event("pay_1", "payment.succeeded"))
    asked, jobs = gateway.count("retrieve_payment"), jobs_of_events(context)
    assert {happen(context, gateway.event("pay_1", f"payment.{n}")) for n in range(5)} == {"no_change"}
    assert gateway.count("retrieve_payment") == asked
    assert jobs_of_events(context) == jobs  # not even a job
    with context.sessions() as session:
        assert session.scalar(select(func.count()).where(EventReceived.handled_at.is_(None))) == 0


def test_a_capture_that_is_booked_between_storing_and_handling_asks_nobody(
    context: Context, gateway: FakeGateway, pending: Payment
) -> None:
    early = arrive(context, gateway.event("pay_1", "payment.succeeded"))
    gateway.decide("pay_1", "succeeded")
    assert happen(context, gateway.event("pay_1", "payment.succeeded")) == "settled"
    asked = gateway.count("retrieve_payment")
    inbox.handle_event(context, early)
    assert outcome(context, early) == "no_change"
    assert gateway.count("retrieve_payment") == asked


def test_refunds_and_disputes_of_a_booked_capture_are_looked_at(
    context: Context, gateway: FakeGateway, pending: Payment
) -> None:
    gateway.decide("pay_1", "succeeded")
    happen(context, gateway.event("pay_1", "payment.succeeded"))
    assert outcome(context, arrive(context, gateway.event("pay_1", "refund.created"))) is None
    assert outcome(context, arrive(context, gateway.event("pay_1", "dispute.created"))) is None


def test_an_event_of_a_strangers_payment_is_put_off_without_asking_and_is_a_persons_at_last(
    context: Context, gateway: FakeGateway, pending: Payment
) -> None:
    gateway.payments["pay_x"] = replace(gateway.payments["pay_1"], id="pay_x", payment_reference=None)
    gateway.decide("pay_x", "succeeded")
    row_id = arrive(context, gateway.event("pay_x", "payment.succeeded"))
    for _ in range(2):
        assert outcome(context, row_id) == "orphan"
        inbox.handle_event(context, row_id)
    assert pauses(context) == [timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1)]
    assert gateway.count("retrieve_payment") == 0
    for _ in range(2):
        inbox.handle_event(context, row_id)
    assert outcome(context, row_id) == "suspense"
    assert gateway.count("retrieve_payment") == 1
    assert filed(context) == ["orphan_event"]
    # The same amount as our open payment, and still nobody's.
    assert state(context, pending) == "processing"
    with context.sessions() as session:
        assert session.scalar(select(func.count()).where(LedgerTransaction.kind == "orphan")) == 1
        assert verify(session) == []


def test_an_event_that_bears_our_reference_finds_a_payment_whose_id_we_never_heard(
    context: Context, gateway: FakeGateway, pending: Payment
) -> None:
    with context.sessions.begin() as session:
        session.execute(update(Attempt).values(gateway_object_id=None))
    gateway.decide("pay_1", "succeeded")
    event = with_reference(gateway.event("pay_1", "payment.succeeded"), pending.reference)
    assert happen(context, event) == "settled"
    assert state(context, pending) == "succeeded"


def test_another_object_that_bears_the_reference_of_a_payment_is_not_booked_on_it(
    context: Context, gateway: FakeGateway, pending: Payment
) -> None:
    gateway.payments["pay_copy"] = replace(gateway.payments["pay_1"], id="pay_copy")
    gateway.decide("pay_copy", "succeeded")
    event = with_reference(gateway.event("pay_copy", "payment.succeeded"), pending.reference)
    assert happen(context, event) == "orphan"
    assert state(context, pending) == "processing"


def test_a_payment_of_another_gateway_is_never_meant(context: Context, gateway: FakeGateway, pending: Payment) -> None:
    with context.sessions.begin() as session:
        session.execute(update(Payment).values(gateway="sandbox"))
    gateway.decide("pay_1", "succeeded")
    event = with_reference(gateway.event("pay_1", "payment.succeeded"), pending.reference)
    assert happen(context, event) == "orphan"
    assert state(context, pending) == "processing"


def test_an_event_of_a_gateway_that_is_not_configured_any_more_is_a_persons_at_last(
    context: Context, gateway: FakeGateway, pending: Payment
) -> None:
    row_id = arrive(context, gateway.event("pay_1", "payment.succeeded"))
    later = replace(context, gateway=FakeGateway(name="stripe"))
    for _ in range(4):
        inbox.handle_event(later, row_id)
    assert (outcome(context, row_id), filed(context)) == ("unhandled", ["event_unhandled"])
    assert gateway.count("retrieve_payment") == 0


def test_an_object_that_the_gateway_will_not_show_is_asked_for_four_times_and_then_filed_once(
    context: Context, gateway: FakeGateway, pending: Payment
) -> None:
    gateway.fail_next("retrieve_payment", *REJECTED)
    row_id = arrive(context, gateway.event("pay_1", "payment.succeeded"))
    for expected in ("rejected", "rejected", "rejected", "unhandled", "unhandled"):
        inbox.handle_event(context, row_id)
        assert outcome(context, row_id) == expected
    assert gateway.count("retrieve_payment") == 4
    assert filed(context) == ["event_unhandled"]
    assert pauses(context) == [timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1)]


def test_an_event_that_nobody_answers_for_is_tried_again_for_a_day_and_then_filed(
    context: Context, gateway: FakeGateway, pending: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "context", lambda: context)
    waits = []
    gateway.fail_next("retrieve_payment", *UNREACHABLE)
    row_id = arrive(context, gateway.event("pay_1", "payment.succeeded"))
    for attempts in range(tasks.EVENT_RETRIES + 1):
        assert filed(context) == []
        with pytest.raises(GatewayUnreachable) as failure:
            tasks.handle_event(_job(attempts), row_id)
        decision = tasks.RETRY_EVENT.get_retry_decision(exception=failure.value, job=_job(attempts).job)
        waits.append(decision)
    assert [decision is None for decision in waits] == [False] * tasks.EVENT_RETRIES + [True]
    assert filed(context) == ["event_unhandled"]
    assert outcome(context, row_id) == "unhandled"
    pauses_s = [3**n for n in range(1, tasks.EVENT_RETRIES + 1)]
    assert 24 * 3600 <= sum(pauses_s) <= 26 * 3600


def _job(attempts: int) -> JobContext:
    return SimpleNamespace(job=SimpleNamespace(attempts=attempts))  # type: ignore[return-value]


def test_an_event_of_no_subject_is_kept_and_ignored(context: Context, gateway: FakeGateway) -> None:
    assert happen(context, gateway.event(None, "invoice.created")) == "ignored"
    assert gateway.calls == []


def test_an_event_that_was_handled_is_not_handled_again(
    context: Context, gateway: FakeGateway, pending: Payment
) -> None:
    gateway.decide("pay_1", "succeeded")
    event = gateway.event("pay_1", "payment.succeeded")
    row_id = arrive(context, event)
    inbox.handle_event(context, row_id)
    asked = len(gateway.calls)
    for _ in range(20):
        with context.sessions.begin() as session:
            assert not inbox.receive_event(session, "fake", event, context.now())
        inbox.handle_event(context, row_id)
    assert len(gateway.calls) == asked
    with context.sessions() as session:
        assert session.scalar(select(func.count()).where(LedgerTransaction.kind == "payment")) == 1
