"""Giving up and beginning again, outside the form: a link may be waiting, or a payment may be too far on its way."""

from __future__ import annotations

from datetime import timedelta

from rasa_sdk.events import EventType

from actions.balance import offers
from actions.pay_questions import end, withdraw
from actions.task import Task
from actions.turn import Turn
from assistant.cards import button
from billing.payment_records import latest_payment, payment_under_way
from billing.payment_states import SUCCEEDED
from billing.quotes import open_quote

JUST_PAID = timedelta(days=1)


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
            turn.say(*_nothing_to_cancel(turn))
        return end()


def _nothing_to_cancel(turn: Turn) -> list[str]:
    """Who has just paid and says "cancel that" must hear that the money has gone."""
    texts = [turn.word("cancel_nothing")]
    latest = latest_payment(turn.session, turn.account_id)
    if latest is not None and latest.state == SUCCEEDED and turn.now - latest.created_at < JUST_PAID:
        contact = turn.context.settings.company_contact
        texts.append(turn.word("cancel_paid", amount=latest.amount, contact=contact))
    return texts


class ActionStartOver(Task):
    called = "action_start_over"

    def answer(self, turn: Turn) -> list[EventType]:
        withdraw(turn, "start_over")
        buttons = [*offers(turn, turn.position()), button(turn.word("button_help"), "help")]
        turn.say(turn.word("start_over_anew"), buttons=buttons)
        return end()
