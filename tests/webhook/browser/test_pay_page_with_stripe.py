"""The secure page with Stripe: a double of its script, a double of its API behind our own adapter, a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect
from sqlalchemy import select

from assistant.outcomes import outcome_message
from billing.accounts import remember_customer
from billing.config import Settings
from billing.context import Context, make_gateway
from billing.database import SessionFactory
from billing.models import Account, Consent, PayLink, Payment, PaymentMethod, PortalUser
from billing.pay_links import look_up_pay_link
from tests.billing.builders import a_method, an_account, an_invoice, pay
from tests.support.stripe.server import StripeDouble, running_double
from tests.support.stripe_js.server import running_script
from tests.webhook.conftest import RunningClock
from tests.webhook.running import edge_in_this_process

VISA, MASTERCARD = "4242424242424242", "5555555555554444"
DECLINED, CHALLENGED = "4000000000000002", "4000000000003220"
SLOW = "4000000000001000"


@pytest.fixture
def stripe() -> Iterator[StripeDouble]:
    with running_double() as double:
        yield double


@pytest.fixture
def script(stripe: StripeDouble) -> Iterator[str]:
    with running_script(stripe.url) as url:
        yield url


@pytest.fixture
def stripe_settings(stripe: StripeDouble, script: str) -> dict[str, str]:
    return {
        "STRIPE_SECRET_KEY": stripe.secret_key,
        "STRIPE_PUBLISHABLE_KEY": stripe.publishable_key,
        "STRIPE_WEBHOOK_SECRET": stripe.post.secrets[0],
        "STRIPE_API_BASE": stripe.url,
        "STRIPE_JS_URL": script,
        "STRIPE_BANK_DEBITS": "acss_debit us_bank_account",
    }


@pytest.fixture
def address(settings: Settings, stripe_settings: dict[str, str], port: int) -> Iterator[str]:
    """The edge, listening in earnest."""
    known = settings.model_copy(update={name.lower(): value for name, value in stripe_settings.items()})
    with edge_in_this_process(known, port) as address:
        yield address


def element(page: Page) -> FrameLocator:
    return page.frame_locator("#fields iframe")


def fill_card(page: Page, number: str = VISA) -> None:
    fields = element(page)
    fields.locator("#number").fill(number)
    fields.locator("#expiry").fill("1239")
    fields.locator("#cvc").fill("123")


def press_pay(page: Page, text: str = "Pay $352.10") -> None:
    page.get_by_role("button", name=text).click()


def the_payment(sessions: SessionFactory) -> Payment:
    with sessions() as session:
        return session.scalars(select(Payment)).one()


def intents(stripe: StripeDouble) -> list[dict[str, Any]]:
    return list(stripe.store.objects["payment_intent"].values())


# ----------------------------------------------------------------------------------------------------------- cards


def test_new_card_is_paid_with_and_not_saved(
    page: Page, link: Callable[..., str], sessions: SessionFactory, stripe: StripeDouble
) -> None:
    page.goto(link())
    expect(element(page).locator("body")).to_have_attribute("data-amount", "35210")
    fill_card(page)
    assert intents(stripe) == []  # nothing exists at Stripe before Pay
    press_pay(page)
    expect(page.locator("#said")).to_contain_text("was paid")
    payment = the_payment(sessions)
    assert (payment.state, payment.gateway, payment.amount_minor) == ("succeeded", "stripe", 35210)
    (intent,) = intents(stripe)
    assert intent["setup_future_usage"] is None
    billing = stripe.store.objects["payment_method"][intent["payment_method"]]["billing_details"]
    assert (billing["name"], billing["address"]["postal_code"]) == ("Maya Tremblay", "K1A 0B1")
    assert billing["email"] == payment.billing_email
    with sessions() as session:
        assert [m.state for m in session.scalars(select(PaymentMethod).where(PaymentMethod.gateway == "stripe"))] == [
            "single_use"
        ]
        consent = session.scalars(select(Consent)).one()
    assert consent.mandate_text is None
    assert consent.address == "127.0.0.1"
    assert "Chrome" in (consent.user_agent or "")


def test_new_card_is_saved_when_the_box_is_ticked(
    page: Page, link: Callable[..., str], sessions: SessionFactory, stripe: StripeDouble
) -> None:
    page.goto(link())
    fill_card(page, MASTERCARD)
    page.get_by_label("Save this card for next time").check()
    expect(element(page).locator("body")).to_have_attribute("data-setup-future-usage", "off_session")
    page.get_by_label("Save this card for next time").uncheck()
    expect(element(page).locator("body")).to_have_attribute("data-setup-future-usage", "")
    page.get_by_label("Save this card for next time").check()
    press_pay(page)
    expect(page.locator("#said")).to_contain_text("was paid")
    (intent,) = intents(stripe)
    assert (intent["setup_future_usage"], bool(intent["customer"])) == ("off_session", True)
    with sessions() as session:
        saved = session.scalars(select(PaymentMethod).where(PaymentMethod.gateway == "stripe")).one()
    assert (saved.state, saved.brand, saved.last4) == ("active", "mastercard", "4444")


def test_declined_card_is_followed_by_another(
    page: Page, link: Callable[..., str], sessions: SessionFactory, stripe: StripeDouble
) -> None:
    page.goto(link())
    fill_card(page, DECLINED)
    press_pay(page)
    expect(page.locator("#said")).to_contain_text("The card has been declined")
    expect(page.locator("main")).not_to_contain_text("generic_decline")
    page.get_by_role("link", name="Try again or use another card").click()
    fill_card(page)
    press_pay(page)
    expect(page.locator("#said")).to_contain_text("was paid")
    with sessions() as session:
        assert sorted(session.scalars(select(Payment.state))) == ["declined", "succeeded"]
    assert len({intent["id"] for intent in intents(stripe)}) == 2  # a new one for the new try


def test_wrong_card_number_stays_on_the_page(page: Page, link: Callable[..., str], stripe: StripeDouble) -> None:
    page.goto(link())
    fill_card(page, "42424242")
    press_pay(page)
    expect(element(page).locator("#number-error")).not_to_be_empty()
    expect(page.locator("#submit")).to_be_enabled()
    fill_card(page, "4111111111111112")
    press_pay(page)
    expect(page.locator("#card-error")).to_contain_text("invalid")
    assert intents(stripe) == []
    fill_card(page)
    press_pay(page)
    expect(page.locator("#said")).to_contain_text("was paid")


def test_amount_typed_while_the_card_becomes_a_token_is_not_charged_unseen(
    page: Page, link: Callable[..., str], sessions: SessionFactory, stripe: StripeDouble
) -> None:
    page.goto(link())
    fill_card(page)
    held: list[Any] = []
    page.route("**/js/confirmation_tokens", lambda route: held.append(route))  # noqa: PLW0108  (it wants a function)
    press_pay(page)
    expect(page.locator("#submit")).to_have_text("Paying…")
    page.wait_for_function("() => document.querySelector('#save').disabled")
    page.fill("#amount", "20")
    page.locator("#amount").blur()
    expect(element(page).locator("body")).to_have_attribute("data-amount", "2000")
    held[0].continue_()
    expect(page.locator("#submit")).to_have_text("Pay $20.00")
    assert intents(stripe) == []
    page.unroute("**/js/confirmation_tokens")
    press_pay(page, "Pay $20.00")
    expect(page.locator("#said")).to_contain_text("was paid")
    assert the_payment(sessions).amount_minor == 2000


def test_pay_pressed_twice_charges_once(
    page: Page, link: Callable[..., str], sessions: SessionFactory, stripe: StripeDouble
) -> None:
    page.goto(link())
    fill_card(page)
    page.get_by_role("button", name="Pay $352.10").dblclick()
    expect(page.locator("#said")).to_contain_text("was paid")
    assert len(intents(stripe)) == 1
    assert the_payment(sessions).state == "succeeded"


def test_lost_answer_of_the_bank_is_being_checked_and_never_a_decline(
    page: Page, link: Callable[..., str], sessions: SessionFactory
) -> None:
    page.goto(link())
    fill_card(page, "4000000000005001")  # charged, then 500
    press_pay(page)
    expect(page.locator("#said")).to_contain_text("do not pay again")
    expect(page.get_by_role("link", name="Try again")).to_be_hidden()
    assert the_payment(sessions).state == "unknown"


# ------------------------------------------------------------------------------------------------------ 3-D Secure


def challenge(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title='3-D Secure']")


def test_three_d_secure_is_passed_on_the_page(
    page: Page, link: Callable[..., str], sessions: SessionFactory, stripe: StripeDouble
) -> None:
    page.goto(link())
    fill_card(page, CHALLENGED)
    press_pay(page)
    expect(challenge(page).get_by_role("button", name="Complete")).to_be_visible()
    assert the_payment(sessions).state == "requires_action"
    challenge(page).get_by_role("button", name="Complete").click()
    expect(page.locator("#said")).to_contain_text("was paid")
    expect(page.locator("#outcome")).to_be_focused()
    assert the_payment(sessions).state == "succeeded"
    assert len(intents(stripe)) == 1


def test_failed_three_d_secure_is_a_decline_with_a_new_try(
    page: Page, link: Callable[..., str], sessions: SessionFactory
) -> None:
    page.goto(link())
    fill_card(page, CHALLENGED)
    press_pay(page)
    challenge(page).get_by_role("button", name="Fail").click()
    expect(page.locator("#said")).to_contain_text("The card has been declined")
    assert the_payment(sessions).state == "declined"
    page.get_by_role("link", name="Try again or use another card").click()
    fill_card(page)
    press_pay(page)
    expect(page.locator("#said")).to_contain_text("was paid")


def test_page_closed_in_mid_challenge_goes_on_when_it_is_opened_again(
    page: Page, link: Callable[..., str], sessions: SessionFactory
) -> None:
    url = link()
    page.goto(url)
    fill_card(page, CHALLENGED)
    press_pay(page)
    expect(challenge(page).get_by_role("button", name="Complete")).to_be_visible()
    page.goto(url)
    expect(page.locator("#said")).to_contain_text("One step with your bank is left")
    page.get_by_role("button", name="Continue").click()
    challenge(page).get_by_role("button", name="Complete").click()
    expect(page.locator("#said")).to_contain_text("was paid")
    page.reload()
    expect(page.locator("#said")).to_contain_text(the_payment(sessions).reference)
    expect(page.get_by_role("button", name="Continue")).to_be_hidden()


# --------------------------------------------------------------------------------------- a step of a saved card


@pytest.fixture
def waiting(
    sessions: SessionFactory, settings: Settings, stripe: StripeDouble, stripe_settings: dict[str, str],
    account: Account, clock: RunningClock, link: Callable[..., str],
) -> str:  # fmt: skip
    """The link of the chat's message about a payment with a saved card that the bank wants confirmed."""
    known = settings.model_copy(update={name.lower(): value for name, value in stripe_settings.items()})
    context = Context(sessions, make_gateway(known), known, clock)
    customer = context.gateway.ensure_customer(account.number, account.name, "maya@northwind.example")
    at_stripe = stripe.control.attach_method(customer, "pm_card_authenticationRequired")
    with sessions.begin() as session:
        remember_customer(session, account.id, "stripe", customer)
        saved = a_method(session, account, reference=at_stripe["id"], gateway="stripe")
    payment = pay(context, account, method=saved)
    assert (payment.state, payment.action_url) == ("requires_action", None)
    with sessions.begin() as session:
        told = outcome_message(session, payment, "en", "chat", clock(), known)
    assert told["card"]["purpose"] == "bank_step"
    token = str(told["card"]["url"]).rsplit("/", 1)[1]
    return link().rsplit("/", 1)[0] + f"/{token}"


