"""The real bot process between a fake action server and a real PostgreSQL."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from remit.postgres import EmbeddedPostgres
from tests.conftest import PASSWORD
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
BOT_PYTHON = ROOT / "bot" / ".venv" / "bin" / "python"
TOKEN = "bot-token-of-the-tests"
ACTIONS_TOKEN = "actions-token-of-the-tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if BOT_PYTHON.exists():
        return
    reason = "bot/.venv is missing: `cd bot && uv sync` makes it (`make test` does)"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


def run_bot(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs `python -m bot …` in the bot's own environment to its end."""
    command = [str(BOT_PYTHON), "-m", "bot", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False, **options)


@dataclass
class FakeActions:
    """An action server with memory: it says what each action is told to say, and keeps what it was asked."""

    url: str
    calls: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    answers: dict[str, Callable[[dict[str, Any]], tuple[int, Any]]] = field(default_factory=dict)

    def answer(self, action: str, *responses: dict[str, Any], events: tuple[dict[str, Any], ...] = ()) -> None:
        self.answers[action] = lambda _: (200, {"events": list(events), "responses": list(responses)})

    def fail(self, action: str, status: int = 500) -> None:
        self.answers[action] = lambda _: (status, {"error": "broken"})

    def reset(self) -> None:
        self.calls.clear()
        self.tokens.clear()
        self.connections.clear()
        self.answers.clear()

    def names(self) -> list[str]:
        return [call["next_action"] for call in self.calls]


def says(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, **more}


@pytest.fixture(scope="package")
def fake_actions() -> Iterator[FakeActions]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.calls.append(call)
            fake.tokens.append(self.headers["Authorization"])
            fake.connections.add(self.client_address)
            default = (200, {"events": [], "responses": [says(f"did {call['next_action']}")]})
            answer = fake.answers.get(call["next_action"])
            status, body = answer(call) if answer else default
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake = FakeActions(url=f"http://127.0.0.1:{server.server_port}/webhook")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield fake
    server.shutdown()
    server.server_close()


@pytest.fixture
def actions(fake_actions: FakeActions) -> FakeActions:
    fake_actions.reset()
    return fake_actions


@dataclass
class Bot:
    url: str
    database: str
    admin_url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    def post(self, body: Any, token: str | None = TOKEN, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(f"{self.url}/turn", content=data, headers=headers, timeout=60, **more)

    def say(self, text: str, sender: str, **more: Any) -> list[dict[str, Any]]:
        answer = self.post(turn(text=text, sender=sender, **more))
        assert answer.status_code == 200, answer.text
        return list(answer.json()["messages"])

    def health(self) -> httpx.Response:
        return httpx.get(f"{self.url}/health", timeout=60)

    def events(self, sender: str) -> list[tuple[str, str | None, dict[str, Any]]]:
        query = "select type_name, action_name, data from bot.events where sender_id = %s order by id"
        with psycopg.connect(self.admin_url) as connection:
            return [(kind, action, json.loads(data)) for kind, action, data in connection.execute(query, [sender])]


def turn(**fields: Any) -> dict[str, Any]:
    """A valid body, with `fields` in place of its own."""
    ids = {"sender": secrets.token_hex(8), "message_id": secrets.token_hex(8)}
    return {**ids, "text": "hello", "channel": "chat", "language": "en", "button": None, **fields}


@pytest.fixture
def sender() -> str:
    return secrets.token_hex(8)


@pytest.fixture(scope="package")
def model() -> Path:
    """The model of the present inputs, trained here if it is not there yet."""
    trained = run_bot("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    return ROOT / trained.stdout.rsplit(": ", 1)[1].split(" (")[0].strip()


@pytest.fixture(scope="package")
def bot(
    postgres: EmbeddedPostgres, fake_actions: FakeActions, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bot]:
    name = f"bot_{secrets.token_hex(4)}"
    admin = postgres.url("postgres", PASSWORD, "postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"create database {name}")
        connection.execute(f"create role {name} login password '{name}'")
    admin_url = postgres.url("postgres", PASSWORD, name)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"create schema bot authorization {name}")
        connection.execute(f"alter role {name} in database {name} set search_path = bot")
    environment = {
        "PATH": os.environ["PATH"],
        "BOT_TOKEN": TOKEN,
        "ACTIONS_TOKEN": ACTIONS_TOKEN,
        "ACTIONS_URL": fake_actions.url,
        "BOT_DATABASE_URL": postgres.url(name, name, name),
        "BOT_PORT": str(free_port()),
        "BOT_MODEL": str(model),
        "BOT_ACTION_TIMEOUT_S": "4",
    }
    log = tmp_path_factory.mktemp("bot") / "bot.log"
    process = start_bot(environment, log)
    running = Bot(
        url=f"http://127.0.0.1:{environment['BOT_PORT']}/webhooks/remit",
        database=name,
        admin_url=admin_url,
        environment=environment,
        process=process,
        log=log,
    )
    wait_until_healthy(running)
    yield running
    stop(running.process)


def start_bot(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        command = [str(BOT_PYTHON), "-m", "bot", "run"]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)


def wait_until_healthy(bot: Bot) -> None:
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        assert bot.process.poll() is None, bot.log.read_text()
        try:
            if bot.health().status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(bot.log.read_text())


def stop(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    return process.wait(60)
