"""Billing address and email of a saved method are reviewed on the secure page; this finds out which method."""

from __future__ import annotations

from datetime import timedelta

from rasa_sdk.events import EventType

from actions.task import Task
from actions.turn import Turn
from assistant.cards import button, link_card, methods_card
from assistant.method_choice import Chosen, read_method
from assistant.wording import method_label
from billing.models import PaymentMethod
from billing.pay_links import create_pay_link


class ActionEditMethod(Task):
    called = "action_edit_method"

    def answer(self, turn: Turn) -> list[EventType]:
        methods = turn.methods()
        method = _chosen(turn, methods)
        if method is not None:
            _hand_over(turn, method, methods)
        elif not methods:
            turn.say(turn.word("edit_none"))
        else:
            labels = [method_label(m, *turn.place, among=methods) for m in methods]
            buttons = [
                button(label[:1].upper() + label[1:], "edit_method", method=str(m.id))
                for label, m in zip(labels, methods, strict=True)
            ]
            turn.say(turn.word("edit_which"), buttons=buttons, card=methods_card(methods))
        return []


def _chosen(turn: Turn, methods: list[PaymentMethod]) -> PaymentMethod | None:
    if "method" in turn.pressed:
        return next((m for m in methods if str(m.id) == turn.pressed["method"]), None)
    reading = read_method(turn.text, methods)
    if isinstance(reading, Chosen):
        return reading.method
    return methods[0] if len(methods) == 1 else None


def _hand_over(turn: Turn, method: PaymentMethod, methods: list[PaymentMethod]) -> None:
    settings = turn.context.settings
    token = create_pay_link(
        turn.session,
        account_id=turn.account_id,
        portal_user_id=turn.principal.portal_user_id,
        sender=turn.principal.sender,
        channel=turn.principal.channel,
        language=turn.principal.language,
        purpose="edit_method",
        method_id=method.id,
        now=turn.now,
        ttl_s=settings.quote_ttl_link_s,
    )
    url = f"{settings.public_url.rstrip('/')}/pay/{token}"
    text = turn.word("edit_link", method=method_label(method, *turn.place, among=methods), url=url)
    turn.say(text, card=link_card(url, "edit_method", turn.now + timedelta(seconds=settings.quote_ttl_link_s)))
