"""A text that comes in: cleaned before anything is written, stored once, obeyed at once where it says STOP."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from assistant.texts.models import TextConsent
from billing.database import SessionFactory
from billing.models import Account, Quote
from tests.assistant.texts.conftest import PHONE, Line
from tests.billing.builders import a_quote
from tests.support.fake_bot import says


def jobs(sessions: SessionFactory) -> list[tuple[str, str | None]]:
    query = "select task_name, lock from procrastinate_jobs where task_name = 'answer_text' order by id"
    with sessions() as session:
        return [(row[0], row[1]) for row in session.execute(text(query))]


def test_a_text_is_stored_and_its_answer_deferred_behind_those_of_the_same_phone(
    line: Line, sessions: SessionFactory
) -> None:
    line.store("BALANCE")
    (stored,) = line.received()
    assert (stored.body, stored.phone, stored.handled_at) == ("BALANCE", PHONE, None)
    assert jobs(sessions) == [("answer_text", f"texts-from:{PHONE}")]


def test_a_repeat_is_neither_stored_nor_answered(line: Line, sessions: SessionFactory) -> None:
    first = line.store("BALANCE", sid="SM" + "a" * 32)
    assert first is not None
    assert line.store("BALANCE", sid="SM" + "a" * 32) is None
    assert len(line.received()) == len(jobs(sessions)) == 1


@pytest.mark.parametrize(
    "number", ["4242 4242 4242 4242", "4242-4242-4242-4242", "４２４２ ４２４２ ４２４２ ４２４２"]
)
def test_a_card_number_is_gone_before_the_text_is_written(line: Line, number: str) -> None:
    line.store(f"pay with {number} please")
    (stored,) = line.received()
    assert stored.card_removed
    assert "4242 4242" not in stored.body
    assert "４" not in stored.body


def test_a_card_number_in_two_texts_leaves_its_first_half_at_most(line: Line) -> None:
    line.store("4242 4242")
    line.store("4242 4242")
    first, second = line.received()
    assert not first.card_removed
    assert second.card_removed
    assert "4242" not in second.body


def test_another_phone_is_another_conversation(line: Line) -> None:
    line.store("4242 4242", phone="+15145550102")
    line.store("4242 4242")
    assert not line.received()[0].card_removed


def test_control_characters_and_half_characters_are_blanks(line: Line) -> None:
    line.store("pay\x00my\nbill\ud800")
    assert line.received()[0].body == "pay my bill"


@pytest.mark.parametrize("word", ["STOP", "stop", "Arrêt", "UNSUBSCRIBE", "cancel", "stop texting me"])
def test_a_stop_takes_effect_at_once_and_voids_the_quote(
    line: Line, maya: Account, sessions: SessionFactory, word: str
) -> None:
    line.text("hello")
    line.bot.answer = lambda _: says("ok")
    line.prove()
    sender = line.bot.turns[-1]["sender"]
    with sessions.begin() as session:
        a_quote(session, maya, "50.00", sender=sender, channel="sms", now=line.clock())
    line.store(word)
    with sessions() as session:
        consent = session.scalars(select(TextConsent).order_by(TextConsent.id.desc()).limit(1)).one()
        assert (consent.state, consent.words) == ("out", word)
        assert session.scalars(select(Quote.state)).all() == ["void"]


def test_who_writes_first_wants_an_answer_and_that_is_recorded_once(line: Line, sessions: SessionFactory) -> None:
    line.store("hello")
    line.store("hello again")
    with sessions() as session:
        (consent,) = session.scalars(select(TextConsent)).all()
        assert (consent.state, consent.source) == ("in", "wrote_first")
