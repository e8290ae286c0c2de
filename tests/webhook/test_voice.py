"""Calls at the edge: what is heard is stored once, answered the same again, and in time."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from assistant.calls.models import Call, CallStep
from assistant.models import ChatSession, ChatTurn
from billing.database import SessionFactory
from billing.models import Account, Quote
from billing.money import Money
from billing.pins import hash_pin
from billing.quotes import mark_delivered, quote_payment
from sandbox.twilio.voice_twiml import Gather, Go, Pay, Said, Verb, read
from tests.billing.builders import some_settings
from tests.support.fake_bot import FakeBot, Thinking, says
from tests.webhook import text_forgery as forgery
from tests.webhook.conftest import RunningClock
from tests.webhook.test_sms import TWILIO

PHONE, PIN = "+15145550101", "1357"
_serial = itertools.count(1)


@dataclass
class Telephone:
    """A call, as Twilio tells of it."""

    client: FlaskClient
    sid: str = field(default_factory=lambda: f"CA{next(_serial):032x}")
    number: int = 0

    def posts(self, path: str, **fields: str) -> TestResponse:
        form = {
            **{"AccountSid": forgery.ACCOUNT, "ApiVersion": "2010-04-01", "CallSid": self.sid},
            **{"CallStatus": "in-progress", "Direction": "inbound", "From": PHONE, "To": "+15145550100"},
        }
        signed = forgery.signature(form | fields, address=forgery.PUBLIC + path)
        return self.client.post(path, data=form | fields, headers={"X-Twilio-Signature": signed})

    def begins(self) -> list[Verb]:
        return verbs(self.posts("/twilio/voice"))

    def keys(self, digits: str) -> list[Verb]:
        self.number += 1
        return verbs(self.posts(f"/twilio/voice/step?n={self.number}", Digits=digits))

    def says(self, words: str, confidence: str = "0.98") -> list[Verb]:
        self.number += 1
        heard = {"SpeechResult": words, "Confidence": confidence}
        return verbs(self.posts(f"/twilio/voice/step?n={self.number}", **heard))

    def signs_in(self, account: Account, pin: str = PIN) -> list[Verb]:
        self.begins()
        self.keys("1")
        self.keys(account.number)
        return self.keys(pin)


def verbs(response: TestResponse) -> list[Verb]:
    """What Twilio makes of the answer."""
    assert (response.status_code, response.mimetype) == (200, "text/xml"), response.get_data(as_text=True)
    return list(read(response.get_data()).verbs)


def heard(found: list[Verb]) -> str:
    """All that is said, whether or not a key cuts it short."""
    said = [v.text for v in found if isinstance(v, Said)]
    said += [p.text for v in found if isinstance(v, Gather) for p in v.prompts if isinstance(p, Said)]
    return " ".join(said)


def gather(found: list[Verb]) -> Gather:
    assert isinstance(found[-1], Gather)
    return found[-1]


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(**TWILIO)


@pytest.fixture
def caller(client: FlaskClient) -> Telephone:
    return Telephone(client)


@pytest.fixture
def known(sessions: SessionFactory, account: Account) -> Account:
    """The account, with a number of digits and a PIN."""
    with sessions.begin() as session:
        found = session.get_one(Account, account.id)
        found.number, found.pin_hash = "700100", hash_pin(PIN)
    with sessions() as session:
        return session.get_one(Account, account.id)


# ------------------------------------------------------------------------------------------------ who is calling


def test_a_caller_is_greeted_in_both_languages_by_keypad(caller: Telephone) -> None:
    found = caller.begins()
    assert "For English, press 1" in heard(found)
    assert "Pour le français, faites le 2" in heard(found)
    assert (gather(found).keys, gather(found).speech, gather(found).tells_of_nothing) == (1, False, True)
    assert "numéro de compte" in heard(caller.keys("2"))


def test_account_number_and_pin_open_a_conversation_and_the_pin_is_kept_nowhere(
    caller: Telephone, known: Account, sessions: SessionFactory, bot: FakeBot
) -> None:
    bot.answer = lambda _turn: says("You owe 84 dollars.")
    assert "You owe 84 dollars." in heard(caller.signs_in(known))
    with sessions() as session:
        call = session.scalars(select(Call)).one()
        chat = session.get_one(ChatSession, call.sender)
        assert (chat.channel, chat.account_id, call.stage) == ("voice", known.id, "talk")
        steps = session.scalars(select(CallStep.heard)).all()
        tables = [f"{row}" for row in session.execute(text("select calls::text from calls")).all()]
    assert PIN not in json.dumps(steps) + "".join(tables)
    assert bot.turns[0]["button"]["intent"] == "balance"


def test_what_does_not_match_is_told_alike_and_after_three_tries_a_person_helps(
    caller: Telephone, known: Account
) -> None:
    caller.begins()
    caller.keys("1")
    for number in (known.number, "999999"):
        caller.keys(number)
        assert heard(caller.keys("0001")) == (
            "That account number and PIN do not go together. Please key in your account number, then the pound key."
        )
    caller.keys(known.number)
    found = caller.keys("0001")
    assert "1 8 0 0 5 5 5 0 1 9 9" in heard(found)
    assert found[-1] == Go("hang_up")


def test_guessing_is_held_back_over_many_calls_and_the_right_pin_is_no_way_around(
    client: FlaskClient, known: Account, sessions: SessionFactory, clock: RunningClock
) -> None:
    for _ in range(3):
        guesser = Telephone(client)
        guesser.signs_in(known, "0001")
        guesser.keys(known.number)
        guesser.keys("0002")
    assert "do not go together" in heard(Telephone(client).signs_in(known))
    clock.ahead += timedelta(hours=2)
    assert "do not go together" not in heard(Telephone(client).signs_in(known))
    with sessions() as session:
        assert session.scalar(text("select count(*) from refused_pins")) == 7


# ---------------------------------------------------------------------------------------------------- once and in time


def test_a_repeated_step_gets_the_same_answer_and_asks_nobody_again(
    caller: Telephone, known: Account, bot: FakeBot
) -> None:
    caller.signs_in(known)
    asked = len(bot.turns)
    first = caller.posts(f"/twilio/voice/step?n={caller.number + 1}", SpeechResult="what do I owe", Confidence="0.9")
    again = caller.posts(f"/twilio/voice/step?n={caller.number + 1}", SpeechResult="something else", Confidence="0.9")
    assert first.get_data() == again.get_data()
    assert len(bot.turns) == asked + 1
    assert caller.posts("/twilio/voice").get_data() == caller.posts("/twilio/voice").get_data()


def test_a_slow_answer_keeps_the_line_and_is_picked_up(
    make_app: Callable[..., Flask], known: Account, bot: FakeBot
) -> None:
    caller = Telephone(make_app(**TWILIO, call_hold_after_s=0.2).test_client())
    caller.signs_in(known)
    asked, bot.answer = len(bot.turns), (thinking := Thinking())
    found = caller.says("what do I owe")
    assert heard(found) == "One moment, please."
    assert isinstance(found[-1], Go)
    waiting = found[-1].to
    held = verbs(caller.posts(waiting))
    assert "still waiting" in heard(held)
    thinking.over()
    while isinstance(held[-1], Go):
        held = verbs(caller.posts(held[-1].to))
    assert "You said what do I owe" in heard(held)
    assert len(bot.turns) == asked + 1
    assert gather(held).action.endswith(f"n={caller.number + 1}")


@pytest.mark.parametrize("path", ["/twilio/voice/step?n=9", "/twilio/voice/step?n=x", "/twilio/voice/step"])
def test_a_step_that_does_not_follow_is_refused(caller: Telephone, path: str) -> None:
    caller.begins()
    assert caller.posts(path, Digits="1").status_code == 422


def test_a_call_that_never_began_is_refused(client: FlaskClient, sessions: SessionFactory) -> None:
    assert Telephone(client).posts("/twilio/voice/step?n=1", Digits="1").status_code == 422
    assert Telephone(client).posts("/twilio/voice/wait?n=1").status_code == 422
    assert Telephone(client, sid="CA1").posts("/twilio/voice").status_code == 422
    with sessions() as session:
        assert session.scalars(select(Call)).all() == []


def test_what_is_not_twilios_is_refused_and_leaves_nothing(client: FlaskClient, sessions: SessionFactory) -> None:
    for path in ("", "/step?n=1", "/wait?n=1", "/status"):
        form = {"AccountSid": forgery.ACCOUNT, "CallSid": "CA" + "a" * 32, "From": PHONE}
        forged = client.post(f"/twilio/voice{path}", data=form, headers={"X-Twilio-Signature": "bm8="})
        assert forged.status_code == 400
    with sessions() as session:
        assert session.scalars(select(Call)).all() == []


def test_without_twilio_there_is_no_such_address(make_app: Callable[..., Flask]) -> None:
    assert Telephone(make_app().test_client()).posts("/twilio/voice").status_code == 404


def test_while_the_database_is_down_the_caller_hears_so_in_both_languages(
    caller: Telephone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise OperationalError("insert", {}, Exception("connection refused"))

    monkeypatch.setattr("webhook.voice.begin_call", lost)
    found = caller.begins()
    assert "I cannot go on" in heard(found)
    assert "Je ne peux pas" in heard(found)
    assert found[-1] == Go("hang_up")


# ------------------------------------------------------------------------------------------- silence, misses, persons


def test_silence_is_asked_again_shorter_longer_by_keypad_and_then_by_a_person(
    caller: Telephone, known: Account, bot: FakeBot
) -> None:
    bot.answer = lambda _turn: says("You owe 84 dollars.", buttons=[{"title": "To pay", "intent": "pay", "data": {}}])
    caller.signs_in(known)
    first, second, third, last = (caller.keys("") for _ in range(4))
    assert heard(first).startswith("I did not hear anything. You owe")
    assert "0. To hear it again, 9" in heard(second)
    assert gather(second).speech
    assert not gather(third).speech
    assert last[-1] == Go("hang_up")


def test_what_cannot_be_used_is_counted_apart_and_ended_by_what_can(
    caller: Telephone, known: Account, bot: FakeBot, sessions: SessionFactory
) -> None:
    bot.answer = lambda _turn: says("What?", buttons=[{"title": "To pay", "intent": "pay", "data": {}}])
    caller.signs_in(known)
    caller.keys("")
    assert heard(caller.keys("7")).startswith("That I could not use.")
    with sessions() as session:
        call = session.scalars(select(Call)).one()
        assert (call.silent, call.missed) == (0, 1)
    caller.keys("1")
    with sessions() as session:
        assert session.scalars(select(Call)).one().missed == 0
    assert bot.turns[-1]["button"]["intent"] == "pay"


def test_nought_reaches_a_person_with_the_state_of_things(
    make_app: Callable[..., Flask], known: Account, bot: FakeBot
) -> None:
    caller = Telephone(make_app(**TWILIO, call_person_number="+18005550199").test_client())
    caller.signs_in(known)
    found = caller.keys("0")
    assert bot.turns[-1]["button"]["intent"] == "human"
    assert isinstance(found[-1], Go)
    assert (found[-1].kind, found[-1].to) == ("dial", "+18005550199")
    caller.number += 1
    path = f"/twilio/voice/step?n={caller.number}"
    assert "Nobody could take the call" in heard(verbs(caller.posts(path, DialCallStatus="no-answer")))
    caller.keys("0")
    caller.number += 1
    path = f"/twilio/voice/step?n={caller.number}"
    assert verbs(caller.posts(path, DialCallStatus="completed"))[-1] == Go("hang_up")


def test_nine_says_it_again_and_asks_nobody(caller: Telephone, known: Account, bot: FakeBot) -> None:
    bot.answer = lambda _turn: says("You owe 84 dollars.")
    caller.signs_in(known)
    asked = len(bot.turns)
    assert "You owe 84 dollars." in heard(caller.keys("9"))
    assert len(bot.turns) == asked


# -------------------------------------------------------------------------------------------------------------- money


QUOTE = {"type": "quote"}


def test_a_quote_is_heard_out_before_a_key_counts_and_speech_never_presses_it(
    caller: Telephone, known: Account, bot: FakeBot
) -> None:
    pay = {"title": "To pay 50 dollars now", "intent": "affirm", "data": {"quote_id": "q"}}
    bot.answer = lambda _turn: says("I am about to charge 50 dollars.", buttons=[pay], card=QUOTE)
    found = caller.signs_in(known)
    assert isinstance(found[0], Said)
    assert found[0].text == "I am about to charge 50 dollars."
    assert next(p.text for p in gather(found).prompts if isinstance(p, Said)) == "To pay 50 dollars now, press 1."
    caller.says("yes")
    assert (bot.turns[-1]["text"], bot.turns[-1].get("button")) == ("yes", None)
    caller.keys("1")
    assert bot.turns[-1]["button"]["intent"] == "affirm"


def test_an_amount_that_sounds_like_another_is_keyed_in(caller: Telephone, known: Account, bot: FakeBot) -> None:
    caller.signs_in(known)
    asked = len(bot.turns)
    found = caller.says("pay fifteen dollars")
    assert "15 dollars or 50 dollars" in heard(found)
    assert (gather(found).keys, gather(found).ends_with) == (None, "#")
    assert len(bot.turns) == asked
    caller.keys("1500")
    assert bot.turns[-1]["text"] == "pay $15.00"


def test_a_card_number_is_neither_kept_nor_passed_on(
    caller: Telephone, known: Account, bot: FakeBot, sessions: SessionFactory
) -> None:
    caller.signs_in(known)
    asked = len(bot.turns)
    assert "do not say card numbers" in heard(caller.says("it is 4242 4242 4242 4242"))
    assert "do not say card numbers" in heard(caller.keys("4242424242424242"))
    assert len(bot.turns) == asked
    with sessions() as session:
        kept = [str(row) for row in session.execute(select(CallStep.heard, CallStep.answer)).all()]
        kept += session.scalars(select(ChatTurn.said)).all()
    assert not re.search(r"4242\D?4242", " ".join(kept))


def test_hanging_up_leaves_no_quote_to_say_yes_to(
    caller: Telephone, known: Account, sessions: SessionFactory, clock: RunningClock
) -> None:
    caller.signs_in(known)
    with sessions.begin() as session:
        call = session.scalars(select(Call)).one()
        method = session.scalar(text("select id from payment_methods where account_id = :id"), {"id": known.id})
        chat = session.get_one(ChatSession, call.sender)
        quote = quote_payment(
            session, settings=some_settings(), account_id=known.id, amount=Money(1000, "CAD"), method_id=method,
            channel="voice", sender=chat.sender, portal_user_id=chat.portal_user_id, now=clock(),
        )  # fmt: skip
        mark_delivered(session, quote.id, "about to charge", clock())
    for _ in range(2):
        assert caller.posts("/twilio/voice/status", CallStatus="completed").status_code == 200
    with sessions() as session:
        assert session.scalars(select(Quote.state)).all() == ["void"]
        assert session.scalars(select(Call)).one().ended_at is not None
    assert caller.keys("1")[-1] == Go("hang_up")


@pytest.mark.parametrize(
    "result", ["payment-connector-error", "internal-error", "validation-error", "new-one", "success"]
)
def test_whatever_pay_says_without_a_token_charges_nothing(
    make_app: Callable[..., Flask],
    known: Account,
    bot: FakeBot,
    sessions: SessionFactory,
    clock: RunningClock,
    result: str,
) -> None:
    caller = Telephone(make_app(**TWILIO, twilio_pay_connector="ours").test_client())
    caller.signs_in(known)
    with sessions.begin() as session:
        chat = session.get_one(ChatSession, session.scalars(select(Call.sender)).one())
        quote_payment(
            session, settings=some_settings(), account_id=known.id, amount=Money(1000, "CAD"), method_id=None,
            channel="page", sender=chat.sender, portal_user_id=chat.portal_user_id, now=clock(),
        )  # fmt: skip
    link = {"type": "link", "url": "http://x/pay/1", "purpose": "pay", "expires_at": clock().isoformat()}
    bot.answer = lambda _turn: says("I am about to charge 10 dollars to a new card.", card=link)
    offered = caller.says("with a new card")
    assert "To key in the card and pay now, press 1." in heard(offered)
    assert isinstance(caller.keys("1")[-1], Pay)
    caller.number += 1
    again = verbs(caller.posts(f"/twilio/voice/step?n={caller.number}", Result=result))
    assert "nothing was charged" in heard(again)
    assert "To key in the card and pay now, press 1." in heard(again)
    with sessions() as session:
        assert session.scalar(text("select count(*) from payments where quote_id is not null")) == 0


def test_a_call_that_goes_on_too_long_is_ended_with_a_word(
    caller: Telephone, known: Account, clock: RunningClock
) -> None:
    caller.signs_in(known)
    clock.forward(minutes=31)
    found = caller.says("pay my bill")
    assert "gone on too long" in heard(found)
    assert found[-1] == Go("hang_up")


def test_silence_a_way_back_and_a_person_are_no_tries_at_a_pin(
    caller: Telephone, known: Account, sessions: SessionFactory
) -> None:
    caller.begins()
    caller.keys("1")
    caller.keys(known.number)
    assert "I did not hear anything" in heard(caller.keys(""))
    assert "account number" in heard(caller.keys("*"))
    caller.keys(known.number)
    assert caller.keys("0")[-1] == Go("hang_up")
    with sessions() as session:
        assert session.scalar(text("select count(*) from refused_pins")) == 0
