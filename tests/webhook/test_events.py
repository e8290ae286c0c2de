"""A gateway event is believed when it is signed, stored once, and answered; what it means is worked out elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
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


def an_event(gateway: FakeGateway, type_: str = "payment.succeeded") -> tuple[bytes, dict[str, str]]:
    return gateway.delivery(gateway.event("pay_1", type_))


def stored(sessions: SessionFactory) -> tuple[int, int]:
    with sessions() as session:
        events = session.scalar(select(func.count()).select_from(EventReceived))
        jobs = session.scalar(text("select count(*) from procrastinate_jobs where task_name = 'handle_event'"))
    return events or 0, jobs or 0


def send(client: FlaskClient, body: bytes, headers: dict[str, str], gateway: str = "fake") -> Any:
    return client.post(f"/webhooks/{gateway}", data=body, headers=headers)


def test_event_is_stored_with_its_job_and_answered(
    client: FlaskClient, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    response = send(client, *an_event(gateway))
    assert (response.status_code, response.data) == (200, b"")
    with sessions() as session:
        event = session.scalars(select(EventReceived)).one()
        job = session.execute(
            text("select task_name, queue_name, args, status, priority, scheduled_at from procrastinate_jobs")
        ).one()
    assert (event.gateway, event.type, event.subject, event.object_id) == (
        *("fake", "payment.succeeded", "payment", "pay_1"),
    )
    assert tuple(job[:4]) == ("handle_event", "default", {"event_row_id": event.id}, "todo")
    # pay_1 is nobody's: it is looked at after a minute, and after whatever is ours.
    assert (event.outcome, event.tries) == ("orphan", 1)
    assert job.scheduled_at - event.received_at == timedelta(minutes=1) and job.priority < 0


def test_event_that_may_be_ours_is_looked_at_at_once(
    client: FlaskClient, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    assert send(client, *an_event(gateway, "method.attached")).status_code == 200
    with sessions() as session:
        job = session.execute(text("select scheduled_at, priority from procrastinate_jobs")).one()
        assert session.scalars(select(EventReceived.outcome)).one() is None
    assert tuple(job) == (None, 0)


def test_repeated_event_is_stored_once(client: FlaskClient, gateway: FakeGateway, sessions: SessionFactory) -> None:
    event = an_event(gateway)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(client.application.test_client(), *event).status_code, range(20)))
    assert set(answers) == {200}
    assert stored(sessions) == (1, 1)


def test_row_and_job_are_stored_together_or_not_at_all(
    client: FlaskClient, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    with sessions.begin() as session:
        session.execute(text("alter table procrastinate_jobs add constraint refuse check (id < 0)"))
    assert send(client, *an_event(gateway)).status_code == 500
    assert stored(sessions) == (0, 0)


def test_event_of_an_unknown_type_is_stored_and_counted_under_one_name(
    client: FlaskClient, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    for type_ in ("invoice.created", "radar.early_fraud_warning.created", "payment.succeeded"):
        assert send(client, *an_event(gateway, type_)).status_code == 200
    assert stored(sessions) == (3, 1)  # nothing is to be done about what is not about money
    with sessions() as session:
        outcomes = session.execute(select(EventReceived.outcome, EventReceived.handled_at.is_not(None)))
        assert sorted(map(tuple, outcomes)) == [("ignored", True), ("ignored", True), ("orphan", False)]
    text = client.get("/metrics").get_data(as_text=True)
    assert 'remit_edge_gateway_events_total{gateway="fake",result="new",type="other"} 2.0' in text
    assert 'remit_edge_gateway_events_total{gateway="fake",result="new",type="payment.succeeded"} 1.0' in text


def test_only_the_configured_gateway_has_an_address(client: FlaskClient, gateway: FakeGateway) -> None:
    for other in ("stripe", "sandbox", "", "fake/x", "Fake"):
        assert error_of(send(client, *an_event(gateway), gateway=other)) == (404, "not_found"), other
    for method in ("GET", "PUT", "DELETE"):
        assert error_of(client.open("/webhooks/fake", method=method)) == (405, "method_not_allowed")


def test_document_names_the_address_and_the_header_of_the_signature(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    assert [path for path in document["paths"] if path.startswith("/webhooks")] == ["/webhooks/fake"]
    assert document["components"]["securitySchemes"]["gatewaySignature"]["name"] == "Fake-Signature"
    assert document["paths"]["/webhooks/fake"]["post"]["security"] == [{"gatewaySignature": []}]
    assert "413" not in document["paths"]["/webhooks/fake"]["post"]["responses"]


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
        assert error_of(send(genuine, body, headers, "sandbox")) == (400, "bad_signature"), (signature, body[:20])
    assert stored(sessions) == (0, 0)


def test_event_of_ten_megabytes_is_refused(client: FlaskClient) -> None:
    assert error_of(send(client, b"x" * 10_000_000, {})) == (400, "bad_request")


def test_well_signed_event_in_another_wrapping_is_refused(
    client: FlaskClient, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    body, headers = an_event(gateway)
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "é", "a" * 4_000):
        assert error_of(send(client, body, headers | {"Content-Type": content_type})) == (400, "bad_signature")
    chunked = client.post("/webhooks/fake", input_stream=None, headers=headers, environ_base={"CONTENT_LENGTH": ""})
    assert error_of(chunked) == (400, "bad_signature")
    assert stored(sessions) == (0, 0)
    assert send(client, body, headers | {"Content-Type": "application/json; charset=utf-8"}).status_code == 200


def test_event_is_asked_for_again_while_the_database_is_down(app: Flask, gateway: FakeGateway) -> None:
    settings = app.extensions["remit"].settings
    engine = make_engine("postgresql://nobody@/none?host=/nowhere")
    nowhere = make_session_factory(engine)
    client = create_app(settings, Context(nowhere, gateway, settings)).test_client()
    response = send(client, *an_event(gateway))
    assert error_of(response) == (503, "database_down")
    assert int(response.headers["Retry-After"]) > 0
    engine.dispose()


def test_methods_that_somebody_invents_are_counted_under_one_name(make_app: Callable[..., Flask]) -> None:
    client = make_app().test_client()
    for method in ("BREW", "SMASH"):
        assert client.open("/webhooks/fake", method=method).status_code == 405
    text = client.get("/metrics").get_data(as_text=True)
    assert 'method="other",route="(none)",status="405"} 2.0' in text and "BREW" not in text
