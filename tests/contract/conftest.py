"""Every adapter with its world; each test of the suite runs once per adapter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from remit.postgres import EmbeddedPostgres
from tests.contract.sandbox_world import SandboxWorld
from tests.contract.stripe_test_mode import StripeTestModeWorld, key_of_the_run
from tests.contract.stripe_world import StripeWorld
from tests.contract.worlds import World
from tests.sandbox.databases import empty_database
from tests.sandbox.running import Listener, RunningSandbox, running_sandbox
from tests.support.stripe.server import StripeDouble, running_double

A_SUITE = 100  # tests of one world; fewer are a part of it, chosen by hand


worlds_made: list[str] = []
checked: list[dict[str, Any]] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for told in checked:
        terminalreporter.write_line(
            f"Stripe's double: {told['requests']} requests, {told['answers']} answers and {told['events']} events held"
            f" against Stripe's description: {len(told['deviations'])} deviations"
        )


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
    """Fails the run when one request or answer was not as Stripe describes it, or a whole suite was not looked at."""
    with Listener() as listener, running_double(webhook_url=f"{listener.url}/webhooks/stripe") as double:
        yield double, listener
        checked.append(double.checks.summary())
    if worlds_made.count(StripeWorld.name) > A_SUITE:
        assert min(checked[-1][what] for what in ("requests", "answers", "events")) > 0, checked


def _sandbox(request: pytest.FixtureRequest) -> World:
    return SandboxWorld(request.getfixturevalue("bank"), request.getfixturevalue("listener"))


def _stripe(request: pytest.FixtureRequest) -> World:
    worlds_made.append(StripeWorld.name)
    return StripeWorld(*request.getfixturevalue("stripe_double"))


def _stripe_test_mode(_request: pytest.FixtureRequest) -> World:
    return StripeTestModeWorld()


WORLDS: dict[str, Callable[[pytest.FixtureRequest], World]] = {"sandbox": _sandbox, "stripe": _stripe}
# `make test-stripe` alone asks for it: a key of Stripe's that happens to be in the environment is not used.
if os.environ.get("CONTRACT_WORLD") == StripeTestModeWorld.name:
    WORLDS = {StripeTestModeWorld.name: _stripe_test_mode}


def pytest_configure() -> None:
    if StripeTestModeWorld.name in WORLDS:
        key_of_the_run()


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param](request)
