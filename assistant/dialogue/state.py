"""Where things stand, as a client sees it beside the words: the open quote, and the payment under way or last made."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, Table, and_, bindparam, select
from sqlalchemy.orm import Session

from assistant.cards import Cards, method_of
from assistant.models import ChatSession
from assistant.wording import MethodLike
from billing.models import Payment, PaymentMethod, Quote
from billing.money import Money
from billing.payment_states import NOT_ATTEMPTED, OPEN_STATES

_chats, _quotes, _payments, _methods = (
    cast("Table", model.__table__).c for model in (ChatSession, Quote, Payment, PaymentMethod)
)
_shown_payment = (
    select(_payments.id)
    .where(_payments.account_id == _chats.account_id, _payments.state != NOT_ATTEMPTED)
    .order_by(_payments.state.in_(OPEN_STATES).desc(), _payments.created_at.desc(), _payments.id.desc())
    .limit(1)
    .correlate(ChatSession.__table__)
    .scalar_subquery()
)
_open_quote = and_(
    _quotes.account_id == _chats.account_id, _quotes.state == "open", _quotes.expires_at > bindparam("now")
)
# Every turn ends with it, so it is one statement, built once, and without the mapper.
_STATE = (
    select(
        _chats.language,
        _quotes.id.label("open_quote_id"),
        *(_payments[name] for name in ("reference", "quote_id", "state", "amount_minor", "currency")),
        *(_payments[name] for name in ("created_at", "decided_at")),
        *(_methods[name] for name in ("kind", "brand", "last4")),
    )
    .select_from(
        cast("Table", ChatSession.__table__)
        .outerjoin(cast("Table", Quote.__table__), _open_quote)
        .outerjoin(cast("Table", Payment.__table__), _payments.id == _shown_payment)
        .outerjoin(cast("Table", PaymentMethod.__table__), _methods.id == _payments.method_id)
    )
    .where(_chats.sender == bindparam("sender"))
)


def language_and_state(session: Session, sender: str, now: datetime) -> tuple[str, dict[str, Any]]:
    """The conversation's language, and `{"quote": … | None, "payment": … | None}` of its account (schemas.State)."""
    row = session.execute(_STATE, {"sender": sender, "now": now}).one()
    quote = session.get_one(Quote, row.open_quote_id) if row.open_quote_id is not None else None
    method = session.get(PaymentMethod, quote.method_id) if quote is not None and quote.method_id is not None else None
    return row.language, {
        "quote": quote_state(quote, method, row.language) if quote is not None else None,
        "payment": _payment_state(row) if row.reference is not None else None,
    }


def quote_state(quote: Quote, method: PaymentMethod | None, language: str) -> dict[str, Any]:
    """The quote's card without its type: what a yes would pay now."""
    card = Cards(language).quote(quote, method)
    return {"id": card.pop("quote_id")} | {name: value for name, value in card.items() if name != "type"}


def _payment_state(row: Row[Any]) -> dict[str, Any]:
    return {
        "reference": row.reference,
        "quote_id": str(row.quote_id) if row.quote_id is not None else None,
        "state": row.state,
        "amount": Cards(row.language).amount(Money(row.amount_minor, row.currency)),
        "method": method_of(cast("MethodLike", row)) if row.last4 is not None else None,
        "started_at": row.created_at.isoformat(),
        "decided_at": row.decided_at.isoformat() if row.decided_at is not None else None,
    }
