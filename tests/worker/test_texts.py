"""The jobs of texts, called as the worker calls them: how often they are tried, and what comes after the last try."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from procrastinate.jobs import Job
from sqlalchemy import select

from assistant.delivery.twilio_api import NotReached, OutcomeUnknown, TextRefused
from assistant.texts.models import OneTimeCode, TextSent
from assistant.texts.outgoing import queue_text
from billing.context import Context
from billing.database import SessionFactory
from billing.models import OperatorItem
from billing.outbox import worker_app
from tests.billing.builders import NOW, Clock, a_context
from tests.support.fake_twilio import SERVICE, FakeTwilio, fake_twilio, text_settings
from worker import tasks

PHONE = "+15145550101"


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with fake_twilio() as double:
        yield double


@pytest.fixture
def context(sessions: SessionFactory, twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch) -> Context:
    settings = text_settings(twilio, twilio_verify_service_sid=SERVICE)
    context = a_context(sessions, now=Clock(), settings=settings)
    monkeypatch.setattr(tasks, "context", lambda: context)
    return context


def queued(context: Context, body: str = "Northwind: hello", phone: str = PHONE) -> int:
    with context.sessions.begin() as session:
        sent = queue_text(session, settings=context.settings, phone=phone, kind="answer", now=context.now(), body=body)
        assert sent is not None
        return sent.id


def attempt(number: int) -> Any:
    """The job's context at its `number`th try, from 0."""
    return SimpleNamespace(job=SimpleNamespace(attempts=number))


def state(context: Context, text_id: int) -> str:
    with context.sessions() as session:
        return session.get_one(TextSent, text_id).state


def test_texts_to_one_phone_go_out_in_order(context: Context, twilio: FakeTwilio, database_url: str) -> None:
    bodies = [f"Northwind: {number}" for number in range(6)]
    for number, body in enumerate(bodies):
        queued(context, body)
        queued(context, body, phone=f"+1514555011{number}")
    app = worker_app(database_url)
    app.add_tasks_from(tasks.tasks, namespace="")

    async def work() -> None:
        async with app.open_async():
            await app.run_worker_async(wait=False, concurrency=4, install_signal_handlers=False)

    while len(twilio.messages) < 12:
        asyncio.run(work())
    assert [message["body"] for message in twilio.messages if message["to"] == PHONE] == bodies


def test_a_text_is_tried_for_an_hour_with_growing_pauses() -> None:
    job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="send_text", status="doing")
    pauses = []
    for tried in range(tasks.TEXT_TRIES - 1):
        decision = tasks.RETRY_TEXT.get_retry_decision(exception=NotReached(), job=job.evolve(attempts=tried))
        assert decision is not None
        assert decision.retry_at is not None
        pauses.append((decision.retry_at - datetime.now(UTC)).total_seconds())
    assert pauses == sorted(pauses)
    assert timedelta(minutes=50) < timedelta(seconds=sum(pauses)) < timedelta(minutes=75)


def test_while_twilio_is_out_of_reach_the_job_fails_and_then_it_is_given_up(
    context: Context, twilio: FakeTwilio
) -> None:
    text_id = queued(context)
    for number in range(tasks.TEXT_TRIES - 1):
        twilio.answers = [(429, 20429)]
        with pytest.raises(NotReached):
            tasks.send_text(attempt(number), text_id)
    assert state(context, text_id) == "queued"
    twilio.answers = [(429, 20429)]
    tasks.send_text(attempt(tasks.TEXT_TRIES - 1), text_id)
    assert state(context, text_id) == "failed"
    with context.sessions() as session:
        assert session.scalars(select(OperatorItem.kind)).all() == ["texts_failed"]


def test_what_is_refused_for_good_is_no_failure_of_the_job(context: Context, twilio: FakeTwilio) -> None:
    text_id = queued(context)
    twilio.answers = [(400, 21614)]
    tasks.send_text(attempt(0), text_id)
    assert state(context, text_id) == "failed"


def test_verify_is_asked_once_more_only_where_that_makes_sense(context: Context, twilio: FakeTwilio) -> None:
    with context.sessions.begin() as session:
        code = OneTimeCode(phone=PHONE, sent_by="verify", created_at=NOW, expires_at=NOW + timedelta(minutes=10))
        session.add(code)
        session.flush()
    tasks.start_verification(code.id)
    assert [verification["To"] for verification in twilio.verifications] == [PHONE]
    job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="start_verification", status="doing")
    for error, again in ((NotReached(), True), (OutcomeUnknown(), True), (TextRefused(60203), False)):
        decision = tasks.RETRY_VERIFY.get_retry_decision(exception=error, job=job)
        assert (decision is not None) is again


def test_there_is_one_client_a_process(context: Context) -> None:
    assert tasks.twilio() is tasks.twilio()
