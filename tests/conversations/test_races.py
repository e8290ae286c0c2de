"""Two things at once: the same yes twice, two tabs, the secure page beside the chat."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from tests.conversations.conftest import Customers
from tests.support.customers import Customer


def ask_for_all(customer: Customer) -> None:
    customer.say("pay my bill")
    customer.say("all of it")
    customer.say("the visa ending 4242")
    assert customer.quote and customer.quote["amount"]["minor"] == 45_210, customer.text


def paid_once(customer: Customer, amount: str = "452.10") -> None:
    assert customer.account.payments() == [("succeeded", Decimal(amount))]
    assert customer.account.charged() == [Decimal(amount)]


def test_button_pressed_twice_at_once_pays_once(maya: Customer) -> None:
    ask_for_all(maya)
    button = maya.button("Pay $452.10")
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: maya.conversation.press(button), range(2)))
    assert all(answer.messages for answer in answers)
    paid_once(maya)


def test_the_same_message_sent_again_is_answered_again_and_pays_once(maya: Customer) -> None:
    ask_for_all(maya)
    first = maya.say("yes", message_id="again-1")
    second = maya.say("yes", message_id="again-1")
    assert first.text == second.text
    paid_once(maya)


def test_yes_in_two_tabs_at_once_never_pays_twice(maya: Customer, customers: Customers) -> None:
    """Only the account's open quote can be meant; the tab whose quote it is not hears the present one instead.

    Reading it out may in turn outdate the other tab's, so that neither yes pays: the next one does.
    """
    other = customers.talk(maya.account)
    ask_for_all(maya)
    ask_for_all(other)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda tab: tab.say("yes"), (maya, other)))
    assert all("452.10" in answer.text for answer in answers)
    assert len(maya.account.charged()) == len(maya.account.payments()) <= 1
    for _ in range(2):
        maya.say("yes")
    paid_once(maya)


def test_late_button_of_a_replaced_quote_charges_nothing(maya: Customer, customers: Customers) -> None:
    ask_for_all(maya)
    button = maya.button("Pay $452.10")
    other = customers.talk(maya.account)
    other.say("pay 30 with the mastercard")
    maya.conversation.press(button)
    assert maya.account.payments() == []


def test_a_second_portal_user_hears_that_a_payment_is_under_way(maya: Customer, customers: Customers) -> None:
    maya.account.attach("2024")  # waits for the bank
    maya.say("pay 40 with the visa ending 2024")
    maya.say("yes")
    assert maya.payment and maya.payment["state"] == "processing"
    olivier = customers.talk(maya.account, user=2)
    olivier.say("payer 10 $")
    assert "40,00" in olivier.text and olivier.quote is None
    maya.account.bank.decide(maya.account.bank_customer, "approve")
    maya.wait_for_event("40.00")
    paid_once(maya, "40.00")


def test_secure_page_paid_while_the_chat_says_yes_to_another_card_pays_once(
    maya: Customer, customers: Customers
) -> None:
    maya.say("pay 60 with a new card")
    page = maya.page()
    assert page.quote().is_success
    other = customers.talk(maya.account)
    other.say("pay 70 with the mastercard")
    with ThreadPoolExecutor() as pool:
        on_page = pool.submit(page.pay, "4242")
        in_chat = pool.submit(other.say, "yes")
        assert on_page.result().status_code < 500 and in_chat.result().messages
    assert len(maya.account.charged()) == len(maya.account.payments()) == 1
    assert maya.account.charged()[0] in (Decimal("60.00"), Decimal("70.00"))


def test_a_link_is_spent_by_paying_not_by_opening(noah: Customer) -> None:
    noah.say("pay it all")
    page = noah.page()
    assert page.opened.is_success and noah.page().opened.is_success
    paid = page.pay("4242")
    assert paid.json()["state"] == "succeeded"
    again = page.pay("4444")
    assert again.json().get("reference") == paid.json()["reference"] or again.is_client_error
    paid_once(noah, "61.33")
