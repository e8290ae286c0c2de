"""A gateway event is believed when it is signed, stored once, and answered; what it means is worked out elsewhere."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from billing.context import Context
from billing.database import SessionFactory, make_engine, make_session_factory
from billing.gateways.sandbox import SandboxGateway
from billing.models import EventReceived
from tests.support.fake_gateway import FakeGateway
from tests.webhook.conftest import RunningClock, error_of
from webhook import create_app


def an_event(gateway: FakeGateway) -> tuple[bytes, dict[str, str]]:
    return gateway.delivery(gateway.event("pay_1", "payment.succeeded"))


def stored(sessions: SessionFactory) -> tuple[int, int]:
    with sessions() as session:
        events = session.scalar(select(func.count()).select_from(EventReceived))
        jobs = session.scalar(text("select count(*) from procrastinate_jobs where task_name = 'handle_event'"))
    return events or 0, jobs or 0


def send(client: FlaskClient, body: bytes, headers: dict[str, str]) -> Any:
    return client.post("/webhooks/sandbox", data=body, headers=headers)


def test_event_is_stored_with_its_job_and_answered(
    client: FlaskClient, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    response = send(client, *an_event(gateway))
    assert (response.status_code, response.data) == (200, b"")
    assert stored(sessions) == (1, 1)


def test_repeated_event_is_stored_once(client: FlaskClient, gateway: FakeGateway, sessions: SessionFactory) -> None:
    event = an_event(gateway)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(client.application.test_client(), *event).status_code, range(20)))
    assert set(answers) == {200}
    assert stored(sessions) == (1, 1)


@pytest.fixture
def genuine(app: Flask, sessions: SessionFactory, clock: RunningClock) -> FlaskClient:
    """An edge with the sandbox's own verification."""
    settings = app.extensions["remit"].settings
    return create_app(
        settings, Context(sessions, SandboxGateway.from_settings(settings), settings, clock)
    ).test_client()


SIGNATURES = (
    *("", "t=1,v1=" + "0" * 64, "t=,v1=", "v1=abc", "t=9999999999,v1=" + "0" * 64, "t=x,v1=é", "garbage"),
    *("t=" + "9" * 400 + ",v1=0", "t=nan,v1=" + "0" * 64),
)
BODIES = (b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b'{"id": "evt_1"}')


def test_forged_event_is_refused_and_leaves_nothing(genuine: FlaskClient, sessions: SessionFactory) -> None:
    for signature, body in itertools.product(SIGNATURES, BODIES):
        headers = {"Sandbox-Signature": signature.encode().decode("latin-1")} if signature else {}
        assert error_of(send(genuine, body, headers)) == (400, "bad_signature"), (signature, body[:20])
    assert stored(sessions) == (0, 0)


def test_event_of_ten_megabytes_is_refused(genuine: FlaskClient) -> None:
    assert error_of(send(genuine, b"x" * 10_000_000, {})) == (413, "too_large")


def test_event_is_asked_for_again_while_the_database_is_down(app: Flask, gateway: FakeGateway) -> None:
    settings = app.extensions["remit"].settings
    engine = make_engine("postgresql://nobody@/none?host=/nowhere")
    nowhere = make_session_factory(engine)
    client = create_app(settings, Context(nowhere, gateway, settings)).test_client()
    response = send(client, *an_event(gateway))
    assert error_of(response) == (503, "database_down")
    assert int(response.headers["Retry-After"]) > 0
    engine.dispose()
