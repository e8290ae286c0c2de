"""Starting and stopping: only when asked for by name, and leaving nothing behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from remit.postgres import EmbeddedPostgres
from sandbox.config import read_settings
from tests.sandbox.databases import empty_database
from tests.sandbox.running import running_sandbox

GOOD = {
    "SANDBOX_ENABLED": "1",
    "SANDBOX_DATABASE_URL": "postgresql://nowhere/x",
    "SANDBOX_SECRET_KEY": "a-long-enough-secret",
    "SANDBOX_WEBHOOK_SECRET": "a-long-enough-secret",
    "PORTAL_SIGNING_SECRET": "a-long-enough-secret",
}


@pytest.mark.parametrize("enabled", ["", "0", "false", "no"])
def test_it_does_not_start_unless_it_is_enabled(enabled: str) -> None:
    with pytest.raises(SystemExit, match="the sandbox is off"):
        read_settings(GOOD | {"SANDBOX_ENABLED": enabled})


@pytest.mark.parametrize("name", [name for name in GOOD if name != "SANDBOX_ENABLED"])
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SystemExit, match=f"{name}: missing"):
        read_settings({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize("value", ["short", "${SANDBOX_SECRET_KEY}-unexpanded"])
def test_a_weak_secret_is_refused(value: str) -> None:
    with pytest.raises(SystemExit, match="SANDBOX_SECRET_KEY: must be a random text"):
        read_settings(GOOD | {"SANDBOX_SECRET_KEY": value})


def test_a_telephone_is_whole_or_not_there() -> None:
    assert read_settings(GOOD).twilio is None
    with pytest.raises(SystemExit, match=r"TWILIO_ACCOUNT_SID: missing\n  TWILIO_FROM_NUMBER: missing"):
        read_settings(GOOD | {"TWILIO_AUTH_TOKEN": "a-long-enough-secret"})


def test_only_this_machine_has_two_names() -> None:
    assert read_settings(GOOD | {"PUBLIC_URL": "https://pay.example/x"}).parents == ("https://pay.example",)
    both = read_settings(GOOD | {"PUBLIC_URL": "http://localhost:8000/"}).parents
    assert both == ("http://localhost:8000", "http://127.0.0.1:8000")


def test_a_second_start_finds_its_tables_and_a_stop_is_clean(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with empty_database(postgres) as url:
        for stop in (signal.SIGTERM, signal.SIGINT):
            with running_sandbox(url, tmp_path) as bank:
                bank.paid()
                bank.process.send_signal(stop)
                assert bank.process.wait(60) == 0


def test_it_stops_while_an_answer_hangs(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    import httpx

    with empty_database(postgres) as url, running_sandbox(url, tmp_path, SANDBOX_HANG_S="60") as bank:
        payment = bank.payment("4000000000004087")["id"]
        with pytest.raises(httpx.ReadTimeout):
            bank.client.post(f"/bank/v1/payments/{payment}/confirm", timeout=0.5)
        bank.process.send_signal(signal.SIGTERM)
        assert bank.process.wait(60) == 0