def test_step_of_a_saved_card_is_done_at_the_press_of_a_button(
    page: Page, waiting: str, sessions: SessionFactory, stripe: StripeDouble
) -> None:
    asked_before = stripe.checks.requests.total()
    page.goto(waiting)
    expect(page.get_by_role("button", name="Continue")).to_be_enabled()
    assert stripe.checks.requests.total() == asked_before  # opening asks nothing: a link preview opens it too
    assert "_secret_" not in page.content()
    page.get_by_role("button", name="Continue").click()
    challenge(page).get_by_role("button", name="Complete").click()
    expect(page.locator("#said")).to_contain_text("was paid")
    assert the_payment(sessions).state == "succeeded"


def test_failed_step_of_a_saved_card_offers_another_card(page: Page, waiting: str) -> None:
    page.goto(waiting)
    page.get_by_role("button", name="Continue").click()
    challenge(page).get_by_role("button", name="Fail").click()
    expect(page.locator("#said")).to_contain_text("The card has been declined")
    page.get_by_role("link", name="Try again or use another card").click()
    fill_card(page)
    press_pay(page)
    expect(page.locator("#said")).to_contain_text("was paid")


# ------------------------------------------------------------------------------------------------------ bank debits


def bank(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title='Bank account']")


def test_pre_authorized_debit_is_agreed_to_and_pending(
    page: Page, link: Callable[..., str], sessions: SessionFactory, stripe: StripeDouble
) -> None:
    page.goto(link())
    page.get_by_label("Bank account (pre-authorized debit)").check()
    expect(page.locator("#fields")).to_be_hidden()
    expect(page.locator("#mandate-text")).to_contain_text("authorize Northwind Telecom to debit $352.10 once")
    shown = page.locator("#mandate-text").inner_text()
    press_pay(page)
    expect(bank(page).get_by_role("button", name="Agree")).to_be_visible()
    assert the_payment(sessions).state == "requires_action"
    bank(page).get_by_role("button", name="Agree").click()
    expect(page.locator("#said")).to_contain_text("up to 5 business days")
    assert the_payment(sessions).state == "processing"
    with sessions() as session:
        assert session.scalars(select(Consent)).one().mandate_text == shown
    (intent,) = intents(stripe)
    assert intent["allowed_payment_method_types"] == ["acss_debit"]


