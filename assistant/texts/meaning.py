"""What the text of a known person means to the dialogue: a choice that was texted, a known word, or its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from assistant.buttons import issue_buttons
from assistant.cards import button as button_to
from assistant.dialogue.turns import Message
from assistant.identity import Principal, set_language
from assistant.models import IssuedButton
from assistant.texts.models import TextChoice, TextReceived
from assistant.texts.replies import ACCOUNTS, KEYWORDS, choice_of, chose_from_an_old_list, plain
from assistant.texts.sessions import language_of, open_text_session, users_of_phone
from assistant.texts.steps import Step, Turn, WhichAccount
from billing.config import Settings
from billing.models import PortalUser


def step_in_session(  # noqa: PLR0911  (one return a kind of text)
    session: Session, settings: Settings, text: TextReceived, principal: Principal, now: datetime
) -> Step:
    """`text` may be one that was stored before its sender was known."""
    if text.card_removed:
        return Turn(principal, Message(text.sid, text=text.body, card_removed=True))
    word = plain(text.body)
    if word in ACCOUNTS and len(users := users_of_phone(session, text.phone)) > 1:
        return WhichAccount(users, principal.language)
    ttl_s = choices_are_good_for_s(settings)
    choice = choice_of(session, text.phone, text.body, now, ttl_s=ttl_s)
    if choice is not None and choice.portal_user_id is not None:
        return _switch(session, settings, text, choice.portal_user_id, now)
    if choice is not None:
        return Turn(principal, Message(text.sid, button=_press(session, principal, choice, now)))
    if chose_from_an_old_list(session, text.phone, text.body, now, ttl_s=ttl_s):
        repeat = _issue(session, principal, text.body, "repeat", {}, now)
        return Turn(principal, Message(text.sid, button=repeat), preface="text_choice_expired")
    if word in KEYWORDS:
        return _keyword(session, text, principal, word, now)
    return Turn(principal, Message(text.sid, text=text.body))


def choices_are_good_for_s(settings: Settings) -> int:
    """Never longer than the buttons behind them."""
    return min(settings.sms_choice_ttl_s, settings.chat_session_ttl_s)


def _keyword(session: Session, text: TextReceived, principal: Principal, word: str, now: datetime) -> Turn:
    """A word of the other language is taken for a wish to go on in it: SOLDE is no English."""
    intent, language = KEYWORDS[word]
    if language is not None and language != principal.language:
        set_language(session, principal.sender, language)
        principal = replace(principal, language=language)
    return Turn(principal, Message(text.sid, button=_issue(session, principal, text.body, intent, {}, now)))


def _switch(session: Session, settings: Settings, text: TextReceived, portal_user_id: int, now: datetime) -> Turn:
    """To another account of the same proved number; its balance is the first thing to know."""
    user = session.get_one(PortalUser, portal_user_id)
    language = language_of([user]) or "en"
    principal = open_text_session(session, user, text.phone, now, ttl_s=settings.chat_session_ttl_s, language=language)
    return Turn(principal, Message(text.sid, button=_issue(session, principal, text.body, "balance", {}, now)))


def _press(session: Session, principal: Principal, choice: TextChoice, now: datetime) -> str:
    """The button behind a choice; one of an earlier session of the phone is pressed anew in this one."""
    button = session.get_one(IssuedButton, choice.button_id)
    if button.sender == principal.sender:
        return button.id
    return _issue(session, principal, button.title, button.intent, button.data, now)


def _issue(
    session: Session, principal: Principal, title: str, intent: str, data: Mapping[str, Any], now: datetime
) -> str:
    """A button that no text showed: it says in certain terms what the customer wrote."""
    message = {"text": "", "buttons": [button_to(title, intent, **data)], "card": None}
    issued = issue_buttons(session, principal.sender, [message], now)
    return str(issued[0]["buttons"][0]["id"])
