"""Every adapter with its world; each test of the suite runs once per adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from remit.postgres import EmbeddedPostgres
from tests.contract.sandbox_world import SandboxWorld
from tests.contract.stripe_world import StripeWorld
from tests.contract.worlds import World
from tests.sandbox.databases import empty_database
from tests.sandbox.running import Listener, RunningSandbox, running_sandbox
from tests.support.stripe.server import StripeDouble, running_double


@pytest.fixture(scope="package")
def listener() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


@pytest.fixture(scope="package")
def bank(
    postgres: EmbeddedPostgres, listener: Listener, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningSandbox]:
    folder = tmp_path_factory.mktemp("contract")
    with empty_database(postgres) as url, running_sandbox(url, folder, listener.url) as running:
        yield running


@pytest.fixture(scope="package")
def stripe_double() -> Iterator[tuple[StripeDouble, Listener]]:
    """Fails the run when one request or answer was not as Stripe describes it, or none was looked at."""
    with Listener() as listener:
        with running_double(webhook_url=f"{listener.url}/webhooks/stripe") as double:
            yield double, listener
        checked = double.checks.summary()
        assert checked["requests"] > 0 and checked["answers"] > 0 and checked["events"] > 0, checked


def _sandbox(request: pytest.FixtureRequest) -> World:
    return SandboxWorld(request.getfixturevalue("bank"), request.getfixturevalue("listener"))


def _stripe(request: pytest.FixtureRequest) -> World:
    return StripeWorld(*request.getfixturevalue("stripe_double"))


WORLDS: dict[str, Callable[[pytest.FixtureRequest], World]] = {"sandbox": _sandbox, "stripe": _stripe}


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param](request)
