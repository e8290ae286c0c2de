"""Everything around a bill: hello, help, thanks, who are you, say that again, and what cannot be helped with."""

from __future__ import annotations

from typing import Any

from rasa_sdk.events import EventType

from actions.task import Task
from actions.turn import Turn, set_slots
from actions.wish import read_sum
from assistant.cards import button, pay_button
from assistant.later import later_day

HELP_AFTER = 2  # misunderstandings in a row


def what_can_be_done(turn: Turn) -> list[dict[str, Any]]:
    """The four doors of the house; inside a payment its own question follows, with its own buttons."""
    if turn.in_form:
        return []
    return [
        button(turn.word("button_pay"), "pay"),
        button(turn.word("button_balance"), "balance"),
        button(turn.word("button_history"), "history"),
        button(turn.word("button_human"), "human"),
    ]


class ActionGreet(Task):
    called = "action_greet"

    def answer(self, turn: Turn) -> list[EventType]:
        turn.say(turn.word("greet_again" if turn.in_form else "greet"), buttons=what_can_be_done(turn))
        return []


class ActionHelp(Task):
    called = "action_help"

    def answer(self, turn: Turn) -> list[EventType]:
        turn.say(turn.word("help"), buttons=what_can_be_done(turn))
        return []


class ActionThanks(Task):
    called = "action_thanks"

    def answer(self, turn: Turn) -> list[EventType]:
        turn.say(turn.word("thanks"))
        return []


class ActionGoodbye(Task):
    called = "action_goodbye"

    def answer(self, turn: Turn) -> list[EventType]:
        turn.say(turn.word("goodbye"))
        return []


class ActionBotChallenge(Task):
    called = "action_bot_challenge"

    def answer(self, turn: Turn) -> list[EventType]:
        turn.say(turn.word("bot_challenge", company=turn.context.settings.company_name))
        return []


class ActionDeny(Task):
    called = "action_deny"

    def answer(self, turn: Turn) -> list[EventType]:
        turn.say(turn.word("deny"), buttons=what_can_be_done(turn))
        return []


class ActionUnsure(Task):
    called = "action_unsure"

    def answer(self, turn: Turn) -> list[EventType]:
        turn.say(turn.word("unsure"), buttons=what_can_be_done(turn))
        return []


class ActionNotOffered(Task):
    called = "action_not_offered"

    def answer(self, turn: Turn) -> list[EventType]:
        key = "pays_now_only" if later_day(turn.text) is not None else "not_offered"
        amount = read_sum(turn).amount if key == "pays_now_only" else None
        pay = pay_button(amount, *turn.place) if amount is not None else button(turn.word("button_pay"), "pay")
        turn.say(turn.word(key), buttons=[] if turn.in_form else [pay])
        return []


class ActionRepeat(Task):
    """The last messages once more. Their buttons lead to the present state of things, however old they are."""

    called = "action_repeat"

    def answer(self, turn: Turn) -> list[EventType]:
        turn.messages.extend(turn.last_messages())
        if not turn.messages:
            turn.say(turn.word("repeat_nothing"), buttons=what_can_be_done(turn))
        return []


class _Miss(Task):
    """What was not understood, or is none of our business; after two in a row, help and a person."""

    resets_misses = False
    key: str

    def answer(self, turn: Turn) -> list[EventType]:
        misses = int(turn.slot("misses") or 0) + 1
        key = "offer_help" if misses >= HELP_AFTER else self.key
        first = [button(turn.word("button_help"), "help")] if misses >= HELP_AFTER else []
        turn.say(turn.word(key), buttons=[*first, *what_can_be_done(turn)])
        return set_slots(misses=misses)


class ActionOutOfScope(_Miss):
    called = "action_out_of_scope"
    key = "out_of_scope"


class ActionMisunderstood(_Miss):
    called = "action_misunderstood"
    key = "not_understood"


class ActionDefaultFallback(_Miss):
    """Rasa's own last resort, when no rule fits."""

    called = "action_default_fallback"
    key = "not_understood"