def test_saved_bank_account_has_a_permission_of_its_own(
    page: Page, link: Callable[..., str], sessions: SessionFactory
) -> None:
    page.goto(link())
    page.get_by_label("Bank account (pre-authorized debit)").check()
    page.get_by_label("Save this bank account for next time").check()
    expect(page.locator("#mandate-text")).to_contain_text("and later each amount that you confirm")
    press_pay(page)
    bank(page).get_by_role("button", name="Agree").click()
    expect(page.locator("#said")).to_contain_text("is pending")
    with sessions() as session:
        assert "and later each amount" in (session.scalars(select(Consent)).one().mandate_text or "")
        assert (
            session.scalars(select(PaymentMethod).where(PaymentMethod.gateway == "stripe")).one().kind == "bank_debit"
        )


def test_bank_window_that_was_closed_can_be_opened_again(
    page: Page, link: Callable[..., str], sessions: SessionFactory
) -> None:
    page.goto(link())
    page.get_by_label("Bank account (pre-authorized debit)").check()
    press_pay(page)
    bank(page).get_by_role("button", name="Close").click()
    expect(page.locator("#said")).to_contain_text("One step with your bank is left")
    page.get_by_role("button", name="Continue").click()
    bank(page).get_by_role("button", name="Agree").click()
    expect(page.locator("#said")).to_contain_text("is pending")
    assert the_payment(sessions).state == "processing"


