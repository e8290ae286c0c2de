"""What only calls can do: be keyed through, be kept on the line, end in the middle, and outlive a process."""

from __future__ import annotations

from decimal import Decimal
from threading import Thread

import pytest

from remit.folders import ROOT
from tests.conversations.conftest import Customers
from tests.support.caller import Caller
from tests.support.customers import until
from tests.support.sound import ESPEAK, render
from tests.support.stack import TestStack


@pytest.fixture
def maya(customers: Customers) -> Caller:
    """On the line, and known."""
    caller = customers.call(customers.account("maya"))
    caller.call()
    return caller


@pytest.fixture
def chloe(customers: Customers) -> Caller:
    """French; with a bank debit that stays pending until the bank decides."""
    caller = customers.call(customers.account("chloe"))
    caller.call()
    return caller


def lines(caller: Caller) -> list[str]:
    """All that was heard in the call."""
    return [caption["text"] for caption in caller.captions if caption["by"] == "service"]


def test_a_bill_is_paid_by_keys_alone(maya: Caller) -> None:
    for key in ("1", "2", "1"):  # all of it, with the second card, now
        maya.keyed(key)
    assert "Thank you! $452.10 is paid." in maya.text
    assert maya.account.charged() == [Decimal("452.10")]
    assert maya.account.balance == 0


def test_a_part_is_keyed_in_and_keys_pressed_too_early_pay_nothing(maya: Caller) -> None:
    maya.say("pay my bill")
    maya.keyed("3")
    maya.keyed("5000#")
    maya.keyed("111")  # one counts, at the question for the card
    assert maya.account.charged() == []
    assert "about to charge $50.00" in maya.text
    maya.keyed("1")
    assert maya.account.charged() == [Decimal("50.00")]


def test_a_spoken_yes_pays_nothing(maya: Caller) -> None:
    maya.say("pay 80 with visa 4242")
    maya.say("yes please pay it now")
    assert maya.account.charged() == []
    maya.agree()
    assert maya.account.charged() == [Decimal("80.00")]


def test_the_star_goes_back_step_by_step(maya: Caller) -> None:
    maya.say("pay 80 with visa 4242")
    maya.keyed("*")
    assert "Which one would you like" in maya.text
    maya.keyed("*")
    assert "How much would you like to pay" in maya.text
    maya.keyed("*")
    assert maya.quote is None
    assert maya.account.charged() == []
    maya.keyed("*")
    assert "You owe $452.10" in maya.text


def test_the_star_says_what_is_owed_where_nothing_is_under_way(maya: Caller) -> None:
    for _ in range(2):
        maya.keyed("*")
        assert "You owe $452.10" in maya.text
        assert "How much would you like" not in maya.text


def test_the_star_calls_off_a_payment_that_has_no_amount_yet(maya: Caller) -> None:
    maya.say("pay my bill")
    assert "For another amount" in maya.text
    maya.keyed("*")
    assert "For another amount" not in maya.text
    maya.keyed("*")
    assert "You owe $452.10" in maya.text


def test_who_waits_for_the_bank_gets_the_result_by_text_after_the_call(chloe: Caller) -> None:
    chloe.say("payer 40 avec mon compte bancaire")
    chloe.agree()  # and asks for a text
    assert chloe.payment is not None
    assert chloe.payment["state"] == "processing"
    chloe.hang_up()
    chloe.account.bank.decide(chloe.account.bank_customer, "approve")
    assert "40,00" in str(chloe.wait_for_event("Merci!").payload["text"])


def test_a_caller_who_hangs_up_while_the_bank_thinks_has_paid_once_and_gets_the_letter(
    customers: Customers, maya: Caller
) -> None:
    maya.account.attach("1000")  # succeeds after three seconds
    maya.say("pay 60 with visa 1000")
    paying = Thread(target=maya.agree)
    paying.start()
    until(lambda: len(maya.account.payments()) == 1, 30, lambda: "no payment began")
    maya.telephone_breaks()
    paying.join()
    maya.account.wait_for_letters(2)  # to both who want them
    assert maya.account.charged() == [Decimal("60.00")]
    again = customers.call(maya.account)
    again.say("did my payment go through")
    assert "went through" in again.text


