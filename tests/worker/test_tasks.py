"""The jobs, called as the worker calls them: twice, late, and in the wrong order."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from assistant.models import ChatEvent, ChatSession, ChatTurn
from billing import disputes
from billing.context import Context
from billing.database import SessionFactory
from billing.models import Account, Payment, PaymentMethod, PortalUser
from tests.billing.builders import NOW, Clock, a_context, a_user, an_account, an_invoice, pay
from tests.support.fake_gateway import FakeGateway
from worker import tasks


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> Context:
    context = a_context(sessions, gateway, now=Clock())
    monkeypatch.setattr(tasks, "context", lambda: context)
    return context


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    with sessions.begin() as session:
        account = an_account(session)
        a_user(session, account)
        an_invoice(session, account, "60.00")
    return account


def a_conversation(context: Context, account: Account, sender: str, *, user: int = 0, minutes: int = 30) -> None:
    with context.sessions.begin() as session:
        users = session.scalars(
            select(PortalUser).where(PortalUser.account_id == account.id).order_by(PortalUser.position)
        ).all()
        session.add(
            ChatSession(
                sender=sender,
                token_hash=secrets.token_hex(16),
                portal_jti=secrets.token_hex(16),
                account_id=account.id,
                portal_user_id=users[user].id,
                channel="chat",
                language="en",
                created_at=NOW,
                last_seen_at=NOW,
                expires_at=NOW + timedelta(minutes=minutes),
            )
        )


def a_pending_payment(context: Context, account: Account, gateway: FakeGateway) -> Payment:
    with context.sessions() as session:
        tokens = session.scalars(select(PaymentMethod.gateway_reference)).all()
    gateway.behaviours |= dict.fromkeys(tokens, "processing")
    return pay(context, account)


def told(context: Context) -> list[tuple[str, str]]:
    with context.sessions() as session:
        events = session.scalars(select(ChatEvent).order_by(ChatEvent.id)).all()
    return [(event.sender, event.payload["card"]["state"]) for event in events]


def test_an_outcome_is_told_once_however_often_the_job_runs(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    a_conversation(context, account, "sender-1")
    payment = a_pending_payment(context, account, gateway)
    for _ in range(3):
        tasks.announce_payment(payment.id, "processing")
    assert told(context) == [("sender-1", "processing")]


def test_a_state_that_has_passed_is_not_told_any_more(context: Context, account: Account, gateway: FakeGateway) -> None:
    a_conversation(context, account, "sender-1")
    payment = a_pending_payment(context, account, gateway)
    tasks.announce_payment(payment.id, "succeeded")
    assert told(context) == []


def test_the_second_tab_of_the_same_person_hears_it_too_and_nobody_else_does(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    a_conversation(context, account, "sender-1", minutes=-1)  # where it was started: told in any case, for the history
    a_conversation(context, account, "sender-2")
    a_conversation(context, account, "sender-3", minutes=-1)  # long closed
    a_conversation(context, account, "sender-4", user=1)  # a colleague
    payment = a_pending_payment(context, account, gateway)
    tasks.announce_payment(payment.id, "present")
    assert told(context) == [("sender-1", "processing"), ("sender-2", "processing")]


def a_turn(context: Context, payment: Payment, *, answer: dict[str, object] | None, seconds_before: int = 1) -> None:
    """The turn in which the customer said yes to it."""
    with context.sessions.begin() as session:
        session.add(
            ChatTurn(
                sender=payment.sender,
                message_id=secrets.token_hex(8),
                said="yes",
                answer=answer,
                started_at=payment.created_at - timedelta(seconds=seconds_before),
                answered_at=None if answer is None else payment.created_at + timedelta(seconds=1),
            )
        )


def deferred(context: Context) -> int:
    with context.sessions() as session:
        query = "select count(*) from procrastinate_jobs where task_name = 'announce_payment' and status = 'todo'"
        return int(session.execute(text(query)).scalar_one())


def test_an_event_that_overtakes_the_answer_waits_for_it(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    a_conversation(context, account, "sender-1")
    payment = a_pending_payment(context, account, gateway)
    a_turn(context, payment, answer=None)
    before = deferred(context)
    tasks.announce_payment(payment.id, "processing")
    assert told(context) == []
    assert deferred(context) == before + 1


def test_what_the_turn_has_said_itself_is_told_to_the_other_tab_only(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    a_conversation(context, account, "sender-1")
    a_conversation(context, account, "sender-2")
    payment = a_pending_payment(context, account, gateway)
    card = {"type": "payment", "reference": payment.reference, "state": "processing"}
    a_turn(context, payment, answer={"messages": [{"text": "Your payment is pending.", "card": card}]})
    tasks.announce_payment(payment.id, "processing")
    assert told(context) == [("sender-2", "processing")]


def test_what_a_turn_said_about_an_earlier_state_keeps_nothing_back(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    a_conversation(context, account, "sender-1")
    payment = a_pending_payment(context, account, gateway)
    card = {"type": "payment", "reference": payment.reference, "state": "unknown"}
    a_turn(
        context, payment, answer={"messages": [{"text": "I am checking.", "card": card}, {"text": "", "card": None}]}
    )
    tasks.announce_payment(payment.id, "processing")
    assert told(context) == [("sender-1", "processing")]


def test_a_turn_that_died_keeps_nothing_back(context: Context, account: Account, gateway: FakeGateway) -> None:
    a_conversation(context, account, "sender-1")
    payment = a_pending_payment(context, account, gateway)
    a_turn(context, payment, answer=None, seconds_before=60)
    tasks.announce_payment(payment.id, "processing")
    assert told(context) == [("sender-1", "processing")]


def test_a_payment_without_a_conversation_is_told_by_letter_alone(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    payment = a_pending_payment(context, account, gateway)
    tasks.announce_payment(payment.id, "processing")
    assert told(context) == []


def test_a_dispute_is_told_once_in_each_open_conversation_however_often_the_job_runs(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    payment = pay(context, account)
    a_conversation(context, account, "sender-1", minutes=-1)
    a_conversation(context, account, "sender-2")
    gateway.dispute("pay_1", status="lost")
    disputes.refresh_disputes(context, payment.id)
    with context.sessions() as session:
        jobs = session.scalars(text("select args from procrastinate_jobs where task_name = 'announce_dispute'")).all()
    assert len(jobs) == 1
    for _ in range(3):
        tasks.announce_dispute(**jobs[0])
    with context.sessions() as session:
        events = session.scalars(select(ChatEvent).order_by(ChatEvent.id)).all()
    assert [event.sender for event in events] == ["sender-1", "sender-2"]
    assert all("$60.00 is open again" in event.payload["text"] for event in events)


def test_the_sweep_asks_about_open_disputes(context: Context, account: Account, gateway: FakeGateway) -> None:
    payment = pay(context, account)
    dispute = gateway.dispute("pay_1")
    disputes.refresh_disputes(context, payment.id)
    gateway.decide_dispute(dispute.id, "lost")
    assert isinstance(context.now, Clock)
    context.now.forward(hours=13)
    tasks.reconcile_due(timestamp=0)
    with context.sessions() as session:
        assert session.get_one(Payment, payment.id).lost_minor == 6000


def test_the_sweep_closes_what_nobody_answered_in_time(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    payment = a_pending_payment(context, account, gateway)
    gateway.decide("pay_1", "succeeded")
    assert isinstance(context.now, Clock)
    context.now.forward(minutes=3)
    tasks.reconcile_due(timestamp=0)
    tasks.expire_quotes(timestamp=0)
    with context.sessions() as session:
        assert session.get_one(Payment, payment.id).state == "succeeded"


def test_the_daily_compare_says_in_the_log_that_something_differed(
    context: Context, gateway: FakeGateway, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.now = context.now
    pay(context, account, "10.00")
    tasks.compare_when_due(0)
    assert caplog.messages == []
    assert isinstance(context.now, Clock)
    context.now.forward(hours=2)
    gateway.event("pay_1", "payment.succeeded")
    context.now.forward(hours=24)
    tasks.compare_when_due(0)
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith("gateway and books differed: 0 differences, 1 ")
    tasks.compare_when_due(0)
    assert len(caplog.messages) == 1
