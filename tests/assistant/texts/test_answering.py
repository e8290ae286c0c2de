"""From a text to its answer: who is writing, what proves it, and what each kind of text leads to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from assistant.dialogue.errors import TurnRefused
from assistant.models import ChatSession, ChatTurn
from assistant.texts.answering import answer_text, give_up
from assistant.texts.models import OneTimeCode, TextSent
from billing.database import SessionFactory
from billing.models import Account, Notice, PortalUser
from tests.assistant.texts.conftest import PHONE, Line
from tests.billing.builders import a_user, an_account
from tests.support.fake_bot import says

UNKNOWN = "+15145550109"
BUTTONS = [
    {"title": "Pay $352.10", "intent": "pay", "data": {"amount_minor": 35210}},
    {"title": "My balance", "intent": "balance", "data": {}},
]


@pytest.fixture
def proved(line: Line, maya: Account) -> Line:
    """Maya's phone in a session; the turns so far are forgotten."""
    line.text("hello")
    assert "it is you" in line.prove()
    line.bot.turns.clear()
    return line


# ------------------------------------------------------------------------------------------------- who is writing


def test_nothing_private_is_said_before_the_phone_is_proved(line: Line, maya: Account) -> None:
    assert line.text("what do I owe") == "a code"
    assert line.bot.turns == []


def test_the_code_opens_a_session_and_what_was_asked_is_answered(line: Line, maya: Account) -> None:
    line.text("what do I owe")
    assert line.prove() == "Northwind: Thank you, it is you. You said what do I owe"
    (turn,) = line.bot.turns
    assert (turn["channel"], turn["language"]) == ("sms", "en")
    assert line.text("and now") == "Northwind: You said and now"


def test_a_session_lasts_half_an_hour_since_the_last_text(proved: Line) -> None:
    for _ in range(3):
        proved.clock.forward(minutes=29)
        assert "You said still me" in proved.text("still me")
    proved.clock.forward(minutes=31)
    assert proved.text("still me") == "a code"


@pytest.mark.parametrize("wrong", ["another", "late", "used up", "never sent"])
def test_whatever_is_wrong_with_a_code_sounds_alike(line: Line, maya: Account, wrong: str) -> None:
    if wrong != "never sent":
        line.text("what do I owe")
    code = line.code() if wrong != "never sent" else "123456"
    if wrong == "another":
        code = f"{(int(code) + 1) % 1_000_000:06d}"
    if wrong == "late":
        line.clock.forward(minutes=11)
    if wrong == "used up":
        for _ in range(5):
            line.text(f"{(int(code) + 1) % 1_000_000:06d}")
    answer = line.text(code)
    assert answer.startswith("Northwind: That code does not work.")
    assert line.bot.turns == []


def test_too_many_codes_name_a_person(line: Line, maya: Account) -> None:
    assert [line.text("hello") for _ in range(3)] == ["a code"] * 3
    assert "1 800 555 0199" in line.text("hello")


def test_an_unknown_number_hears_nothing_of_anybody(line: Line, maya: Account) -> None:
    answer = line.text("what do I owe", phone=UNKNOWN)
    assert "do not know this number" in answer
    assert line.text("123456", phone=UNKNOWN) == answer
    assert line.bot.turns == []


