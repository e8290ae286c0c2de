"""The questions of a payment: how much, with what, and the quote that a yes answers. Each ends a turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from rasa_sdk.events import ActiveLoop, EventType

from actions.balance import offers, other_amount
from actions.turn import Turn, listen, set_slots
from actions.wish import AMOUNT, CONFIRMATION, METHOD, NEW, Wish
from assistant.cards import button, link_card, methods_card
from assistant.wording import either, invoice_phrase, method_label
from billing.errors import MethodNotUsable, NotFound, PaymentUnderWay
from billing.models import PaymentMethod, Quote
from billing.money import Money
from billing.pay_links import create_pay_link
from billing.payment_records import get_payment, payment_under_way
from billing.quotes import mark_delivered, open_quote, quote_payment, shares_of, void_open_quote

Events = list[EventType]


def proceed(turn: Turn, wish: Wish, *preface: str) -> Events:
    """Asks for what is still missing; with amount and method known, reads out the quote."""
    if under_way := payment_under_way(turn.session, turn.account_id):
        return refuse_second(turn, under_way.id)
    if wish.amount is None:
        return ask_amount(turn, wish, *preface)
    if wish.method is None and not wish.new_card:
        if wish.methods:
            return ask_method(turn, wish, *preface)
        wish, preface = wish.with_method(None, new_card=True), (*preface, turn.word("method_none_saved"))
    return offer(turn, wish, *preface)


def ask(wish: Wish, slot: str, choices: dict[str, Any] | None = None) -> Events:
    """Remembers what is settled, and for what the form waits."""
    return [*wish.slots(), *set_slots(requested_slot=slot, choices=choices)]


def end(**kept: object) -> Events:
    """Closes the form. What is not kept is forgotten."""
    forgotten = dict.fromkeys((AMOUNT, METHOD, "payment_invoice", "payment_whole", "choices", "requested_slot"))
    return [*set_slots(**(forgotten | kept)), ActiveLoop(None), listen()]


def refuse_second(turn: Turn, payment_id: int) -> Events:
    """One payment at a time: says which one is under way, and since when."""
    payment = get_payment(turn.session, payment_id)
    text = turn.word("payment_under_way", amount=payment.amount, since=turn.local(payment.created_at))
    turn.say(text, buttons=[button(turn.word("button_status"), "payment_status")])
    return end()


# ---------------------------------------------------------------------------------------------------- how much


def ask_amount(turn: Turn, wish: Wish, *preface: str) -> Events:
    """Proposes what is outstanding. When that is nothing, nothing is proposed: an amount can still be named."""
    position = turn.position()
    if not position.outstanding:
        turn.say(*preface, turn.word("nothing_owed", balance=position.balance), card=turn.cards.balance(position))
        return end()
    partly_late = position.past_due and position.past_due < position.outstanding
    key = "ask_amount_past_due" if partly_late else "ask_amount"
    question = turn.word(key, outstanding=position.outstanding, past_due=position.past_due)
    buttons = [*offers(turn, position), other_amount(turn), _cancel(turn)]
    turn.say(*preface, question, buttons=buttons, card=turn.cards.balance(position))
    return ask(wish, AMOUNT)


def ask_other_amount(turn: Turn, wish: Wish, *preface: str) -> Events:
    turn.say(*preface, turn.word("ask_other_amount"), buttons=[_cancel(turn)])
    return ask(wish, AMOUNT, {"other": True})


def ask_which_amount(turn: Turn, wish: Wish, candidates: Sequence[Money], *preface: str) -> Events:
    """The words fit several amounts: asked, never guessed."""
    if not candidates:
        return ask_other_amount(turn, wish, *preface, turn.word("amount_not_understood"))
    if len(candidates) == 1:
        question = turn.word("ask_exact_amount", amount=candidates[0])
    else:
        question = turn.word("ask_which_amount", amounts=either(candidates, *turn.place))
    buttons = [
        button(turn.word("button_pay_amount", amount=amount), "inform_amount", amount_minor=amount.minor)
        for amount in candidates
    ]
    turn.say(*preface, question, buttons=[*buttons, _cancel(turn)])
    return ask(wish, AMOUNT, {"amounts": [amount.minor for amount in candidates]})


# ---------------------------------------------------------------------------------------------------- with what


def ask_method(
    turn: Turn, wish: Wish, *preface: str, among: Sequence[PaymentMethod] | None = None, question: str | None = None
) -> Events:
    """Exactly one saved method, or a new card."""
    offered = list(wish.methods if among is None else among)
    labels = [method_label(method, *turn.place, among=wish.methods) for method in offered]
    named = [turn.word("button_method", method=label) for label in labels]
    titles = [title[:1].upper() + title[1:] for title in named]
    buttons = [button(title, "choose_method", method=str(m.id)) for title, m in zip(titles, offered, strict=True)]
    buttons += [button(turn.word("button_new_card"), "add_card", method=NEW), _cancel(turn)]
    if not wish.methods and not preface:
        preface = (turn.word("method_none_saved"),)
    if question is None:
        known = wish.amount is not None
        question = turn.word("ask_method", amount=wish.amount) if known else turn.word("ask_method_first")
    turn.say(*preface, question, buttons=buttons, card=methods_card(offered) if offered else None)
    return ask(wish, METHOD, {"methods": [m.id for m in offered]})


def ask_which_method(turn: Turn, wish: Wish, among: Sequence[PaymentMethod], *preface: str) -> Events:
    """The words fit several saved methods: asked, never guessed."""
    labels = [method_label(method, *turn.place, among=wish.methods) for method in among]
    question = turn.word("ask_which_method", methods=either(labels, *turn.place))
    return ask_method(turn, wish, *preface, among=among, question=question)


def ask_other_method(turn: Turn, wish: Wish, among: Sequence[PaymentMethod], *preface: str) -> Events:
    """The one in hand is refused: what is left, and a new card."""
    if not among and len(wish.methods) == 1:
        label = method_label(wish.methods[0], *turn.place)
        return ask_method(turn, wish, *preface, turn.word("method_only_one", method=label))
    if not among or wish.amount is None:
        return ask_method(turn, wish, *preface, among=among or wish.methods)
    question = turn.word("ask_other_method", amount=wish.amount)
    return ask_method(turn, wish, *preface, among=among, question=question)


# ----------------------------------------------------------------------------------------------------- the quote


def offer(turn: Turn, wish: Wish, *preface: str) -> Events:
    """Says what will happen, before it does. The quote that this conversation holds is used again if it is the same."""
    try:
        quote = _standing(turn, wish) or _new_quote(turn, wish)
    except PaymentUnderWay as error:
        return refuse_second(turn, error.payment_id)
    except (MethodNotUsable, NotFound):
        gone = turn.word("method_not_usable", method=method_label(wish.method, *turn.place) if wish.method else "")
        left = [m for m in wish.methods if m is not wish.method]
        return ask_method(turn, wish.with_method(None), *preface, gone, among=left)
    if wish.method is None:
        return hand_over_link(turn, wish, quote, *preface)
    label = method_label(wish.method, *turn.place, among=wish.methods)
    text = turn.word("quote", amount=quote.amount, method=label, effect=effect_of(turn, wish, quote),
                     email=quote.billing_email, code=quote.reply_code)  # fmt: skip
    turn.say(*preface, text, buttons=_quote_buttons(turn, wish, quote), card=turn.cards.quote(quote, wish.method))
    mark_delivered(turn.session, quote.id, turn.messages[-1]["text"], turn.now)
    return ask(wish, CONFIRMATION)


def _standing(turn: Turn, wish: Wish) -> Quote | None:
    quote = open_quote(turn.session, turn.account_id, turn.now)
    same = quote is not None and (
        quote.sender == turn.principal.sender
        and quote.amount == wish.amount
        and quote.method_id == (wish.method.id if wish.method is not None else None)
        and quote.invoice_id == wish.invoice_id
    )
    return quote if same else None


def _new_quote(turn: Turn, wish: Wish) -> Quote:
    if wish.amount is None:
        raise ValueError("a quote needs an amount")
    return quote_payment(
        turn.session,
        settings=turn.context.settings,
        account_id=turn.account_id,
        amount=wish.amount,
        method_id=wish.method.id if wish.method is not None else None,
        channel=turn.principal.channel if wish.method is not None else "page",
        sender=turn.principal.sender,
        portal_user_id=turn.principal.portal_user_id,
        invoice_id=wish.invoice_id,
        now=turn.now,
    )


def effect_of(turn: Turn, wish: Wish, quote: Quote) -> str:
    """What the amount does: which invoices it pays, what becomes credit, and how long a bank may take."""
    texts = []
    if shares := shares_of(quote):
        texts.append(turn.word("quote_pays", invoices=invoice_phrase(shares, *turn.place)))
    if quote.credit_minor == quote.amount_minor:
        texts.append(turn.word("quote_credit_only"))
    elif quote.credit_minor:
        texts.append(turn.word("quote_credit", credit=Money(quote.credit_minor, quote.currency)))
    if wish.method is not None and wish.method.kind == "bank_debit":
        texts.append(turn.word("quote_debit"))
    return " ".join(texts)


def _quote_buttons(turn: Turn, wish: Wish, quote: Quote) -> list[dict[str, Any]]:
    """Every button carries the quote's id: an old one can only lead to the present quote, never to another charge.

    By text the first one is pressed by the quote's two digits (assistant/texts/compose.py).
    """
    id_ = str(quote.id)
    reply = {"reply": quote.reply_code} if quote.reply_code is not None else {}
    return [
        button(turn.word("button_pay_now", amount=quote.amount), "affirm", quote_id=id_, **reply),
        button(turn.word("button_change_amount"), "inform_amount", quote_id=id_, change="amount"),
        _other_method(turn, wish, quote_id=id_),
        button(turn.word("button_cancel"), "cancel", quote_id=id_),
    ]


def _other_method(turn: Turn, wish: Wish, **data: object) -> dict[str, Any]:
    """Another saved card where there is one; otherwise the only other one is a new card."""
    if not any(wish.method is None or other.id != wish.method.id for other in wish.methods):
        return button(turn.word("button_new_card"), "add_card", method=NEW, **data)
    refused = {"not": str(wish.method.id)} if wish.method is not None else {}
    return button(turn.word("button_other_method"), "choose_method", other=True, **refused, **data)


def hand_over_link(turn: Turn, wish: Wish, quote: Quote, *preface: str) -> Events:
    """A new card goes in on the secure page, which asks for the yes itself: this conversation is free meanwhile."""
    ttl_s = turn.context.settings.quote_ttl_link_s
    token = create_pay_link(
        turn.session,
        account_id=turn.account_id,
        portal_user_id=turn.principal.portal_user_id,
        sender=turn.principal.sender,
        channel=turn.principal.channel,
        language=turn.principal.language,
        purpose="pay",
        quote_id=quote.id,
        now=turn.now,
        ttl_s=ttl_s,
    )
    url = f"{turn.context.settings.public_url.rstrip('/')}/pay/{token}"
    by_keys = turn.principal.channel == "voice" and bool(turn.context.settings.twilio_pay_connector)
    key = "call_quote_new_card" if by_keys else "quote_new_card"
    text = turn.word(key, amount=quote.amount, effect=effect_of(turn, wish, quote), url=url)
    buttons = [button(turn.word("button_change_amount"), "inform_amount", change="amount")]
    if wish.methods:
        buttons.append(button(turn.word("button_saved_method"), "choose_method", other=True))
    turn.say(*preface, text, buttons=[*buttons, _cancel(turn)],
             card=link_card(url, "pay", turn.now + timedelta(seconds=ttl_s)))  # fmt: skip
    mark_delivered(turn.session, quote.id, turn.messages[-1]["text"], turn.now)
    kept = {event["name"]: event["value"] for event in wish.slots()}
    return end(**kept)


def ask_what_to_change(turn: Turn, wish: Wish, *preface: str) -> Events:
    """After a no to the quote, which is void then: a later yes gets a new one read out."""
    buttons = [
        button(turn.word("button_change_amount"), "inform_amount", change="amount"),
        _other_method(turn, wish),
        _cancel(turn),
    ]
    turn.say(*preface, turn.word("quote_refused"), buttons=buttons)
    return ask(wish, CONFIRMATION, {"refused": True})


def withdraw(turn: Turn, cause: str) -> None:
    """The account's open quote can no longer be said yes to, wherever it was read out."""
    actor = f"portal_user:{turn.principal.portal_user_id}"
    void_open_quote(turn.session, turn.account_id, cause=cause, actor=actor, now=turn.now)


def _cancel(turn: Turn) -> dict[str, Any]:
    return button(turn.word("button_cancel"), "cancel")
