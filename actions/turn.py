"""One turn of a conversation as an action sees it: who asks, what was said, where the form stands, what to answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.interfaces import Tracker
from sqlalchemy.orm import Session

from assistant import wording
from assistant.cards import Cards
from assistant.identity import Principal, set_language
from assistant.language import written_in
from assistant.outcomes import outcome_message
from billing.accounts import Position, position, usable_methods
from billing.context import Context
from billing.models import Payment, PaymentMethod

FORM = "payment_form"
LISTEN = "action_listen"
AN_EAR_KEEPS = 3


@dataclass
class Turn:
    """`session` is open while an action reads and writes; `release` ends its transaction before a network call."""

    context: Context
    session: Session
    principal: Principal
    tracker: Tracker
    now: datetime
    messages: list[dict[str, Any]] = field(default_factory=list)

    # ------------------------------------------------------------------------------------------ what was said

    @property
    def text(self) -> str:
        """What was typed; empty for a pressed button, whose meaning is in `pressed`."""
        return "" if self.button is not None else str(self.tracker.latest_message.get("text") or "")

    @property
    def intent(self) -> str:
        return str((self.tracker.latest_message.get("intent") or {}).get("name") or "")

    @property
    def confidence(self) -> float:
        """How sure the classifier is of the intent, 0 to 1; a button is certain."""
        return float((self.tracker.latest_message.get("intent") or {}).get("confidence") or 0.0)

    @property
    def button(self) -> Mapping[str, Any] | None:
        return (self.tracker.latest_message.get("metadata") or {}).get("button")

    @property
    def pressed(self) -> Mapping[str, Any]:
        """The data of the pressed button, which the server put there; empty for typed text."""
        return (self.button or {}).get("data") or {}

    def slot(self, name: str) -> Any:
        return self.tracker.slots.get(name)

    @property
    def in_form(self) -> bool:
        return (self.tracker.active_loop or {}).get("name") == FORM

    def answered_in_between(self) -> bool:
        """Did another action answer this very message, so that the form only has to pick up its thread again?"""
        for event in reversed(self.tracker.events):
            if event["event"] == "user":
                return False
            if event["event"] == "action" and event.get("name") not in (FORM, LISTEN):
                return True
        return False

    def last_messages(self) -> list[dict[str, Any]]:
        """What was said before this message: from the conversation, or what a payment left for `repeat`."""
        said: list[dict[str, Any]] = []
        heard_this = False
        for event in reversed(self.tracker.events):
            if event["event"] == "user":
                if said:
                    break
                heard_this = True
            elif event["event"] == "bot" and heard_this:
                data = event.get("data") or {}
                said.append({"text": event.get("text"), "buttons": data.get("buttons") or [],
                             "custom": data.get("custom") or {}})  # fmt: skip
        return said[::-1] or self.slot("last_messages") or []

    # ------------------------------------------------------------------------------------------ what is known

    @property
    def account_id(self) -> int:
        return self.principal.account_id

    @property
    def today(self) -> date:
        return self.local(self.now).date()

    def local(self, moment: datetime) -> datetime:
        """`moment` on the company's clock, which is the one that customers are told."""
        return self.context.settings.local(moment)

    def position(self) -> Position:
        return position(self.session, self.account_id, self.today)

    def methods(self) -> list[PaymentMethod]:
        """What the account has saved and can pay with now."""
        return usable_methods(self.session, self.account_id, self.context.gateway.name)

    # ------------------------------------------------------------------------------------------- what to answer

    @property
    def place(self) -> tuple[str, str]:
        """Language and channel: what every sentence depends on."""
        return self.principal.language, self.principal.channel

    @property
    def cards(self) -> Cards:
        return Cards(self.principal.language)

    def word(self, key: str, **values: object) -> str:
        return wording.say(key, self.principal.language, self.principal.channel, **values)

    def number(self, number: str) -> str:
        """An invoice's number, as this channel tells it."""
        return wording.number_of(number, self.principal.channel)

    def most(self, read: int) -> int:
        """How many things one answer names one by one, where an eye can keep `read` of them."""
        return min(read, AN_EAR_KEEPS) if self.principal.channel == "voice" else read

    def say(
        self, *texts: str, buttons: Sequence[Mapping[str, Any]] = (), card: Mapping[str, Any] | None = None
    ) -> None:
        """Adds one message of finished `texts`, with `buttons` as assistant.cards makes them."""
        custom = {"card": dict(card)} if card is not None else {}
        self.messages.append({"text": " ".join(text for text in texts if text), "buttons": [], "custom": custom})
        self.add_buttons(*buttons)

    def add_buttons(self, *buttons: Mapping[str, Any]) -> None:
        """More replies for the last message. The payload is what bot/channel.py takes apart again."""
        self.messages[-1]["buttons"] += [
            {"title": b["title"], "payload": json.dumps({"intent": b["intent"], "data": b["data"]})} for b in buttons
        ]

    def outcome(self, payment: Payment, *preface: str) -> None:
        """Says what became of a payment."""
        told = outcome_message(self.session, payment, *self.place, self.now, self.context.settings)
        self.say(*preface, told["text"], buttons=told["buttons"], card=told["card"])

    def follow_language(self) -> None:
        """Goes on in the language of the customer's own words, where these leave no doubt (assistant/language.py).

        Asking for a language is more than writing in one: "parlez-vous anglais?" is answered by actions/language.py.
        """
        written = written_in(self.text)
        if written is None or written == self.principal.language or self.intent == "change_language":
            return
        set_language(self.session, self.principal.sender, written)
        self.principal = replace(self.principal, language=written)

    def release(self) -> None:
        """Commits, so that no transaction is open while someone else's server thinks (invariant 22)."""
        self.session.commit()


def set_slots(**values: object) -> list[EventType]:
    return [SlotSet(name, value) for name, value in values.items()]


def listen() -> EventType:
    """Nothing more is to be said in this turn, whatever the rules would make of it."""
    return FollowupAction(LISTEN)
