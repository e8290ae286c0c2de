"""A real PostgreSQL for every test: one server a run, one migrated template, a fresh copy of it a test."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine
from xdist.scheduler import LoadScopeScheduling

from billing.database import SessionFactory, make_engine, make_session_factory
from remit.migrate import migrate
from remit.postgres import EmbeddedPostgres
from tests.support.scratch import scratch_folder

hypothesis_settings.register_profile("remit", deadline=None)  # timings never decide a test
hypothesis_settings.load_profile("remit")

PASSWORD = "test-password-of-nobody"
FAST = [
    f"-c{s}"
    for s in (
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=300",
        "max_wal_size=256MB",
    )
]


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The test run's own server, on a unix socket in a folder of its own."""
    folder = scratch_folder("remit-test-")
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


# ------------------------------------------------------------------------------------------- two workers of one run

# Packages whose tests share stacks of processes stay with one worker; everything else is handed out file by file.
# Those that take longest are handed out first, so that no worker is left with one of them while the other is done.
TOGETHER = ("conversations", "with_stripe", "bot", "browser", "remit", "sandbox", "contract", "load", "simulation")


def together(nodeid: str) -> str:
    """What stays with one worker: the package or the file of a test."""
    path = Path(nodeid.partition("::")[0])
    return str(path.parent if path.parent.name in TOGETHER else path)


@pytest.hookimpl(optionalhook=True)  # there is no such hook without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Its own `--dist loadgroup` lives on a private name of pytest, and without a word forgot all groups when pytest
    renamed it: every stack was started twice."""

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    config.option.loadscopereorder = False  # it would begin with the most tests, which are not the longest
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: place for place, name in enumerate(TOGETHER)}
    items.sort(key=lambda item: rank.get(item.path.parent.name, len(rank)))
