"""A real browser on the demo page. Debian's chromium, or whatever CHROMIUM names; nothing is downloaded."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
# As root there is no sandbox of its own to be had; the rest keeps it from calling home.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
DESK, PHONE = (1440, 900), (390, 844)


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


class DemoPage:
    """The demo page as someone sees it. `problems` is what the browser complained about."""

    def __init__(
        self, running: Browser, address: str, customer: str, size: tuple[int, int] = DESK, scheme: str = "light"
    ) -> None:
        self.context = running.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            timezone_id="America/Toronto",
            locale="en-CA",
        )
        self.problems: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda m: self.problems.append(f"{m.text} {m.location}") if m.type == "error" else None)
        self.page.goto(f"{address}/demo/#{customer}")
        expect(self._bubbles).to_have_count(1, timeout=PATIENCE_MS)

    def close(self) -> None:
        self.context.close()

    @property
    def _bubbles(self) -> Locator:
        return self.page.locator("#log .b:not(.typing)")

    def heard(self) -> str:
        """The last thing that the assistant said, without the name that only screen readers hear."""
        return re.sub(r"^\s*Assistant ?:\s*", "", self._bubbles.last.inner_text())

    def say(self, text: str) -> str:
        before = self._bubbles.count()
        self.page.fill("#say", text)
        self.page.press("#say", "Enter")
        return self.answered(before)

    def press(self, title: str) -> str:
        """The newest button or method that shows `title`."""
        before = self._bubbles.count()
        self.page.locator("#log button:not(:disabled):visible", has_text=title).last.click()
        return self.answered(before)

    def answered(self, before: int) -> str:
        """Waits for more than `before` answers, and for the one that is being written."""
        self.page.wait_for_function(
            "n => document.querySelectorAll('#log .b:not(.typing)').length > n && !document.querySelector('.typing')",
            arg=before,
            timeout=PATIENCE_MS,
        )
        return self.heard()

    def answers(self) -> int:
        return int(self._bubbles.count())

    def secure_page(self) -> FrameLocator:
        self.page.locator("#log .open:not(:disabled)").last.click()
        return self.page.frame_locator("#page iframe")

    def type_card(self, number: str) -> FrameLocator:
        """Opens the secure page and fills in the bank's fields."""
        page = self.secure_page()
        fields = page.frame_locator("iframe")
        fields.locator("#number").press_sequentially(number)
        fields.locator("#exp").press_sequentially("1239")
        fields.locator("#cvc").press_sequentially("123")
        expect(page.locator("#submit")).to_be_enabled(timeout=PATIENCE_MS)
        return page

    def shot(self, file: Path) -> None:
        self.page.screenshot(path=file)
