"""The secure page as a customer has it: in a browser, with the bank's own card fields, by keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from billing.config import Settings
from billing.database import SessionFactory
from billing.models import Payment
from remit.postgres import EmbeddedPostgres
from tests.sandbox.databases import empty_database
from tests.sandbox.running import PORTAL_SECRET, SECRET_KEY, WEBHOOK_SECRET, RunningSandbox, running_sandbox
from tests.webhook.running import edge_in_this_process


@pytest.fixture(scope="module")
def sandbox(
    postgres: EmbeddedPostgres, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningSandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    with (
        empty_database(postgres) as url,
        running_sandbox(url, folder, public_url=f"http://127.0.0.1:{port}") as running,
    ):
        yield running


@pytest.fixture
def address(settings: Settings, sandbox: RunningSandbox, port: int) -> Iterator[str]:
    """The edge, listening in earnest."""
    known = settings.model_copy(
        update={
            "sandbox_url": sandbox.url,
            "sandbox_secret_key": SECRET_KEY,
            "sandbox_webhook_secret": WEBHOOK_SECRET,
            "portal_signing_secret": PORTAL_SECRET,
        }
    )
    with edge_in_this_process(known, port) as address:
        yield address


def fill_card(page: Page, number: str = "4242424242424242") -> None:
    fields = page.frame_locator("#fields")
    fields.locator("#number").fill(number)
    fields.locator("#exp").fill("1239")
    fields.locator("#cvc").fill("123")


def test_card_is_paid_with(page: Page, link: Callable[..., str], sessions: SessionFactory, sandbox: Any) -> None:
    page.goto(link())
    expect(page.locator("#shares li")).to_have_count(2)
    expect(page.locator("#consent")).to_contain_text("$352.10")
    fill_card(page)
    page.get_by_role("button", name="Pay $352.10").click()
    expect(page.locator("#said")).to_contain_text("was paid")
    expect(page.locator("#owed")).to_be_hidden()
    with sessions() as session:
        payment = session.scalars(select(Payment)).one()
    assert payment.state == "succeeded"
    expect(page.locator("#said")).to_contain_text(payment.reference)
    page.reload()
    expect(page.locator(".said")).to_contain_text(payment.reference)


def test_another_amount_is_previewed_before_it_is_paid(
    page: Page, link: Callable[..., str], sessions: SessionFactory
) -> None:
    page.goto(link())
    expect(page.locator("#submit")).to_have_text("Pay $352.10")
    page.fill("#amount", "250")
    expect(page.locator("#submit")).to_have_text("Pay $250.00")
    expect(page.locator("#shares")).to_contain_text("$102.10 left open")
    page.fill("#amount", "nothing")
    expect(page.locator("#amount-error")).to_contain_text("dollars and cents")
    expect(page.locator("#submit")).to_be_disabled()
    page.fill("#amount", "20")
    fill_card(page)
    page.get_by_role("button", name="Pay $20.00").click()
    expect(page.locator("#said")).to_contain_text("was paid")
    with sessions() as session:
        assert session.scalars(select(Payment)).one().amount_minor == 2000


def test_wrong_fields_are_marked_and_nothing_is_charged(
    page: Page, link: Callable[..., str], sessions: SessionFactory
) -> None:
    page.goto(link())
    fill_card(page, "4242424242424241")
    expect(page.locator("#submit")).to_be_enabled()
    page.locator("#submit").click()
    expect(page.frame_locator("#fields").locator("#number-error")).not_to_be_empty()
    fill_card(page)
    page.fill("#postal_code", "12345")
    page.locator("#submit").click()
    expect(page.locator("#postal_code-error")).to_contain_text("K1A 0B1")
    expect(page.locator("#postal_code")).to_be_focused()
    page.select_option("#country", "US")
    expect(page.locator("#region-label")).to_have_text("State")
    page.select_option("#region", "NY")
    page.locator("#submit").click()
    expect(page.locator("#said")).to_contain_text("was paid")
    with sessions() as session:
        assert len(session.scalars(select(Payment)).all()) == 1


def test_declined_card_can_be_followed_by_another(page: Page, link: Callable[..., str]) -> None:
    page.goto(link())
    fill_card(page, "4000000000000002")
    page.locator("#submit").click()
    expect(page.locator("#said")).to_contain_text("The card has been declined")
    page.get_by_role("link", name="Try again or use another card").click()
    expect(page.locator("#submit")).to_have_text("Pay $352.10")
    fill_card(page)
    page.locator("#submit").click()
    expect(page.locator("#said")).to_contain_text("was paid")


def test_figures_that_changed_are_shown_before_anything_is_paid(
    page: Page, link: Callable[..., str], context: BrowserContext
) -> None:
    url, other_url = link(), link()
    page.goto(url)
    fill_card(page)
    expect(page.locator("#submit")).to_have_text("Pay $352.10")
    other = context.new_page()
    other.goto(other_url)
    expect(other.locator("#submit")).to_have_text("Pay $352.10")
    page.locator("#submit").click()
    expect(page.locator("#problem")).to_contain_text("Something changed")
    expect(page.locator("#submit")).to_be_enabled()
    page.locator("#submit").click()
    expect(page.locator("#said")).to_contain_text("was paid")


def test_a_bill_paid_in_another_tab_is_not_paid_twice(
    page: Page, context: BrowserContext, link: Callable[..., str], sessions: SessionFactory
) -> None:
    other = context.new_page()
    other.goto(link())
    page.goto(link())
    fill_card(page)
    page.get_by_role("button", name="Pay $352.10").click()
    expect(page.locator("#said")).to_contain_text("was paid")
    other.fill("#amount", "350")
    expect(other.locator("#problem")).to_contain_text("changed in the meantime")
    expect(other.locator("#owed-amount")).to_have_text("$0.00")
    expect(other.locator("#amount")).to_have_value("")
    expect(other.locator("#submit")).to_be_disabled()
    with sessions() as session:
        assert session.scalars(select(Payment)).one().amount_minor == 35_210


def test_page_works_by_keyboard_and_in_french(page: Page, link: Callable[..., str]) -> None:
    page.goto(link("fr"))
    expect(page.locator("#submit")).to_have_text("Payer 352,10\u00a0$")
    page.locator("#amount").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("4242424242424242")
    page.keyboard.press("Tab")
    page.keyboard.type("1239")
    page.keyboard.press("Tab")
    page.keyboard.type("123")
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_be_focused()
    expect(page.locator("#said")).to_contain_text("352,10")


def test_page_in_a_frame_of_our_own_tells_when_it_is_done(page: Page, link: Callable[..., str], address: str) -> None:
    url = link()
    page.goto(f"{address}/healthz")
    page.evaluate(
        """url => {
          window.told = [];
          addEventListener("message", event => window.told.push([event.origin, event.data.source, event.data.type]));
          const frame = document.createElement("iframe");
          frame.id = "pay"; frame.width = 380; frame.height = 1400; frame.src = url;
          document.body.append(frame);
        }""",
        url,
    )
    pay = page.frame_locator("#pay")
    fields = pay.frame_locator("#fields")
    fields.locator("#number").fill("4242424242424242")
    fields.locator("#exp").fill("1239")
    fields.locator("#cvc").fill("123")
    pay.locator("#submit").click()
    expect(pay.locator("#said")).to_contain_text("was paid")
    page.wait_for_function("() => window.told.some(told => told[2] === 'done')")
    assert [address, "remit-pay", "done"] in page.evaluate("() => window.told")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_screen(browser: Any, link: Callable[..., str], scheme: Any, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(link())
    expect(page.locator("#consent")).not_to_be_empty()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    context.close()
