"""One sandbox process for these tests, its bank wiped before each, and a listener for its events."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from remit.postgres import EmbeddedPostgres
from tests.sandbox.databases import empty_database
from tests.sandbox.edge import running_edge
from tests.sandbox.running import Listener, RunningSandbox, running_sandbox
from tests.sandbox.telephone import PUBLIC_URL, SETTINGS, Telephone


@pytest.fixture(scope="package")
def sandbox_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    with empty_database(postgres) as url:
        yield url


@pytest.fixture(scope="package")
def shared_listener() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


@pytest.fixture(scope="package")
def shared_sandbox(
    sandbox_database: str, shared_listener: Listener, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningSandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(sandbox_database, folder, shared_listener.url) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: RunningSandbox, listener: Listener) -> RunningSandbox:
    assert shared_sandbox.post("/demo/internal/reset").status_code == 200
    listener.forget()
    return shared_sandbox


@pytest.fixture
def listener(shared_listener: Listener) -> Listener:
    return shared_listener


@pytest.fixture(scope="package")
def telephone_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    with empty_database(postgres) as url:
        yield url


@pytest.fixture(scope="package")
def shared_telephone(telephone_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telephone]:
    folder = tmp_path_factory.mktemp("telephone")
    with running_edge() as edge:
        settings = SETTINGS | {"SANDBOX_EDGE_URL": edge.url}
        with running_sandbox(telephone_database, folder, PUBLIC_URL, **settings) as running:
            yield Telephone(running, edge)


@pytest.fixture
def telephone(shared_telephone: Telephone) -> Telephone:
    """Calm, with nobody's texts; what an earlier test set going has arrived."""
    assert shared_telephone.sandbox.post("/demo/internal/reset").status_code == 200
    shared_telephone.edge.forget()
    return shared_telephone
