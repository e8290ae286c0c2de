"""Every adapter with its world; each test of the suite runs once per adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from remit.postgres import EmbeddedPostgres
from tests.contract.worlds import SandboxWorld, World
from tests.sandbox.databases import empty_database
from tests.sandbox.running import Listener, RunningSandbox, running_sandbox


@pytest.fixture(scope="package")
def bank_and_listener(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningSandbox, Listener]]:
    folder = tmp_path_factory.mktemp("contract")
    with (
        Listener() as listener,
        empty_database(postgres) as url,
        running_sandbox(url, folder, listener.url) as running,
    ):
        yield running, listener


def _sandbox(request: pytest.FixtureRequest) -> World:
    return SandboxWorld(*request.getfixturevalue("bank_and_listener"))


WORLDS: dict[str, Callable[[pytest.FixtureRequest], World]] = {"sandbox": _sandbox}


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param](request)
