"""The answer of the dialogue, as it is said in a call; with what is added to it, and what goes out by text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.buttons import issue_buttons
from assistant.calls.compose import Composed, Option, compose, plan_of, spoken
from assistant.calls.models import Call, CallStep
from assistant.calls.plan import Plan
from assistant.calls.reacting import Ask, Charge, again, issue, put, set_menu, text_link, understood, word
from assistant.cards import button as button_to
from assistant.dialogue.turns import Message
from assistant.models import ChatSession, Ticket
from assistant.outcomes import outcome_message
from billing.accounts import position
from billing.context import Context
from billing.models import Quote
from billing.payment_records import get_payment
from billing.payment_states import OPEN_STATES
from billing.quotes import open_quote

MISSES = ("not_understood", "out_of_scope", "offer_help")  # sentences of the dialogue that say so


def answered(
    session: Session, context: Context, call: Call, step: CallStep, wanted: Ask, answer: Mapping[str, Any] | None
) -> Plan:  # fmt: skip
    """The plan, with everything about it noted on `call`. `answer` is None for what the dialogue would not take."""
    if answer is None:
        return again(context, call, "call_missed", nothing=False)
    call.language = answer["language"]
    composed = compose(session, answer["messages"])
    whole = " ".join(composed.words)
    if whole.startswith(tuple(word(call, key) for key in MISSES)):
        call.missed += 1
    else:
        understood(call)
    for_card = _keyed_in(session, context, call, composed)
    menu = _menu(session, context, call, wanted, composed, for_card)
    wants_amount = _asks_for_amount(composed)
    call.stage = "amount" if wants_amount else "talk"
    set_menu(call, menu)
    words = composed.words
    if composed.links and for_card is None:  # no ear can keep an address
        words = (*words, text_link(session, context, call, composed.links[-1]["url"]))
    if not spoken(composed.menu) and not wants_amount:
        words = (*words, word(call, "call_anything_else"))
    composed = replace(composed, words=words, menu=menu, is_quote=composed.is_quote or for_card is not None)
    plan = put(call, plan_of(composed, call.language, wants_amount=wants_amount))
    if whole in (word(call, "goodbye"), word(call, "cancelled_goodbye")):
        call.stage = "over"
        return Plan(call.language, says=composed.words, ends="hang_up")
    if wanted.first:
        return replace(plan, asks=(*plan.asks, word(call, "call_every_time")))
    if context.settings.call_person_number and (wanted.transfer or _handed_over(session, call, step)):
        return Plan(call.language, says=(*composed.words, word(call, "call_to_person")), ends="dial")
    return plan


def _menu(
    session: Session, context: Context, call: Call, wanted: Ask, composed: Composed, for_card: Quote | None
) -> list[Option]:
    """The dialogue's options and the line's own. `for_card`: the quote that a card keyed in now would pay."""
    menu = list(composed.menu)
    if for_card is not None:
        menu = [*_ways_to_enter(call, for_card, composed.links[-1]["url"]), *menu]
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


def _asks_for_amount(composed: Composed) -> bool:
    """Nothing but a way out is offered where an amount is wanted."""
    if composed.is_quote or composed.payment is not None or spoken(composed.menu):
        return False
    return any(option.intent == "cancel" for option in composed.menu)


def _keyed_in(session: Session, context: Context, call: Call, composed: Composed) -> Quote | None:
    """The quote that a new card would pay, where the caller can key one in."""
    if not context.settings.twilio_pay_connector or not composed.links or composed.links[-1]["purpose"] != "pay":
        return None
    chat = session.get_one(ChatSession, call.sender)
    quote = open_quote(session, chat.account_id, context.now())
    return quote if quote is not None and quote.sender == chat.sender and quote.method_id is None else None


def _ways_to_enter(call: Call, quote: Quote, url: str) -> list[Option]:
    """The box of the secure page ("save this card") is a key of its own here, and never the first one."""
    card = {"quote_id": str(quote.id)}
    return [
        Option(word(call, "call_key_card"), "", "key_card", card | {"save": False}),
        Option(word(call, "call_key_and_save"), "", "key_card", card | {"save": True}),
        Option(word(call, "call_link_instead"), "", "text_link", {"url": url}),
    ]


def charged(
    session: Session,
    context: Context,
    call: Call,
    step: CallStep,
    wanted: Charge,
    payment_id: int | None,
    refused: str | None,
) -> Plan:  # fmt: skip
    """What became of the card that was keyed in; `refused` is why no bank was asked."""
    now, principal = context.now(), wanted.principal
    if payment_id is None:
        message: dict[str, Any] = {"text": refused or "", "buttons": [], "card": None}
    else:
        payment = get_payment(session, payment_id)
        message = outcome_message(session, payment, call.language, "voice", now, context.settings)
    messages = issue_buttons(session, principal.sender, [message], now)
    put(call, Plan(call.language))  # the card is not waited for any more
    asked = Ask(principal, Message(f"{call.sid}:{step.number}"))
    return answered(session, context, call, step, asked, {"language": call.language, "messages": messages})


def _handed_over(session: Session, call: Call, step: CallStep) -> bool:
    """Has this very turn opened a ticket?"""
    opened = select(Ticket.id).where(Ticket.sender == call.sender, Ticket.created_at >= step.received_at)
    return session.scalar(opened.limit(1)) is not None
