"""The chat widget on a portal's page, in a real browser: pay, in every way and state in which it is paid."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.driver import PATIENCE_MS, PHONE, PortalPage, Visitor
from tests.support.stack import TestStack

Enter = Callable[..., PortalPage]
pytestmark = pytest.mark.timeout(240)  # the first of them starts the stack
AXE = Axe()
SENTENCES = {
    "en": ("what do I owe?", "what have I paid?", "pay my bill"),
    "fr": ("combien je dois?", "qu’est-ce que j’ai payé?", "payer ma facture"),
}


def check_accessible(visitor: Visitor, state: str) -> None:
    """axe on the frame's own document, without a violation."""
    found = AXE.run(visitor.frame)  # a frame evaluates as a page does
    assert found.violations_count == 0, f"{state}: {found.generate_report()}"
    narrow = visitor.frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert narrow, f"{state}: wider than its frame"


def by_bank(stack: TestStack, customer: str, decision: str) -> None:
    """What the bank says of the customer's newest payment."""
    state = httpx.get(f"{stack.address}/demo/api/state?customer={customer}", trust_env=False).json()
    decided = f"{stack.address}/demo/api/bank/payments/{state['payments'][0]['id']}/decide"
    httpx.post(decided, json={"decision": decision}, trust_env=False).raise_for_status()


def tab_to(visitor: Visitor, key: str, name: str) -> None:
    """Presses the key until what is called so has the focus, a few times at most."""
    for _ in range(8):
        visitor.page.keyboard.press(key)
        if visitor.chat.locator(":focus").inner_text() == name:
            return
    raise AssertionError(f"{name} is not reached by {key}")


# ------------------------------------------------------------------------------------------------------- paying


def test_a_bill_is_paid_by_mouse_and_the_portal_shows_it_at_once(portal_page: Enter) -> None:
    maya = portal_page("maya")
    maya.page.clock.install()  # the portal looks by itself no more: what it shows, it was told
    maya.page.click("#pay")
    maya.is_ready()
    expect(maya.chat.locator("#log .u")).to_have_text("You: pay my bill")
    maya.press("Pay $452.10")
    maya.press("Visa ending in 4242")
    expect(maya.chat.locator("#log .box").last).to_contain_text("INV-1001")
    assert "Thank you" in maya.press("Pay $452.10 now")
    expect(maya.chat.locator("#log .box.succeeded")).to_contain_text("New balance $0.00")
    expect(maya.page.locator("#balance")).to_have_text("$0.00")
    check_accessible(maya, "accepted")
    maya.chat.locator("#leave").click()
    expect(maya.launcher).to_be_visible()


def test_a_bill_is_paid_by_keyboard_alone(portal_page: Enter) -> None:
    maya = portal_page("maya")
    keys = maya.page.keyboard
    maya.page.focus("#pay")
    keys.press("Enter")
    maya.is_ready()
    expect(maya.chat.locator("#say")).to_be_focused()
    expect(maya.chat.locator("#log .reply:visible").first).to_have_text("Pay $452.10")
    tab_to(maya, "Shift+Tab", "Pay $452.10")
    keys.press("Enter")
    expect(maya.chat.locator(".methods:not(:disabled)")).to_be_visible()
    expect(maya.chat.locator("#log")).to_be_focused()  # the button that had the focus is gone
    keys.press("Tab")
    keys.press("Space")
    expect(maya.chat.locator(".method input").first).to_be_checked()
    tab_to(maya, "Tab", "Continue")
    keys.press("Enter")
    expect(maya.chat.locator("#log .reply:visible").first).to_have_text("Pay $452.10 now")
    tab_to(maya, "Tab", "Pay $452.10 now")
    keys.press("Enter")
    expect(maya.chat.locator("#log .box.succeeded")).to_be_visible()
    keys.press("Escape")
    expect(maya.launcher).to_be_visible()
    expect(maya.page.locator("#pay")).to_be_focused()  # where it was before


