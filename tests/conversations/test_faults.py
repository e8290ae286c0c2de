"""A process of ours goes away at the worst moment; more of it in scenarios/trouble. The supervisor: tests/remit."""

from __future__ import annotations

from decimal import Decimal

from tests.conversations.conftest import Customers
from tests.support.customers import Customer
from tests.support.stack import TestStack


def test_action_server_killed_while_the_bank_is_charging_pays_once_and_tells_later(
    customers: Customers, stack: TestStack
) -> None:
    """The card charges at once but answers after seconds; in between the process that waits for it is killed."""
    account = customers.account("maya")
    account.attach("1000")
    customer = customers.talk(account)
    customer.say("pay 50 with the visa ending 1000")
    assert customer.quote and customer.quote["method"]["last4"] == "1000"
    with customer.saying("yes") as answer:
        account.wait_until_bank_is_asked()
        stack.kill("actions")
    assert "checking" in answer().text.lower() or "checked" in answer().text.lower()
    stack.wait_until_ready()
    customer.wait_for_event("50.00")
    assert account.payments() == [("succeeded", Decimal("50.00"))]
    assert account.charged() == [Decimal("50.00")]


def test_worker_stopped_while_a_payment_is_made_sends_the_letters_when_it_is_back(
    maya: Customer, stack: TestStack
) -> None:
    stack.stop("worker")
    try:
        maya.say("pay 20 with the visa ending 4242")
        maya.say("yes")
        assert maya.payment and maya.payment["state"] == "succeeded"
        assert maya.account.mails() == []
    finally:
        stack.start("worker")
    maya.account.wait_for_letters(2)
