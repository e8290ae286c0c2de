"""A chat session is opened by the portal's word alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from assistant.models import ChatSession
from billing.database import SessionFactory
from tests.webhook.conftest import Customer, RunningClock, error_of


def test_portal_token_opens_a_session(client: FlaskClient, portal_token: Callable[..., str]) -> None:
    response = client.post("/api/chat/sessions", json={"token": portal_token()})
    body = response.get_json()
    assert response.status_code == 201
    assert body["language"] == "en"
    assert body["messages"][0]["text"].startswith("Hello")
    assert body["state"] == {"quote": None, "payment": None}
    assert "sender" not in body


@pytest.mark.parametrize(("proxies", "kept"), [(0, "127.0.0.1"), (1, "203.0.113.7")])
def test_session_keeps_the_address_that_opened_it_and_believes_only_its_own_proxies(
    make_app: Callable[..., Flask], portal_token: Callable[..., str], sessions: SessionFactory, proxies: int, kept: str
) -> None:
    client = make_app(trusted_proxies=proxies).test_client()
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert client.post("/api/chat/sessions", json={"token": portal_token()}, headers=headers).status_code == 201
    with sessions() as session:
        assert session.scalars(select(ChatSession.address)).one() == kept


def test_portal_token_works_once(client: FlaskClient, portal_token: Callable[..., str]) -> None:
    token = portal_token()
    assert client.post("/api/chat/sessions", json={"token": token}).status_code == 201
    assert error_of(client.post("/api/chat/sessions", json={"token": token})) == (401, "token_used")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "another"}, "token_refused"),
        ({"key": "x" * 40}, "token_refused"),
        ({"algorithm": "none", "key": ""}, "token_refused"),
        ({"drop": "jti"}, "token_refused"),
        ({"sub": "nobody"}, "token_refused"),
        ({"account": "100300"}, "token_refused"),
        ({"iat": 1, "exp": 301}, "token_expired"),
    ],
)
def test_forged_token_opens_nothing(
    client: FlaskClient, portal_token: Callable[..., str], sessions: SessionFactory, claims: dict[str, str], code: str
) -> None:
    assert error_of(client.post("/api/chat/sessions", json={"token": portal_token(**claims)})) == (401, code)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(ChatSession)) == 0


def test_session_ends_after_a_pause_and_a_turn_moves_the_end_on(maya: Customer, clock: RunningClock) -> None:
    clock.forward(minutes=29)
    maya.says("hello")
    clock.forward(minutes=29)
    maya.says("hello again")
    clock.forward(minutes=31)
    assert error_of(maya.send(id="late", text="still there?")) == (401, "session_expired")


def test_one_user_cannot_open_sessions_without_end(
    make_app: Callable[..., object], portal_token: Callable[..., str]
) -> None:
    client = make_app(chat_sessions_per_minute=3).test_client()  # type: ignore[attr-defined]
    answers = [client.post("/api/chat/sessions", json={"token": portal_token()}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
