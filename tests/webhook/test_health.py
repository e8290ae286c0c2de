"""Ready means that a turn would be answered: what a turn needs is really asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from billing.context import Context
from billing.database import make_engine, make_session_factory
from tests.support.fake_bot import FakeBot
from tests.support.fake_gateway import FakeGateway
from tests.webhook.conftest import Customer, answer_of, error_of
from webhook import create_app


@pytest.fixture
def neighbour() -> Iterator[FakeBot]:
    """Stands in for action server and sandbox, which answer health checks in the same way."""
    server = FakeBot("unused")
    yield server
    server.stop()


@pytest.fixture
def ready(make_app: Callable[..., Flask], neighbour: FakeBot) -> FlaskClient:
    port = int(neighbour.url.rsplit(":", 1)[1])
    return make_app(actions_port=port, sandbox_url=neighbour.url).test_client()


def test_everything_up_is_ready(ready: FlaskClient) -> None:
    assert answer_of(ready.get("/readyz")) == {
        "status": "ready",
        "checks": {"database": "ok", "bot": "ok", "actions": "ok", "sandbox": "ok"},
    }


def test_bot_without_its_tracker_store_is_not_ready(ready: FlaskClient, bot: FakeBot) -> None:
    bot.healthy = False
    response = ready.get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["checks"]["bot"] == "failed: status 503"


def test_missing_action_server_is_not_ready(client: FlaskClient) -> None:
    checks = client.get("/readyz").get_json()["checks"]
    assert checks["bot"] == "ok"
    assert checks["actions"].startswith("failed")


def test_missing_database_is_not_ready_but_alive(app: Flask) -> None:
    settings = app.extensions["remit"].settings
    engine = make_engine("postgresql://nobody@/none?host=/nowhere")
    client = create_app(settings, Context(make_session_factory(engine), FakeGateway(), settings)).test_client()
    assert answer_of(client.get("/healthz")) == {"status": "ok"}
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["checks"]["database"] == "failed: OperationalError"
    engine.dispose()


def test_flood_of_checks_asks_the_neighbours_once(ready: FlaskClient, monkeypatch: Any) -> None:
    asked = []
    monkeypatch.setattr("webhook.health._http", lambda url: asked.append(url) or "ok")
    for _ in range(20):
        answer_of(ready.get("/readyz"))
    assert len(asked) == 3


def test_lost_database_is_a_503_that_says_when_to_come_back(app: Flask, maya: Customer) -> None:
    settings = app.extensions["remit"].settings
    engine = make_engine("postgresql://nobody@/none?host=/nowhere")
    other = create_app(settings, Context(make_session_factory(engine), FakeGateway(), settings)).test_client()
    response = Customer(other, maya.token, maya.account_id).send(id="a", text="pay")
    assert error_of(response) == (503, "database_down")
    assert int(response.headers["Retry-After"]) > 0
    engine.dispose()
