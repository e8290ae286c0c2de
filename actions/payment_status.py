"""What became of the last payment, and why a card may have been declined."""

from __future__ import annotations

from rasa_sdk.events import EventType

from actions.task import Task
from actions.turn import Turn
from assistant.cards import button
from assistant.outcomes import outcome_card, retry_buttons
from billing.models import Payment
from billing.payment_records import latest_payment, latest_try
from billing.payment_states import DECLINED, NOT_ATTEMPTED, OPEN_STATES, SUCCEEDED
from billing.quotes import open_quote
from billing.receipts import receipt


class ActionPaymentStatus(Task):
    called = "action_payment_status"

    def answer(self, turn: Turn) -> list[EventType]:
        payment = latest_payment(turn.session, turn.account_id)
        preface = _not_charged(turn)
        if payment is None:
            turn.say(*preface, turn.word("status_none"))
        elif payment.state in OPEN_STATES:
            turn.outcome(payment, *preface)
        else:
            told = receipt(turn.session, payment.id, turn.today)
            retries = payment.state == DECLINED and not turn.in_form
            buttons = retry_buttons(turn.session, told, *turn.place) if retries else []
            turn.say(
                *preface, _finished(turn, payment), buttons=buttons, card=outcome_card(told, turn.principal.language)
            )
        return []


def _not_charged(turn: Turn) -> list[str]:
    """What the question may well mean, and what has charged nothing: a page left open, a try that never began."""
    quote = open_quote(turn.session, turn.account_id, turn.now)
    if quote is not None and quote.method_id is None:
        return [turn.word("status_page_waits", amount=quote.amount)]
    tried = latest_try(turn.session, turn.account_id)
    if tried is not None and tried.state == NOT_ATTEMPTED:
        return [turn.word("status_not_attempted", amount=tried.amount)]
    return []


def _finished(turn: Turn, payment: Payment) -> str:
    on = turn.local(payment.decided_at or payment.created_at).date()
    if payment.gateway == "elsewhere":
        return turn.word("status_elsewhere", amount=payment.amount, on=on)
    if payment.state == SUCCEEDED:
        return turn.word("status_succeeded", amount=payment.amount, on=on, reference=payment.reference)
    key = "status_declined" if payment.state == DECLINED else "outcome_canceled"
    return turn.word(key, amount=payment.amount, on=on)


class ActionDeclinedQuestion(Task):
    called = "action_declined_question"

    def answer(self, turn: Turn) -> list[EventType]:
        payment = latest_payment(turn.session, turn.account_id)
        if payment is None or payment.state != DECLINED:
            turn.say(turn.word("declined_none"))
            return []
        told = receipt(turn.session, payment.id, turn.today)
        buttons = [] if turn.in_form else retry_buttons(turn.session, told, *turn.place)
        if told.method is not None and told.method.state == "active":
            buttons.append(button(turn.word("button_address"), "edit_method", method=str(told.method.id)))
        turn.say(turn.word("declined_why"), buttons=buttons)
        return []
