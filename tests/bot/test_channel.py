"""The contract between the edge and the bot, against the real process."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.bot.conftest import ACTIONS_TOKEN, TOKEN, Bot, FakeActions, says, turn


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "é"])
def test_other_tokens_are_refused(bot: Bot, actions: FakeActions, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}".strip().encode()}
    answer = httpx.post(f"{bot.url}/turn", json=turn(), headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert actions.calls == []


def test_another_scheme_is_refused(bot: Bot) -> None:
    assert httpx.post(f"{bot.url}/turn", json=turn(), headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401
    assert httpx.post(f"{bot.url}/turn", json=turn(), headers={"Authorization": TOKEN}).status_code == 401


BAD_BODIES: list[Any] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"\xff\xfe",
    b"[" * 100_000,
    turn(sender=""),
    turn(sender="  "),
    turn(sender=7),
    turn(sender=None),
    turn(sender="x" * 201),
    turn(sender="a\u0000b"),
    turn(message_id=""),
    turn(text=None),
    turn(text=["hello"]),
    turn(text="x" * 2001),
    turn(text=""),
    turn(text=" /// "),
    turn(text="\ud800"),
    turn(channel="email"),
    turn(channel=None),
    turn(language="de"),
    turn(language=["en"]),
    turn(button="affirm"),
    turn(button={"intent": "no_such_intent", "data": {}}),
    turn(button={"intent": ["affirm"], "data": {}}),
    turn(button={"intent": "affirm", "data": []}),
    turn(button={"intent": "affirm", "data": {"big": "x" * 9000}}),
    turn(button={"intent": "affirm", "data": {}, "extra": 1}),
    turn(metadata={"account": "somebody else's"}),
    {"text": "hello"},
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_a_bad_body_is_refused_in_words_and_changes_nothing(bot: Bot, actions: FakeActions, body: Any) -> None:
    answer = bot.post(body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] in {"bad_json", "bad_turn"}
    assert error["message"].endswith(".")
    assert actions.calls == []


def test_an_unknown_route_is_refused_as_json(bot: Bot) -> None:
    answer = httpx.get(f"{bot.url}/turn")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "refused"


def test_a_message_is_one_object_with_text_buttons_and_card(bot: Bot, actions: FakeActions, sender: str) -> None:
    payload = json.dumps({"intent": "pay", "data": {"amount": 45210}})
    first = says(
        "You owe $452.10.\n\nTwo paragraphs stay together.",
        buttons=[{"title": "Pay", "payload": payload, "type": "postback"}],
        custom={"card": {"kind": "balance", "amount_minor": 45210}},
        image="https://elsewhere.example/x.png",
        template="secret",
    )
    actions.answer("action_balance", first, says("Anything else?"))
    assert bot.say("how much do I owe?", sender) == [
        {
            "text": "You owe $452.10.\n\nTwo paragraphs stay together.",
            "buttons": [{"title": "Pay", "intent": "pay", "data": {"amount": 45210}}],
            "card": {"kind": "balance", "amount_minor": 45210},
        },
        {"text": "Anything else?", "buttons": [], "card": None},
    ]


def test_a_button_is_its_intent_with_its_data_in_the_metadata(bot: Bot, actions: FakeActions, sender: str) -> None:
    button = {"intent": "balance", "data": {"quote": "q-1"}}
    bot.say("I want pizza", sender, button=button, channel="sms", language="fr")
    call = actions.calls[-1]
    assert call["next_action"] == "action_balance"
    message = call["tracker"]["latest_message"]
    assert message["intent"] == {"name": "balance", "confidence": 1.0}
    assert message["text"] == "/balance"
    assert message["metadata"]["button"] == button
    assert message["metadata"]["language"] == "fr"
    assert message["metadata"]["channel"] == "sms"


def test_a_button_needs_no_text(bot: Bot, actions: FakeActions, sender: str) -> None:
    bot.say("", sender, button={"intent": "balance"})
    assert actions.names() == ["action_balance"]
    assert actions.calls[0]["tracker"]["latest_message"]["metadata"]["button"]["data"] == {}


@pytest.mark.parametrize("text", ["/affirm", " / /affirm", "/session_start", '/pay{"amount": "1"}', "//restart"])
def test_typed_slashes_never_become_an_intent(bot: Bot, actions: FakeActions, sender: str, text: str) -> None:
    bot.say("hello", sender)
    bot.say(text, sender)
    message = actions.calls[-1]["tracker"]["latest_message"]
    assert not message["text"].startswith("/")
    assert message["intent"]["confidence"] < 1.0 or message["intent"]["name"] == "unsure"
    assert message["metadata"]["button"] is None


def test_channel_name_and_message_id_are_recorded(bot: Bot, actions: FakeActions, sender: str) -> None:
    bot.say("hello", sender, channel="voice", message_id="call-7-step-2")
    (heard,) = [data for kind, _, data in bot.events(sender) if kind == "user"]
    assert (heard["input_channel"], heard["message_id"]) == ("voice", "call-7-step-2")


def test_the_action_server_gets_the_shared_secret_and_no_domain(bot: Bot, actions: FakeActions, sender: str) -> None:
    bot.say("hello", sender)
    assert actions.tokens == [f"Bearer {ACTIONS_TOKEN}"]
    assert "domain" not in actions.calls[0]


def test_connections_to_the_action_server_stay_open(bot: Bot, actions: FakeActions, sender: str) -> None:
    for _ in range(10):
        bot.say("how much do I owe", sender)
    assert len(actions.connections) == 1


def test_health_needs_no_token_and_names_the_model(bot: Bot) -> None:
    answer = bot.health()
    assert answer.status_code == 200
    assert answer.json()["model"].startswith("remit-")
