"""What Rasa does with our rules, in little: it runs the form first, the rule of the intent when the form declines, and
the form again after an interruption. The real thing is used in tests/conversations; this shows the action server alone.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import rasa_sdk

from actions.interruptions import INTERRUPTIONS, answers

FORM = "payment_form"
FORM_INTENTS = frozenset({"pay", "inform_amount", "choose_method", "add_card"})
_message_ids = itertools.count(1)


@dataclass
class Answer:
    messages: list[dict[str, Any]]
    calls: list[str]

    @property
    def text(self) -> str:
        return "\n".join(message["text"] for message in self.messages)

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """title → {"intent", "data"} of all messages"""
        return {b["title"]: json.loads(b["payload"]) for message in self.messages for b in message["buttons"]}

    @property
    def card(self) -> dict[str, Any]:
        """The last message's card."""
        return dict(self.messages[-1]["custom"]["card"])


@dataclass
class FakeBot:
    """One conversation. `say(text, intent)` plays the classifier; `press(title)` a click on the last answer."""

    client: httpx.Client
    url: str
    token: str
    sender: str
    channel: str = "chat"
    language: str = "en"
    slots: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    loop: str | None = None
    last: Answer | None = None
    _listening: bool = False
    _follow_up: str | None = None
    _rule_of: dict[str, str] = field(default_factory=answers)

    def say(self, text: str, intent: str, confidence: float = 0.98) -> Answer:
        return self._turn(text, intent, confidence, None)

    def press(self, title: str) -> Answer:
        assert self.last is not None
        return self.press_again(self.last.buttons[title])

    def press_again(self, button: dict[str, Any]) -> Answer:
        """A button of an older answer."""
        return self._turn(f"/{button['intent']}", button["intent"], 1.0, button)

    def _turn(self, text: str, intent: str, confidence: float, button: dict[str, Any] | None) -> Answer:
        metadata = {"channel": self.channel, "language": self.language, "button": button}
        self.latest = {"text": text, "intent": {"name": intent, "confidence": confidence}, "entities": [],
                       "metadata": metadata, "message_id": f"m{next(_message_ids)}"}  # fmt: skip
        self.events.append({"event": "user", "text": text, "parse_data": self.latest, "metadata": metadata})
        answer, self._listening = Answer([], []), False
        if self.loop is not None:
            if not self._run_form(answer):
                self._run_rule(answer, intent, in_form=True)
        elif intent in FORM_INTENTS:
            self.loop = FORM
            self._run_form(answer)
        else:
            self._run_rule(answer, intent, in_form=False)
        self.events.append({"event": "action", "name": "action_listen"})
        self.last = answer
        return answer

    def _run_rule(self, answer: Answer, intent: str, *, in_form: bool) -> None:
        assert not in_form or intent in INTERRUPTIONS or intent == "affirm", f"no rule for {intent} in the form"
        self.call(self._rule_of[intent], answer)
        if in_form and self.loop is not None and not self._listening:
            self._run_form(answer)

    def _run_form(self, answer: Answer) -> bool:
        """False when the form rejected the message."""
        self.events.append({"event": "action", "name": FORM})
        events = self.call("validate_payment_form", answer, logged=False)
        sets = [e for e in events if e["event"] == "slot"]
        if not sets:
            self.events.append({"event": "action_execution_rejected", "name": FORM})
            return False
        requested = [e["value"] for e in sets if e["name"] == "requested_slot"]
        if requested and requested[-1] is None:
            self.loop = None
        if (action := self._follow_up) is not None:
            self._follow_up = None
            self.call(action, answer)
        return True

    def call(self, action: str, answer: Answer, *, logged: bool = True) -> list[dict[str, Any]]:
        body = {
            "next_action": action,
            "sender_id": self.sender,
            "version": rasa_sdk.__version__,  # the bot says 3.6.21, at which the SDK warns; warnings are errors here
            "tracker": {
                "sender_id": self.sender,
                "slots": dict(self.slots),
                "latest_message": self.latest,
                "events": self.events,
                "paused": False,
                "followup_action": None,
                "active_loop": {"name": self.loop} if self.loop else {},
                "latest_action_name": FORM if action.startswith("validate_") else "action_listen",
            },
        }
        response = self.client.post(f"{self.url}/webhook", json=body, headers={"Authorization": f"Bearer {self.token}"})
        response.raise_for_status()
        told = response.json()
        answer.calls.append(action)
        answer.messages += told["responses"]
        if logged:
            self.events.append({"event": "action", "name": action})
        for message in told["responses"]:
            data = {"buttons": message["buttons"], "custom": message["custom"]}
            self.events.append({"event": "bot", "text": message["text"], "data": data})
        for event in told["events"]:
            self._apply(event)
        return list(told["events"])

    def _apply(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "slot":
                self.slots[event["name"]] = event["value"]
            case "active_loop":
                self.loop = event["name"]
            case "session_started":
                self.slots, self.loop, self.events = {}, None, []
            case "followup" if event["name"] == "action_listen":
                self._listening = True
            case "followup":
                self._follow_up = event["name"]
