"""The demo page in a real browser, against the real stack: pay, be declined, use a new card, wait for the bank."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.driver import DESK, PHONE, DemoPage

Open = Callable[..., DemoPage]
pytestmark = pytest.mark.timeout(240)  # the first of them starts the stack


@pytest.fixture(autouse=True)
def fresh(demo: Open) -> None:
    """Every test begins with what “start over” leaves."""
    page = demo("noah")
    page.page.click("#start-over")
    expect(page.page.locator("#start-over")).to_be_enabled(timeout=60_000)
    expect(page.page.locator("#start-over")).to_have_text("Start over")


def test_a_bill_is_paid_by_buttons_and_the_receipt_is_read(demo: Open) -> None:
    maya = demo("maya")
    assert "$452.10" in maya.say("pay my bill")
    maya.press("Pay $452.10")
    maya.press("Visa ending in 4242")
    assert "INV-1001" in maya.chat.locator("#log .box").last.inner_text()
    assert "Thank you" in maya.press("Pay $452.10 now")
    expect(maya.chat.locator("#log .box.succeeded")).to_contain_text("New balance $0.00")
    letter = maya.page.locator("#mails button", has_text="maya@northwind.example")
    expect(letter).to_have_count(1)
    letter.click()
    expect(maya.page.frame_locator("#letter iframe").locator("body")).to_contain_text("$452.10")


def test_a_double_click_on_pay_pays_once(demo: Open) -> None:
    maya = demo("maya")
    maya.say("pay 20")
    maya.press("Visa ending in 4242")
    before = maya.answers()
    maya.chat.locator("#log .reply.first:visible").dblclick()
    maya.answered(before)
    assert maya.chat.locator("#log .box.succeeded").count() == 1
    expect(maya.page.locator("#payments li")).to_have_count(1)


def test_a_declined_card_is_followed_by_a_new_one_on_the_secure_page(demo: Open) -> None:
    maya = demo("maya")
    maya.say("pay 250")
    maya.press("Visa ending in 0002")
    assert "declined" in maya.press("Pay $250.00 now")
    maya.press("A new card")
    before = maya.answers()
    secure = maya.type_card("5555 5555 5555 4444")
    secure.locator("#submit").click()
    assert "Thank you! $250.00" in maya.answered(before)
    expect(maya.chat.locator("#page")).to_be_hidden(timeout=10_000)  # it closes by itself
    expect(maya.chat.locator("#log .open:not(:disabled)")).to_have_count(0)
    expect(maya.chat.locator("#log .reply:visible")).to_have_count(0)


def test_a_wrong_card_is_named_in_the_banks_fields_and_nothing_is_sent(demo: Open) -> None:
    noah = demo("noah")
    noah.say("pay my bill with a new card")
    if not noah.chat.locator("#log .open").count():
        noah.press("Pay $61.33")
    secure = noah.type_card("4242 4242 4242 4241")
    secure.locator("#submit").click()
    fields = secure.frame_locator("iframe")
    expect(fields.locator("#number-error")).to_have_text("Check the card number: a digit is not right.")
    expect(fields.locator("#number")).to_be_focused()
    expect(noah.page.locator("#payments li")).to_have_count(0)


def test_the_bank_is_asked_by_3d_secure_and_the_chat_hears_the_answer(demo: Open) -> None:
    noah = demo("noah")
    noah.say("pay my bill with a new card")
    if not noah.chat.locator("#log .open").count():
        noah.press("Pay $61.33")
    before = noah.answers()
    noah.type_card("4000 0000 0000 3220").locator("#submit").click()
    noah.answered(before)
    noah.chat.locator("#close-page").click()
    before = noah.answers()
    with noah.page.expect_popup() as bank:
        noah.chat.locator("#log a.open").last.click()
    bank.value.locator("button.yes").click()
    assert "Thank you" in noah.answered(before)


def test_chloe_waits_for_her_bank_in_french_on_a_phone(demo: Open) -> None:
    chloe = demo("chloe", PHONE)
    chloe.say("payer ma facture")
    chloe.press("Payer 84,20")
    chloe.press("Compte bancaire")
    assert "en attente" in chloe.press("Payer 84,20")
    expect(chloe.page.locator("#bank-count")).to_have_text("1")
    chloe.page.click("[data-shows=bank]")
    before = chloe.answers()
    chloe.page.locator(".btn.yes").click()
    assert "Merci" in chloe.answered(before)
    chloe.page.click("[data-shows=chat]")
    expect(chloe.chat.locator("#log .box.succeeded")).to_be_in_viewport()
    assert chloe.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_a_reload_goes_on_with_the_conversation(demo: Open) -> None:
    maya = demo("maya")
    maya.say("what do I owe?")
    maya.page.reload()
    expect(maya.chat.locator("#log .u")).to_have_text("You: what do I owe?")
    assert "$452.10" in maya.heard()
    assert maya.press("Pay $452.10")


def test_everything_that_can_be_pressed_is_large_enough_and_named(demo: Open) -> None:
    for size in ((1440, 900), PHONE):
        maya = demo("maya", size)
        maya.say("pay my bill")
        small = maya.page.evaluate(
            """() => [...document.querySelectorAll('button, select, input, a')].filter((node) => {
              const box = node.getBoundingClientRect();
              return node.checkVisibility() && !node.matches('.skip') && (box.width < 24 || box.height < 24);
            }).map((node) => node.outerHTML)"""
        )
        nameless = maya.page.evaluate(
            """() => [...document.querySelectorAll('button, select, input')].filter((node) => !(
              node.getAttribute('aria-label') || node.labels?.length || node.textContent.trim()
            )).map((node) => node.outerHTML)"""
        )
        assert (small, nameless) == ([], [])


# ------------------------------------------------------------------------------------------- tour, telephone, log


def current_step(page: DemoPage) -> str:
    return page.page.locator("#tour [aria-current=step]").inner_text()


def test_the_tour_leads_from_the_question_to_the_receipt_without_a_word_being_read(demo: Open) -> None:
    chloe = demo("chloe")
    steps = chloe.page.locator("#tour button")
    assert "Demander le solde" in current_step(chloe)
    before = chloe.answers()
    steps.nth(0).click()
    assert "84,20" in chloe.answered(before)
    before = chloe.answers()
    steps.nth(1).click()
    chloe.answered(before)
    chloe.press("Payer 84,20")
    chloe.press("Compte bancaire")
    chloe.press("Payer 84,20")
    expect(chloe.page.locator("#tour li.done")).to_have_count(2)
    steps.nth(2).click()
    expect(chloe.page.locator(".btn.yes")).to_be_focused()
    chloe.page.keyboard.press("Enter")
    expect(chloe.page.locator("#tour li.done")).to_have_count(3)
    expect(chloe.page.locator("#mails button")).not_to_have_count(0)
    steps.nth(3).click()
    expect(chloe.page.frame_locator("#letter iframe").locator("body")).to_contain_text("84,20")
    expect(chloe.page.locator("#tour li.done")).to_have_count(4)


def test_whoever_opens_the_page_first_sees_a_card_pending_and_decides_it(demo: Open) -> None:
    maya = demo("")
    steps = maya.page.locator("#tour button")
    steps.nth(1).click()
    expect(maya.chat.locator("#log .reply:visible").first).to_have_text("Pay $452.10")
    maya.press("Pay $452.10")
    maya.press("Visa ending in 4242")
    assert "pending" in maya.press("Pay $452.10 now")
    expect(maya.page.locator("#decides")).to_have_value("when_told")
    steps.nth(2).click()
    expect(maya.page.locator(".btn.yes")).to_be_focused()
    before = maya.answers()
    maya.page.keyboard.press("Enter")
    assert "Thank you" in maya.answered(before)
    steps.nth(3).click()
    expect(maya.page.frame_locator("#letter iframe").locator("body")).to_contain_text("$452.10")


def test_a_bill_is_paid_on_the_telephone_by_keys_and_words(demo: Open) -> None:
    maya = demo("maya")
    page = maya.page
    assert "100200, PIN 1357" in page.locator("#call-hint").inner_text()
    page.click("#hook")
    for key in "1" + "100200#" + "1357#":
        expect(page.locator("#speech")).to_be_enabled()
        page.locator("#keys button", has_text=key).first.click()
    expect(page.locator("#captions")).to_contain_text("You owe 452 dollars and 10 cents")
    page.fill("#speech", "pay 250 with my visa ending four two four two")
    page.press("#speech", "Enter")
    expect(page.locator("#captions")).to_contain_text("about to charge 250 dollars to your Visa")
    expect(page.locator("#speech")).to_be_enabled()
    page.locator("#keys button", has_text="1").first.click()
    expect(page.locator("#captions")).to_contain_text("250 dollars is paid")
    expect(page.locator("#payments")).to_contain_text("$250.00")
    expect(page.locator("#scenes")).to_contain_text("POST /twilio/voice/step")
    expect(page.locator("#scenes")).not_to_contain_text("1357")
    expect(page.locator("#speech")).to_be_enabled()
    page.click("#hook")
    expect(page.locator("#hook")).to_have_text("Call")


def watch(page: DemoPage, title: str) -> None:
    """Presses the chip, and looks on until it has ended."""
    chip = page.page.locator("#ideas .play", has_text=title)
    chip.click()
    expect(chip).to_have_class(re.compile(r"\bon\b"))
    expect(chip).not_to_have_class(re.compile(r"\bon\b"))
    expect(page.page.locator("#toast")).to_be_hidden()  # nothing got stuck


def test_conversations_play_by_themselves_by_chat_by_text_and_by_phone(demo: Open) -> None:
    maya = demo("maya")
    watch(maya, "Declined")
    both = [re.compile("80.00.*Accepted"), re.compile("80.00.*Declined")]
    expect(maya.page.locator("#payments li")).to_have_text(both)
    watch(maya, "By text")
    expect(maya.page.locator("#texts")).to_contain_text("Thank you! $50.00")
    watch(maya, "By phone")
    expect(maya.page.locator("#captions")).to_contain_text("60 dollars is paid")
    watch(maya, "By chat")
    expect(maya.page.frame_locator("#letter iframe").locator("body")).to_contain_text("$250.00")
    expect(maya.page.locator("#payments li")).to_have_count(5)


def test_the_bank_of_a_conversation_that_plays_decides_by_itself(demo: Open) -> None:
    chloe = demo("chloe")
    watch(chloe, "Sa banque décide")
    assert "pas encore décidé" in chloe.chat.locator("#log").inner_text()
    expect(chloe.page.locator("#payments")).to_contain_text("Accepté")
    expect(chloe.page.locator("#letter")).to_contain_text("40,00")


@pytest.mark.parametrize(("customer", "title"), [("liam", "Ahead of time"), ("noah", "A new card"), ("zoe", "240 inv")])
def test_every_customer_has_a_conversation_to_watch(demo: Open, customer: str, title: str) -> None:
    watch(demo(customer), title)


def test_a_conversation_that_plays_can_be_stopped(demo: Open) -> None:
    maya = demo("maya")
    chip = maya.page.locator("#ideas .play", has_text="By chat")
    chip.click()
    expect(maya.chat.locator("#log .u")).to_have_count(1)
    chip.click()
    expect(chip).not_to_have_class(re.compile(r"\bon\b"))
    maya.page.wait_for_timeout(3000)
    assert maya.chat.locator("#log .u").count() == 1


# A browser's recogniser, with the documented interface of the Web Speech API; it hears what the test says.
EAR = """window.SpeechRecognition = class extends EventTarget {
  start() { window.hears = (transcript, confidence) => {
    this.dispatchEvent(Object.assign(new Event('result'), { results: [[{ transcript, confidence }]] }));
    this.dispatchEvent(new Event('end'));
  }; }
  abort() { this.dispatchEvent(new Event('end')); }
};"""


def test_a_caller_can_speak_by_microphone_and_what_was_badly_heard_is_asked(demo: Open) -> None:
    maya = demo("maya")
    page = maya.page
    page.add_init_script(EAR)
    page.reload()
    maya.is_ready()
    expect(page.locator("#microphone")).to_be_disabled()
    page.click("#hook")
    for key in "1" + "100200#" + "1357#":
        expect(page.locator("#speech")).to_be_enabled()
        page.locator("#keys button", has_text=key).first.click()
    expect(page.locator("#captions")).to_contain_text("You owe")
    expect(page.locator("#microphone")).to_be_enabled()
    page.click("#microphone")
    expect(page.locator("#microphone")).to_have_attribute("aria-pressed", "true")
    page.evaluate("window.hears('pay fifty dollars', 0.4)")
    expect(page.locator("#captions")).to_contain_text("pay fifty dollars")
    expect(page.locator("#captions")).to_contain_text("15 dollars")  # which of the two, by key
    expect(page.locator("#microphone")).to_have_attribute("aria-pressed", "false")


def test_an_event_that_gets_lost_is_made_up_for(demo: Open) -> None:
    chloe = demo("chloe")
    chloe.page.select_option("#travel", "lost")
    chloe.say("payer 40 avec mon compte bancaire")
    assert "en attente" in chloe.press("Payer 40,00")
    chloe.page.locator(".btn.yes").click()
    expect(chloe.page.locator("#scenes")).to_contain_text("lost")
    chloe.page.select_option("#travel", "at_once")


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), ((1000, 800), "dark"), (PHONE, "light")])
def test_the_page_has_no_accessibility_violation_and_needs_no_scrolling(
    demo: Open, size: tuple[int, int], scheme: str
) -> None:
    maya = demo("maya", size, scheme)
    maya.say("pay 20 with visa 4242")
    found = Axe().run(maya.page)
    assert found.violations_count == 0, found.generate_report()
    fits = "document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight"
    assert maya.page.evaluate(fits)
