"""Stripe itself, in its test mode: `STRIPE_SECRET_KEY=sk_test_… make test-stripe`. Nothing here moves money.

Customers, payments and refunds of the run stay in the account's test data. What needs a browser, a bank or days is
declared in LACKS; everything else of the suite runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest
import stripe

from billing.gateways.base import GatewayPayment
from billing.money import Money
from tests.contract.stripe_world import ACCEPTED, NO_STEP_ADDRESS, TEST_METHODS, AnyStripe
from tests.contract.worlds import Ability, Source

LIVE_API = "https://api.stripe.com"
LACKS = NO_STEP_ADDRESS | {
    Ability.BANK_DEBIT_ON_PAGE: "the customer signs in at a bank in Stripe's script",
    Ability.BROKEN_LINES: "it loses no answer on demand",
    Ability.DECISIONS: "its banks decide by themselves, minutes later",
    Ability.DELIVERY: "its events go to an endpoint (`stripe listen`), not to a test",
    Ability.DISPUTES: "only a test card disputes, at once and in full",
    Ability.INQUIRIES: "only a test card asks, at once and in full",
    Ability.MANDATES: "nobody ends a mandate on demand",
    Ability.NETWORK_UPDATES: "its networks renew no test card on demand",
    Ability.STEPS: "3-D Secure is done in a browser",
}
# docs.stripe.com/payments/acss-debit/accept-a-payment, "Test your integration": succeeds three minutes later.
SLOW_ACCOUNT: Any = {"institution_number": "000", "transit_number": "11000", "account_number": "900123456789"}
DESCRIPTOR_CODE = "SM11AA"  # of test micro-deposits


def key_of_the_run() -> str:
    """Raises UsageError, which pytest shows as one line, unless there is a key of test mode."""
    key = os.environ.get("STRIPE_SECRET_KEY", "")
    if not key:
        raise pytest.UsageError("make test-stripe needs a key of Stripe's test mode: STRIPE_SECRET_KEY=sk_test_…")
    if not key.startswith(("sk_test_", "rk_test_")):
        raise pytest.UsageError("STRIPE_SECRET_KEY is not of Stripe's test mode (sk_test_…): these tests charge cards")
    return key


class StripeTestModeWorld(AnyStripe):
    name = "stripe-test-mode"
    patience_s = 30.0
    lacks: Mapping[Ability, str] = LACKS

    def __init__(self) -> None:
        super().__init__(key_of_the_run(), ["whsec_of_this_run_alone"], 30.0, LIVE_API)

    def source(self, behaviour: str) -> Source:
        return self._saved_bank_account() if behaviour == "waits" else self._token(TEST_METHODS[behaviour])

    def _saved_bank_account(self) -> Source:
        """A Canadian bank account, proved by micro-deposits, with a mandate for later debits."""
        v1 = self.client.v1
        customer = v1.customers.create({"name": "Maya Tremblay", "email": "maya@northwind.example"})
        try:
            intent = v1.setup_intents.create(
                {
                    "customer": customer.id,
                    "allowed_payment_method_types": ["acss_debit"],
                    "payment_method_data": {
                        "type": "acss_debit",
                        "acss_debit": SLOW_ACCOUNT,
                        "billing_details": {"name": "Maya Tremblay", "email": "maya@northwind.example"},
                    },
                    "payment_method_options": {
                        "acss_debit": {
                            "currency": "cad",
                            "mandate_options": {"payment_schedule": "sporadic", "transaction_type": "personal"},
                            "verification_method": "microdeposits",
                        }
                    },
                    "mandate_data": ACCEPTED,
                    "confirm": True,
                }
            )
        except stripe.InvalidRequestError as error:
            pytest.skip(f"{self.name}: the account has no pre-authorised debit switched on ({error.user_message})")
        if intent.status == "requires_action":
            intent = v1.setup_intents.verify_microdeposits(intent.id, {"descriptor_code": DESCRIPTOR_CODE})
        assert intent.status == "succeeded"
        return Source(str(intent.payment_method), customer.id, str(intent.mandate))

    def refund_at_gateway(self, gateway_id: str, amount: Money) -> None:
        self.client.v1.refunds.create({"payment_intent": gateway_id, "amount": amount.minor})

    def detach(self, reference: str) -> None:
        self.client.v1.payment_methods.detach(reference)

    def decide(self, gateway_id: str, approve: bool) -> None:
        raise NotImplementedError(self.lacks[Ability.DECISIONS])

    def do_step(self, payment: GatewayPayment, passed: bool) -> None:
        raise NotImplementedError(self.lacks[Ability.STEPS])

    def debit_on_page(self, payment: GatewayPayment, approve: bool | None) -> None:
        raise NotImplementedError(self.lacks[Ability.BANK_DEBIT_ON_PAGE])

    def decide_refund(self, refund_id: str, succeeded: bool) -> None:
        raise NotImplementedError(self.lacks[Ability.DECISIONS])

    def dispute(self, gateway_id: str, amount: Money, kind: str = "dispute") -> str:
        raise NotImplementedError(self.lacks[Ability.DISPUTES])

    def close_dispute(self, dispute_id: str, won: bool) -> None:
        raise NotImplementedError(self.lacks[Ability.DISPUTES])

    def renew(self, reference: str, exp_month: int, exp_year: int) -> None:
        raise NotImplementedError(self.lacks[Ability.NETWORK_UPDATES])

    def end_mandate(self, mandate: str) -> None:
        raise NotImplementedError(self.lacks[Ability.MANDATES])

    def next_event(self) -> tuple[bytes, Mapping[str, str]]:
        raise NotImplementedError(self.lacks[Ability.DELIVERY])