def test_us_bank_account_goes_through_the_element(
    page: Page, link: Callable[..., str], sessions: SessionFactory
) -> None:
    with sessions.begin() as session:
        american = an_account(session, currency="USD", method=False)
        an_invoice(session, american, "80.00", due_days=-3)
        user = session.scalars(select(PortalUser).where(PortalUser.account_id == american.id)).one()
    page.goto(link(account_id=american.id, portal_user_id=user.id))
    expect(page.get_by_label("Bank account (pre-authorized debit)")).to_have_count(0)  # that is Canadian
    page.select_option("#region", "ON")
    element(page).get_by_label("Method").select_option("us_bank_account")
    expect(page.locator("#mandate-text")).to_contain_text("US bank account")
    element(page).get_by_label("Bank account").fill("000123456789")
    page.locator("#submit").click()
    expect(page.locator("#said")).to_contain_text("up to 5 business days")
    with sessions() as session:
        assert "US bank account" in (session.scalars(select(Consent)).one().mandate_text or "")


# ---------------------------------------------------------------------------------- what is in the way, and who looks


def test_blocked_script_is_said_and_nothing_is_charged(
    page: Page, link: Callable[..., str], complaints: list[str], sessions: SessionFactory
) -> None:
    page.route("**/stripe.js*", lambda route: route.abort())
    page.goto(link())
    expect(page.locator("#card-error")).to_contain_text("nothing was charged")
    expect(page.locator("#card-error")).to_contain_text("js.stripe.com")
    expect(page.locator("#submit")).to_be_disabled()
    with sessions() as session:
        assert session.scalars(select(Payment)).all() == []
    complaints.clear()  # the browser's own word on what this test blocked


