"""A real browser on the pages with the assistant. Debian's chromium, or what CHROMIUM names; nothing is downloaded."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Frame, FrameLocator, Locator, Page, expect, sync_playwright

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


class Visitor:
    """Someone in front of a page with the assistant on it. `problems` is what the browser complained about."""

    def __init__(
        self, running: Browser, address: str, size: tuple[int, int] = DESK, scheme: str = "light", **more: Any
    ) -> None:
        self.context = running.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            timezone_id="America/Toronto",
            locale="en-CA",
            **more,
        )
        self.problems: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda m: self.problems.append(f"{m.text} {m.location}") if m.type == "error" else None)
        self.address = address

    def goto(self, path: str) -> None:
        self.page.goto(f"{self.address}{path}")

    def close(self) -> None:
        self.context.close()

    def is_ready(self) -> None:
        """The conversation has begun, or goes on."""
        expect(self.chat.locator("#say")).to_be_enabled(timeout=PATIENCE_MS)
        expect(self._bubbles.first).to_be_attached()

    @property
    def chat(self) -> FrameLocator:
        """What the assistant's frame shows."""
        return self.page.frame_locator("remit-assistant iframe")

    @property
    def _bubbles(self) -> Locator:
        return self.chat.locator("#log .b:not(.typing)")

    def heard(self) -> str:
        """The last thing that the assistant said, without the name that only screen readers hear."""
        return re.sub(r"^\s*Assistant ?:\s*", "", self._bubbles.last.inner_text())

    def say(self, text: str) -> str:
        before = self._bubbles.count()
        self.chat.locator("#say").fill(text)
        self.chat.locator("#say").press("Enter")
        return self.answered(before)

    def press(self, title: str) -> str:
        """The newest button that shows `title`, or the method, which is chosen and gone on with."""
        before = self._bubbles.count()
        method = self.chat.locator("#log .methods:not(:disabled) .method", has_text=title)
        if method.count():
            method.last.locator("input").check()
            self.chat.locator("#log .use:visible").last.click()
        else:
            self.chat.locator("#log button:not(:disabled):visible", has_text=title).last.click()
        return self.answered(before)

    def answered(self, before: int) -> str:
        """Waits for more than `before` answers, and for the one that is being written."""
        expect(self._bubbles.nth(before)).to_be_attached(timeout=PATIENCE_MS)
        expect(self.chat.locator(".typing")).to_have_count(0, timeout=PATIENCE_MS)
        return self.heard()

    def answers(self) -> int:
        return int(self._bubbles.count())

    def secure_page(self) -> FrameLocator:
        self.chat.locator("#log button.open:not(:disabled)").last.click()
        return self.chat.frame_locator("#page iframe")

    def type_card(self, number: str) -> FrameLocator:
        """Opens the secure page and fills in the bank's fields."""
        page = self.secure_page()
        fields = page.frame_locator("iframe")
        fields.locator("#number").press_sequentially(number)
        fields.locator("#exp").press_sequentially("1239")
        fields.locator("#cvc").press_sequentially("123")
        expect(page.locator("#submit")).to_be_enabled(timeout=PATIENCE_MS)
        return page

    @property
    def frame(self) -> Frame:
        """The assistant's frame itself, for scripts."""
        found = self.page.locator("remit-assistant iframe").element_handle().content_frame()
        assert found is not None
        return found

    def shot(self, file: Path) -> None:
        self.page.screenshot(path=file)


class DemoPage(Visitor):
    def __init__(
        self, running: Browser, address: str, customer: str, size: tuple[int, int] = DESK, scheme: str = "light"
    ) -> None:
        super().__init__(running, address, size, scheme)
        self.goto(f"/demo/#{customer}")
        self.is_ready()


class PortalPage(Visitor):
    """The billing portal, where the assistant waits behind its button."""

    def enter(self, customer: str, lang: str = "en") -> None:
        self.goto(f"/portal/?customer={customer}&lang={lang}")
        expect(self.page.locator("#figures[aria-busy]")).to_have_count(0, timeout=PATIENCE_MS)

    @property
    def launcher(self) -> Locator:
        return self.page.locator("remit-assistant .button")

    def open(self) -> None:
        self.launcher.click()
        self.is_ready()
