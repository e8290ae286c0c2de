"""The payment form: what each message adds or changes, and which question comes next. Nothing is charged here.

A turn of the form is one call: `validate_payment_form` reads the message, says the next question itself and names the
slot it waits for, so that Rasa has nothing left to ask. It returns no event where another rule is to answer: a question
(actions/interruptions.py, after which the form picks up its thread) or the yes to a quote (actions/pay_confirm.py).
"""

from __future__ import annotations

import re
from dataclasses import replace

from rasa_sdk.events import EventType, FollowupAction

from actions.interruptions import INTERRUPTIONS
from actions.pay_questions import (
    Events,
    ask,
    ask_amount,
    ask_method,
    ask_other_amount,
    ask_other_method,
    ask_what_to_change,
    ask_which_amount,
    ask_which_method,
    end,
    offer,
    proceed,
    withdraw,
)
from actions.task import Task
from actions.turn import Turn, set_slots
from actions.wish import AMOUNT, CONFIRMATION, METHOD, Said, Wish, listen_to
from assistant.cards import button
from assistant.consent import begins_with_yes, is_clear_yes, refuses
from assistant.folding import fold
from assistant.later import later_day
from assistant.method_choice import NoSuchMethod, OneOf
from assistant.outcomes import TRY_AGAIN
from billing.models import Quote
from billing.money import Money
from billing.payment_records import latest_payment, payment_of_quote
from billing.quotes import last_delivered

REJECT: Events = []  # another rule answers
HELP_AFTER = 2  # misunderstandings in a row
SURE = 0.7  # below this the classifier's "that is a question" gives way to words that answer ours


class ValidatePaymentForm(Task):
    called = "validate_payment_form"
    resets_misses = False  # an event too many would keep another rule from answering

    def answer(self, turn: Turn) -> list[EventType]:
        asked = turn.slot("requested_slot")
        wish = Wish.of(turn)
        if asked is None:
            wish = _kept(turn, wish)
        if asked == CONFIRMATION and (consumed := _consumed(turn)):
            return _after_payment_elsewhere(turn, consumed)
        if turn.answered_in_between():
            return ask_again(turn, wish, asked)
        events = self._on_message(turn, wish, asked)
        if events and turn.slot("misses") and "misses" not in {event.get("name") for event in events}:
            events = [*events, *set_slots(misses=None)]
        return events

    def _on_message(self, turn: Turn, wish: Wish, asked: str | None) -> Events:
        if turn.intent in _AT_ANY_TIME:
            return _AT_ANY_TIME[turn.intent](turn, wish)
        if turn.intent == "repeat" and asked is not None:
            return ask_again(turn, wish, asked)
        said = listen_to(turn, wish, asked)
        if _names_later_day(turn, said):
            return _now_or_not(turn, wish, said, asked)
        if asked is not None and _is_for_another_rule(turn, wish, said, asked):
            return REJECT
        if said.nothing:
            return _without_news(turn, wish, asked)
        unchanged = asked == CONFIRMATION and not said.card_typed and _is_as_quoted(turn, said, wish)
        return _as_quoted(turn, wish) if unchanged else take_in(turn, wish, said, asked)


def _is_for_another_rule(turn: Turn, wish: Wish, said: Said, asked: str) -> bool:
    """A question, unless the classifier doubts and the words answer ours; or a yes to the quote as it was read out."""
    if turn.intent in INTERRUPTIONS:
        answers = (asked == AMOUNT and said.amount is not None) or (asked == METHOD and said.names_method)
        return not (answers and turn.confidence < SURE)
    if turn.intent != "affirm":
        return False
    return "quote_id" in turn.pressed or (
        asked == CONFIRMATION and not said.nothing and _is_as_quoted(turn, said, wish)
    )


# ------------------------------------------------------------------------------------- what a message can add


def take_in(turn: Turn, wish: Wish, said: Said, asked: str | None, *told: str) -> Events:
    """An amount, a method, or what is wrong or unclear about either. The rest of the form is kept."""
    preface = [*told, turn.word("card_number_removed")] if said.card_typed else list(told)
    if said.problem is not None:
        return ask_again(turn, wish, asked, *preface, said.problem)
    if said.candidates:
        return ask_which_amount(turn, wish, said.candidates, *preface)
    wish = said.added_to(wish, turn)
    if isinstance(said.method, OneOf):
        withdraw(turn, "changes_method")
        which = ask_other_method if said.method.instead else ask_which_method
        return which(turn, wish.with_method(None), said.method.methods, *preface)
    if isinstance(said.method, NoSuchMethod):
        return ask_method(turn, wish.with_method(None), *preface, turn.word("method_not_understood"))
    return proceed(turn, wish, *preface)


