"""A real PostgreSQL for every test: one server a run, one migrated template, a fresh copy of it a test."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine

from billing.database import SessionFactory, make_engine, make_session_factory
from remit.migrate import migrate
from remit.postgres import EmbeddedPostgres

hypothesis_settings.register_profile("remit", deadline=None)  # timings never decide a test
hypothesis_settings.load_profile("remit")

PASSWORD = "test-password-of-nobody"
FAST = [f"-c{s}" for s in ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300")]


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The test run's own server, on a unix socket in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="remit-test-"))
    server = EmbeddedPostgres(folder)
    server.initialise(PASSWORD)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(server.command(*FAST), stdout=log, stderr=log)
    try:
        _wait_for(server.url("postgres", PASSWORD, "postgres"), process, folder / "log")
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        shutil.rmtree(folder)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.05)


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres) -> str:
    name = "template_remit"
    with psycopg.connect(postgres.url("postgres", PASSWORD, "postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    migrate(postgres.url("postgres", PASSWORD, name))
    return name


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own, dropped afterwards."""
    name = f"t_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url("postgres", PASSWORD, "postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template {migrated_template} strategy file_copy")
        yield postgres.url("postgres", PASSWORD, name)
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> SessionFactory:
    return make_session_factory(engine)


# Packages whose tests share stacks of processes stay with one worker; everything else is handed out file by file.
TOGETHER = frozenset(("bot", "browser", "contract", "conversations", "load", "remit", "sandbox", "with_stripe"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.parent
        item.add_marker(pytest.mark.xdist_group(str(folder if folder.name in TOGETHER else item.path)))
