"""The plan of a step out of an answer of the dialogue: what is said, what can be pressed, what goes out by text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.calls.plan import Plan
from assistant.models import IssuedButton
from assistant.wording import say

AT_ONCE = 3  # options that an ear can keep
LONGEST_BREATH = 36  # words; about twelve seconds
METHODS = ("choose_method", "add_card")
NOT_SPOKEN = ("cancel", "human")  # they have keys of their own everywhere: * and 0


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to press: how it is said ("To pay 40 dollars"), and the issued button behind it."""

    title: str
    button: str
    intent: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Composed:
    """`menu`: all options, with those that have no key of their own. `links`: cards with an address in them."""

    words: tuple[str, ...]
    menu: Sequence[Option]
    links: Sequence[Mapping[str, Any]]
    is_quote: bool
    payment: Mapping[str, Any] | None


def compose(session: Session, messages: Sequence[Mapping[str, Any]]) -> Composed:
    """`messages` as clients see them: texts, cards, and issued buttons ({id, title})."""
    buttons = [button for message in messages for button in message["buttons"]]
    known = {
        id_: (intent, data)
        for id_, intent, data in session.execute(
            select(IssuedButton.id, IssuedButton.intent, IssuedButton.data).where(
                IssuedButton.id.in_([button["id"] for button in buttons])
            )
        )
    }
    cards = [message["card"] for message in messages if message.get("card")]
    return Composed(
        words=parts(*(breath for message in messages for breath in breaths(message["text"]))),
        menu=[Option(b["title"], b["id"], *known[b["id"]]) for b in buttons],
        links=[card for card in cards if card["type"] == "link"],
        is_quote=any(card["type"] == "quote" for card in cards),
        payment=next((card for card in cards if card["type"] == "payment"), None),
    )


def spoken(menu: Sequence[Option]) -> list[Option]:
    return [option for option in menu if option.intent not in NOT_SPOKEN]


def page_of(menu: Sequence[Option], page: int) -> tuple[list[Option], bool]:
    """The options of one page, and whether a key leads to more: four cards are two and "more"."""
    options = spoken(menu)
    if len(options) <= AT_ONCE:
        return options, False
    pages = [options[start : start + AT_ONCE - 1] for start in range(0, len(options), AT_ONCE - 1)]
    return pages[page % len(pages)], True


def menu_prompt(menu: Sequence[Option], page: int, language: str) -> str:
    """ "To pay 40 dollars, press 1. …": the option before its key."""
    options, more = page_of(menu, page)
    titles = [option.title for option in options] + ([say("call_more", language, "voice")] if more else [])
    keyed = enumerate(titles, 1)
    return " ".join(say("call_option", language, "voice", option=title, digit=digit) for digit, title in keyed)


def back_of(menu: Sequence[Option]) -> Option | None:
    """What * presses: from the quote to the card, from there to the amount, and from that question out.

    The way from the card to the amount is no option of that question's: it has no button yet.
    """
    way_out, other_card = _first(menu, "cancel"), _first(menu, "choose_method", "other")
    if other_card is None and any("amount_minor" in option.data for option in menu):  # amounts are what is asked for
        return way_out
    if other_card is None and any(option.data.get("method") for option in menu if option.intent in METHODS):
        return Option("", "", "inform_amount", {"change": "amount"})
    return other_card or _first(menu, "inform_amount", "change") or way_out


def _first(menu: Sequence[Option], intent: str, marked: str | None = None) -> Option | None:
    """`marked`: what the option's data must have."""
    return next((o for o in menu if o.intent == intent and (marked is None or o.data.get(marked))), None)


def plan_of(composed: Composed, language: str, *, wants_amount: bool) -> Plan:
    """How the answer is said. A quote is heard out before a key counts."""
    asks = menu_prompt(composed.menu, 0, language)
    if wants_amount:
        return Plan(language, asks=parts(*composed.words, asks, say("call_key_amount", language, "voice")), keys="many")
    if composed.is_quote:
        return Plan(language, says=composed.words, asks=parts(asks))
    return Plan(language, asks=parts(*composed.words, asks))


def breaths(text: str) -> list[str]:
    """A long text cut where its sentences end, so that none of it is said in one go for too long."""
    found = [""]
    for sentence in re.split(r"(?<=[.!?]) +|\n", text):
        longer = f"{found[-1]} {sentence}".strip()
        if len(longer.split()) > LONGEST_BREATH and found[-1]:
            found.append(sentence)
        else:
            found[-1] = longer
    return found


def parts(*words: str) -> tuple[str, ...]:
    """Each is one breath; the next one can be waited for or cut short."""
    return tuple(word for word in words if word)
