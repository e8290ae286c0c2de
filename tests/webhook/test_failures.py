"""When the engine gives no answer the customer still gets one, and it is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from billing.database import SessionFactory
from billing.errors import QuoteNotOpen
from billing.models import Account, PayLink, Quote
from billing.payments import start_payment
from tests.billing.builders import a_consent, a_method, a_quote, pay
from tests.support.fake_bot import FakeBot, Thinking, says
from tests.support.fake_gateway import FakeGateway
from tests.webhook.conftest import Customer, answer_of

NOTHING = "Nothing was charged"


FAILURES: dict[str, Any] = {
    "empty": lambda _: {"messages": []},
    "blank": lambda _: {"messages": [{"text": "", "buttons": [], "card": None}]},
    "no json": lambda _: b"<html>",
    "other json": lambda _: b"[]",
    "null": lambda _: b"null",
    "button without intent": lambda _: {"messages": [{"text": "x", "buttons": [{"title": "x"}]}]},
    "500": lambda _: 500,
    "502": lambda _: 502,
    "hangs up": lambda _: None,
    "huge": lambda _: b'{"messages": [{"text": "' + b"x" * 1_100_000 + b'"}]}',
}


@pytest.mark.parametrize("failure", FAILURES)
def test_lost_turn_says_that_nothing_was_charged_and_offers_the_secure_page(
    maya: Customer, bot: FakeBot, failure: str
) -> None:
    bot.answer = FAILURES[failure]
    assert_nothing_was_charged(maya.says("pay my bill"))


def assert_nothing_was_charged(answer: dict[str, Any]) -> None:
    (message,) = answer["messages"]
    assert NOTHING in message["text"]
    assert message["card"]["type"] == "link"
    assert "/pay/" in message["card"]["url"]


@pytest.fixture
def hanging(bot: FakeBot) -> Iterator[None]:
    """The bot answers nothing as long as the test runs."""
    bot.answer = thinking = Thinking()
    yield
    thinking.over()


@pytest.mark.usefixtures("hanging")
def test_a_bot_that_hangs_is_not_waited_for(hasty: Customer) -> None:
    assert_nothing_was_charged(hasty.says("pay my bill"))


def test_stopped_bot_is_answered_at_once_with_the_pay_link(
    maya: Customer, bot: FakeBot, sessions: SessionFactory
) -> None:
    bot.stop()
    (message,) = maya.says("pay my bill")["messages"]
    assert NOTHING in message["text"]
    token = message["card"]["url"].rsplit("/", 1)[1]
    assert maya.client.get(f"/pay/{token}").status_code == 200
    with sessions() as session:
        assert token not in session.scalars(select(PayLink)).one().token_hash


def test_nothing_owed_means_no_link(maya: Customer, bot: FakeBot, sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        session.execute(text("update invoices set applied_minor = total_minor, open_minor = 0"))
    bot.answer = FAILURES["empty"]
    (message,) = maya.says("hello")["messages"]
    assert message["card"] is None
    assert NOTHING in message["text"]


def test_failed_turn_is_stored_like_any_other(maya: Customer, bot: FakeBot) -> None:
    bot.answer = FAILURES["empty"]
    first = maya.send(id="x", text="pay").get_json()
    bot.answer = lambda _: says("I am back")
    assert maya.send(id="x", text="pay").get_json() == first
    assert maya.says("again")["messages"][0]["text"] == "I am back"


# ------------------------------------------------------------------------------------- a payment was on its way


@pytest.fixture
def context(app: Flask) -> Any:
    return app.extensions["remit"].context


def quoted(context: Any, account: Account, sender: str) -> Quote:
    with context.sessions.begin() as session:
        return a_quote(session, account, sender=sender, settings=context.settings, now=context.now())


def sender_of(maya: Customer, bot: FakeBot) -> str:
    maya.says("hello")
    return str(bot.turns[-1]["sender"])


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("succeeded", "was paid"),
        ("declined", "declined"),
        ("processing", "bank"),
        ("charged_but_lost", "do not pay again"),
        ("unreachable", "charged"),
    ],
)
def test_payment_made_in_the_lost_turn_is_told_as_it_stands(
    maya: Customer, bot: FakeBot, context: Any, account: Account, gateway: FakeGateway, behaviour: Any, words: str
) -> None:
    gateway.behaviours["pm_visa"] = behaviour
    quote = quoted(context, account, sender_of(maya, bot))

    def pays_and_dies(turn: dict[str, Any]) -> int:
        start_payment(context, quote.id, a_consent(sender=turn["sender"]))
        return 500

    bot.answer = pays_and_dies
    answer = maya.says("yes")
    assert words in answer["messages"][0]["text"].lower()
    if behaviour != "unreachable":
        assert NOTHING not in answer["messages"][0]["text"]
    assert answer["messages"][0]["card"]["type"] == "payment"


def test_payment_still_undecided_is_announced_later(
    maya: Customer, bot: FakeBot, context: Any, account: Account, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    gateway.behaviours["pm_visa"] = "charged_but_lost"
    quote = quoted(context, account, sender_of(maya, bot))

    def pays_and_dies(turn: dict[str, Any]) -> int:
        start_payment(context, quote.id, a_consent(sender=turn["sender"]))
        return 500

    bot.answer = pays_and_dies
    maya.says("yes")
    with sessions() as session:
        jobs = session.execute(text("select task_name, args->>'state', scheduled_at from procrastinate_jobs")).all()
    assert [(job[0], job[1]) for job in jobs if job[0] == "announce_payment"] == [("announce_payment", "present")]


def test_straggling_yes_finds_its_quote_void(
    maya: Customer, hasty: Customer, bot: FakeBot, context: Any, account: Account, gateway: FakeGateway
) -> None:
    """The words "nothing was charged" stay true when the action comes through after they were said."""
    quote = quoted(context, account, sender_of(maya, bot))
    bot.answer = thinking = Thinking()
    assert NOTHING in answer_of(hasty.send(id="yes", text="yes"))["messages"][0]["text"]
    thinking.over()
    with pytest.raises(QuoteNotOpen):
        start_payment(context, quote.id, a_consent())
    assert gateway.charges() == []


def test_unreachable_bot_leaves_the_quote_open(
    maya: Customer, bot: FakeBot, context: Any, account: Account, sessions: SessionFactory
) -> None:
    quote = quoted(context, account, sender_of(maya, bot))
    bot.stop()
    maya.says("yes")
    with sessions() as session:
        assert session.get_one(Quote, quote.id).state == "open"


def test_quote_of_another_conversation_is_left_alone(
    maya: Customer, bot: FakeBot, context: Any, account: Account, sessions: SessionFactory
) -> None:
    quote = quoted(context, account, "somebody-else")
    bot.answer = FAILURES["empty"]
    maya.says("hello")
    with sessions() as session:
        assert session.get_one(Quote, quote.id).state == "open"


def test_payment_of_another_channel_under_way_is_named(
    maya: Customer, bot: FakeBot, context: Any, account: Account, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    gateway.behaviours["pm_slow"] = "processing"
    with sessions.begin() as session:
        method = a_method(session, account, reference="pm_slow")
    pay(context, account, "20.00", method=method)
    bot.answer = FAILURES["empty"]
    (message,) = maya.says("pay")["messages"]
    assert "$20.00" in message["text"]
    assert NOTHING not in message["text"]
    assert message["card"] is None


def test_earlier_payment_is_not_denied(maya: Customer, bot: FakeBot, context: Any, account: Account) -> None:
    """After a payment of this conversation, "nothing was charged" could be taken for that one: it is not said."""
    quote = quoted(context, account, sender_of(maya, bot))
    start_payment(context, quote.id, a_consent())
    bot.answer = FAILURES["empty"]
    (message,) = maya.says("thanks")["messages"]
    assert NOTHING not in message["text"]


def test_wrong_token_at_the_bot_is_a_failure_like_others(
    make_app: Callable[..., Flask], sign_in: Callable[..., Customer], bot: FakeBot
) -> None:
    customer = sign_in(client=make_app(bot_token="another-secret-of-the-tests").test_client())
    assert NOTHING in customer.says("hi")["messages"][0]["text"]
    assert bot.turns == []