def test_a_number_that_changed_lately_is_proved_by_mail(line: Line, maya: Account, sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        session.execute(update(PortalUser).values(phone="+15145550108"))
        session.execute(update(PortalUser).values(phone=PHONE))
        session.execute(update(PortalUser).values(phone_changed_at=line.clock() - timedelta(days=1)))
    assert "your email" in line.text("what do I owe")
    with sessions() as session:
        assert session.scalars(select(OneTimeCode.sent_by)).one() == "email"
        assert session.scalars(select(Notice.kind)).one() == "text_code"
    assert "it is you" in line.prove()


def test_a_number_taken_off_the_account_ends_its_session(proved: Line, sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        session.execute(update(PortalUser).values(phone=None))
    assert "do not know this number" in proved.text("what do I owe")
    assert proved.bot.turns == []


@pytest.fixture
def two_accounts(line: Line, maya: Account, sessions: SessionFactory) -> Account:
    """Another account that the same phone belongs to."""
    with sessions.begin() as session:
        other = an_account(session, number="100777", users=0)
        a_user(session, other, phone=PHONE)
    return other


def test_a_number_with_several_accounts_asks_and_goes_on_with_the_question(line: Line, two_accounts: Account) -> None:
    line.text("what do I owe")
    asked = line.prove()
    assert asked.split("\n")[1:] == ["1 = account ending 0200", "2 = account ending 0777"]
    assert line.bot.turns == []
    assert "You said what do I owe" in line.text("2")
    with line.context.sessions() as session:
        assert session.scalars(select(ChatSession.account_id)).all() == [two_accounts.id]


def test_the_other_account_is_a_word_away(line: Line, two_accounts: Account) -> None:
    line.text("what do I owe")
    line.prove()
    line.text("1")
    assert "2 = account ending 0777" in line.text("ACCOUNT")
    line.text("2")
    assert line.bot.turns[-1]["button"]["intent"] == "balance"
    with line.context.sessions() as session:
        open_now = ChatSession.expires_at > line.clock()
        assert session.scalars(select(ChatSession.account_id).where(open_now)).all() == [two_accounts.id]


# ------------------------------------------------------------------------------------------------ what is meant


def test_a_number_presses_the_button_of_the_text_before(proved: Line) -> None:
    proved.bot.answer = lambda _: says("What would you like?", buttons=BUTTONS)
    assert proved.text("hi") == "Northwind: What would you like?\n1 = Pay $352.10\n2 = My balance"
    proved.text("one")
    pressed = proved.bot.turns[-1]["button"]
    assert (pressed["intent"], pressed["data"]) == ("pay", {"amount_minor": 35210})


def test_a_number_of_an_old_list_does_nothing_and_says_so(proved: Line) -> None:
    proved.bot.answer = lambda _: says("What would you like?", buttons=BUTTONS)
    proved.text("hi")
    proved.bot.answer = lambda turn: says("Once more?")
    proved.text("thanks")
    assert proved.text("1") == (
        "Northwind: That list is too old, and nothing was done. Write what you would like, for example PAY or BALANCE. "
        "Once more?"
    )
    assert proved.bot.turns[-1]["button"]["intent"] == "repeat"


@pytest.mark.parametrize(
    ("word", "intent", "language"),
    [("PAY", "pay", "en"), ("Balance", "balance", "en"), ("solde", "balance", "fr"), ("HISTORIQUE", "history", "fr"),
     ("history", "history", "en"), ("STATUS", "payment_status", "en"), ("payer", "pay", "fr")],
)  # fmt: skip
def test_the_words_of_every_prompt_are_certain(proved: Line, word: str, intent: str, language: str) -> None:
    proved.text(word)
    turn = proved.bot.turns[-1]
    assert (turn["button"]["intent"], turn["language"]) == (intent, language)


def test_a_card_number_never_reaches_the_engine(proved: Line) -> None:
    answer = proved.text("use 4242 4242 4242 4242")
    assert "do not text card details" in answer
    assert "1 = A new card" in answer
    assert proved.bot.turns == []


# -------------------------------------------------------------------------------------- the carrier's own words


def test_stop_is_confirmed_once_and_then_there_is_silence(proved: Line) -> None:
    proved.clock.forward(seconds=1)
    assert "no more texts" in proved.text("STOP")
    assert proved.text("STOP") == ""
    assert proved.text("hello?") == ""
    assert proved.bot.turns == []
    assert "texts from Northwind Telecom again" in proved.text("START")
    assert "You said hello" in proved.text("hello")


@pytest.mark.parametrize(("word", "answer"), [("HELP", "Reply PAY"), ("aide", "Répondez PAYER")])
def test_help_works_for_everybody(line: Line, word: str, answer: str) -> None:
    said = line.text(word, phone=UNKNOWN)
    assert answer in said
    assert "Northwind Telecom" in said
    assert "1 800 555 0199" in said


def test_what_the_carrier_has_answered_is_not_answered_again(proved: Line) -> None:
    assert proved.text("STOP", told_by_carrier=True) == ""
    assert proved.outcome() == "stop_answered_by_carrier"


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ({"body": "", "media": 1}, "cannot look at pictures"),
        ({"body": " "}, "was empty"),
        ({"body": "pay my bill", "is_group": True}, "one person at a time"),
        ({"body": "pay " * 200}, "500 characters at most"),
    ],
)
def test_what_is_no_text_has_its_own_answer(proved: Line, more: dict[str, Any], answer: str) -> None:
    assert answer in proved.text(**more)
    assert proved.bot.turns == []


