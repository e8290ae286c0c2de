"""English or French, from this answer on."""

from __future__ import annotations

import re
from dataclasses import replace

from rasa_sdk.events import EventType

from actions.task import Task
from actions.turn import Turn
from assistant.cards import button
from assistant.folding import fold
from assistant.identity import set_language

_NAMES = {"en": re.compile(r"\b(?:english|anglais|anglaise)\b"), "fr": re.compile(r"\b(?:french|francais|francaise)\b")}
_REFUSED = re.compile(
    r"\b(?:not|don'?t|cannot|can'?t|never|pas|rien|no)\b(?: [\w']+){0,3}? (?:l')?"
    r"(?:(?P<en>english|anglaise?)|(?P<fr>french|francaise?))\b"
)


class ActionChangeLanguage(Task):
    called = "action_change_language"

    def answer(self, turn: Turn) -> list[EventType]:
        language = turn.pressed.get("language") or _named(turn.text)
        if language not in _NAMES:
            buttons = [
                button(turn.word("button_english"), "change_language", language="en"),
                button(turn.word("button_french"), "change_language", language="fr"),
            ]
            turn.say(turn.word("language_which"), buttons=buttons)
            return []
        set_language(turn.session, turn.principal.sender, language)
        turn.principal = replace(turn.principal, language=language)
        turn.say(turn.word("language_changed"))
        return []


def _named(text: str) -> str | None:
    """The language that the sentence names; None for none or both."""
    folded = fold(text).text
    refused = {str(found.lastgroup) for found in _REFUSED.finditer(folded)}
    named = [language for language, pattern in _NAMES.items() if pattern.search(folded) and language not in refused]
    if not named and len(refused) == 1:
        return "en" if "fr" in refused else "fr"  # "I don't speak French"
    return named[0] if len(named) == 1 else None