def test_a_payment_waits_for_the_bank_and_is_told_while_the_widget_is_closed(
    portal_page: Enter, stack: TestStack
) -> None:
    chloe = portal_page("chloe", "fr", size=PHONE)
    chloe.open()
    assert chloe.frame.evaluate("document.documentElement.lang") == "fr"
    chloe.say("payer ma facture")
    chloe.press("Payer 84,20")
    chloe.press("Compte bancaire")
    assert "en attente" in chloe.press("Payer 84,20")
    expect(chloe.chat.locator("#log .box.processing")).to_be_visible()
    check_accessible(chloe, "pending")
    chloe.chat.locator("#leave").click()
    expect(chloe.page.locator("#under-way")).to_contain_text("84,20\xa0$", timeout=PATIENCE_MS)
    by_bank(stack, "chloe", "approve")
    expect(chloe.page.locator("remit-assistant .count")).to_have_text("1")
    expect(chloe.launcher).to_have_attribute("aria-label", re.compile("1 nouveau"))
    expect(chloe.page.locator("#balance")).to_have_text("0,00\xa0$")
    expect(chloe.page.locator("#under-way")).to_be_hidden()
    chloe.launcher.click()
    expect(chloe.chat.locator("#log .box.succeeded")).to_be_in_viewport()
    chloe.chat.locator("#leave").click()
    expect(chloe.page.locator("remit-assistant .count")).to_be_hidden()


def test_a_declined_card_is_followed_by_another(portal_page: Enter) -> None:
    maya = portal_page("maya")
    maya.open()
    maya.say("pay 250")
    maya.press("Visa ending in 0002")
    assert "declined" in maya.press("Pay $250.00 now")
    check_accessible(maya, "declined")
    maya.press("Another card")
    maya.press("Visa ending in 4242")
    assert "Thank you" in maya.press("Pay $250.00 now")
    expect(maya.page.locator("#balance")).to_have_text("$202.10", timeout=PATIENCE_MS)


@pytest.mark.parametrize("save", [False, True])
def test_a_new_card_is_entered_on_the_secure_page_and_kept_only_if_asked(portal_page: Enter, save: bool) -> None:
    noah = portal_page("noah")
    noah.open()
    noah.say("pay 20 with a new card")
    check_accessible(noah, "link to the secure page")
    before = noah.answers()
    secure = noah.type_card("5555 5555 5555 4444")
    if save:
        secure.locator("#save").check()
    secure.locator("#submit").click()
    assert "Thank you" in noah.answered(before)
    expect(noah.chat.locator("#page")).to_be_hidden(timeout=10_000)  # it closes by itself
    expect(noah.chat.locator("#say")).to_be_focused()
    noah.say("pay 20")
    assert noah.chat.locator(".method", has_text="4444").count() == int(save)


# ------------------------------------------------------------------------------------------ what happens on the way


def test_a_reload_in_mid_flow_goes_on_where_it_was(portal_page: Enter) -> None:
    maya = portal_page("maya")
    maya.open()
    maya.say("pay 250")
    maya.page.reload()
    maya.launcher.click()
    maya.is_ready()
    expect(maya.chat.locator("#log .u")).to_have_text("You: pay 250")
    maya.press("Visa ending in 4242")
    assert "Thank you" in maya.press("Pay $250.00 now")


def test_nobody_reads_the_conversation_of_the_one_before(portal_page: Enter) -> None:
    maya = portal_page("maya")
    maya.open()
    maya.say("what do I owe?")
    maya.enter("liam")
    maya.open()
    assert maya.chat.locator("#log .u").count() == 0
    assert "$35.00" in maya.say("what do I owe?")


