"""What customers hear of a dispute: the same sentences by letter and in the conversation."""

from __future__ import annotations

from datetime import date

import pytest

from assistant.disputes import DisputeNews, dispute_message, dispute_news, dispute_texts
from billing.context import Context
from billing.database import SessionFactory
from billing.disputes import refresh_disputes
from billing.models import Account, Payment
from tests.billing import builders as b
from tests.billing.builders import cad
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway) -> Context:
    return b.a_context(sessions, gateway)


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    with sessions.begin() as session:
        account = b.an_account(session)
        b.an_invoice(session, account, "200.00", due_days=-60, number="INV-1")
        b.an_invoice(session, account, "100.00", due_days=5, number="INV-2")
    return account


@pytest.fixture
def payment(context: Context, account: Account) -> Payment:
    return b.pay(context, account)


def news(context: Context, kind: str, amount_minor: int = 30000) -> DisputeNews:
    with context.sessions() as session:
        return dispute_news(session, 1, kind, amount_minor, date(2026, 11, 22))


def test_a_loss_says_what_is_open_again_and_that_nobody_is_charged_by_itself(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    gateway.dispute("pay_1", cad("150.00"), "lost")
    refresh_disputes(context, payment.id)
    told = news(context, "dispute_lost", 15000)
    assert dispute_texts(told, "en", "chat") == [
        f"Your bank has taken $150.00 of the payment {payment.reference} back after it was disputed.",
        "So $150.00 is open again: INV-1 and INV-2.",
        "You are not charged again by itself: pay when you are ready, or ask for a person.",
        "Your balance is now $150.00.",
    ]
    message = dispute_message(told, "en", "chat")
    pay, person = message["buttons"]
    assert (pay["title"], pay["intent"], pay["data"]) == ("Pay $150.00", "pay", {"amount_minor": 15000})
    assert person["intent"] == "human"


def test_a_returned_debit_has_words_of_its_own_in_both_languages(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    gateway.dispute("pay_1", is_return=True)
    refresh_disputes(context, payment.id)
    told = news(context, "debit_returned")
    assert "the debit was returned" in dispute_texts(told, "en", "chat")[0]
    assert "débit a été renvoyé" in dispute_texts(told, "fr", "email")[0]
    assert "300,00\xa0$" in dispute_texts(told, "fr", "email")[1]


@pytest.mark.parametrize("kind", ["dispute_opened", "dispute_won"])
def test_what_stays_paid_offers_nothing_to_pay(
    context: Context, gateway: FakeGateway, payment: Payment, kind: str
) -> None:
    gateway.dispute("pay_1")
    refresh_disputes(context, payment.id)
    message = dispute_message(news(context, kind), "en", "chat")
    assert "paid" in message["text"]
    assert "open again" not in message["text"]
    assert [button["intent"] for button in message["buttons"]] == ["human"]


def test_money_that_comes_back_is_told_with_the_new_balance(
    context: Context, gateway: FakeGateway, account: Account, payment: Payment
) -> None:
    dispute = gateway.dispute("pay_1", status="lost")
    refresh_disputes(context, payment.id)
    b.pay(context, account)
    gateway.decide_dispute(dispute.id, "won")
    refresh_disputes(context, payment.id)
    texts = dispute_texts(news(context, "dispute_reversed"), "en", "chat")
    assert texts[0].startswith(f"Your bank has given back the $300.00 of the payment {payment.reference}")
    assert texts[1:] == ["Your balance is now −$300.00 (credit)."]


def test_what_was_paid_again_meanwhile_is_not_called_open(
    context: Context, gateway: FakeGateway, account: Account, payment: Payment
) -> None:
    gateway.dispute("pay_1", status="lost")
    refresh_disputes(context, payment.id)
    b.pay(context, account)
    told = news(context, "dispute_lost")
    assert told.open_again == []
    assert "open again" not in dispute_message(told, "en", "chat")["text"]
