"""Where things stand, as a client sees it beside the words: the open quote, and the payment under way or last made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session, aliased

from assistant.cards import Cards, method_of
from assistant.models import ChatSession
from billing.models import Payment, PaymentMethod, Quote
from billing.payment_states import NOT_ATTEMPTED, OPEN_STATES

_QuoteMethod = aliased(PaymentMethod)
_shown_payment = (
    select(Payment.id)
    .where(Payment.account_id == ChatSession.account_id, Payment.state != NOT_ATTEMPTED)
    .order_by(Payment.state.in_(OPEN_STATES).desc(), Payment.created_at.desc(), Payment.id.desc())
    .limit(1)
    .correlate(ChatSession)
    .scalar_subquery()
)
# Every turn ends with it, so it is one statement, built once.
_STATE = (
    select(ChatSession.language, Quote, _QuoteMethod, Payment, PaymentMethod)
    .select_from(ChatSession)
    .outerjoin(
        Quote,
        and_(Quote.account_id == ChatSession.account_id, Quote.state == "open", Quote.expires_at > bindparam("now")),
    )
    .outerjoin(_QuoteMethod, _QuoteMethod.id == Quote.method_id)
    .outerjoin(Payment, Payment.id == _shown_payment)
    .outerjoin(PaymentMethod, PaymentMethod.id == Payment.method_id)
    .where(ChatSession.sender == bindparam("sender"))
)


def language_and_state(session: Session, sender: str, now: datetime) -> tuple[str, dict[str, Any]]:
    """The conversation's language, and `{"quote": … | None, "payment": … | None}` of its account (schemas.State)."""
    language, quote, quote_method, payment, method = session.execute(_STATE, {"sender": sender, "now": now}).one()
    return language, {
        "quote": quote_state(quote, quote_method, language) if quote is not None else None,
        "payment": _payment_state(payment, method, language) if payment is not None else None,
    }


def quote_state(quote: Quote, method: PaymentMethod | None, language: str) -> dict[str, Any]:
    """The quote's card without its type: what a yes would pay now."""
    card = Cards(language).quote(quote, method)
    return {"id": card.pop("quote_id")} | {name: value for name, value in card.items() if name != "type"}


def _payment_state(payment: Payment, method: PaymentMethod | None, language: str) -> dict[str, Any]:
    return {
        "reference": payment.reference,
        "quote_id": str(payment.quote_id) if payment.quote_id is not None else None,
        "state": payment.state,
        "amount": Cards(language).amount(payment.amount),
        "method": method_of(method) if method is not None else None,
        "started_at": payment.created_at.isoformat(),
        "decided_at": payment.decided_at.isoformat() if payment.decided_at is not None else None,
    }
