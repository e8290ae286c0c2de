"""The yes. It pays the quote that was last read out to this sender, or says why not and reads out the present one."""

from __future__ import annotations

from rasa_sdk.events import ActiveLoop, EventType, SessionStarted

from actions.balance import offers
from actions.pay_questions import Events, end, proceed, refuse_second
from actions.task import Task
from actions.turn import FORM, Turn, listen, set_slots
from actions.wish import Wish
from assistant.cards import button
from assistant.consent import is_clear_yes
from assistant.outcomes import TRY_AGAIN
from billing.errors import NotFound, PaymentUnderWay, QuoteExpired, QuoteNotOpen, QuoteRefused, TooManyTries
from billing.models import Payment, Quote
from billing.payment_records import get_payment, latest_payment, payment_of_quote
from billing.payment_states import SUCCEEDED
from billing.payments import ConsentGiven, start_payment
from billing.quotes import get_quote, last_delivered, open_quote


class ActionPay(Task):
    called = "action_pay"

    def answer(self, turn: Turn) -> list[EventType]:
        quote = _meant(turn)
        if quote is None:
            return _nothing_to_confirm(turn)
        if quote.state == "consumed" and (payment := payment_of_quote(turn.session, quote.id)):
            return after_payment(turn, payment, turn.word("yes_already"))
        if quote.state == "open" and quote.expires_at > turn.now:
            return self._pay(turn, quote)
        return _read_out_present(turn, quote, quote.state)

    def _pay(self, turn: Turn, quote: Quote) -> Events:
        if quote.method_id is None:
            return _again(turn, quote)  # the yes to a new card is given on the secure page
        if not _is_the_yes(turn, quote):
            return _again(turn, quote, "quote_unsure")
        turn.release()
        try:
            payment = start_payment(self.context, quote.id, _consent(turn, quote))
        except PaymentUnderWay as refusal:
            return refuse_second(turn, refusal.payment_id)
        except TooManyTries as refusal:
            return _too_many_tries(turn, refusal)
        except QuoteRefused as refusal:
            return _refused(turn, quote, refusal)
        return after_payment(turn, payment)


def _is_the_yes(turn: Turn, quote: Quote) -> bool:
    """By text the quote's own two digits and nothing else: a "yes" or a "1" may answer a text of yesterday.

    On the phone the key: what a recogniser has heard pays nothing.
    """
    if quote.reply_code is not None:
        return bool(turn.pressed.get("reply") == quote.reply_code)
    return turn.button is not None or (turn.principal.channel != "voice" and is_clear_yes(turn.text))


def _too_many_tries(turn: Turn, refusal: TooManyTries) -> Events:
    """No bank was asked: says when it can be tried again, and offers a person. An open form would only ask again."""
    person = button(turn.word("button_human"), "human")
    turn.say(turn.word("too_many_tries", until=turn.local(refusal.until)), buttons=[person])
    return end()


def _refused(turn: Turn, quote: Quote, refusal: QuoteRefused) -> Events:
    """Nothing was charged by this yes: the first payment's state is told, or what would be charged now."""
    if isinstance(refusal, QuoteNotOpen) and refusal.payment_id is not None:
        return after_payment(turn, get_payment(turn.session, refusal.payment_id), turn.word("yes_already"))
    if isinstance(refusal, QuoteNotOpen):
        return _read_out_present(turn, quote, refusal.state)
    return _again(turn, quote, "quote_expired" if isinstance(refusal, QuoteExpired) else "quote_changed")


def after_payment(turn: Turn, payment: Payment, *preface: str) -> Events:
    """Says what became of it and begins a new session, so that a long conversation stays as quick as a short one.

    After a decline the amount and the card are kept for another try; `last_messages` is what `repeat` says again.
    """
    turn.outcome(payment, *preface)
    kept: dict[str, object] = {}
    if payment.state in TRY_AGAIN:
        kept = {"payment_amount": str(payment.amount_minor), "payment_whole": turn.slot("payment_whole")}
        if payment.method_id is not None:
            kept["payment_method"] = str(payment.method_id)
    return [SessionStarted(), *set_slots(last_messages=turn.messages, **kept), listen()]


def wish_of(turn: Turn, quote: Quote) -> Wish:
    """The terms of a quote, to be offered again. A method that is gone meanwhile is asked for."""
    methods = turn.methods()
    method = next((m for m in methods if m.id == quote.method_id), None)
    whole = bool(turn.slot("payment_whole")) and turn.slot("payment_amount") == str(quote.amount_minor)
    return Wish(methods, quote.amount, method, quote.method_id is None, quote.invoice_id, whole)


def _meant(turn: Turn) -> Quote | None:
    """A button names its quote; a typed yes means the one last read out in this conversation."""
    if (quote_id := turn.pressed.get("quote_id")) is None:
        return last_delivered(turn.session, turn.principal.sender)
    try:
        quote = get_quote(turn.session, quote_id)
    except NotFound:
        return None
    return quote if quote.account_id == turn.account_id else None


def _consent(turn: Turn, quote: Quote) -> ConsentGiven:
    """What was said and answered, word for word; for a button, the words that stood on it."""
    return ConsentGiven(
        said=quote.said or "",
        answered=turn.text or quote.reply_code or turn.word("button_pay_now", amount=quote.amount),
        channel=turn.principal.channel,
        sender=turn.principal.sender,
        portal_user_id=turn.principal.portal_user_id,
        address=turn.principal.address,
    )


def _read_out_present(turn: Turn, quote: Quote, state: str) -> Events:
    """A yes that came too late: nothing is charged, and what would be charged now is said."""
    present = open_quote(turn.session, turn.account_id, turn.now)
    if present is not None and present.id != quote.id:
        return _again(turn, present, "quote_replaced")
    if state == "void":
        return _nothing_to_confirm(turn)
    return _again(turn, quote, "quote_expired" if quote.expires_at <= turn.now else "quote_changed")


def _again(turn: Turn, quote: Quote, preface: str | None = None) -> Events:
    """Reads out a new quote of the same terms, and puts the form back where it waits for a yes."""
    if (payment := _paid_meanwhile(turn, quote)) is not None:
        return after_payment(turn, payment, turn.word("paid_meanwhile"))
    before = wish_of(turn, quote)
    wish = before.as_of(turn)
    if wish.amount != before.amount:
        preface = "quote_changed"
    events = proceed(turn, wish, *([turn.word(preface)] if preface else []))
    waits = any(event.get("name") == "requested_slot" and event.get("value") for event in events)
    return [ActiveLoop(FORM), *events, listen()] if waits else events


def _paid_meanwhile(turn: Turn, quote: Quote) -> Payment | None:
    """The payment that has paid the whole bill since: a late yes to the bill must not turn into paying ahead."""
    if not quote.allocation or turn.position().outstanding:
        return None
    payment = latest_payment(turn.session, turn.account_id)
    if payment is None or payment.quote_id is None or payment.state != SUCCEEDED:
        return None
    return payment if payment.created_at >= quote.created_at else None


def _nothing_to_confirm(turn: Turn) -> Events:
    """Inside the form its own question follows; outside, paying is offered."""
    turn.say(turn.word("nothing_to_confirm"), buttons=[] if turn.in_form else offers(turn, turn.position()))
    return []
