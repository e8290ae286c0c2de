"""What Stripe is asked for, in its own typed parameters. Pure; ids and keys are checked before they make an address."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import TYPE_CHECKING

import stripe

from billing.errors import GatewayRejected
from billing.gateways import stripe_reading as reading
from billing.gateways.base import BANK_DEBIT_ON_PAGE, BillingDetails, ChargeOrder

if TYPE_CHECKING:
    from stripe.params import (
        PaymentIntentConfirmParams,
        PaymentIntentCreateParams,
        PaymentIntentListParamsCreated,
        PaymentMethodUpdateParamsBillingDetails,
    )

PAYMENT_PARTS = ["payment_method", "latest_charge"]  # card, mandate and what was given back come with each payment
_ID = re.compile(r"[A-Za-z0-9_]{1,255}")
_KEY = re.compile(r"[!-~]{1,255}")  # Stripe's limit, and what may stand in a header


def create_params(order: ChargeOrder) -> PaymentIntentCreateParams:
    """An unconfirmed intent. Never `confirm`: a lost answer to both at once would not say whether it charged."""
    metadata = {reading.REFERENCE: order.payment_reference}
    params: PaymentIntentCreateParams = {
        "amount": order.amount.minor,
        "currency": order.amount.currency.lower(),
        "metadata": metadata,
        "expand": PAYMENT_PARTS,
    }
    if order.description:
        params["description"] = order.description
    if order.customer is not None:
        params["customer"] = order.customer
    if order.save:
        params["setup_future_usage"] = "off_session"
    if order.token == BANK_DEBIT_ON_PAGE:
        metadata[reading.CONFIRMED_BY] = reading.PAGE
        params["allowed_payment_method_types"] = ["acss_debit"]
        params["payment_method_options"] = {
            "acss_debit": {
                # Bills are paid when the customer says so, not on a schedule.
                "mandate_options": {"payment_schedule": "sporadic", "transaction_type": "personal"},
                # Micro-deposits take days; a step that nobody finishes is cancelled after half an hour.
                "verification_method": "instant",
            }
        }
        return params
    params["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
    if not is_token(order.token):
        params["payment_method"] = order.token
    return params


def confirm_params(order: ChargeOrder) -> PaymentIntentConfirmParams:
    """Our page does what the bank asks of the customer next, with Stripe's script; hence no return_url."""
    params: PaymentIntentConfirmParams = {"use_stripe_sdk": True, "expand": PAYMENT_PARTS}
    if is_token(order.token):
        params["confirmation_token"] = order.token
    elif order.mandate is not None:
        params["mandate"] = order.mandate
    return params


def billing_details(details: BillingDetails) -> PaymentMethodUpdateParamsBillingDetails:
    """All of it: what we do not have is cleared over there (an empty text), not left as it was."""
    ours = details.address
    return {
        "email": details.email,
        "name": ours.get("name", ""),
        "address": {
            "line1": ours.get("line1", ""),
            "line2": ours.get("line2", ""),
            "city": ours.get("city", ""),
            "state": ours.get("region", ""),
            "postal_code": ours.get("postal_code", ""),
            "country": ours.get("country", ""),
        },
    }


def period(since: datetime, until: datetime) -> PaymentIntentListParamsCreated:
    """[since, until) in Stripe's whole seconds, both rounded up, so that neighbouring periods share nothing."""
    return {"gte": math.ceil(since.timestamp()), "lt": math.ceil(until.timestamp())}


def by_account_number(account_number: str) -> str:
    """Stripe's search query for the customer of an account."""
    quoted = account_number.replace("\\", "\\\\").replace("'", "\\'")
    return f"metadata['{reading.ACCOUNT_NUMBER}']:'{quoted}'"


def is_token(token: str) -> bool:
    """A confirmation token, which a confirm takes; everything else is a saved method, which a create takes."""
    return token.startswith("ctoken_")


def an_id(id_: str) -> str:
    """`id_`, if it can be one. An empty one, or one with a slash, would ask for something else altogether."""
    if not _ID.fullmatch(id_):
        raise GatewayRejected(f"{id_[:80]!r} is no id", "resource_missing")
    return id_


def under(key: str) -> stripe.RequestOptions:
    """The options for a request that is carried out once under this key."""
    if not _KEY.fullmatch(key):
        raise GatewayRejected(f"{key[:80]!r} is no idempotency key", "idempotency_error")
    return {"idempotency_key": key}
