"""What the secure page shows when it opens, and what it is allowed to do. Opening makes no quote: that would take the
one of the chat away; the page's script asks for its own."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, make_response, render_template
from sqlalchemy.orm import Session

from assistant.cards import Cards
from assistant.dialogue.failures import under_way_words
from assistant.outcomes import TRY_AGAIN, outcome_message
from assistant.wording import method_label, say
from billing.accounts import get_account, position, top_user
from billing.methods import get_method
from billing.models import PayLink, Payment, Quote
from billing.payment_records import payment_of_quote, payment_under_way
from billing.payment_states import REQUIRES_ACTION
from webhook.edge import Edge
from webhook.errors import Refused
from webhook.page_fields import fields_view, offered_debits
from webhook.page_policy import page_headers, stripe_is_on
from webhook.pay_form import REGIONS


def render_page(session: Session, shared: Edge, link: PayLink) -> Response:
    """The page of a link that is good, or the word on what it was used for. Raises Refused(link_spent)."""
    if link.spent_at is not None or link.purpose == "bank_step":
        return _page(shared, "spent.html", link, **_what_became_of(session, shared, link))
    if link.purpose == "edit_method":
        return _page(shared, "edit.html", link, **_edit_view(session, link))
    return _page(shared, "pay.html", link, **_pay_view(session, shared, link))


def _what_became_of(session: Session, shared: Edge, link: PayLink) -> dict[str, Any]:
    """The words, and the step that is left: at the bank's own page, or on ours at the press of a button."""
    payment = payment_of_quote(session, link.quote_id) if link.quote_id is not None else None
    if payment is None:
        raise Refused("link_spent")
    view: dict[str, Any] = {"said": said_of(session, shared, link, payment)}
    if payment.state == REQUIRES_ACTION:
        view["bank"] = payment.action_url
        if payment.action_url is None and stripe_is_on(shared.settings):
            view["fields"] = fields_view(shared.settings, link.language, payment.currency)
    return view


def said_of(session: Session, shared: Edge, link: PayLink, payment: Payment) -> str:
    """How a payment stands, in the page's words."""
    return str(outcome_message(session, payment, link.language, "page", shared.context.now(), shared.settings)["text"])


def _pay_view(session: Session, shared: Edge, link: PayLink) -> dict[str, Any]:
    account = get_account(session, link.account_id)
    outstanding = position(session, account.id, shared.context.now().date()).outstanding
    linked = session.get(Quote, link.quote_id) if link.quote_id is not None else None
    earlier = payment_of_quote(session, linked.id) if linked is not None else None
    under_way = payment_under_way(session, account.id)
    notice, proposed = None, outstanding if linked is None else linked.amount
    if under_way is not None:
        notice = under_way_words(shared.settings, under_way, link.language, "page")
    elif earlier is not None and earlier.state not in TRY_AGAIN:
        notice, proposed = said_of(session, shared, link, earlier), outstanding
    elif linked is not None and linked.state in ("replaced", "void"):
        notice, proposed = say("error_quote_replaced", link.language, "page"), outstanding
    return {
        "notice": notice,
        "blocked": under_way is not None,
        "proposed": str(proposed.decimal) if proposed else "",
        "currency": account.currency,
        "owed": Cards(link.language).amount(outstanding),
        "address": account.billing_address,
        "email": linked.billing_email if linked is not None else top_user(session, account.id).email,
        "fields": fields_view(shared.settings, link.language, account.currency),
        "debits": offered_debits(shared.settings, account.currency),
    }


def _edit_view(session: Session, link: PayLink) -> dict[str, Any]:
    method = get_method(session, link.account_id, link.method_id or 0)
    return {
        "method": method_label(method, link.language, "page"),
        "address": method.billing_address or get_account(session, link.account_id).billing_address,
        "email": method.billing_email or top_user(session, link.account_id).email,
    }


def _page(shared: Edge, template: str, link: PayLink, **view: Any) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = render_template(
        template,
        nonce=nonce,
        language=link.language,
        company=shared.settings.company_name,
        contact=shared.settings.company_contact,
        regions=REGIONS,
        **view,
    )
    response = make_response(html)
    response.headers.update(page_headers(shared.settings, nonce, fields="fields" in view))
    return response
