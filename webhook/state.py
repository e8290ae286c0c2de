"""Where things stand, as a client sees it beside the words: the open quote, and the payment under way or last made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from assistant.cards import Cards, method_of
from billing.models import Payment, PaymentMethod, Quote
from billing.payment_records import latest_payment, payment_under_way
from billing.quotes import open_quote


def state_of(session: Session, account_id: int, language: str, now: datetime) -> dict[str, Any]:
    """`{"quote": … | None, "payment": … | None}` of the account (schemas.State), as JSON."""
    quote = open_quote(session, account_id, now)
    payment = payment_under_way(session, account_id) or latest_payment(session, account_id)
    return {
        "quote": quote_state(session, quote, language) if quote is not None else None,
        "payment": payment_state(session, payment, language) if payment is not None else None,
    }


def quote_state(session: Session, quote: Quote, language: str) -> dict[str, Any]:
    """The quote's card without its type: what a yes would pay now."""
    method = session.get(PaymentMethod, quote.method_id) if quote.method_id is not None else None
    card = Cards(language).quote(quote, method)
    return {"id": card.pop("quote_id")} | {name: value for name, value in card.items() if name != "type"}


def payment_state(session: Session, payment: Payment, language: str) -> dict[str, Any]:
    method = session.get(PaymentMethod, payment.method_id) if payment.method_id is not None else None
    return {
        "reference": payment.reference,
        "quote_id": str(payment.quote_id) if payment.quote_id is not None else None,
        "state": payment.state,
        "amount": Cards(language).amount(payment.amount),
        "method": method_of(method) if method is not None else None,
        "started_at": payment.created_at.isoformat(),
        "decided_at": payment.decided_at.isoformat() if payment.decided_at is not None else None,
    }
