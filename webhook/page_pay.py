"""Pay and Save on the secure page: the link is spent, the quote charged, the outcome said on the page.

The conversation hears the outcome of a payment from the worker, since the page may be read by nobody any more.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from assistant.cards import Cards
from assistant.delivery.push import push
from assistant.dialogue.failures import under_way_words
from assistant.wording import invoice_lines, method_label, say
from billing.accounts import lock_account, position
from billing.errors import (
    GatewayError,
    GatewayRejected,
    NotFound,
    PaymentUnderWay,
    QuoteExpired,
    QuoteNotOpen,
    QuoteOutdated,
    TooManyTries,
)
from billing.gateways.base import BillingDetails
from billing.methods import get_method, update_method_details
from billing.models import PayLink, Payment, Quote
from billing.money import Money
from billing.pay_links import give_back_pay_link, spend_pay_link
from billing.payment_records import get_payment, payment_of_quote
from billing.payments import ConsentGiven, NewMethod, start_payment
from billing.quotes import get_quote, shares_of
from webhook.edge import Edge
from webhook.errors import Refused
from webhook.page_fields import CARD, check_token, mandate_text
from webhook.page_outcome import outcome_of, outcome_with_step


@dataclass(frozen=True, slots=True)
class PressedPay:
    """One press of Pay. `kind` is card, acss_debit or us_bank_account; `address` and `user_agent` say from where."""

    quote_id: uuid.UUID
    kind: str
    method: NewMethod
    address: str | None
    user_agent: str | None


def pay_on_page(shared: Edge, link: PayLink, pressed: PressedPay) -> dict[str, Any]:
    """Charges the quote that the page showed (schemas.PageOutcome). A decline is an outcome, not an error.

    Raises Refused (bad_field, link_spent, quote_…, payment_under_way) before anything is charged; the link stays good.
    """
    with shared.context.sessions.begin() as session:
        quoted = _quote_of(session, link, pressed.quote_id)
        check_token(shared.settings, pressed.method.token, pressed.kind, quoted.currency)
        if not spend_pay_link(session, link.id, shared.context.now()):
            if (payment := payment_of_quote(session, quoted.id)) is not None:
                return outcome_of(session, shared, link, payment)  # pressed twice: the same answer twice
            raise Refused("link_spent")
        given = ConsentGiven(
            said=consent_sentence(shared, quoted, link.language),
            answered=say("pay_page_answered", link.language, "page"),
            channel="page",
            sender=link.sender,
            portal_user_id=link.portal_user_id,
            mandate_text=_mandate(shared, quoted, link, pressed),
            address=pressed.address,
            user_agent=pressed.user_agent,
        )
    try:
        payment = start_payment(shared.context, quoted.id, given, pressed.method)
    except (QuoteNotOpen, QuoteExpired, QuoteOutdated, PaymentUnderWay, TooManyTries) as refused:
        payment = _paid_already(shared, link, refused)
    shared.metrics.payments.labels(payment.state).inc()
    with shared.context.sessions.begin() as session:
        session.get_one(PayLink, link.id).quote_id = quoted.id
    return outcome_with_step(shared, link, payment)


def check_owed(session: Session, link: PayLink, shown_minor: int) -> None:
    """Is what the page shows as owed still so? Else a bill paid meanwhile would be paid once more, as credit.

    Raises Refused(quote_outdated) with the new figures. The account stays locked until the quote is made.
    """
    lock_account(session, link.account_id)
    if position(session, link.account_id, link.created_at.date()).outstanding.minor != shown_minor:
        raise _replaced(session, link, "quote_outdated")


def _mandate(shared: Edge, quoted: Quote, link: PayLink, pressed: PressedPay) -> str | None:
    if pressed.kind == CARD:
        return None
    return mandate_text(shared.settings, quoted, link.language, pressed.kind, save=pressed.method.save)


def _quote_of(session: Session, link: PayLink, quote_id: uuid.UUID) -> Quote:
    """The quote that the page shows. Another account's, or one for a saved card, is none of this page's."""
    try:
        found = get_quote(session, quote_id)
    except NotFound:
        raise _replaced(session, link) from None
    if found.account_id != link.account_id or found.method_id is not None:
        raise _replaced(session, link)
    return found


def _paid_already(shared: Edge, link: PayLink, refused: Exception) -> Payment:
    """The payment that this very quote has made (the same quote on two pages), or the reason why there is none."""
    with shared.context.sessions.begin() as session:
        if isinstance(refused, QuoteNotOpen) and refused.payment_id is not None:
            return get_payment(session, refused.payment_id)
        give_back_pay_link(session, link.id)
        match refused:
            case PaymentUnderWay(payment_id=payment_id):
                answer = under_way_refusal(session, shared, link, payment_id)
            case TooManyTries(until=until):
                answer = too_many_refusal(shared, link, until)
            case QuoteExpired():
                answer = Refused("quote_expired")
            case QuoteOutdated():
                answer = _replaced(session, link, "quote_outdated")
            case _:
                answer = _replaced(session, link)
    raise answer


def _replaced(session: Session, link: PayLink, code: str = "quote_replaced") -> Refused:
    """With what is owed now, which the page shows and quotes in place of the old figures."""
    owed = position(session, link.account_id, link.created_at.date()).outstanding
    proposed = str(owed.decimal) if owed else ""
    return Refused(code, extra={"proposed": proposed, "owed": Cards(link.language).amount(owed)})


def under_way_refusal(session: Session, shared: Edge, link: PayLink, payment_id: int) -> Refused:
    """In the words in which the chat says it."""
    words = under_way_words(shared.settings, get_payment(session, payment_id), link.language, "page")
    return Refused("payment_under_way", sentence=words)


def too_many_refusal(shared: Edge, link: PayLink, until: datetime) -> Refused:
    """In the words of the chat: not a bank's decline, and when it can be tried again."""
    words = say("too_many_tries", link.language, "page", until=shared.settings.local(until))
    wait = until - shared.context.now()
    return Refused("too_many_tries", sentence=words, retry_after_s=max(1, int(wait.total_seconds())))


