"""Giving up and beginning again, outside the form: a link may be waiting, or a payment may be too far on its way."""

from __future__ import annotations

from rasa_sdk.events import EventType

from actions.balance import offers
from actions.pay_questions import end, withdraw
from actions.task import Task
from actions.turn import Turn
from assistant.cards import button
from billing.payment_records import payment_under_way
from billing.quotes import open_quote


class ActionCancel(Task):
    called = "action_cancel"

    def answer(self, turn: Turn) -> list[EventType]:
        if under_way := payment_under_way(turn.session, turn.account_id):
            contact = turn.context.settings.company_contact
            buttons = [button(turn.word("button_human"), "human")]
            turn.say(turn.word("cancel_too_late", amount=under_way.amount, contact=contact), buttons=buttons)
        elif open_quote(turn.session, turn.account_id, turn.now) is not None:
            withdraw(turn, "cancelled")
            turn.say(turn.word("cancelled"))
        else:
            turn.say(turn.word("cancel_nothing"))
        return end()


class ActionStartOver(Task):
    called = "action_start_over"

    def answer(self, turn: Turn) -> list[EventType]:
        withdraw(turn, "start_over")
        buttons = [*offers(turn, turn.position()), button(turn.word("button_help"), "help")]
        turn.say(turn.word("start_over_anew"), buttons=buttons)
        return end()
