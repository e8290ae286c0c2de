"""A stack and a browser for these tests; without a browser on the machine they are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser import driver
from tests.browser.driver import DESK, DemoPage, PortalPage
from tests.support.ports import free_block
from tests.support.stack import TestStack, running_stack


@pytest.fixture(scope="package")
def host_port() -> int:
    """Where a page of another origin may stand that shows the assistant."""
    return free_block(1)


@pytest.fixture(scope="package")
def stack(host_port: int) -> Iterator[TestStack]:
    if not driver.CHROMIUM:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium; or set CHROMIUM)")
    with running_stack(
        {"REQUESTS_PER_MINUTE": "100000", "ALLOWED_ORIGINS": f"http://localhost:{host_port}"}
    ) as running:
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


@pytest.fixture
def portal_page(stack: TestStack, chromium: Browser) -> Iterator[Callable[..., PortalPage]]:
    """Opens the billing portal as a customer, on fresh demo data; the browser must not have complained of anything."""
    httpx.post(f"{stack.address}/demo/api/start-over", json={}, timeout=60, trust_env=False).raise_for_status()
    opened: list[PortalPage] = []

    def enter_as(customer: str, lang: str = "en", **more: Any) -> PortalPage:
        opened.append(PortalPage(chromium, stack.address, **more))
        opened[-1].enter(customer, lang)
        return opened[-1]

    yield enter_as
    problems = [problem for page in opened for problem in page.problems]
    for page in opened:
        page.close()
    assert problems == []
