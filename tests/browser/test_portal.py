"""The billing portal in a real browser, against the real stack: what is owed, in which language, after a payment."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from remit.edge_client import Conversation
from tests.browser.driver import DESK, PATIENCE_MS
from tests.support.stack import TestStack

Open = Callable[..., Page]
pytestmark = pytest.mark.timeout(240)  # the first of them starts the stack
PHONE = (375, 812)
STUB = "window.Remit = Object.assign(window.Remit || {}, { open: (wish) => { window.asked = wish.say; } });"


@pytest.fixture
def portal(stack: TestStack, chromium: Browser) -> Iterator[Open]:
    """`portal("maya", lang="fr")`: the loaded page. `/widget.js` is a stub that notes what it is asked to say.

    The stub only notes: the assistant itself has tests of its own. Afterwards the browser must have had nothing to
    complain about.
    """
    httpx.post(f"{stack.address}/demo/api/start-over", json={}, timeout=60, trust_env=False).raise_for_status()
    contexts, problems = [], []

    def open_as(
        customer: str, *, lang: str = "en", size: tuple[int, int] = DESK, scheme: str = "light", widget: str = STUB
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            timezone_id="America/Toronto",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(f"{m.text} {m.location}") if m.type == "error" else None)
        page.route("**/widget.js", lambda route: route.fulfill(body=widget, content_type="text/javascript"))
        page.goto(f"{stack.address}/portal/?customer={customer}&lang={lang}")
        expect(page.locator("#figures[aria-busy]")).to_have_count(0, timeout=PATIENCE_MS)
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert problems == []


def chat(stack: TestStack, customer: str) -> Conversation:
    """Another channel of the same customer."""
    signed = httpx.post(f"{stack.address}/demo/api/portal-token", json={"customer": customer}, trust_env=False)
    return Conversation(stack.address, signed.json()["token"])


def pays_in_chat(stack: TestStack, customer: str, what: str) -> None:
    with chat(stack, customer) as conversation:
        conversation.say(what)
        assert conversation.say("yes").payment is not None


def test_the_dashboard_shows_the_account(portal: Open) -> None:
    page = portal("maya")
    expect(page.locator("#balance")).to_have_text("$452.10")
    expect(page.locator("#balance-note")).to_contain_text("$352.10 past due")
    expect(page.locator("#open-invoices")).to_have_text("3")
    expect(page.locator("#last-payment")).to_contain_text("$118.40")
    expect(page.locator("#auto-pay")).to_contain_text("Off")
    expect(page.locator("#method")).to_contain_text("Visa ending 4242")
    expect(page.locator("#address")).to_contain_text("Montréal QC H2W 2M5")
    expect(page.locator("#lines tr").first).to_contain_text("Invoice INV-1003")
    page.click("#more")
    expect(page.locator("#lines tr")).to_have_count(21)
    page.click("[data-shows=payment]")
    expect(page.locator("#lines tr")).to_have_count(9)
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK[0]


def test_a_credit_is_a_negative_balance(portal: Open) -> None:
    page = portal("liam")
    expect(page.locator("#balance")).to_have_text("−$35.00 (credit)")
    expect(page.locator("#balance-note")).to_contain_text("next invoice")


def test_the_page_is_french_all_over(portal: Open) -> None:
    page = portal("chloe", lang="fr")
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert page.title().startswith("Tableau de bord")
    expect(page.locator("#balance")).to_have_text("84,20\xa0$")
    expect(page.locator("#method")).to_contain_text("Compte bancaire")
    expect(page.locator("#lines")).to_contain_text("ouverte")
    page.click("#pay")
    assert page.evaluate("window.asked") == "payer ma facture"


def test_another_customer_and_another_language_are_a_choice_away(portal: Open) -> None:
    page = portal("maya")
    page.select_option("#customer", "liam")
    expect(page.locator("#balance")).to_have_text("−$35.00 (credit)")
    page.get_by_role("link", name="Français").click()
    expect(page.locator("h1")).to_have_text("Tableau de bord du compte")
    expect(page.locator("#balance")).to_have_text("−35,00\xa0$ (crédit)")


def test_the_pdf_links_open_the_papers_themselves(portal: Open) -> None:
    page = portal("maya")
    for link in (page.locator("#lines a").first, page.locator("#last-payment a")):
        href = link.get_attribute("href")
        assert href is not None and link.get_attribute("target") == "_blank"
        answer = page.request.get(href)
        assert answer.status == 200 and answer.headers["content-type"] == "application/pdf"
        assert answer.body().startswith(b"%PDF-")
    expect(page.get_by_role("link", name="PDF of Invoice INV-1003 (opens in a new tab)")).to_be_visible()


def test_balances_follow_a_payment_made_in_chat_without_a_reload(portal: Open, stack: TestStack) -> None:
    page = portal("maya")
    page.evaluate("window.same = true")
    pays_in_chat(stack, "maya", "pay 352.10 with visa 4242")
    expect(page.locator("#balance")).to_have_text("$100.00", timeout=PATIENCE_MS)
    expect(page.locator("#last-payment")).to_contain_text("$352.10")
    expect(page.locator("#lines tr").first).to_contain_text("−$352.10")
    expect(page.locator("#news")).to_have_text("Your balance is now $100.00.")
    assert page.evaluate("window.same") is True


def test_what_the_assistant_settles_is_shown_at_once(portal: Open, stack: TestStack) -> None:
    page = portal("noah")
    page.clock.install()  # no look of its own any more
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/account" in request.url else None)
    page.evaluate("document.dispatchEvent(new CustomEvent('remit:settled', { detail: { reference: 'X' } }))")
    page.wait_for_timeout(500)
    assert len(asked) == 1


def test_a_payment_that_waits_for_the_bank_is_named(portal: Open, stack: TestStack) -> None:
    page = portal("chloe", lang="fr")
    with chat(stack, "chloe") as conversation:
        conversation.say("payer ma facture")
        conversation.press(conversation.answer.buttons[0])
        conversation.say("le compte bancaire")
        conversation.say("oui")
        expect(page.locator("#under-way")).to_contain_text("84,20\xa0$", timeout=PATIENCE_MS)
        expect(page.locator("#balance")).to_have_text("84,20\xa0$")
    waits = httpx.get(f"{stack.address}/demo/api/state?customer=chloe", trust_env=False).json()["payments"][0]["id"]
    decided = f"{stack.address}/demo/api/bank/payments/{waits}/decide"
    httpx.post(decided, json={"decision": "approve"}, trust_env=False).raise_for_status()
    expect(page.locator("#balance")).to_have_text("0,00\xa0$", timeout=PATIENCE_MS)
    expect(page.locator("#under-way")).to_be_hidden()


def test_make_a_payment_asks_the_assistant_and_without_one_says_so_plainly(portal: Open) -> None:
    page = portal("maya")
    page.click("#pay")
    assert page.evaluate("window.asked") == "pay my bill"
    expect(page.locator("#no-assistant")).to_be_hidden()
    page = portal("maya", widget="")
    page.click("#pay")
    expect(page.locator("#no-assistant")).to_contain_text("1 800 555 0199")


def test_a_lost_connection_is_said_and_made_up_for(portal: Open) -> None:
    page = portal("maya")
    page.route("**/api/account*", lambda route: route.fulfill(status=200, body="no json"))
    expect(page.locator("#trouble")).to_contain_text("Not up to date", timeout=PATIENCE_MS)
    page.unroute("**/api/account*")
    expect(page.locator("#trouble")).to_be_hidden(timeout=PATIENCE_MS)


@pytest.mark.parametrize(
    ("size", "scheme", "customer", "lang"),
    [
        (DESK, "light", "maya", "en"),
        (DESK, "dark", "liam", "fr"),
        ((1024, 768), "light", "chloe", "fr"),
        (PHONE, "light", "zoe", "en"),
        (PHONE, "dark", "maya", "fr"),
        ((320, 700), "light", "maya", "en"),
    ],
)
def test_the_page_has_no_accessibility_violation_and_fits(
    portal: Open, size: tuple[int, int], scheme: str, customer: str, lang: str
) -> None:
    page = portal(customer, lang=lang, size=size, scheme=scheme, widget="")
    page.click("#pay")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, select, a')].filter((node) => {
          const box = node.getBoundingClientRect();
          return node.checkVisibility() && !node.matches('.skip') && (box.width < 24 || box.height < 24);
        }).map((node) => node.outerHTML)"""
    )
    assert small == []


def test_everything_is_reached_by_keyboard(portal: Open) -> None:
    page = portal("maya")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    assert reached[:2] == ["Skip to the dashboard", "customer"]
    assert [name for name in reached if name in ("pay", "why", "All")] == ["pay", "why", "All"]
    page.focus(".skip")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "dashboard"
    page.focus("#more")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("PDF of ")