def test_step_of_a_page_that_is_blocked_is_said(page: Page, waiting: str, complaints: list[str]) -> None:
    page.route("**/stripe.js*", lambda route: route.abort())
    page.goto(waiting)
    expect(page.locator("#step-problem")).to_contain_text("js.stripe.com")
    expect(page.get_by_role("button", name="Continue")).to_be_hidden()
    complaints.clear()


def test_fields_that_cannot_be_framed_are_said(page: Page, link: Callable[..., str], complaints: list[str]) -> None:
    """An Element of Stripe's that fails after its script was loaded."""
    page.add_init_script("""
      const broken = { elements() { throw new Error("out of order"); } };
      Object.defineProperty(window, "Stripe", {
        get: () => window.theirs,
        set(made) { window.theirs = (...given) => Object.assign(made(...given), broken); },
      });
    """)
    page.goto(link())
    expect(page.locator("#card-error")).to_contain_text("nothing was charged")
    expect(page.locator("#submit")).to_be_disabled()
    assert complaints == []


def test_violation_of_the_policy_is_told(page: Page, link: Callable[..., str], complaints: list[str]) -> None:
    page.goto(link())
    expect(page.locator("#submit")).to_have_text("Pay $352.10")
    with page.expect_console_message(lambda message: message.text.startswith("CSP: connect-src http://127.0.0.1:9")):
        page.evaluate("() => fetch('http://127.0.0.1:9/').catch(() => null)")
    assert complaints  # every other test would have failed
    complaints.clear()


def test_page_works_by_keyboard_and_in_french(page: Page, link: Callable[..., str]) -> None:
    page.goto(link("fr"))
    expect(page.locator("#submit")).to_have_text("Payer 352,10\u00a0$")
    expect(element(page).get_by_label("Numéro de carte")).to_be_visible()
    page.locator("#amount").focus()
    for key in ("Tab", "ArrowDown", "ArrowUp", "Tab"):  # to the debit and back to the card, then into the fields
        page.keyboard.press(key)
    for typed in (CHALLENGED, "1239", "123"):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    while page.evaluate("() => document.activeElement.id") != "submit":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("iframe[title='3-D Secure']")).to_be_focused()
    challenge(page).get_by_role("button", name="Complete").press("Enter")
    expect(page.locator("#outcome")).to_be_focused()
    expect(page.locator("#said")).to_contain_text("352,10")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, link: Callable[..., str], scheme: Any, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(link())
    page.get_by_label("Bank account (pre-authorized debit)").check()
    expect(page.locator("#mandate-text")).not_to_be_empty()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    context.close()


def test_link_of_the_page_is_spent_by_pay_alone(page: Page, link: Callable[..., str], sessions: SessionFactory) -> None:
    url = link()
    page.goto(url)
    expect(page.locator("#submit")).to_have_text("Pay $352.10")
    with sessions() as session:
        found = look_up_pay_link(session, url.rsplit("/", 1)[1])
        assert isinstance(found, PayLink)
        assert found.spent_at is None