def test_offline_and_back_loses_nothing(portal_page: Enter) -> None:
    maya = portal_page("maya")
    maya.open()
    maya.context.set_offline(True)
    maya.chat.locator("#say").fill("what do I owe?")
    maya.chat.locator("#say").press("Enter")
    expect(maya.chat.locator("#log .u.failed")).to_be_visible(timeout=PATIENCE_MS)
    expect(maya.chat.locator("#log .note")).to_contain_text("still in the field")
    expect(maya.chat.locator("#say")).to_have_value("what do I owe?")
    check_accessible(maya, "offline")
    maya.context.set_offline(False)
    before = maya.answers()
    maya.chat.locator("#say").press("Enter")
    assert "$452.10" in maya.answered(before)
    expect(maya.chat.locator("#online")).to_have_text("Online", timeout=PATIENCE_MS)
    lost = [problem for problem in maya.problems if "ERR_INTERNET_DISCONNECTED" in problem]
    maya.problems = [problem for problem in maya.problems if problem not in lost]


def test_a_restarted_edge_is_met_again_by_itself(portal_page: Enter, stack: TestStack) -> None:
    chloe = portal_page("chloe")
    chloe.open()
    chloe.say("pay 10 with my bank account")
    assert "pending" in chloe.press("Pay $10.00 now")
    stack.stop("edge")
    expect(chloe.chat.locator("#online")).to_have_text("Reconnecting…", timeout=PATIENCE_MS)
    stack.start("edge")
    before = chloe.answers()
    by_bank(stack, "chloe", "approve")
    assert "Thank you" in chloe.answered(before)
    expect(chloe.chat.locator("#online")).to_have_text("Online")
    chloe.problems = [problem for problem in chloe.problems if "Failed to load resource" not in problem]


def test_who_says_nothing_is_warned_before_the_conversation_ends(portal_page: Enter) -> None:
    maya = portal_page("maya")
    maya.page.clock.install()
    maya.open()
    maya.page.clock.fast_forward("28:30")
    expect(maya.chat.locator("#ends-soon")).to_be_visible()
    check_accessible(maya, "ends soon")
    before = maya.answers()
    maya.chat.locator("#go-on").click()
    maya.answered(before)
    expect(maya.chat.locator("#ends-soon")).to_be_hidden()


# ----------------------------------------------------------------------------------------------------- every state


@pytest.mark.parametrize(("lang", "scheme", "size"), [("en", "light", (320, 640)), ("fr", "dark", PHONE)])
def test_every_card_is_accessible_and_fits(portal_page: Enter, lang: str, scheme: str, size: tuple[int, int]) -> None:
    maya = portal_page("maya", lang, size=size, scheme=scheme)
    maya.open()
    if lang == "fr":  # her account speaks English: she asks for French, and the frame follows
        maya.chat.locator("#other-language").click()
        expect(maya.chat.locator("#other-language")).to_have_text("English")
        assert maya.frame.evaluate("document.documentElement.lang") == "fr"
    for sentence in SENTENCES[lang]:
        maya.say(sentence)
        check_accessible(maya, sentence)
    maya.press("452")
    check_accessible(maya, "methods")
    maya.press("4242")
    check_accessible(maya, "quote")
    small = maya.frame.evaluate(
        """() => [...document.querySelectorAll('button, input, a')].filter((node) => {
          const box = node.getBoundingClientRect();
          return node.checkVisibility() && !node.matches('[type=radio]') && (box.width < 24 || box.height < 24);
        }).map((node) => node.outerHTML)"""
    )
    assert small == []


def test_at_two_hundred_percent_all_of_a_payment_is_within_reach(portal_page: Enter) -> None:
    """A browser's zoom on a window of 1280 × 1024: half the room, twice the pixels."""
    maya = portal_page("maya", size=(640, 512), device_scale_factor=2)
    assert maya.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    maya.open()
    maya.say("pay my bill")
    for title in ("Pay $452.10", "Visa ending in 4242", "Pay $452.10 now"):
        check_accessible(maya, title)
        expect(maya.chat.locator("#say")).to_be_in_viewport(ratio=1)
        maya.press(title)
    expect(maya.chat.locator("#log .box.succeeded")).to_be_in_viewport()
    maya.chat.locator("#leave").click()
    expect(maya.launcher).to_be_in_viewport(ratio=1)


