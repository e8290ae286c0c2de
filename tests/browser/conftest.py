"""A stack and a browser for these tests; without a browser on the machine they are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import driver
from tests.browser.driver import DESK, DemoPage
from tests.support.stack import TestStack, running_stack


@pytest.fixture(scope="package")
def stack() -> Iterator[TestStack]:
    if not driver.CHROMIUM:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium; or set CHROMIUM)")
    with running_stack({"REQUESTS_PER_MINUTE": "100000"}) as running:
        yield running


@pytest.fixture(scope="package")
def chromium(stack: TestStack) -> Iterator[Browser]:
    with driver.browser() as running:
        yield running


@pytest.fixture
def demo(stack: TestStack, chromium: Browser) -> Iterator[Callable[..., DemoPage]]:
    """Opens the demo page as a customer; afterwards the browser must have had nothing to complain about."""
    opened: list[DemoPage] = []

    def open_as(customer: str, size: tuple[int, int] = DESK, scheme: str = "light") -> DemoPage:
        opened.append(DemoPage(chromium, stack.address, customer, size, scheme))
        return opened[-1]

    yield open_as
    problems = [problem for page in opened for problem in page.problems]
    for page in opened:
        page.close()
    assert problems == []
