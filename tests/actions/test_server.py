"""The door of the action server: who may come in, and what an error gives away."""

from __future__ import annotations

import pytest
import rasa_sdk

from actions.server import TASKS
from tests.actions.conftest import Server

VERSION = rasa_sdk.__version__
CALL = {
    "version": VERSION,
    "next_action": "action_greet",
    "sender_id": "s_of_nobody",
    "tracker": {"sender_id": "s_of_nobody", "slots": {}, "events": [], "latest_message": {"text": "hi"}},
}


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer ünïcode"},
     {"Authorization": "Basic YTpi"}],
)  # fmt: skip
def test_nobody_comes_in_without_the_secret(server: Server, headers: dict[str, str]) -> None:
    raw = {name: value.encode() for name, value in headers.items()}
    for method, path in (("POST", "/webhook"), ("GET", "/actions"), ("GET", "/nowhere"), ("OPTIONS", "/webhook")):
        answer = server.client.request(method, f"{server.url}{path}", headers=raw, json=CALL)  # type: ignore[arg-type]
        assert answer.status_code == 401
        assert answer.json() == {"error": "Unauthorized"}


def test_the_secret_is_not_taken_from_the_address(server: Server) -> None:
    assert server.client.post(f"{server.url}/webhook?token={server.token}", json=CALL).status_code == 401


def test_a_sign_of_life_needs_no_secret(server: Server) -> None:
    assert server.client.get(f"{server.url}/health").json() == {"status": "ok"}


def test_nothing_is_shared_with_other_origins(server: Server) -> None:
    answer = server.client.get(f"{server.url}/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ("[]", 500),
        ('{"version": "VERSION", "tracker": 7, "next_action": "action_greet", "secret": "4242"}', 500),
        ('{"version": "VERSION", "tracker": {"sender_id": "4242"}, "next_action": "action_of_nobody"}', 404),
    ],
)
def test_an_error_says_nothing_of_what_was_sent(server: Server, body: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    answer = server.client.post(f"{server.url}/webhook", content=body.replace("VERSION", VERSION), headers=headers)
    assert answer.status_code == status
    assert "4242" not in answer.text
    assert "request_body" not in answer.text


def test_an_action_runs_without_the_domain(server: Server) -> None:
    answer = server.client.post(f"{server.url}/webhook", json=CALL, headers={"Authorization": f"Bearer {server.token}"})
    assert answer.json()["responses"][0]["text"].startswith("Your session is over.")


def test_every_task_has_a_name_of_its_own() -> None:
    assert len({task.called for task in TASKS}) == len(TASKS)
