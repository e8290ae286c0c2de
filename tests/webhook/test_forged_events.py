"""Forged, mangled and repeated deliveries to the edge as it runs in earnest: nothing accepted, no 5xx, no write.

`FORGED_EVENTS=10000` for the full count; the short form is part of every run.
"""

from __future__ import annotations

import os
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from sqlalchemy import inspect, text

from billing.config import Settings
from billing.database import SessionFactory
from tests.support.ports import free_port
from tests.webhook import event_forgery as forgery
from tests.webhook.running import running_edge

FORGED = int(os.environ.get("FORGED_EVENTS", "1000"))
REPLAYS = 1000
STRIPE = {
    "STRIPE_SECRET_KEY": "sk_test_of_nobody_in_the_tests",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_of_nobody_in_the_tests",
    "STRIPE_WEBHOOK_SECRET": forgery.SECRET,
    "STRIPE_API_BASE": "http://127.0.0.1:9",
}


@pytest.fixture
def port(settings: Settings, tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with running_edge(settings, port, tmp_path / "edge.log", **STRIPE):
        yield port


class Sender:
    """One connection, kept open as long as the edge keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send(self, request: bytes, *, again: bool = True) -> int:
        """The status of the answer. `again`: the connection can be used for the next one."""
        for _ in range(2):  # a kept connection may have been closed since the last answer
            kept = self._socket is not None
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
            try:
                answer = self._exchange(self._socket, request)
            except (BrokenPipeError, ConnectionResetError):
                answer = b""
            if not again:
                self.close()
            if answer:
                return int(answer[9:12])
            self.close()
            if not kept:
                break
        raise AssertionError(f"no answer to {request[:300]!r}")

    def _exchange(self, connection: socket.socket, request: bytes) -> bytes:
        with suppress(BrokenPipeError, ConnectionResetError):  # answered before it was read; the answer is still there
            connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = connection.recv(65_536)
            if not part:
                return answer
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(body) < int(length[1]) and (part := connection.recv(65_536)):
            body += part
        if re.search(rb"(?i)connection: close", head):
            self.close()
        return answer

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def rows(sessions: SessionFactory) -> dict[str, int]:
    """How many rows every table holds."""
    with sessions() as session:
        names = inspect(session.connection()).get_table_names()
        return {name: session.scalar(text(f"select count(*) from {name}")) or 0 for name in names}


def counted(port: int) -> list[str]:
    """The names of all time series."""
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text.splitlines()
    return [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]


@pytest.mark.timeout(3600)  # the full count
def test_forged_and_mangled_deliveries_are_refused_and_leave_nothing(port: int, sessions: SessionFactory) -> None:
    sender = Sender(port)
    for delivery, again in forgery.forgeries(300, seed=1):
        sender.send(delivery, again=again)
    counted(port)  # which is counted as well
    before, series = rows(sessions), counted(port)
    statuses: Counter[int] = Counter()
    for delivery, again in forgery.forgeries(FORGED, seed=2):
        status = sender.send(delivery, again=again)
        assert status == 400, (status, delivery[:600])
        statuses[status] += 1
    assert statuses == {400: FORGED}
    assert rows(sessions) == before
    assert counted(port) == series  # however many they are, they are counted under the same few names
    assert before["events_received"] == before["procrastinate_jobs"] == 0
    assert sender.send(forgery.genuine(1)) == 200
    assert rows(sessions)["events_received"] == 1
    sender.close()


def test_a_thousand_replays_are_answered_and_stored_once(port: int, sessions: SessionFactory) -> None:
    sender = Sender(port)
    assert sender.send(forgery.genuine(7)) == 200
    before = rows(sessions)
    assert before["events_received"] == before["procrastinate_jobs"] == 1
    assert {sender.send(forgery.genuine(7)) for _ in range(REPLAYS)} == {200}
    assert rows(sessions) == before
    sender.close()