def _names_later_day(turn: Turn, said: Said) -> bool:
    """ "50 on nov 30", "yes, on friday". A question that names a day stays one unless it brings an amount or a card."""
    if turn.button is not None or later_day(turn.text) is None:
        return False
    return turn.intent not in INTERRUPTIONS or (turn.intent == "not_offered" and not said.nothing)


def _now_or_not(turn: Turn, wish: Wish, said: Said, asked: str | None) -> Events:
    """The day is never dropped in silence: payments are made at once, so that is said before anything is asked."""
    now = turn.word("pays_now_only")
    if turn.intent == "deny" and said.nothing and asked is not None:
        return _no(turn, wish, asked, now)
    return ask_again(turn, wish, asked, now) if said.nothing else take_in(turn, wish, said, asked, now)


def _is_as_quoted(turn: Turn, said: Said, wish: Wish) -> bool:
    """ "Yes, 452.10" and "yes, the visa" are a yes if that is what was read out; anything else is a correction."""
    changed = said.added_to(wish, turn)
    settled = not said.problem and not said.candidates and not isinstance(said.method, OneOf | NoSuchMethod)
    return settled and (changed.amount, changed.method, changed.new_card) == (wish.amount, wish.method, wish.new_card)


def _as_quoted(turn: Turn, wish: Wish) -> Events:
    """Amount and card as they were read out: with a clear yes before them it is one, whatever it was taken for."""
    refused = (turn.slot("choices") or {}).get("refused")
    if not refused and begins_with_yes(turn.text) and is_clear_yes(turn.text):
        return [*ask(wish, CONFIRMATION), FollowupAction("action_pay")]
    return proceed(turn, wish, turn.word("quote_same"))


# ------------------------------------------------------------------- messages that name neither amount nor method


def _without_news(turn: Turn, wish: Wish, asked: str | None) -> Events:  # noqa: PLR0911  (one answer a case)
    match turn.intent, asked:
        case "affirm", str(slot):
            return _yes(turn, wish, slot)
        case "deny", str(slot):
            return _no(turn, wish, slot)
        case "unsure", str(slot) if slot == CONFIRMATION:
            return offer(turn, wish, turn.word("quote_unsure"))
        case "inform_amount", _:
            withdraw(turn, "changes_amount")
            if asked is None and wish.amount is None and "change" not in turn.pressed:
                return ask_amount(turn, wish)
            already = asked == AMOUNT and turn.slot("choices") and "change" not in turn.pressed
            return _not_understood(turn, wish, AMOUNT) if already else ask_other_amount(turn, wish)
        case "choose_method", _:
            withdraw(turn, "changes_method")
            return ask_method(turn, wish.with_method(None))
        case "pay" | "nlu_fallback" | "out_of_scope", str(slot) if refuses(turn.text):
            return _no(turn, wish, slot)
        case "pay" | "add_card" | "unsure", _:
            return proceed(turn, wish) if asked is None else ask_again(turn, wish, asked)
        case _, None:
            return proceed(turn, wish)
    return _not_understood(turn, wish, str(asked))


def _yes(turn: Turn, wish: Wish, asked: str) -> Events:
    """To the quote it goes on to the payment; to another question it takes what was proposed, if that was one thing."""
    choices = turn.slot("choices") or {}
    if asked == CONFIRMATION:
        return offer(turn, wish) if choices.get("refused") else REJECT
    if asked == METHOD:
        offered = [m for m in wish.methods if m.id in choices.get("methods", [])]
        if len(offered) == 1:
            return proceed(turn, wish.with_method(offered[0]))
        return ask_again(turn, wish, asked)
    position = turn.position()
    amounts = choices.get("amounts") or [] if choices else [position.outstanding.minor]
    if len(amounts) == 1 and amounts[0]:
        money = Money(amounts[0], position.outstanding.currency)
        return proceed(turn, Said(amount=money).added_to(wish, turn))
    return ask_again(turn, wish, asked)


def _no(turn: Turn, wish: Wish, asked: str, *preface: str) -> Events:
    if asked == CONFIRMATION:
        withdraw(turn, "refused")
        return ask_what_to_change(turn, wish, *preface)
    return ask_other_amount(turn, wish, *preface) if asked == AMOUNT else ask_again(turn, wish, asked, *preface)


