"""What became of a payment, for its page: asked of the gateway where a step is left, settled, and said.

Nothing here is reached by opening a page. The client secret goes from the gateway to the page that asked, and nowhere
else.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from assistant.outcomes import TRY_AGAIN
from billing.accounts import get_account
from billing.errors import GatewayError
from billing.gateways.base import BANK_DEBIT_ON_PAGE, GatewayPayment
from billing.models import Attempt, PayLink, Payment
from billing.pay_links import create_pay_link
from billing.payment_records import get_payment, latest_attempt, payment_of_quote
from billing.payment_states import OPEN_STATES, REQUIRES_ACTION
from billing.settlement import settle_payment
from webhook.edge import Edge
from webhook.errors import Refused
from webhook.log import log
from webhook.page_views import said_of

LOOKS_PER_MINUTE = 20  # of one page at the gateway; what is asked beyond that is answered from our books


def look_again(shared: Edge, link: PayLink) -> dict[str, Any]:
    """How the link's payment stands by the gateway's own word (schemas.PageOutcome). Raises Refused(link_unknown)."""
    with shared.context.sessions() as session:
        payment = payment_of_quote(session, link.quote_id) if link.quote_id is not None else None
        if payment is None or payment.account_id != link.account_id:
            raise Refused("link_unknown")
    if payment.state in OPEN_STATES and not shared.rates.over("page_outcome", str(link.id), LOOKS_PER_MINUTE):
        return _outcome_now(shared, link, payment)
    with shared.context.sessions.begin() as session:
        return outcome_of(session, shared, link, get_payment(session, payment.id))


def outcome_with_step(shared: Edge, link: PayLink, payment: Payment) -> dict[str, Any]:
    """The outcome of Pay; where a step is left for our page, with what the gateway's script needs for it."""
    if payment.state == REQUIRES_ACTION and payment.action_url is None:
        return _outcome_now(shared, link, payment)
    with shared.context.sessions.begin() as session:
        return outcome_of(session, shared, link, payment)


def _outcome_now(shared: Edge, link: PayLink, payment: Payment) -> dict[str, Any]:
    """No transaction is open while the gateway is asked. Where it does not answer, our books do."""
    context, seen = shared.context, None
    with context.sessions() as session:
        attempt = latest_attempt(session, payment.id)
    if attempt.gateway_object_id is not None and payment.gateway == context.gateway.name:
        try:
            seen = context.gateway.retrieve_payment(attempt.gateway_object_id)
        except GatewayError as error:
            log.warning("page_outcome_unseen", payment=payment.reference, error=type(error).__name__)
        else:
            with context.sessions.begin() as session:
                settle_payment(
                    session,
                    payment.id,
                    seen,
                    settings=context.settings,
                    cause="page",
                    actor=f"gateway:{context.gateway.name}",
                    now=context.now(),
                )
    with context.sessions.begin() as session:
        payment = get_payment(session, payment.id)
        outcome = outcome_of(session, shared, link, payment)
        if payment.state == REQUIRES_ACTION and seen is not None and seen.status == "requires_action":
            outcome["action_url"] = seen.action_url  # the newest: a debit can get one while it waits
            outcome["step"] = _step(session, payment, attempt, seen) if seen.action_url is None else None
        return outcome


def _step(session: Session, payment: Payment, attempt: Attempt, seen: GatewayPayment) -> dict[str, str] | None:
    """What the gateway's script needs (schemas.PageStep); None where the gateway gave no secret for it."""
    if seen.client_secret is None:
        return None
    return {
        "kind": "acss_debit" if attempt.method_token == BANK_DEBIT_ON_PAGE else "next_action",
        "client_secret": seen.client_secret,
        "name": get_account(session, payment.account_id).billing_address.get("name", ""),
        "email": payment.billing_email or "",
    }


def outcome_of(session: Session, shared: Edge, link: PayLink, payment: Payment) -> dict[str, Any]:
    """Out of our books (schemas.PageOutcome), with a fresh page where trying again makes sense."""
    return {
        "state": payment.state,
        "message": said_of(session, shared, link, payment),
        "reference": payment.reference,
        "action_url": payment.action_url if payment.state == REQUIRES_ACTION else None,
        "step": None,
        "retry": _fresh_page(session, shared, link, payment) if payment.state in TRY_AGAIN else None,
    }


def _fresh_page(session: Session, shared: Edge, link: PayLink, payment: Payment) -> str:
    """The amount is kept. The link itself is spent, so the next try has its own."""
    token = create_pay_link(
        session,
        account_id=link.account_id,
        portal_user_id=link.portal_user_id,
        sender=link.sender,
        channel=link.channel,
        language=link.language,
        purpose="pay",
        quote_id=payment.quote_id,
        now=shared.context.now(),
        ttl_s=shared.settings.quote_ttl_link_s,
    )
    return f"/pay/{token}"
