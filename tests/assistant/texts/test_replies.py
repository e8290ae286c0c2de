"""What a short reply means, and when it means nothing any more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.buttons import issue_buttons
from assistant.texts.compose import keep_choices
from assistant.texts.models import TextChoice
from assistant.texts.outgoing import queue_text
from assistant.texts.replies import as_number, choice_of, chose_from_an_old_list, plain
from assistant.texts.sessions import open_text_session
from billing.database import SessionFactory
from billing.models import Account, PortalUser
from tests.assistant.texts.conftest import PHONE
from tests.billing.builders import NOW
from tests.support.fake_twilio import text_settings

TTL_S = 900


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *(
            (said, "1")
            for said in ("1", "1.", "1)", "#1", "(1)", " 1 ", "one", "One!", "un", "UNE", "reply 1", "no. 1")
        ),
        *((said, "3") for said in ("3", "three", "trois", "option 3", "choix 3")),
        *((said, "27") for said in ("27", "27.", "Reply 27", "Répondez 27")),
        *((said, None) for said in ("", "100", "$1", "1.50", "1 2", "pay 1", "yes", "ten dollars", "4242")),
    ],
)
def test_a_bare_number_chooses(said: str, meant: str | None) -> None:
    assert as_number(said) == meant


def test_accents_case_and_marks_do_not_matter() -> None:
    assert plain("  Arrêt! ") == "arret"


@pytest.fixture
def sender(sessions: SessionFactory, maya: Account) -> str:
    with sessions.begin() as session:
        user = session.scalars(select(PortalUser).where(PortalUser.account_id == maya.id)).one()
        return open_text_session(session, user, PHONE, NOW, ttl_s=3600, language="en").sender


def offered(session: Session, sender: str, *replies: str, kind: str = "answer", ago_s: int = 0) -> dict[str, str]:
    """A text with these choices; which button stands behind each."""
    at = NOW - timedelta(seconds=ago_s)
    issued = issue_buttons(
        session, sender, [{"text": "", "buttons": [{"title": r, "intent": "pay", "data": {}} for r in replies]}], at
    )
    choices = {reply: button["id"] for reply, button in zip(replies, issued[0]["buttons"], strict=True)}
    sent = queue_text(session, settings=text_settings(), phone=PHONE, kind=kind, now=at, body="which?")
    assert sent is not None
    keep_choices(session, sent.id, choices)
    session.flush()
    return choices


def chosen(session: Session, body: str) -> str | None:
    choice: TextChoice | None = choice_of(session, PHONE, body, NOW, ttl_s=TTL_S)
    return choice.button_id if choice is not None else None


def test_a_number_chooses_from_the_newest_list_alone(sessions: SessionFactory, sender: str) -> None:
    with sessions.begin() as session:
        offered(session, sender, "1", "2", "3")
        newest = offered(session, sender, "1", "2")
        assert chosen(session, "1") == newest["1"]
        assert chosen(session, "3") is None
        assert not chose_from_an_old_list(session, PHONE, "3", NOW, ttl_s=TTL_S)  # beside a good list: an amount


def test_a_list_runs_out(sessions: SessionFactory, sender: str) -> None:
    with sessions.begin() as session:
        offered(session, sender, "1", "2", ago_s=TTL_S + 1)
        assert chosen(session, "1") is None
        assert chose_from_an_old_list(session, PHONE, "1", NOW, ttl_s=TTL_S)
        assert not chose_from_an_old_list(session, PHONE, "7", NOW, ttl_s=TTL_S)
        assert not chose_from_an_old_list(session, PHONE, "1", NOW + timedelta(days=1), ttl_s=TTL_S)


def test_an_answer_without_a_list_ends_the_list_before_it(sessions: SessionFactory, sender: str) -> None:
    with sessions.begin() as session:
        offered(session, sender, "1", "2")
        offered(session, sender)
        assert chosen(session, "1") is None
        assert chose_from_an_old_list(session, PHONE, "1", NOW, ttl_s=TTL_S)


def test_a_result_that_comes_in_between_leaves_the_list_good(sessions: SessionFactory, sender: str) -> None:
    with sessions.begin() as session:
        choices = offered(session, sender, "1", "2")
        offered(session, sender, kind="result")
        assert chosen(session, "2") == choices["2"]


def test_a_quotes_digits_name_it_beyond_the_next_answer(sessions: SessionFactory, sender: str) -> None:
    with sessions.begin() as session:
        quote = offered(session, sender, "27", "1")
        offered(session, sender, "1")
        assert chosen(session, "27") == quote["27"]
        assert chosen(session, "28") is None


def test_nobody_chooses_from_the_list_of_another_phone(sessions: SessionFactory, sender: str) -> None:
    with sessions.begin() as session:
        offered(session, sender, "1")
        assert choice_of(session, "+15145550102", "1", NOW, ttl_s=TTL_S) is None
