"""What became of a payment, in the one set of sentences that answers, pushes and status questions share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from assistant.cards import Cards, Message, button, method_of
from assistant.wording import invoice_phrase, method_label, say
from billing.models import Payment
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


def outcome_message(session: Session, payment: Payment, language: str, channel: str, now: datetime) -> Message:
    """The payment's present state in words, what can be done next as buttons, and a card.

    An undecided payment is never worded as paid, and a missing answer never as a decline.
    """
    told = receipt(session, payment.id, now.date())
    buttons = []
    if payment.state in TRY_AGAIN:
        buttons = retry_buttons(told, language, channel)
    elif payment.state in OPEN_STATES:
        buttons = [button(say("button_status", language, channel), "payment_status")]
    texts = _succeeded(told, language, channel) if payment.state == SUCCEEDED else [_other(told, language, channel)]
    return {"text": " ".join(texts), "buttons": buttons, "card": outcome_card(told, language)}


def _succeeded(told: Receipt, language: str, channel: str) -> list[str]:
    texts = [
        say(
            "outcome_succeeded",
            language,
            channel,
            amount=told.payment.amount,
            method=label_of(told, language, channel),
            reference=told.payment.reference,
        )
    ]
    if told.shares:
        texts.append(say("outcome_paid", language, channel, invoices=invoice_phrase(told.shares, language, channel)))
    if told.differs_from_quote:
        texts.append(say("outcome_differs", language, channel))
    if told.credit:
        texts.append(say("outcome_credit", language, channel, credit=told.credit))
    return [*texts, say("outcome_balance", language, channel, balance=told.position.balance)]


def _other(told: Receipt, language: str, channel: str) -> str:
    payment = told.payment
    if payment.state == DECLINED:
        return say(declined_key(told), language, channel)
    known = payment.state in TRY_AGAIN | {PROCESSING, REQUIRES_ACTION}
    key = f"outcome_{payment.state}" if known else "outcome_unknown"  # submitting has no answer yet either
    return say(key, language, channel, amount=payment.amount, url=payment.action_url or "")


def declined_key(told: Receipt) -> str:
    """The portal's fixed sentence for cards, another one for bank debits."""
    is_debit = told.method is not None and told.method.kind == "bank_debit"
    return "outcome_declined_debit" if is_debit else "outcome_declined_card"


def retry_buttons(told: Receipt, language: str, channel: str) -> list[dict[str, Any]]:
    """The same card again, another saved one, a new one; the amount stays what it was."""
    amount, method = told.payment.amount.minor, told.method
    buttons = []
    if method is not None and method.state == "active":
        title = say("button_retry", language, channel, method=method_label(method, language, channel))
        buttons.append(button(title, "pay", amount_minor=amount, method=str(method.id)))
    other = {"not": str(method.id)} if method is not None else {}
    buttons.append(
        button(say("button_other_method", language, channel), "choose_method", amount_minor=amount, other=True, **other)
    )
    new_card = say("button_new_card", language, channel)
    return [*buttons, button(new_card, "add_card", amount_minor=amount, method="new")]


def label_of(told: Receipt, language: str, channel: str) -> str:
    """The method's name; a payment that came without one (made elsewhere) is named by its way in."""
    if told.method is None:
        return say("method_unknown", language, channel)
    return method_label(told.method, language, channel)


def outcome_card(told: Receipt, language: str) -> dict[str, Any]:
    cards, payment = Cards(language), told.payment
    if payment.state == REQUIRES_ACTION and payment.action_url:
        expires = payment.next_check_at.isoformat() if payment.next_check_at else None
        return {"type": "link", "url": payment.action_url, "purpose": "pay", "expires_at": expires}
    return {
        "type": "payment",
        "reference": payment.reference,
        "state": payment.state,
        "amount": cards.amount(payment.amount),
        "method": method_of(told.method) if told.method is not None else None,
        **cards.shares(told.shares),
        "balance": cards.amount(told.position.balance),
    }
