"""The account of a chat session as a billing portal's dashboard shows it: one answer, cheap to ask for again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from sqlalchemy.orm import Session

from assistant.cards import Cards, method_of
from assistant.documents.links import LIFE_S, DocumentLink, document_url
from assistant.wording import method_label, say
from billing.accounts import get_account, position, usable_methods
from billing.invoices import REACHES_BACK, HistoryLine, history, open_invoices
from billing.models import Payment, PaymentMethod
from billing.payment_records import latest_accepted, payment_under_way
from webhook import schemas
from webhook.documents import wanted_language
from webhook.edge import edge
from webhook.guards import account_reader, guarded

blueprint = Blueprint("account", __name__)

CHANNEL = "page"
# Links of one answer and the next are the same for this long, so that "nothing new" can be said of the whole answer.
SAME_LINKS_S = 300


@blueprint.get("/api/account")
@guarded(
    who=account_reader,
    summary="Balance, payment methods and 24 months of history, in the session's language or in ?lang=",
    answers={200: schemas.AccountView},
    refusals=("bad_field",),
)
def account() -> Response:
    """With the ETag of an earlier answer in If-None-Match: 304 while nothing has changed."""
    view = _View(wanted_language(), edge().context.now())
    with edge().context.sessions() as session:
        response = jsonify(view.of(session, g.principal.account_id))
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response


class _View:
    """Builds the answer for one reader."""

    def __init__(self, language: str, now: datetime) -> None:
        self.language, self.now = language, now
        self.cards, self.settings = Cards(language), edge().settings
        started = int(now.timestamp()) // SAME_LINKS_S * SAME_LINKS_S
        self.links_until = datetime.fromtimestamp(started, now.tzinfo) + timedelta(seconds=SAME_LINKS_S + LIFE_S)

    def of(self, session: Session, account_id: int) -> dict[str, Any]:
        account, today = get_account(session, account_id), self.settings.local(self.now).date()
        stands = position(session, account_id, today)
        methods = usable_methods(session, account_id, edge().context.gateway.name)
        due = [invoice.due_on for invoice in open_invoices(session, account_id)] if stands.outstanding else []
        lines = history(session, account_id, today - REACHES_BACK, self.settings.local)
        return {
            "account": {"number": account.number, "name": account.name},
            "language": self.language,
            "as_of": _iso(today),
            "balance": self.cards.amount(stands.balance),
            "past_due": self.cards.amount(stands.past_due),
            "past_due_since": _iso(min((day for day in due if day < today), default=None)),
            "next_due": _iso(min((day for day in due if day >= today), default=None)),
            "open_invoices": stands.open_count,
            "under_way": self._payment(session, payment_under_way(session, account_id)),
            "last_payment": self._payment(session, latest_accepted(session, account_id)),
            "auto_pay": {"status": "off"},
            "payment_methods": [self._method(method, methods) for method in methods],
            "billing_address": dict(account.billing_address),
            "transactions": [self._transaction(line) for line in lines],
            "links_until": self.links_until.isoformat(),
        }

    def _payment(self, session: Session, payment: Payment | None) -> dict[str, Any] | None:
        if payment is None:
            return None
        method = session.get(PaymentMethod, payment.method_id) if payment.method_id is not None else None
        return {
            "reference": payment.reference,
            "on": _iso(self.settings.local(payment.decided_at or payment.created_at).date()),
            "amount": self.cards.amount(payment.amount),
            "state": payment.state,
            "method": self._method(method) if method is not None else None,
            "pdf": self._link("receipt", payment.id if payment.captured_minor else None),
        }

    def _method(self, method: PaymentMethod, among: Sequence[PaymentMethod] = ()) -> dict[str, Any]:
        expires = f"{method.exp_month:02}/{method.exp_year}" if method.exp_month and method.exp_year else None
        text = method_label(method, self.language, CHANNEL, among=among)
        return {**method_of(method), "expires": expires, "text": text}

    def _transaction(self, line: HistoryLine) -> dict[str, Any]:
        return {
            "on": _iso(line.on),
            "kind": line.kind,
            "label": line.label,
            "amount": self.cards.amount(line.amount),
            "state": line.state,
            "state_text": say(f"state_{line.state}", self.language, CHANNEL),
            "due": _iso(line.due_on),
            "pdf": self._link("invoice" if line.kind == "invoice" else "receipt", line.document_id),
        }

    def _link(self, kind: Any, identity: int | None) -> str | None:
        if identity is None:
            return None
        return document_url(self.settings, DocumentLink(kind, identity, self.language, self.links_until))


def _iso(day: Any) -> str | None:
    return day.isoformat() if day is not None else None
