"""Pictures for the documentation, of a fresh stack: `python -m tests.browser.screenshots` writes docs/images/*.png."""

from __future__ import annotations

from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect

from tests.browser.driver import PHONE, DemoPage, PortalPage, browser
from tests.support.stack import running_stack

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"


def quote_secure_page_and_letter(running: Browser, address: str) -> None:
    maya = DemoPage(running, address, "maya")
    maya.say("what do I owe?")
    maya.say("pay 250")
    maya.press("Visa ending in 4242")
    maya.shot(IMAGES / "quote.png")
    maya.press("Another card")
    maya.press("A new card")
    secure = maya.type_card("5555 5555 5555 4444")
    maya.shot(IMAGES / "secure-page.png")
    before = maya.answers()
    secure.locator("#submit").click()
    maya.answered(before)
    letter = maya.page.locator("#mails button", has_text="maya@northwind.example")
    expect(letter).to_have_count(1, timeout=20_000)
    expect(maya.chat.locator("#page")).to_be_hidden(timeout=10_000)
    letter.click()
    expect(maya.page.frame_locator("#letter iframe").locator("body")).to_contain_text("$250.00")
    maya.shot(IMAGES / "letter.png")
    maya.close()


def whole_demo(running: Browser, address: str) -> None:
    maya = DemoPage(running, address, "maya")
    page = maya.page
    maya.say("pay 250 with the visa ending 4242")
    maya.press("Pay $250.00 now")
    page.fill("#text", "PAY")
    page.press("#text", "Enter")
    page.click("#hook")
    for key in "1" + "100200#" + "1357#":
        expect(page.locator("#speech")).to_be_enabled()
        page.locator("#keys button", has_text=key).first.click()
    expect(page.locator("#captions")).to_contain_text("You owe")
    page.fill("#speech", "pay 50 with my visa 4242")
    page.press("#speech", "Enter")
    expect(page.locator("#captions")).to_contain_text("about to charge")
    expect(page.locator("#texts .b")).not_to_have_count(0)
    expect(page.locator("#mails button")).to_have_count(2)
    maya.shot(IMAGES / "demo.png")
    maya.close()


def pending_and_accepted(running: Browser, address: str) -> None:
    chloe = DemoPage(running, address, "chloe")
    chloe.say("payer ma facture")
    chloe.press("Payer 84,20")
    chloe.press("Compte bancaire")
    chloe.press("Payer 84,20")
    expect(chloe.page.locator(".btn.yes")).to_be_visible()
    chloe.shot(IMAGES / "pending.png")
    before = chloe.answers()
    chloe.page.locator(".btn.yes").click()
    chloe.answered(before)
    expect(chloe.page.locator("#mails button")).not_to_have_count(0)
    chloe.shot(IMAGES / "accepted.png")
    chloe.close()


def phone_and_dark(running: Browser, address: str) -> None:
    for name, size in (("phone.png", PHONE), ("dark.png", (1440, 900))):
        zoe = DemoPage(running, address, "zoe", size, "dark" if name == "dark.png" else "light")
        zoe.say("pay 500")
        zoe.press("Visa ending in 4242")
        zoe.shot(IMAGES / name)
        zoe.close()


def billing_portal(running: Browser, address: str) -> None:
    maya = PortalPage(running, address)
    maya.enter("maya")
    maya.shot(IMAGES / "portal.png")
    maya.open()
    maya.say("pay 250 with the visa ending 4242")
    maya.shot(IMAGES / "widget.png")
    maya.close()


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with running_stack({}) as stack, browser() as running:
        for take in (billing_portal, whole_demo, quote_secure_page_and_letter, pending_and_accepted, phone_and_dark):
            httpx.post(f"{stack.address}/demo/api/start-over", json={}, timeout=60, trust_env=False).raise_for_status()
            take(running, stack.address)


if __name__ == "__main__":
    main()
