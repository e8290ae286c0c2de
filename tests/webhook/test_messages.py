"""One turn: cleaned, put to the bot, answered once whatever is repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from assistant.models import ChatTurn, IssuedButton
from billing.database import SessionFactory
from billing.models import Account
from tests.billing.builders import a_consent, a_quote
from tests.support.fake_bot import FakeBot, says
from tests.support.fake_gateway import FakeGateway
from tests.webhook.conftest import Customer, RunningClock, answer_of, error_of

CARD = "4242 4242 4242 4242"


def test_text_reaches_the_bot_with_its_sender_channel_and_language(maya: Customer, bot: FakeBot) -> None:
    answer = maya.says("pay my bill")
    assert answer["messages"] == [{"text": "You said pay my bill", "buttons": [], "card": None}]
    assert answer["language"] == "en"
    (turn,) = bot.turns
    assert turn["sender"].startswith("s_")
    assert (turn["text"], turn["channel"], turn["language"], turn["button"]) == ("pay my bill", "chat", "en", None)


def test_bot_sees_an_opaque_sender_and_nothing_of_the_account(maya: Customer, bot: FakeBot) -> None:
    maya.says("hello")
    assert "100200" not in str(bot.turns)
    assert maya.token not in str(bot.turns)


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ('  /session_start{"x": 1}', 'session_start{"x": 1}'),
        ("/ / //affirm", "affirm"),
        ("\u200b/affirm", "affirm"),
        ("\uff0faffirm", "affirm"),
        ("\ufeff \t/ \u2044affirm", "affirm"),
        ("pay\x00 50", "pay  50"),
        ("half of it / please", "half of it / please"),
        ("💳 pay", "💳 pay"),
    ],
)
def test_leading_blanks_slashes_and_invisible_characters_never_reach_the_bot(
    maya: Customer, bot: FakeBot, typed: str, seen: str
) -> None:
    maya.says(typed)
    assert bot.texts == [seen]


@pytest.mark.parametrize("typed", ["", " ", "///", "\u200b\ufeff", "\x00"])
def test_nothing_is_not_a_message(maya: Customer, bot: FakeBot, typed: str) -> None:
    assert error_of(maya.send(id="m", text=typed)) == (422, "message_empty")
    assert bot.turns == []


def test_message_may_have_500_characters_and_not_one_more(maya: Customer, bot: FakeBot) -> None:
    maya.says("é" * 500)
    assert error_of(maya.send(id="long", text="x" * 501)) == (422, "message_too_long")
    assert len(bot.turns) == 1


def test_engine_variables_stay_behind(maya: Customer, bot: FakeBot) -> None:
    bot.answer = lambda _: {"messages": [{"text": "Hi", "slots": {"x": 1}, "buttons": [], "recipient_id": "s"}], "x": 1}
    assert maya.says("hi")["messages"] == [{"text": "Hi", "buttons": [], "card": None}]


def test_action_can_change_the_language_of_the_conversation(
    maya: Customer, bot: FakeBot, sessions: SessionFactory
) -> None:
    def to_french(turn: dict[str, Any]) -> dict[str, Any]:
        from assistant.identity import set_language

        with sessions.begin() as session:
            set_language(session, turn["sender"], "fr")
        return says("D’accord.")

    bot.answer = to_french
    assert maya.says("en français")["language"] == "fr"
    maya.says("merci")
    assert bot.turns[-1]["language"] == "fr"


# ------------------------------------------------------------------------------------------------------- repeats


def test_repeated_message_answers_the_same_and_is_asked_once(maya: Customer, bot: FakeBot) -> None:
    first = answer_of(maya.send(id="a", text="balance"))
    assert answer_of(maya.send(id="a", text="  /balance")) == first
    assert bot.texts == ["balance"]


def test_message_id_cannot_stand_for_other_words(maya: Customer, bot: FakeBot) -> None:
    answer_of(maya.send(id="a", text="balance"))
    assert error_of(maya.send(id="a", text="pay 50")) == (409, "message_id_reused")
    assert bot.texts == ["balance"]


def test_message_ids_of_two_conversations_do_not_meet(sign_in: Callable[..., Customer], bot: FakeBot) -> None:
    one, other = sign_in(), sign_in()
    answer_of(one.send(id="a", text="balance"))
    answer_of(other.send(id="a", text="history"))
    assert bot.texts == ["balance", "history"]


# -------------------------------------------------------------------------------------------------- card numbers


@pytest.mark.parametrize("typed", [CARD, f"pay 50 with {CARD}, code 123", "4242-4242-4242-4242", "4242424242424242"])
def test_card_number_is_gone_before_anything_sees_it(
    maya: Customer, bot: FakeBot, sessions: SessionFactory, typed: str
) -> None:
    answer = maya.says(typed)
    assert "secure page" in answer["messages"][0]["text"]
    assert bot.turns == []
    with sessions() as session:
        assert "4242" not in str(session.scalars(select(ChatTurn.said)).all())
    assert "4242" not in str(maya.history())


def test_card_number_offers_the_secure_page(maya: Customer, bot: FakeBot) -> None:
    (button,) = maya.says(CARD)["messages"][0]["buttons"]
    maya.presses(button["id"])
    assert bot.turns[0]["button"]["intent"] == "add_card"


def test_second_half_of_a_card_number_is_caught(maya: Customer, bot: FakeBot, sessions: SessionFactory) -> None:
    maya.says("4242 4242")
    maya.says("4242 4242")
    assert bot.texts == ["4242 4242"]
    with sessions() as session:
        assert str(session.scalars(select(ChatTurn.said)).all()).count("4242") == 2


def test_repeated_half_of_a_card_number_is_a_repeat(maya: Customer, bot: FakeBot) -> None:
    first = answer_of(maya.send(id="a", text="4242 4242"))
    assert answer_of(maya.send(id="a", text="4242 4242")) == first


@pytest.mark.parametrize("message_id", ["4242424242424242", "4242-4242-4242-4242", "4242.4242.4242"])
def test_message_id_cannot_carry_a_card_number(maya: Customer, message_id: str) -> None:
    assert error_of(maya.send(id=message_id, text="hi")) == (422, "bad_field")


# ------------------------------------------------------------------------------------------------------- buttons


def with_button(bot: FakeBot, intent: str = "choose_method", **data: object) -> None:
    bot.answer = lambda _: says("Which?", buttons=[{"title": "Visa 4242", "intent": intent, "data": data}])


def test_button_is_an_id_whose_meaning_stays_on_the_server(
    maya: Customer, bot: FakeBot, sessions: SessionFactory
) -> None:
    with_button(bot, method=7)
    (button,) = maya.says("pay")["messages"][0]["buttons"]
    assert set(button) == {"id", "title"}
    maya.presses(button["id"])
    assert bot.turns[-1]["button"] == {"intent": "choose_method", "data": {"method": 7}}
    assert bot.turns[-1]["text"] == "Visa 4242"
    with sessions() as session:
        assert session.get_one(IssuedButton, button["id"]).used_at is not None


def test_button_of_another_conversation_is_unknown(sign_in: Callable[..., Customer], bot: FakeBot) -> None:
    with_button(bot)
    one, other = sign_in(), sign_in()
    (button,) = one.says("pay")["messages"][0]["buttons"]
    assert error_of(other.send(id="x", button=button["id"])) == (404, "button_unknown")
    assert error_of(one.send(id="x", button="b_made-up")) == (404, "button_unknown")


def test_old_button_is_refused(maya: Customer, bot: FakeBot, clock: RunningClock) -> None:
    with_button(bot)
    (button,) = maya.says("pay")["messages"][0]["buttons"]
    clock.forward(minutes=20)
    maya.says("wait")
    clock.forward(minutes=11)
    assert error_of(maya.send(id="x", button=button["id"])) == (410, "button_expired")


@pytest.mark.parametrize("body", [{}, {"text": "hi", "button": "b_x"}, {"text": None}, {"button": None}])
def test_turn_is_either_a_text_or_a_button(maya: Customer, body: dict[str, Any]) -> None:
    assert error_of(maya.send(id="x", **body)) == (422, "bad_field")


def test_quote_button_dies_after_one_click(
    maya: Customer, bot: FakeBot, sessions: SessionFactory, account: Account, gateway: FakeGateway, app: Any
) -> None:
    """The second click says how the payment of the first one stands, without asking the engine."""
    from billing.payments import start_payment

    context = app.extensions["remit"].context
    with sessions.begin() as session:
        sender = str(bot_sender(maya, bot))
        quote = a_quote(session, account, sender=sender, settings=context.settings, now=context.now())
    with_button(bot, "affirm", quote_id=str(quote.id))
    (button,) = maya.says("pay")["messages"][0]["buttons"]

    def pays(turn: dict[str, Any]) -> dict[str, Any]:
        payment = start_payment(context, quote.id, a_consent(sender=turn["sender"]))
        return says(f"Paid, {payment.reference}")

    bot.answer = pays
    first = maya.presses(button["id"])
    assert first["messages"][0]["text"].startswith("Paid")
    assert first["state"]["payment"]["state"] == "succeeded"
    seen = len(bot.turns)
    second = maya.presses(button["id"])
    assert len(bot.turns) == seen
    assert second["messages"][0]["card"]["state"] == "succeeded"
    assert second["messages"][0]["card"]["reference"] == first["state"]["payment"]["reference"]
    assert len(gateway.charges()) == 1


def bot_sender(customer: Customer, bot: FakeBot) -> str:
    customer.says("hello")
    return str(bot.turns[-1]["sender"])


# --------------------------------------------------------------------------------------------------------- state


def test_answer_shows_the_open_quote(
    maya: Customer, bot: FakeBot, sessions: SessionFactory, account: Account, app: Any
) -> None:
    context = app.extensions["remit"].context

    def quotes(turn: dict[str, Any]) -> dict[str, Any]:
        with sessions.begin() as session:
            a_quote(session, account, "250.00", sender=turn["sender"], settings=context.settings, now=context.now())
        return says("Shall I?")

    bot.answer = quotes
    quote = maya.says("pay 250")["state"]["quote"]
    assert quote["amount"] == {"minor": 25000, "currency": "CAD", "text": "$250.00"}
    assert quote["method"] == {"brand": "visa", "last4": "4242", "kind": "card"}
    assert [(i["number"], i["amount"]["minor"], i["left"]["minor"]) for i in quote["invoices"]] == [
        ("INV-1", 20000, 0),
        ("INV-2", 5000, 10210),
    ]


def test_history_tells_the_conversation_in_order(maya: Customer, sessions: SessionFactory, bot: FakeBot) -> None:
    from assistant.delivery.push import push

    maya.says("one")
    with sessions.begin() as session:
        push(session, bot.turns[0]["sender"], "message", {"text": "by the way"})
    maya.says("two")
    entries = maya.history()["entries"]
    assert [(e["kind"], e.get("said") or e["payload"]["text"]) for e in entries] == [
        ("turn", "one"),
        ("event", "by the way"),
        ("turn", "two"),
    ]
    assert maya.history()["last_event_id"] == entries[1]["id"]


def test_history_is_of_this_conversation_only(sign_in: Callable[..., Customer]) -> None:
    one, other = sign_in(), sign_in()
    one.says("mine")
    assert other.history()["entries"] == []
