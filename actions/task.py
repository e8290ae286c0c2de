"""What an action is here: synchronous work in a thread, for one known person, in one transaction."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from rasa_sdk.events import ActiveLoop, EventType
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker

from actions.turn import Turn, listen, set_slots
from assistant.identity import IdentityRefused, principal_of_sender
from assistant.wording import LANGUAGES, say
from billing.context import Context


class Task(Action):
    """Subclasses name themselves and answer a turn. The database's and the gateway's calls block, hence the thread."""

    called: ClassVar[str]
    resets_misses: ClassVar[bool] = True  # being understood ends a row of misunderstandings

    def __init__(self, context: Context) -> None:
        self.context = context

    def name(self) -> str:
        return self.called

    def answer(self, turn: Turn) -> list[EventType]:
        """Says something with `turn.say` and returns the events that the conversation is to remember."""
        raise NotImplementedError

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[EventType]:  # noqa: ARG002
        messages, events = await asyncio.to_thread(self._run, tracker)
        for message in messages:
            dispatcher.utter_message(
                text=message["text"], buttons=message["buttons"], json_message=message.get("custom") or {}
            )
        return events

    def _run(self, tracker: Tracker) -> tuple[list[dict[str, Any]], list[EventType]]:
        now = self.context.now()
        with self.context.sessions() as session:
            try:
                principal = principal_of_sender(session, tracker.sender_id, now)
            except IdentityRefused:
                return [_session_over(tracker)], [*set_slots(requested_slot=None), ActiveLoop(None), listen()]
            turn = Turn(self.context, session, principal, tracker, now)
            turn.follow_language()
            events = self.answer(turn)
            session.commit()
        if self.resets_misses and turn.slot("misses"):
            events = [*events, *set_slots(misses=None)]
        return turn.messages, events


def _session_over(tracker: Tracker) -> dict[str, Any]:
    """Nobody is known, so only the message itself says in what language, and nothing else is said."""
    metadata = tracker.latest_message.get("metadata") or {}
    language = metadata.get("language")
    text = say("session_over", language if language in LANGUAGES else "en", metadata.get("channel") or "chat")
    return {"text": text, "buttons": []}
