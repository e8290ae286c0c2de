"""The secure page as a customer has it: in a browser whose console stays clean, on a phone-sized screen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from billing.database import SessionFactory
from billing.models import Account, PortalUser
from billing.pay_links import create_pay_link
from tests.support.ports import free_port
from tests.webhook.conftest import RunningClock

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Without these it looks for its maker's servers at every start.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
# A violation in any frame is told as an error, beside what the browser itself says of it.
TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation",
  ({ violatedDirective, blockedURI }) => console.error(`CSP: ${violatedDirective} ${blockedURI}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture
def link(
    address: str, sessions: SessionFactory, account: Account, user: PortalUser, clock: RunningClock
) -> Callable[..., str]:
    """`link()`: the address of a fresh secure page; `link("fr")`, and `quote_id=` and the like as create_pay_link."""

    def make(language: str = "en", **more: Any) -> str:
        whose = {"account_id": account.id, "portal_user_id": user.id, "sender": None, "channel": "chat"}
        values: dict[str, Any] = {"purpose": "pay", "ttl_s": 900, **whose} | more
        with sessions.begin() as session:
            token = create_pay_link(session, language=language, now=clock(), **values)
        return f"{address}/pay/{token}"

    return make


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_init_script(TELL_VIOLATIONS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """What the console said. It must stay clean; a test that blocks something on purpose empties the list."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    yield found
    assert [text for text in found if "status of 4" not in text] == []
