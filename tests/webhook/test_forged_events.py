"""Forged, mangled and repeated deliveries to the edge as it runs in earnest: nothing accepted, no 5xx, no write.

`FORGED_EVENTS=10000` for the full count; the short form is part of every run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.config import Settings
from billing.database import SessionFactory
from tests.support.ports import free_port
from tests.webhook import event_forgery as forgery
from tests.webhook.raw_http import Sender, counted, rows
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
