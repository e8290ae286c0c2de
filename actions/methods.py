"""Saved cards and bank accounts: which there are, how one is taken off, and what can be paid with at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rasa_sdk.events import EventType

from actions.secure_page import link_again
from actions.task import Task
from actions.turn import Turn
from assistant.cards import button
from assistant.method_choice import Chosen, read_method
from assistant.wording import method_label
from billing.models import PaymentMethod


class ActionListMethods(Task):
    """Told, not asked: who wants to know what is saved does not want to pay yet."""

    called = "action_list_methods"

    def answer(self, turn: Turn) -> list[EventType]:
        methods = turn.methods()
        texts = [_listed(turn, methods)] if methods else [turn.word("methods_none")]
        turn.say(*texts, buttons=_doors(turn, methods))
        return []


class ActionRemoveMethod(Task):
    """Nothing is removed here: whoever has the chat open for a minute must not be able to take a card away."""

    called = "action_remove_method"

    def answer(self, turn: Turn) -> list[EventType]:
        methods, contact = turn.methods(), turn.context.settings.company_contact
        if not methods:
            turn.say(turn.word("methods_none"))
            return []
        reading = read_method(turn.text, methods, asked=True)
        if isinstance(reading, Chosen) or len(methods) == 1:
            method = reading.method if isinstance(reading, Chosen) else methods[0]
            label = method_label(method, *turn.place, among=methods)
            texts = [turn.word("method_remove_one", method=label, contact=contact)]
        else:
            texts = [turn.word("method_remove", contact=contact), _listed(turn, methods)]
        turn.say(*texts, buttons=[] if turn.in_form else [button(turn.word("button_human"), "human")])
        return []


class ActionAcceptedMethods(Task):
    called = "action_accepted_methods"

    def answer(self, turn: Turn) -> list[EventType]:
        turn.say(turn.word("methods_accepted"))
        return link_again(turn)


def _listed(turn: Turn, methods: Sequence[PaymentMethod]) -> str:
    return turn.word("methods_saved", methods=[_with_expiry(turn, m, methods) for m in methods])


def _with_expiry(turn: Turn, method: PaymentMethod, among: Sequence[PaymentMethod]) -> str:
    label = method_label(method, *turn.place, among=among)
    twins = sum(method_label(m, *turn.place) == method_label(method, *turn.place) for m in among)
    if twins > 1 or not (method.exp_month and method.exp_year):
        return label  # of twins the label says the expiry already; a bank account has none
    expiry = f"{method.exp_month:02}/{method.exp_year % 100:02}"
    return turn.word("method_with_expiry", method=label, expiry=expiry)


def _doors(turn: Turn, methods: Sequence[PaymentMethod]) -> list[dict[str, Any]]:
    """Outside a payment: to pay, or to look at a card's address. Inside one its own question follows."""
    if turn.in_form:
        return []
    address = [button(turn.word("button_address"), "edit_method")] if methods else []
    return [button(turn.word("button_pay"), "pay"), *address]
