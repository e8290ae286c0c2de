"""The edge in one process: real PostgreSQL, a fake bot over real HTTP, a gateway with a memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing.config import Settings
from billing.context import Context
from billing.database import SessionFactory
from billing.models import Account, PortalUser
from tests.billing.builders import a_method, an_account, an_invoice, some_settings
from tests.support.fake_bot import FakeBot
from tests.support.fake_gateway import FakeGateway
from webhook import create_app


@dataclass
class RunningClock:
    """The real time, moved ahead at will: sessions and quotes run out without anybody waiting."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **arguments: float) -> None:
        self.ahead += timedelta(**arguments)


@dataclass
class Customer:
    """A signed-in customer of the edge: sends messages with fresh ids and the session's bearer token."""

    client: FlaskClient
    token: str
    account_id: int
    count: int = 0

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def send(self, **body: Any) -> TestResponse:
        return self.client.post("/api/chat/messages", json=body, headers=self.headers)

    def says(self, text: str) -> dict[str, Any]:
        self.count += 1
        return answer_of(self.send(id=f"m{self.count}", text=text))

    def presses(self, button: str) -> dict[str, Any]:
        self.count += 1
        return answer_of(self.send(id=f"m{self.count}", button=button))

    def history(self) -> dict[str, Any]:
        return answer_of(self.client.get("/api/chat/history", headers=self.headers))


def answer_of(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 200, response.get_data(as_text=True)
    body: dict[str, Any] = response.get_json()
    return body


def error_of(response: TestResponse) -> tuple[int, str]:
    """(status, code) of an error in the one shape that errors have."""
    error = response.get_json()["error"]
    assert error["message"] and error["request_id"] == response.headers["X-Request-ID"]
    return response.status_code, error["code"]


@pytest.fixture
def bot() -> Iterator[FakeBot]:
    bot = FakeBot(some_settings().bot_token)
    yield bot
    bot.stop()


@pytest.fixture
def clock() -> RunningClock:
    return RunningClock()


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def settings(database_url: str, bot: FakeBot) -> Settings:
    """Tests override single values: `@pytest.mark.parametrize("changes", [{…}])` or `settings.model_copy`."""
    return some_settings(
        database_url=database_url,
        bot_url=bot.url,
        turn_timeout_s=20.0,
        stream_heartbeat_s=0.2,
        public_url="http://127.0.0.1:8000",
        sandbox_url="http://127.0.0.1:9",
        log_level="CRITICAL",
    )


@pytest.fixture
def make_app(
    settings: Settings, sessions: SessionFactory, gateway: FakeGateway, clock: RunningClock
) -> Iterator[Callable[..., Flask]]:
    """`make_app(turn_limit=1)`: an edge with other settings. Several are several processes to each other."""
    apps = []

    def make(**changes: Any) -> Flask:
        changed = settings.model_copy(update=changes)
        app = create_app(changed, Context(sessions, gateway, changed, clock))
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.extensions["remit"].close()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    """Maya: INV-1 200.00 and INV-2 152.10, both past due, and a saved Visa."""
    with sessions.begin() as session:
        account = an_account(session, number="100200", method=False)
        account.billing_address = {
            **{"name": "Maya Tremblay", "line1": "1 Main St", "line2": "", "city": "Ottawa", "region": "ON"},
            **{"postal_code": "K1A 0B1", "country": "CA"},
        }
        a_method(session, account, reference="pm_visa")
        an_invoice(session, account, "200.00", due_days=-60, number="INV-1")
        an_invoice(session, account, "152.10", due_days=-30, number="INV-2")
    return account


@pytest.fixture
def user(sessions: SessionFactory, account: Account) -> PortalUser:
    with sessions() as session:
        return session.query(PortalUser).filter_by(account_id=account.id).one()


@pytest.fixture
def portal_token(settings: Settings, user: PortalUser, account: Account, clock: RunningClock) -> Callable[..., str]:
    """A token as the portal signs it; `portal_token(aud="other")` forges one, `key=` and `algorithm=` too."""
    serial = iter(range(10_000))

    def make(*, key: str | None = None, algorithm: str = "HS256", drop: str = "", **claims: Any) -> str:
        now = int(clock().timestamp())
        whole = {
            **{"iss": "portal", "aud": "remit", "sub": user.external_id, "account": account.number},
            **{"iat": now, "exp": now + 300, "jti": f"jti-{next(serial)}"},
            **claims,
        }
        whole.pop(drop, None)
        return jwt.encode(whole, settings.portal_signing_secret if key is None else key, algorithm=algorithm)

    return make


@pytest.fixture
def sign_in(client: FlaskClient, portal_token: Callable[..., str], account: Account) -> Callable[..., Customer]:
    """`sign_in()` opens a session; `sign_in(client=…)` at another edge."""

    def open_session(client: FlaskClient = client, **claims: Any) -> Customer:
        response = client.post("/api/chat/sessions", json={"token": portal_token(**claims)})
        assert response.status_code == 201, response.get_data(as_text=True)
        return Customer(client, response.get_json()["token"], account.id)

    return open_session


@pytest.fixture
def maya(sign_in: Callable[..., Customer]) -> Customer:
    return sign_in()


@pytest.fixture
def hasty(make_app: Callable[..., Flask], maya: Customer) -> Customer:
    """Maya's conversation at an edge that waits for nothing longer than half a second, or a little more."""
    return at(make_app(turn_timeout_s=0.5), maya)


def at(other: Flask, customer: Customer) -> Customer:
    """The same conversation at another edge process."""
    return Customer(other.test_client(), customer.token, customer.account_id)
