"""The secure page's routes. Its link is spent at Pay, not at opening: mail programs and chats open links for previews.

The gateway's own fields take the card number and hand the page a token; the number never comes here.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from flask import Blueprint, Response, g, jsonify, request, send_from_directory
from sqlalchemy.orm import Session

from assistant.dialogue.state import quote_state
from billing.accounts import get_account
from billing.errors import AmountNotPositive, AmountTooLarge, PaymentUnderWay
from billing.models import PayLink
from billing.money import Money
from billing.pay_links import look_up_pay_link
from billing.payments import NewMethod
from billing.quotes import mark_delivered, quote_payment
from webhook import schemas
from webhook.edge import edge
from webhook.errors import Refused
from webhook.guards import anyone, guarded, pay_link
from webhook.page_fields import mandates
from webhook.page_outcome import look_again
from webhook.page_pay import PressedPay, check_owed, consent_sentence, pay_on_page, save_on_page, under_way_refusal
from webhook.page_views import render_page
from webhook.pay_form import read_details, read_page_amount

blueprint = Blueprint("pay_page", __name__, template_folder="templates")

STATIC = Path(__file__).parent / "static"
LONGEST_AGENT = 500  # what a browser calls itself, as far as it is kept with the consent


@blueprint.get("/pay/<token>")
@guarded(
    who=pay_link,
    summary="The secure page",
    answers={200: "text/html"},
    refusals=("link_unknown", "link_expired", "link_spent"),
)
def show(token: str) -> Response:
    shared = edge()
    with shared.context.sessions() as session:
        link = _link(session, token, shared.context.now(), spent_too=True)
        return render_page(session, shared, link)


@blueprint.post("/pay/<token>/quote")
@guarded(
    who=pay_link,
    summary="Quote another amount on the secure page",
    body=schemas.PageQuoteRequest,
    max_body=2_048,
    answers={200: schemas.PageQuote},
    refusals=(
        *("link_unknown", "link_expired", "link_spent", "payment_under_way", "quote_outdated"),
        *("amount_unreadable", "amount_not_positive", "amount_too_large"),
    ),
)
def quote(token: str) -> Response:
    shared, now = edge(), edge().context.now()
    with shared.context.sessions.begin() as session:
        link = _link(session, token, now)
        if link.purpose != "pay":
            raise Refused("link_unknown")
        wanted = read_page_amount(g.body.amount, link.language, get_account(session, link.account_id).currency)
        check_owed(session, link, g.body.owed_minor)
        try:
            made = quote_payment(
                session,
                settings=shared.settings,
                account_id=link.account_id,
                amount=wanted,
                method_id=None,
                channel="page",
                sender=None,  # a yes typed in the chat never means what stands on this page
                portal_user_id=link.portal_user_id,
                now=now,
            )
        except AmountNotPositive:
            raise Refused("amount_not_positive") from None
        except AmountTooLarge as error:
            raise Refused("amount_too_large", limit=Money(error.limit_minor, error.currency)) from None
        except PaymentUnderWay as error:
            raise under_way_refusal(session, shared, link, error.payment_id) from None
        link.quote_id = made.id
        said = consent_sentence(shared, made, link.language)
        mark_delivered(session, made.id, said, now)
        permission = mandates(shared.settings, made, link.language)
        return jsonify({"quote": quote_state(made, None, link.language), "consent": said, "mandates": permission})


@blueprint.post("/pay/<token>")
@guarded(
    who=pay_link,
    summary="Pay, or save address and email of a method",
    body=schemas.PageRequest,
    max_body=8_192,
    answers={200: schemas.PageOutcome},
    refusals=(
        *("link_unknown", "link_expired", "link_spent", "address_wrong", "payment_under_way"),
        *("quote_replaced", "quote_expired", "quote_outdated", "too_many_tries", "gateway_down"),
    ),
)
def submit(token: str) -> Response:
    shared = edge()
    with shared.context.sessions() as session:
        link = _link(session, token, shared.context.now(), spent_too=True)
    if link.purpose == "bank_step":
        raise Refused("link_unknown")
    details = read_details(g.body.address, g.body.email)
    if link.purpose == "edit_method":
        return jsonify(save_on_page(shared, link, details))
    if g.body.token is None or g.body.quote_id is None:
        raise Refused("bad_field", field="token" if g.body.token is None else "quote_id")
    pressed = PressedPay(
        quote_id=g.body.quote_id,
        kind=g.body.method,
        method=NewMethod(g.body.token, details, g.body.save),
        address=request.remote_addr,
        user_agent=(request.user_agent.string or "")[:LONGEST_AGENT] or None,
    )
    return jsonify(pay_on_page(shared, link, pressed))


@blueprint.post("/pay/<token>/outcome")
@guarded(
    who=pay_link,
    summary="How the payment of this page stands, and the step that is left",
    max_body=1_024,
    answers={200: schemas.PageOutcome},
    refusals=("link_unknown",),
)
def outcome(token: str) -> Response:
    shared = edge()
    with shared.context.sessions() as session:
        link = _link(session, token, shared.context.now(), spent_too=True)
    return jsonify(look_again(shared, link))


@blueprint.get("/assets/<name>")
@guarded(who=anyone, summary="Scripts and styles of our pages", answers={200: "*/*"})
def asset(name: str) -> Response:
    response = send_from_directory(STATIC, name)
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _link(session: Session, token: str, now: datetime, *, spent_too: bool = False) -> PayLink:
    """Raises Refused: link_unknown, link_spent, link_expired. A link speaks its own language."""
    link = look_up_pay_link(session, token)
    if link is None:
        raise Refused("link_unknown")
    g.language = link.language
    outlives = link.purpose == "bank_step"  # it says what came of the payment
    if link.spent_at is None and link.expires_at <= now and not outlives:
        raise Refused("link_expired")
    if link.spent_at is not None and not spent_too:
        raise Refused("link_spent")
    return link
