"""One text message out of an answer: the sender's name, the words, a link that they leave out, the numbered choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.gsm import plain_gsm
from assistant.models import IssuedButton
from assistant.texts.models import TextChoice

MOST_CHOICES = 9  # what one digit can choose; whoever wants another card can name it


@dataclass(frozen=True, slots=True)
class Composed:
    """`choices`: what a reply presses, by the reply."""

    body: str
    choices: Mapping[str, str] = field(default_factory=dict)


def compose(session: Session, messages: Sequence[Mapping[str, Any]], *, sender_name: str) -> Composed:
    """`messages` as clients see them: texts, cards, and issued buttons ({id, title}).

    A quote's own button is not listed: the words beside it say which two digits press it.
    """
    buttons = [button for message in messages for button in message["buttons"]]
    replies = _replies(session, [button["id"] for button in buttons])
    choices = {replies[b["id"]]: b["id"] for b in buttons if b["id"] in replies}
    listed = [button for button in buttons if button["id"] not in replies][:MOST_CHOICES]
    lines = [f"{number} = {button['title']}" for number, button in enumerate(listed, 1)]
    choices |= {str(number): button["id"] for number, button in enumerate(listed, 1)}
    words = " ".join(part for message in messages for part in _words(message))
    return Composed(signed("\n".join([words, *lines]), sender_name), choices)


def signed(words: str, sender_name: str) -> str:
    """Who is writing comes first in every text."""
    return plain_gsm(f"{sender_name}: {words}")


def _words(message: Mapping[str, Any]) -> Iterable[str]:
    if text := message.get("text"):
        yield text
    card = message.get("card") or {}
    if card.get("type") == "link" and card["url"] not in (text or ""):
        yield card["url"]


def _replies(session: Session, button_ids: Sequence[str]) -> dict[str, str]:
    """The buttons that are pressed by a reply of their own."""
    if not button_ids:
        return {}
    data = session.execute(select(IssuedButton.id, IssuedButton.data).where(IssuedButton.id.in_(button_ids)))
    return {id_: str(values["reply"]) for id_, values in data if values.get("reply")}


def keep_choices(session: Session, text_id: int, choices: Mapping[str, str]) -> None:
    session.add_all(TextChoice(text_id=text_id, reply=reply, button_id=button) for reply, button in choices.items())
