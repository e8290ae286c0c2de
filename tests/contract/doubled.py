"""Stripe's double, asked by Stripe's own library or by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import stripe

from tests.support.stripe.description import library
from tests.support.stripe.server import StripeDouble, running_double

INTENT = {"amount": 500, "currency": "cad", "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
AUTOMATIC = "automatic_payment_methods[enabled]=true"
PI = "/v1/payment_intents"


@contextmanager
def asked_wrongly() -> Iterator[StripeDouble]:
    """A double whose requests may be wrong on purpose."""
    with running_double(hang_s=0.3) as double:
        yield double
        double.checks.deviations.clear()


def library_at(double: StripeDouble) -> Any:
    return stripe.StripeClient(double.secret_key, base_addresses={"api": double.url}, max_network_retries=0).v1


def post(double: StripeDouble, path: str, form: str, **headers: str) -> httpx.Response:
    usual = {
        "Authorization": f"Bearer {double.secret_key}",
        "Stripe-Version": library.VERSION,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    sent = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(double.url + path, content=form, headers=sent, trust_env=False)


def paid(v1: Any, method: str = "pm_card_visa") -> Any:
    """A payment intent, created and confirmed."""
    intent = v1.payment_intents.create({**INTENT, "payment_method": method})
    return v1.payment_intents.confirm(intent.id)
