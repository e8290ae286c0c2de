"""Forged, mangled and repeated texts to the edge as it runs in earnest: nothing accepted, no 5xx, no write.

`FORGED_TEXTS=10000` for the full count; the short form is part of every run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing.config import Settings
from billing.database import SessionFactory
from tests.support.ports import free_port
from tests.webhook import text_forgery as forgery
from tests.webhook.raw_http import Sender, counted, rows
from tests.webhook.running import running_edge

FORGED = int(os.environ.get("FORGED_TEXTS", "1000"))
REPEATS = 1000
TWILIO = {
    "TWILIO_AUTH_TOKEN": forgery.TOKEN,
    "TWILIO_ACCOUNT_SID": forgery.ACCOUNT,
    "TWILIO_FROM_NUMBER": "+15145550100",
    "ONE_TIME_CODE_SECRET": "a-secret-of-the-tests-for-one-time-codes",
    "PUBLIC_URL": forgery.PUBLIC,
}


@pytest.fixture
def port(settings: Settings, tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with running_edge(settings, port, tmp_path / "edge.log", **TWILIO):
        yield port


@pytest.mark.timeout(3600)  # the full count
def test_forged_and_mangled_texts_are_refused_and_leave_nothing(port: int, sessions: SessionFactory) -> None:
    sender = Sender(port)
    for text, again in forgery.forgeries(300, seed=1):
        sender.send(text, again=again)
    counted(port)  # which is counted as well
    before, series = rows(sessions), counted(port)
    for text, again in forgery.forgeries(FORGED, seed=2):
        status = sender.send(text, again=again)
        assert 400 <= status < 500, (status, text[:600])
    assert rows(sessions) == before
    assert counted(port) == series  # however many they are, they are counted under the same few names
    assert before["texts_received"] == before["procrastinate_jobs"] == 0
    assert sender.send(forgery.genuine(1)) == 200
    assert rows(sessions)["texts_received"] == 1
    sender.close()


def test_a_thousand_repeats_of_a_text_have_one_effect(port: int, sessions: SessionFactory) -> None:
    sender = Sender(port)
    assert sender.send(forgery.genuine(7, Body="STOP")) == 200
    before = rows(sessions)
    assert before["texts_received"] == before["procrastinate_jobs"] == before["text_consents"] == 1
    assert {sender.send(forgery.genuine(7, Body="STOP")) for _ in range(REPEATS)} == {200}
    assert rows(sessions) == before
    sender.close()
