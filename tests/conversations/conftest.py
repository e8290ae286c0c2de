"""The real stack, once a test run: PostgreSQL, sandbox, action server, Rasa with the trained model, edge, worker.

Every test talks as customers of its own (`customers.like("maya")`), so tests neither see nor disturb each other.
Run some with `make test ARGS="tests/conversations -k cancel"`; `KEEP_VAR=1` leaves the stack's folder with its logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from assistant.calls.models import CallStep
from assistant.calls.plan import Plan
from billing.config import Settings
from billing.context import Context, make_context
from billing.verify import verify
from remit.folders import ROOT
from tests.support.caller import Caller
from tests.support.calls_report import LONGEST_S, prompts_of, spoken_s
from tests.support.calls_report import write_report as write_calls_report
from tests.support.customers import Account, Customer, like
from tests.support.keypad import Keypad
from tests.support.sandbox_client import Bank
from tests.support.stack import TestStack, running_stack
from tests.support.texter import Texter
from tests.support.texts_report import LONGEST, Sent, write_report

# As in production but for clocks: nobody wants to wait for the real ones.
REPORT = ROOT / "var" / "texts-report.html"
CALLS_REPORT = ROOT / "var" / "calls-report.html"
SETTINGS = {
    "SANDBOX_HANG_S": "6",  # longer than a confirm may take
    "RECONCILE_UNKNOWN_AFTER_S": "1",
    "RECONCILE_CARD_AFTER_S": "3",
    "RECONCILE_DEBIT_EVERY_S": "3600",
    "REQUESTS_PER_MINUTE": "100000",
}


@pytest.fixture(scope="package")
def stack() -> Iterator[TestStack]:
    with running_stack(SETTINGS) as stack:
        yield stack


@pytest.fixture(scope="package")
def context(stack: TestStack) -> Iterator[Context]:
    """The stack's books, for tests to read and to import accounts into. After all conversations they must hold."""
    values: dict[str, Any] = {name.lower(): value for name, value in stack.settings.items()}
    context = make_context(Settings(**values), pool_size=4)
    yield context
    with context.sessions() as session:
        violations = verify(session)
    context.sessions.kw["bind"].dispose()
    assert not violations, violations


@pytest.fixture(scope="package")
def bank(context: Context) -> Iterator[Bank]:
    bank = Bank(context.settings.sandbox_url, context.settings.sandbox_secret_key)
    yield bank
    bank.close()


class Customers:
    """Makes accounts and sends their people to the chat."""

    def __init__(self, stack: TestStack, context: Context, bank: Bank, folder: Path, name: str) -> None:
        self.stack, self.context, self.bank, self.folder, self.name = stack, context, bank, folder, name
        self._talking: list[Customer | Texter] = []

    def account(self, who: str) -> Account:
        return like(self.context, self.bank, who, self.folder)

    def like(self, who: str) -> Customer:
        return self.talk(self.account(who))

    def talk(self, account: Account, user: int = 1) -> Customer:
        """Another tab, or another portal user, of the same account."""
        customer = account.talk(self.stack.address, user)
        self._talking.append(customer)
        return customer

    def text(self, account: Account) -> Texter:
        """The phone of the account's first portal user."""
        texter = Texter(account)
        self._talking.append(texter)
        return texter

    def call(self, account: Account) -> Caller:
        """The telephone of the account's first portal user."""
        caller = Caller(account)
        self._talking.append(caller)
        return caller

    def key(self, account: Account) -> Keypad:
        """The same telephone, in the hands of somebody who never says a word."""
        caller = Keypad(account)
        self._talking.append(caller)
        return caller

    def leave(self) -> list[Sent]:
        """Everybody goes; the texts that they got."""
        texts = [
            Sent(shown["body"], shown["num_segments"], shown["encoding"], self.name)
            for customer in self._talking
            if isinstance(customer, Texter)
            for shown in customer.thread()
            if shown["direction"] == "out"
        ]
        for customer in self._talking:
            customer.leave()
        return texts


@pytest.fixture(scope="package")
def texts() -> Iterator[list[Sent]]:
    """All that were sent. They must fit the alphabet of texts, and be no longer than a text can be."""
    texts: list[Sent] = []
    yield texts
    if texts:
        write_report(texts, REPORT)
    unfit = [text for text in texts if text.encoding != "GSM-7" or text.segments > LONGEST]
    assert not unfit, unfit


@pytest.fixture(scope="package")
def calls(context: Context) -> Iterator[None]:
    """After all calls: what was said in them is short enough to be listened to, and TwiML as Twilio takes it."""
    yield
    with context.sessions() as session:
        answers = session.scalars(select(CallStep.answer).where(CallStep.answer.is_not(None)))
        plans = [Plan.of(answer) for answer in answers if answer is not None]
    if plans:
        prompts = prompts_of(plans)
        write_calls_report(prompts, CALLS_REPORT)
        too_long = {words for words, language in prompts if spoken_s(words, language) > LONGEST_S}
        assert not too_long, too_long


@pytest.fixture
def customers(
    stack: TestStack,
    context: Context,
    bank: Bank,
    texts: list[Sent],
    calls: None,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Customers]:
    customers = Customers(stack, context, bank, tmp_path, request.node.name)
    yield customers
    texts += customers.leave()


@pytest.fixture
def maya(customers: Customers) -> Customer:
    """Owes 452.10 on three invoices; Visa 4242, Mastercard 4444, Visa 0002 (always declined)."""
    return customers.like("maya")


@pytest.fixture
def liam(customers: Customers) -> Customer:
    """Has a credit of 35.00."""
    return customers.like("liam")


@pytest.fixture
def chloe(customers: Customers) -> Customer:
    """French; owes 84.20; bank debit ending 6789, which stays pending until the bank decides."""
    return customers.like("chloe")


@pytest.fixture
def noah(customers: Customers) -> Customer:
    """Owes 61.33; no saved method."""
    return customers.like("noah")


@pytest.fixture
def zoe(customers: Customers) -> Customer:
    """240 open invoices."""
    return customers.like("zoe")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of a run waits for the whole stack, and on a busy machine for the training of the model too."""
    for item in items:
        if Path(item.fspath).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(400))