def save_on_page(shared: Edge, link: PayLink, details: BillingDetails) -> dict[str, Any]:
    """New address and email of a saved method, told to the conversation that asked for the page.

    Raises Refused: link_spent, address_wrong (the gateway said so), gateway_down; after the last two the link is good.
    """
    method_id = link.method_id or 0
    with shared.context.sessions.begin() as session:
        if not spend_pay_link(session, link.id, shared.context.now()):
            raise Refused("link_spent")
    try:
        update_method_details(shared.context, link.account_id, method_id, details)
    except (GatewayError, NotFound) as error:
        with shared.context.sessions.begin() as session:
            give_back_pay_link(session, link.id)
        raise Refused("address_wrong" if isinstance(error, GatewayRejected) else "gateway_down") from None
    with shared.context.sessions.begin() as session:
        label = method_label(get_method(session, link.account_id, method_id), link.language, "page")
        said = say("method_updated", link.language, "page", method=label)
        if link.sender is not None:
            push(session, link.sender, "message", {"text": said}, key=f"link:{link.id}")
    return {"state": "saved", "message": said, "reference": None, "action_url": None, "step": None, "retry": None}


def consent_sentence(shared: Edge, quoted: Quote, language: str) -> str:
    """What stands beside the Pay button and is agreed to by pressing it; from the quote alone, so always the same."""
    values: dict[str, object] = {"amount": quoted.amount, "company": shared.settings.company_name}
    lines = invoice_lines(shares_of(quoted), language, "page")
    if not lines:
        return say("pay_page_consent_credit_only", language, "page", **values)
    if quoted.credit_minor:
        values["credit"] = Money(quoted.credit_minor, quoted.currency)
        return say("pay_page_consent_credit", language, "page", invoices=lines, **values)
    return say("pay_page_consent", language, "page", invoices=lines, **values)
