"""The demo with Stripe's test keys: its customers' saved cards, as Stripe's own test methods.

Source: docs.stripe.com/testing. Bank debits are left out: their mandate is given on the secure page.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import stripe
from sqlalchemy import select

from billing.accounts import top_user
from billing.context import Context
from billing.gateways.base import BillingDetails
from billing.gateways.stripe import StripeGateway
from billing.gateways.stripe_http import within
from billing.models import Account

# By the endings that the demo's cards have at the sandbox bank. Stripe lets no card be saved that it always declines
# (0002): the one that can be saved, and is declined when it is charged, ends in 0341.
TEST_METHODS = {"4242": "pm_card_visa", "4444": "pm_card_mastercard", "0002": "pm_card_chargeCustomerFail"}
PATIENCE_S = 20.0
log = logging.getLogger(__name__)


def save_test_cards(context: Context, gateway: StripeGateway, methods_file: Path) -> None:
    """Saves each demo customer's cards at Stripe, where they have none yet: test customers outlive our database.

    Where they cannot be saved (STRIPE_API_BASE is not Stripe and knows none of its test methods, or the account takes
    no cards), the demo goes on without: a card can be saved on the secure page.
    Raises GatewayError, stripe.StripeError.
    """
    wanted = json.loads(methods_file.read_text())
    with context.sessions() as session:
        accounts = session.scalars(select(Account).where(Account.number.in_(wanted)).order_by(Account.id)).all()
        emails = {account.id: top_user(session, account.id).email for account in accounts}
    for account in accounts:
        endings = [m["last4"] for m in wanted[account.number] if m["last4"] in TEST_METHODS]
        customer = gateway.ensure_customer(account.number, account.name, emails[account.id])
        if not endings or gateway.list_methods(customer):
            continue
        details = BillingDetails(emails[account.id], account.billing_address)
        for ending in endings:
            try:
                with within(PATIENCE_S):
                    saved = gateway.client.v1.payment_methods.attach(TEST_METHODS[ending], {"customer": customer})
            except (stripe.CardError, stripe.InvalidRequestError) as error:
                log.warning("no test card ending %s for account %s: %s", ending, account.number, error)
                continue
            gateway.update_method(saved.id, details)
