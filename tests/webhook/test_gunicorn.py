"""The edge behind its real server: streams on real sockets, bodies of every length, a stop that nobody waits for."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from assistant.delivery.push import push
from billing.config import Settings
from billing.database import SessionFactory
from tests.support.fake_bot import FakeBot
from tests.support.ports import free_port
from tests.webhook.running import running_edge


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "edge.log"


@pytest.fixture
def process(settings: Settings, log: Path) -> Iterator[tuple[object, str]]:
    port = free_port()
    with running_edge(settings, port, log, STREAM_HEARTBEAT_S="0.5") as process:
        yield process, f"http://127.0.0.1:{port}"


@pytest.fixture
def edge(process: tuple[object, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=process[1], trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def bearer(edge: httpx.Client, portal_token: Callable[..., str]) -> dict[str, str]:
    opened = edge.post("/api/chat/sessions", json={"token": portal_token()})
    assert opened.status_code == 201, opened.text
    return {"Authorization": f"Bearer {opened.json()['token']}"}


def test_event_arrives_on_a_real_stream_and_sigterm_ends_it_at_once(
    edge: httpx.Client, process: tuple[object, str], bearer: dict[str, str], bot: FakeBot, sessions: SessionFactory
) -> None:
    edge.post("/api/chat/messages", json={"id": "a", "text": "hello"}, headers=bearer)
    with edge.stream("GET", "/api/chat/events", headers=bearer) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        with sessions.begin() as session:
            push(session, bot.turns[0]["sender"], "message", {"text": "paid"})
        data = next(line for line in lines if line.startswith("data:"))
        assert json.loads(data.removeprefix("data: "))["text"] == "paid"
        process[0].send_signal(signal.SIGTERM)  # type: ignore[attr-defined]
        list(lines)  # to its end: a stream that gunicorn had to wait for would be cut off, which httpx does not take
    process[0].wait(60)  # type: ignore[attr-defined]


def test_departed_client_gives_its_place_back(edge: httpx.Client, bearer: dict[str, str]) -> None:
    for _ in range(3):
        with edge.stream("GET", "/api/chat/events", headers=bearer) as stream:
            next(stream.iter_lines())
    deadline = time.monotonic() + 60
    while "remit_edge_streams 0.0" not in edge.get("/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_killed_master_takes_its_worker_along(
    edge: httpx.Client, process: tuple[object, str], bearer: dict[str, str]
) -> None:
    """A worker left behind would go on answering on the same socket beside the one that is started next."""
    with edge.stream("GET", "/api/chat/events", headers=bearer) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        process[0].kill()  # type: ignore[attr-defined]
        process[0].wait(60)  # type: ignore[attr-defined]
        with pytest.raises(httpx.RemoteProtocolError):  # cut off, not ended: nobody tidied up
            list(lines)


def test_large_and_endless_bodies_are_refused(edge: httpx.Client, bearer: dict[str, str]) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 1_000

    for content in (b" " * 3_000_000, endless()):
        headers = bearer | {"Content-Type": "application/json"}
        url = f"{edge.base_url}/api/chat/messages"
        answer = httpx.post(url, content=content, headers=headers, timeout=60, trust_env=False)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


BROKEN = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
    b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    b"POST /webhooks/sandbox HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /webhooks/sandbox HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
)


def test_broken_http_gets_a_4xx_and_the_edge_goes_on(edge: httpx.Client) -> None:
    for sent in BROKEN:
        with socket.create_connection(("127.0.0.1", edge.base_url.port or 0), timeout=60) as raw:
            raw.sendall(sent)
            status = raw.recv(65_536).split(b" ", 2)[1:2]
        assert not status or status[0].startswith(b"4") or status == [b"505"], sent
    assert edge.get("/healthz").json() == {"status": "ok"}


def test_logs_hold_no_secret_and_no_word(
    edge: httpx.Client, bearer: dict[str, str], log: Path, portal_token: Callable[..., str]
) -> None:
    edge.post("/api/chat/messages", json={"id": "a", "text": "my secret 4242 4242 4242 4242"}, headers=bearer)
    edge.post("/api/chat/messages", content=b'{"id": "x", "text": "my secret', headers=bearer)
    edge.get("/pay/secret-of-a-link")
    edge.get("/pay/4242424242424242?card=4242424242424242")
    written = log.read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    assert {line["route"] for line in lines} >= {"/api/chat/messages", "/pay/<token>"}
    for secret in ("secret", "4242", bearer["Authorization"].split()[1], "eyJ"):
        assert secret not in written