def test_a_bank_without_an_answer_is_waited_for_and_never_called_a_decline(maya: Caller) -> None:
    maya.account.attach("4087")  # charges, and does not answer
    maya.say("pay 45 with visa 4087")
    maya.agree()
    assert "One moment, please." in lines(maya)
    assert "declined" not in maya.text
    until(lambda: maya.account.payments()[-1][0] == "succeeded", 60, lambda: str(maya.account.payments()))
    assert maya.account.charged() == [Decimal("45.00")]


@pytest.fixture
def noah(customers: Customers) -> Caller:
    """No saved card; he keys his in."""
    caller = customers.call(customers.account("noah"))
    caller.keys_in_cards = True
    caller.call()
    return caller


@pytest.mark.parametrize("save", [False, True])
def test_a_new_card_is_keyed_in_and_kept_only_if_asked(noah: Caller, save: bool) -> None:
    noah.say("pay 20")
    assert "about to charge $20.00 to a new card" in noah.text
    noah.press("To do that and keep the card" if save else "To key in the card and pay now")
    for keys in ("5555555555554444#", "1239#", "123#"):
        noah.keyed(keys)
    assert "Thank you! $20.00 is paid." in noah.text
    assert noah.account.charged() == [Decimal("20.00")]
    noah.say("pay 20")
    assert any("4444" in button["title"] for button in noah.answer.buttons) == save
    assert "5555" not in str(noah.captions)


def test_a_card_that_cannot_be_read_or_is_left_charges_nothing_and_the_link_is_still_offered(noah: Caller) -> None:
    noah.say("pay 20")
    noah.press("To key in the card and pay now")
    for keys in ("4242424242424241#", "1239#", "123#"):
        noah.keyed(keys)
    assert "could not be read, and nothing was charged" in noah.text
    noah.press("To key in the card and pay now")
    noah.keyed("4242*")
    assert "nothing was charged" in noah.text
    noah.press("To get a link by text instead")
    noah.page().pay("4242")
    until(lambda: noah.account.charged() == [Decimal("20.00")], 60, lambda: str(noah.account.payments()))


def test_a_declined_new_card_is_followed_by_another(noah: Caller) -> None:
    noah.say("pay 20")
    noah.press("To key in the card and pay now")
    for keys in ("4000000000000002#", "1239#", "123#"):
        noah.keyed(keys)
    assert "declined" in noah.text
    noah.press("A new card")
    noah.press("To key in the card and pay now")
    for keys in ("4242424242424242#", "1239#", "123#"):
        noah.keyed(keys)
    assert "Thank you! $20.00 is paid." in noah.text
    assert noah.account.charged() == [Decimal("20.00")]


def test_a_payment_under_way_keeps_a_second_one_off_the_phone(customers: Customers, chloe: Caller) -> None:
    tab = customers.talk(chloe.account)
    tab.say("payer 20 avec mon compte bancaire")
    tab.agree("oui")
    chloe.say("payer 30 avec mon compte bancaire")
    assert "pas encore décidé" in chloe.text
    assert len(chloe.account.payments()) == 1


@pytest.mark.parametrize("victim", ["actions", "bot", "worker", "edge"])
def test_a_process_that_dies_in_mid_call_costs_a_sentence_and_no_money(
    customers: Customers, maya: Caller, stack: TestStack, victim: str
) -> None:
    maya.say("pay 70 with visa 4242")
    stack.kill(victim)
    try:
        maya.agree()
        assert lines(maya)[-1]
    except AssertionError:
        assert victim == "edge"  # Twilio itself says then that an error has occurred, and hangs up
    stack.wait_until_ready()
    again = customers.call(maya.account)
    again.say("pay 70 with visa 4242")
    if again.quote is not None:
        again.agree()
    until(lambda: maya.account.payments() != [], 60, lambda: "nothing was paid")
    until(lambda: all(s == "succeeded" for s, _ in maya.account.payments()), 60, lambda: str(maya.account.payments()))
    assert maya.account.charged() == [amount for _, amount in maya.account.payments()]


@pytest.mark.skipif(not ESPEAK, reason="no espeak-ng on this machine (Debian: apt-get install espeak-ng)")
def test_a_call_can_be_listened_to(maya: Caller) -> None:
    maya.say("pay fifty dollars with my visa ending four two four two")
    maya.agree()
    lasts_s = render(maya.captions, ROOT / "var" / "call.wav")
    assert 40 < lasts_s < 120
