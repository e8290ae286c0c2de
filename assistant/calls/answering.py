"""The answer of the dialogue, as it is said in a call; with what is added to it, and what goes out by text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.calls.compose import Composed, Option, compose, plan_of, spoken
from assistant.calls.models import Call, CallStep
from assistant.calls.plan import Plan
from assistant.calls.reacting import Ask, again, issue, put, set_menu, understood, word
from assistant.cards import button as button_to
from assistant.models import ChatSession, Ticket
from assistant.texts.compose import signed
from assistant.texts.outgoing import queue_text
from assistant.wording import say
from billing.accounts import position
from billing.context import Context
from billing.payment_states import OPEN_STATES

MISSES = ("not_understood", "out_of_scope", "offer_help")  # sentences of the dialogue that say so


def answered(
    session: Session, context: Context, call: Call, step: CallStep, wanted: Ask, answer: Mapping[str, Any] | None
) -> Plan:  # fmt: skip
    """The plan, with everything about it noted on `call`. `answer` is None for what the dialogue would not take."""
    if answer is None:
        plan = again(context, call, "call_missed", nothing=False)
        assert isinstance(plan, Plan)  # it never asks the dialogue
        return plan
    call.language = answer["language"]
    composed = compose(session, answer["messages"])
    whole = " ".join(composed.words)
    if whole.startswith(tuple(word(call, key) for key in MISSES)):
        call.missed += 1
    else:
        understood(call)
    menu = _menu(session, context, call, wanted, composed)
    wants_amount = _asks_for_amount(call, wanted, composed)
    call.stage = "amount" if wants_amount else "talk"
    set_menu(call, menu)
    words = (*composed.words, *_texted(session, context, call, composed))
    if not spoken(composed.menu) and not wants_amount:
        words = (*words, word(call, "call_anything_else"))
    plan = put(call, plan_of(replace(composed, words=words, menu=menu), call.language, wants_amount=wants_amount))
    if whole in (word(call, "goodbye"), word(call, "cancelled_goodbye")):
        call.stage = "over"
        return Plan(call.language, says=composed.words, ends="hang_up")
    if wanted.first:
        return replace(plan, asks=(*plan.asks, word(call, "call_every_time")))
    if context.settings.call_person_number and (wanted.transfer or _handed_over(session, call, step)):
        return Plan(call.language, says=(*composed.words, word(call, "call_to_person")), ends="dial")
    return plan


def _menu(session: Session, context: Context, call: Call, wanted: Ask, composed: Composed) -> list[Option]:
    menu = list(composed.menu)
    if composed.payment is not None and composed.payment["state"] in OPEN_STATES and not call.wants_text:
        chat = session.get_one(ChatSession, wanted.principal.sender)
        if chat.phone is not None and context.settings.can_text:
            menu.insert(0, Option(word(call, "call_text_me"), "", "text_me"))
    if not spoken(menu) and not any(option.intent == "cancel" for option in menu):
        today = context.settings.local(context.now()).date()
        owes = position(session, wanted.principal.account_id, today).outstanding
        intents = ("pay", "history") if owes else ("balance", "history")
        buttons = [button_to(word(call, f"button_{intent}"), intent) for intent in intents]
        menu += issue(session, wanted.principal, buttons, context.now())
    return menu


def _asks_for_amount(call: Call, wanted: Ask, composed: Composed) -> bool:
    """Nothing but a way out is offered where an amount is wanted."""
    if composed.is_quote or composed.payment is not None or spoken(composed.menu):
        return False
    pressed = wanted.pressed is not None and wanted.pressed.data.get("change") == "amount"
    return pressed or call.stage == "amount" or any(option.intent == "cancel" for option in composed.menu)


def _texted(session: Session, context: Context, call: Call, composed: Composed) -> list[str]:
    """Links go to the number on file, never to whatever number calls. What is said about it."""
    if not composed.links:
        return []
    chat = session.get_one(ChatSession, call.sender)
    settings, sent = context.settings, None
    if chat.phone is not None and settings.can_text:
        words = say("text_link_from_call", call.language, "sms", url=composed.links[-1])
        sent = queue_text(
            session,
            settings=settings,
            phone=chat.phone,
            kind="result",
            now=context.now(),
            body=signed(words, settings.sms_sender_name),
            account_id=chat.account_id,
            portal_user_id=chat.portal_user_id,
            key=f"{call.sid}:{call.number}:link",
        )
    if sent is None or chat.phone is None:
        return [word(call, "call_no_link")]
    return [word(call, "call_link_texted", ending=" ".join(chat.phone[-4:]))]


def _handed_over(session: Session, call: Call, step: CallStep) -> bool:
    """Has this very turn opened a ticket?"""
    opened = select(Ticket.id).where(Ticket.sender == call.sender, Ticket.created_at >= step.received_at)
    return session.scalar(opened.limit(1)) is not None
