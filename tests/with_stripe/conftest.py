"""The whole stack with Stripe in the bank's place: the double over HTTP, its signed events, the demo's mailbox."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from billing.config import Settings
from billing.context import Context, make_context
from billing.verify import verify
from tests.support.customers import Account, Customer, like
from tests.support.ports import free_block
from tests.support.stack import PORTS, TestStack, running_stack
from tests.support.stripe.server import StripeDouble, running_double
from tests.support.stripe_bank import StripeBank

# As in production but for clocks: nobody wants to wait for the real ones.
CLOCKS = {
    "RECONCILE_UNKNOWN_AFTER_S": "1",
    "RECONCILE_CARD_AFTER_S": "3",
    "RECONCILE_DEBIT_EVERY_S": "3600",  # so that only an event, or a compare, can tell of a debit
    "REQUESTS_PER_MINUTE": "100000",
}


@pytest.fixture(scope="package")
def port() -> int:
    return free_block(PORTS)


@pytest.fixture(scope="package")
def double(port: int) -> Iterator[StripeDouble]:
    """At its end, every request and every answer must have been as Stripe describes it."""
    with running_double(webhook_url=f"http://127.0.0.1:{port}/webhooks/stripe") as double:
        yield double


@pytest.fixture(scope="package")
def stripe_settings(double: StripeDouble) -> dict[str, str]:
    return {
        "STRIPE_SECRET_KEY": double.secret_key,
        "STRIPE_PUBLISHABLE_KEY": double.publishable_key,
        "STRIPE_WEBHOOK_SECRET": double.post.secrets[0],
        "STRIPE_API_BASE": double.url,
        "STRIPE_BANK_DEBITS": "acss_debit",
    }


@pytest.fixture(scope="package")
def stack(stripe_settings: dict[str, str], port: int) -> Iterator[TestStack]:
    with running_stack(CLOCKS | stripe_settings, port=port) as stack:
        yield stack


@pytest.fixture(scope="package")
def context(stack: TestStack) -> Iterator[Context]:
    """The stack's books. After all payments they must hold."""
    values: dict[str, Any] = {name.lower(): value for name, value in stack.settings.items()}
    context = make_context(Settings(**values), pool_size=4)
    yield context
    with context.sessions() as session:
        violations = verify(session)
    context.sessions.kw["bind"].dispose()
    assert not violations, violations


@pytest.fixture(scope="package")
def bank(context: Context, double: StripeDouble) -> Iterator[StripeBank]:
    bank = StripeBank(double, context)
    yield bank
    bank.close()


@pytest.fixture
def lost_events(double: StripeDouble) -> Iterator[None]:
    """No event arrives during the test."""
    double.control.mode(lose=1.0)
    yield
    double.control.mode()


@pytest.fixture
def account(context: Context, bank: StripeBank, tmp_path: Path) -> Account:
    """Maya's: owes 452.10; Visa 4242, Mastercard 4444 and Visa 0002, which is declined, saved at Stripe."""
    return like(context, bank, "maya", tmp_path)


@pytest.fixture
def maya(account: Account, stack: TestStack) -> Iterator[Customer]:
    customer = account.talk(stack.address)
    yield customer
    customer.leave()


class Remit:
    """The command, run beside the stack as an operator runs it."""

    def __init__(self, stack: TestStack) -> None:
        self.environment = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME")} | {
            "REMIT_VAR": str(stack.var)
        }

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "remit", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="package")
def remit(stack: TestStack) -> Remit:
    return Remit(stack)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test waits for the whole stack, and on a busy machine for the training of the model too."""
    for item in items:
        if Path(item.fspath).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(400))
