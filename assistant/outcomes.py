"""What became of a payment, in the one set of sentences that answers, pushes and status questions share."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.cards import Cards, Message, button, link_card, method_of
from assistant.wording import invoice_phrase, method_label, reference_of, say
from billing.accounts import usable_methods
from billing.config import Settings
from billing.models import Consent, Payment
from billing.pay_links import create_pay_link, pay_url
from billing.payment_states import (
    CANCELED,
    DECLINED,
    NOT_ATTEMPTED,
    OPEN_STATES,
    PROCESSING,
    REQUIRES_ACTION,
    SUCCEEDED,
)
from billing.receipts import Receipt, receipt

TRY_AGAIN = frozenset({DECLINED, NOT_ATTEMPTED, CANCELED})  # nothing was charged: the amount is kept


def outcome_message(
    session: Session, payment: Payment, language: str, channel: str, now: datetime, settings: Settings
) -> Message:
    """The payment's present state in words, what can be done next as buttons, and a card.

    An undecided payment is never worded as paid, and a missing answer never as a decline. A step that is left to do at
    the bank gets a link; where that leads to our own page it is a new one each time, so the caller has to commit it.
    """
    told = receipt(session, payment.id, now.date())
    buttons = []
    if payment.state in TRY_AGAIN:
        buttons = retry_buttons(session, told, language, channel)
    elif payment.state in OPEN_STATES:
        buttons = [button(say("button_status", language, channel), "payment_status")]
    if payment.state == REQUIRES_ACTION:
        return _step(session, told, language, channel, now, settings) | {"buttons": buttons}
    texts = (
        _succeeded(told, language, channel) if payment.state == SUCCEEDED else [unpaid_words(told, language, channel)]
    )
    return {"text": " ".join(texts), "buttons": buttons, "card": outcome_card(told, language)}


def _step(
    session: Session, told: Receipt, language: str, channel: str, now: datetime, settings: Settings
) -> dict[str, Any]:
    """Words and card of a payment that waits for the customer. Left undone, it is cancelled when the link ends."""
    payment = told.payment
    until = payment.created_at + timedelta(seconds=settings.action_required_ttl_s)
    url = payment.action_url
    if url is None and channel != "page":  # the page has the button itself
        url = _step_link(session, payment, language, channel, now, until, settings)
    text = say("outcome_requires_action", language, channel, amount=payment.amount, url=url or "")
    return {"text": text, "card": link_card(url, "bank_step", until) if url is not None else None}


def _step_link(
    session: Session,
    payment: Payment,
    language: str,
    channel: str,
    now: datetime,
    until: datetime,
    settings: Settings,
) -> str:
    """Our own page, where the gateway's script leads through the bank's step. Bound to the payment by its quote."""
    asked_by = session.scalar(select(Consent.portal_user_id).where(Consent.quote_id == payment.quote_id))
    token = create_pay_link(
        session,
        account_id=payment.account_id,
        portal_user_id=asked_by,
        sender=payment.sender,
        channel=channel,
        language=language,
        purpose="bank_step",
        quote_id=payment.quote_id,
        now=now,
        ttl_s=max(0, int((until - now).total_seconds())),
    )
    return pay_url(settings.public_url, token)


def _succeeded(told: Receipt, language: str, channel: str) -> list[str]:
    texts = [
        say(
            "outcome_succeeded",
            language,
            channel,
            amount=told.payment.amount,
            method=label_of(told, language, channel),
            reference=reference_of(told.payment.reference, channel),
        )
    ]
    if told.shares and (channel != "voice" or told.differs_from_quote):  # the ear has heard it in the quote
        texts.append(say("outcome_paid", language, channel, invoices=invoice_phrase(told.shares, language, channel)))
    if told.differs_from_quote:
        texts.append(say("outcome_differs", language, channel))
    if told.credit:
        texts.append(say("outcome_credit", language, channel, credit=told.credit))
    return [*texts, say("outcome_balance", language, channel, balance=told.position.balance)]


def unpaid_words(told: Receipt, language: str, channel: str) -> str:
    """What is said of a payment that has not succeeded; a step at the bank has words and a link of its own."""
    payment = told.payment
    if payment.state == DECLINED:
        return say(declined_key(told), language, channel)
    if payment.state == PROCESSING and is_debit(told):
        return say("outcome_processing_debit", language, channel, amount=payment.amount)
    known = payment.state in TRY_AGAIN | {PROCESSING}
    key = f"outcome_{payment.state}" if known else "outcome_unknown"  # submitting has no answer yet either
    return say(key, language, channel, amount=payment.amount)


def is_debit(told: Receipt) -> bool:
    return told.method is not None and told.method.kind == "bank_debit"


def declined_key(told: Receipt) -> str:
    """The portal's fixed sentence for cards, another one for bank debits."""
    return "outcome_declined_debit" if is_debit(told) else "outcome_declined_card"


def retry_buttons(session: Session, told: Receipt, language: str, channel: str) -> list[dict[str, Any]]:
    """The same card again, another saved one if there is one, a new one; the amount stays what it was."""
    amount, method = told.payment.amount.minor, told.method
    buttons = []
    if method is not None and method.state == "active":
        title = say("button_retry", language, channel, method=method_label(method, language, channel))
        buttons.append(button(title, "pay", amount_minor=amount, method=str(method.id)))
    saved = usable_methods(session, told.payment.account_id, told.payment.gateway)
    if any(method is None or other.id != method.id for other in saved):
        refused = {"not": str(method.id)} if method is not None else {}
        title = say("button_other_method", language, channel)
        buttons.append(button(title, "choose_method", amount_minor=amount, other=True, **refused))
    new_card = say("button_new_card", language, channel)
    return [*buttons, button(new_card, "add_card", amount_minor=amount, method="new")]


def label_of(told: Receipt, language: str, channel: str) -> str:
    """The method's name; a payment that came without one (made elsewhere) is named by its way in."""
    if told.method is None:
        return say("method_unknown", language, channel)
    return method_label(told.method, language, channel)


def outcome_card(told: Receipt, language: str) -> dict[str, Any]:
    cards, payment = Cards(language), told.payment
    return {
        "type": "payment",
        "reference": payment.reference,
        "state": payment.state,
        "amount": cards.amount(payment.amount),
        "method": method_of(told.method) if told.method is not None else None,
        **cards.shares(told.shares),
        "balance": cards.amount(told.position.balance),
    }