def _not_understood(turn: Turn, wish: Wish, asked: str) -> Events:
    """The question again with an example; after two in a row, help and a person."""
    misses = int(turn.slot("misses") or 0) + 1
    beside_the_point = turn.intent == "out_of_scope" and asked == CONFIRMATION
    words = [turn.word("out_of_scope")] if beside_the_point else _miss_words(turn, asked)
    if misses >= HELP_AFTER:
        words = [turn.word("offer_help")]
    events = ask_again(turn, wish, asked, *words)
    if misses >= HELP_AFTER:
        turn.add_buttons(button(turn.word("button_help"), "help"), button(turn.word("button_human"), "human"))
    return [*events, *set_slots(misses=misses)]


def _miss_words(turn: Turn, asked: str | None) -> list[str]:
    keys = {AMOUNT: "amount_not_understood", METHOD: "method_not_understood", CONFIRMATION: "yes_not_understood"}
    return [turn.word(keys[asked])] if asked in keys else []


# -------------------------------------------------------------------------------------- picking up the thread


def ask_again(turn: Turn, wish: Wish, asked: str | None, *preface: str) -> Events:
    """The pending question, as it was: after an answer in between, a refused amount, or words that said nothing."""
    choices = turn.slot("choices") or {}
    if asked == METHOD:
        among = [m for m in wish.methods if m.id in choices.get("methods", [])]
        return ask_method(turn, wish, *preface, among=among)
    if asked == CONFIRMATION and choices.get("refused"):
        return ask_what_to_change(turn, wish, *preface)
    if asked == AMOUNT and choices.get("other"):
        return ask_other_amount(turn, wish, *preface)
    if asked == AMOUNT and choices.get("amounts"):
        currency = turn.position().outstanding.currency
        return ask_which_amount(turn, wish, [Money(minor, currency) for minor in choices["amounts"]], *preface)
    if asked == AMOUNT:
        return ask_amount(turn, wish, *preface)
    now = wish.as_of(turn)
    changed = [turn.word("quote_changed")] if now.amount != wish.amount else []
    return proceed(turn, now, *changed, *preface)


def _give_up(turn: Turn, _: Wish) -> Events:
    withdraw(turn, "cancelled")
    turn.say(turn.word("cancelled_goodbye" if turn.intent == "goodbye" else "cancelled"))
    return end()


def _start_over(turn: Turn, wish: Wish) -> Events:
    withdraw(turn, "start_over")
    return proceed(turn, Wish(wish.methods), turn.word("start_over"))


_AT_ANY_TIME = {"cancel": _give_up, "goodbye": _give_up, "start_over": _start_over}


# ------------------------------------------------------------------------------------ payments made meanwhile


def _consumed(turn: Turn) -> Quote | None:
    """The quote that this conversation heard last, if somebody has said yes to it."""
    quote = last_delivered(turn.session, turn.principal.sender)
    return quote if quote is not None and quote.state == "consumed" else None


_AGAIN = re.compile(
    r"\b(?:again|re-?try\w*|once more|another (?:try|go|shot)|re-?essa\w+|essa\w+ encore|encore|(?:de|a) nouveau)\b"
)


def _kept(turn: Turn, wish: Wish) -> Wish:
    """What an earlier wish still means: nothing once it was paid; "try again" means the try that failed, however late
    that was known (a bank can take days, and by then the conversation has begun anew).
    """
    if _was_paid(turn):
        return Wish(wish.methods)
    if wish.amount is not None or turn.intent != "pay" or not _AGAIN.search(fold(turn.text).text):
        return wish
    failed = latest_payment(turn.session, turn.account_id)
    if failed is None or failed.state not in TRY_AGAIN or failed.quote_id is None:
        return wish
    method = next((m for m in wish.methods if m.id == failed.method_id), None)
    return replace(wish, amount=failed.amount, method=method, new_card=failed.method_id is None)


def _was_paid(turn: Turn) -> bool:
    """What was kept of an earlier wish stays for another try after a decline; what was paid is not proposed again."""
    heard = last_delivered(turn.session, turn.principal.sender)
    payment = latest_payment(turn.session, turn.account_id)
    if heard is None or heard.delivered_at is None or payment is None:
        return False
    return payment.created_at >= heard.delivered_at and payment.state not in TRY_AGAIN


def _after_payment_elsewhere(turn: Turn, consumed: Quote) -> Events:
    """The quote in hand was paid on the secure page or by another click: this form has nothing left to ask."""
    if turn.answered_in_between():
        return end()
    if turn.intent in INTERRUPTIONS or turn.intent == "affirm":
        return REJECT
    payment = payment_of_quote(turn.session, consumed.id)
    if payment is not None:
        turn.outcome(payment)
    return end()
