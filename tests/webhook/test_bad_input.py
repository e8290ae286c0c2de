"""Whatever is sent: a clear answer in the one shape, never a 5xx, never a stack trace, nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from assistant.models import ChatTurn
from billing.database import SessionFactory
from tests.support.fake_bot import FakeBot
from tests.webhook.conftest import Customer, error_of

DEEP = b"[" * 100_000
BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "bad_json"),
    "blank": (b"   ", "bad_json"),
    "no json": (b"hello", "bad_json"),
    "html": (b"<script>alert(1)</script>", "bad_json"),
    "half": (b'{"id": "a", "text": "pa', "bad_json"),
    "latin-1": ('{"id": "a", "text": "é"}'.encode("latin-1"), "bad_json"),
    "utf-16": ('{"id": "a", "text": "x"}'.encode("utf-16"), "bad_json"),
    "lone surrogate": (b'{"id": "a", "text": "\\ud800"}', "bad_json"),
    "deep": (DEEP[:16_000], "bad_json"),
    "deep object": (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, "bad_json"),
    "array": (b"[]", "bad_field"),
    "null": (b"null", "bad_field"),
    "number": (b"42", "bad_field"),
    "text": (b'"text"', "bad_field"),
    "empty object": (b"{}", "bad_field"),
    "two objects": (b'{"id": "a", "text": "x"}{}', "bad_json"),
    "id only": (b'{"id": "a"}', "bad_field"),
    "no id": (b'{"text": "x"}', "bad_field"),
    "id of another type": (b'{"id": 1, "text": "x"}', "bad_field"),
    "id with blanks": (b'{"id": "a b", "text": "x"}', "bad_field"),
    "long id": (b'{"id": "' + b"a" * 101 + b'", "text": "x"}', "bad_field"),
    "text of another type": (b'{"id": "a", "text": ["x"]}', "bad_field"),
    "text as object": (b'{"id": "a", "text": {"$ne": 1}}', "bad_field"),
    "huge number": (b'{"id": "a", "text": ' + b"9" * 5_000 + b"}", "bad_json"),
    "unknown field": (b'{"id": "a", "text": "x", "sender": "s_other"}', "bad_field"),
    "own identity": (b'{"id": "a", "text": "x", "account": "100300"}', "bad_field"),
    "button as object": (b'{"id": "a", "button": {"intent": "affirm"}}', "bad_field"),
    "button as command": (b'{"id": "a", "button": "/affirm"}', "bad_field"),
}


def post(customer: Customer, body: bytes, content_type: str = "application/json") -> Any:
    return customer.client.post("/api/chat/messages", data=body, content_type=content_type, headers=customer.headers)


def test_bad_body_is_named_and_nothing_is_stored(maya: Customer, bot: FakeBot, sessions: SessionFactory) -> None:
    for name, (body, code) in BODIES.items():
        response = post(maya, body)
        assert error_of(response) == ({"bad_json": 400, "bad_field": 422}[code], code), name
        assert "Traceback" not in response.get_data(as_text=True)
    assert bot.turns == []
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(ChatTurn)) == 0


def test_only_json_is_taken(maya: Customer) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"):
        assert error_of(post(maya, b'{"id": "a", "text": "x"}', content_type)) == (415, "json_only")


def test_large_body_is_refused_unread(maya: Customer) -> None:
    assert error_of(post(maya, b" " * 10_000_000)) == (413, "too_large")


def test_odd_authorization_is_refused(client: FlaskClient) -> None:
    odd = ("", "Bearer", "Bearer ", "Basic eDp5", "bearer x y", "Bearer " + "x" * 5_000, "Token abc", "Bearer \xff\xfe")
    for authorization in odd:
        response = client.post(
            "/api/chat/messages", json={"id": "a", "text": "x"}, headers={"Authorization": authorization}
        )
        assert error_of(response) in ((401, "unauthorized"), (401, "session_unknown")), authorization
        assert response.headers["WWW-Authenticate"] == "Bearer"


ADDRESSES = [
    ("GET", "/api/chat/messages", 405, "method_not_allowed"),
    ("DELETE", "/api/chat/sessions", 405, "method_not_allowed"),
    ("OPTIONS", "/api/chat/messages", 405, "method_not_allowed"),
    ("TRACE", "/healthz", 405, "method_not_allowed"),
    ("BREW", "/healthz", 405, "method_not_allowed"),
    ("GET", "/api", 404, "not_found"),
    ("GET", "/.env", 404, "not_found"),
    ("GET", "/assets/../errors.py", 404, "not_found"),
    ("GET", "/assets/%2e%2e%2ferrors.py", 404, "not_found"),
    ("GET", "/assets/page.css%00.html", 404, "not_found"),
    ("GET", "/webhook/errors.py", 404, "not_found"),
    ("GET", "/pay/", 404, "not_found"),
    ("GET", "/pay/%00", 404, "link_unknown"),
    ("GET", "/pay/%ff%fe", 404, "link_unknown"),
    ("GET", "/pay/" + "x" * 3_000, 404, "link_unknown"),
    ("POST", "/pay/unknown", 415, "json_only"),
    ("POST", "/pay/unknown/quote", 415, "json_only"),
]


def test_odd_address_or_method_is_answered(client: FlaskClient) -> None:
    for method, path, status, code in ADDRESSES:
        assert error_of(client.open(path, method=method)) == (status, code), (method, path)


def test_repeated_fields_and_blanks_are_harmless(maya: Customer) -> None:
    assert post(maya, b'\n{"id": "a", "id": "b", "text": "x", "text": "y"}\n').status_code == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=10,
)


@pytest.fixture
def everyone(maya: Customer, app: Flask) -> Customer:
    return maya


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(
        ["/api/chat/messages", "/api/chat/sessions", "/pay/x", "/pay/x/quote", "/webhooks/fake", "/pay/\u0131"]
    ),
    body=st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("id", "text", "button", "token", "amount", "address", "email"), json_values)
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_body_at_all_makes_a_5xx(everyone: Customer, path: str, body: bytes) -> None:
    response = everyone.client.post(path, data=body, content_type="application/json", headers=everyone.headers)
    assert response.status_code < 500 or response.status_code == 502
    if response.status_code >= 400:
        error_of(response)


def test_unexpected_error_is_an_id_and_no_trace(app: Flask, maya: Customer, monkeypatch: Any) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("card 4242424242424242")

    monkeypatch.setattr("webhook.chat.take_turn", broken)
    response = maya.send(id="a", text="x")
    assert error_of(response) == (500, "internal")
    assert "Zero" not in response.get_data(as_text=True)
    assert "4242" not in response.get_data(as_text=True)