LINELESS = """(nodes) => nodes.filter((node) => {
    const { borderTopStyle, borderTopWidth } = getComputedStyle(node);
    return node.checkVisibility() && (borderTopStyle === 'none' || parseFloat(borderTopWidth) < 1);
  }).map((node) => node.outerHTML)"""


def test_in_forced_colours_everything_keeps_its_outline(portal_page: Enter) -> None:
    """Backgrounds are gone then: what is pressed or belongs together must have a line around it."""
    maya = portal_page("maya", forced_colors="active")
    expect(maya.launcher).to_have_css("border-top-width", "2px")
    maya.open()
    assert maya.frame.evaluate("matchMedia('(forced-colors: active)').matches")
    maya.say("pay 250")
    maya.chat.locator(".method input").first.check()
    shown = maya.chat.locator(".methods, .method:has(:checked), .use, .reply, #send, #say, .b, .u")
    assert shown.evaluate_all(LINELESS) == []
    maya.press("Visa ending in 4242")
    assert maya.chat.locator(".reply, .box").evaluate_all(LINELESS) == []
    maya.press("Pay $250.00 now")
    assert maya.chat.locator(".box").evaluate_all(LINELESS) == []
    check_accessible(maya, "forced colours")


def test_a_reload_before_anything_was_said_greets_again(portal_page: Enter) -> None:
    maya = portal_page("maya")
    maya.open()
    maya.page.reload()
    maya.launcher.click()
    maya.is_ready()
    assert "What would you like to do?" in maya.heard()


def test_each_message_is_in_one_live_region_once(portal_page: Enter) -> None:
    maya = portal_page("maya")
    maya.open()
    maya.frame.evaluate(
        """() => {
          window.added = [];
          new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach((node) => {
            if (node.matches?.('.b:not(.typing)')) window.added.push(node.textContent);
          }))).observe(document.querySelector('[aria-live=polite]'), { childList: true });
        }"""
    )
    maya.say("what do I owe?")
    added = maya.frame.evaluate("window.added")
    assert len(added) == len(set(added)) == 1
    assert maya.chat.locator("[aria-live=polite], [role=log]").count() == 1


# ---------------------------------------------------------------------------------------------- somebody else's page


HOST = """<!doctype html><html lang="en"><title>A host</title>
<style>* {{ color: red !important; font-size: 40px !important }}</style>
<script>window.Remit = {{ token: async () => "{token}" }}</script>
<script src="{address}/widget.js" async></script>
<h1>Host</h1>"""


@contextlib.contextmanager
def a_host(page: str, port: int) -> Iterator[None]:
    """Another server's page."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def test_a_portal_elsewhere_shows_it_and_one_that_was_not_named_does_not(
    stack: TestStack, chromium: Browser, host_port: int
) -> None:
    signed = httpx.post(f"{stack.address}/demo/api/portal-token", json={"customer": "maya"}, trust_env=False)
    page = HOST.format(token=signed.json()["token"], address=stack.address)
    with a_host(page, host_port):
        visitor = Visitor(chromium, f"http://localhost:{host_port}")
        visitor.goto("/")
        visitor.page.locator("remit-assistant .button").click()
        visitor.is_ready()
        assert "$" in visitor.say("what do I owe?")
        assert visitor.frame.evaluate("getComputedStyle(document.querySelector('.b')).color") != "rgb(255, 0, 0)"
        visitor.press("Pay")
        assert visitor.problems == []
        visitor.close()
        stranger = Visitor(chromium, f"http://127.0.0.1:{host_port}")
        stranger.goto("/")
        stranger.page.locator("remit-assistant .button").click()
        stranger.page.wait_for_timeout(1000)
        assert any("frame-ancestors" in problem for problem in stranger.problems)
        assert stranger.page.locator("remit-assistant iframe").is_visible()
        assert not [frame for frame in stranger.page.frames if frame.url.startswith(stack.address)]
        stranger.close()