def test_a_picture_with_words_is_answered_by_its_words(proved: Line) -> None:
    assert "You said what is this" in proved.text("what is this", media=1)


@pytest.mark.parametrize("phone", ["12345", "NETFLIX", "+15145550100"])
def test_machines_and_ourselves_are_not_answered(line: Line, phone: str) -> None:
    assert line.text("hello", phone=phone) == ""
    assert line.outcome() == "not_a_phone"


# ------------------------------------------------------------------------------------------------- when it fails


def test_an_answer_is_made_once_however_often_its_job_runs(proved: Line) -> None:
    text_id = proved.store("what do I owe")
    assert text_id is not None
    for _ in range(3):
        answer_text(proved.dialogue, text_id)
    assert len(proved.bot.turns) == 1
    assert proved.answer_to(text_id) == "Northwind: You said what do I owe"


def test_a_crash_between_turn_and_text_repeats_neither(
    proved: Line, sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_id = proved.store("what do I owe")
    assert text_id is not None
    with monkeypatch.context() as patched:
        patched.setattr("assistant.texts.answering.compose", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            answer_text(proved.dialogue, text_id)
    answer_text(proved.dialogue, text_id)
    assert len(proved.bot.turns) == 1
    with sessions() as session:
        assert len(session.scalars(select(ChatTurn)).all()) == 2  # the proof's and this one
        assert len(session.scalars(select(TextSent).where(TextSent.answers == text_id)).all()) == 1


def test_a_crash_after_the_code_was_used_still_answers_what_was_asked(
    line: Line, maya: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.text("what do I owe")
    text_id = line.store(line.code())
    assert text_id is not None
    with monkeypatch.context() as patched:
        patched.setattr("assistant.texts.answering.take_turn", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            answer_text(line.dialogue, text_id)
    answer_text(line.dialogue, text_id)
    assert "it is you. You said what do I owe" in line.answer_to(text_id)


def test_an_engine_that_is_down_says_so_with_the_secure_page(proved: Line) -> None:
    proved.bot.answer = lambda _: 500
    answer = proved.text("pay my bill")
    assert "Nothing was charged" in answer
    assert "/pay/" in answer


def test_a_text_nobody_could_answer_says_whom_to_call(proved: Line) -> None:
    text_id = proved.store("what do I owe")
    assert text_id is not None
    give_up(proved.context, text_id)
    assert "1 800 555 0199" in proved.answer_to(text_id)
    assert proved.outcome() == "failed"
    give_up(proved.context, text_id)
    assert proved.answer_to(text_id).count("Northwind") == 1


def test_what_passes_by_itself_is_tried_again(proved: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise TurnRefused("busy")

    text_id = proved.store("what do I owe")
    assert text_id is not None
    with monkeypatch.context() as patched:
        patched.setattr("assistant.texts.answering.take_turn", busy)
        with pytest.raises(TurnRefused):
            answer_text(proved.dialogue, text_id)
    assert proved.received()[-1].handled_at is None
    answer_text(proved.dialogue, text_id)
    assert "You said what do I owe" in proved.answer_to(text_id)
