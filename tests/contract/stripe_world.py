"""Stripe: what is true of it wherever it is, and its double in this process, over which a test has control."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx
import stripe

from billing.gateways.base import Gateway, GatewayPayment
from billing.gateways.stripe import StripeGateway
from billing.money import Money
from tests.contract.worlds import Ability, Source
from tests.sandbox.running import Listener
from tests.support.ports import free_port
from tests.support.stripe.server import StripeDouble
from tests.support.stripe.webhooks import signature

# Ids of test payment methods: Stripe's own, docs.stripe.com/testing…
TEST_METHODS = {
    "succeeds": "pm_card_visa",
    "declines": "pm_card_visa_chargeDeclinedInsufficientFunds",
    "challenges": "pm_card_threeDSecure2Required",
    "refund waits": "pm_card_pendingRefund",
    "is disputed": "pm_card_createDispute",
}
# …and those of the double alone.
DOUBLES_METHODS = {
    "charges then hangs": "pm_card_chargedThenHangs",
    "charges then fails": "pm_card_chargedThenFails",
    "charges then garbles": "pm_card_chargedThenGarbled",
    "charges then resets": "pm_card_chargedThenReset",
    "resets": "pm_card_reset",
}
EVENT_TYPES = {
    "paid": "payment_intent.succeeded",
    "refunded": "refund.created",
    "disputed": "charge.dispute.created",
    "attached": "payment_method.attached",
    "renewed": "payment_method.automatically_updated",
    "mandate ended": "mandate.updated",
}
NO_STEP_ADDRESS = {Ability.STEP_ADDRESS: "3-D Secure is done by Stripe's script on our own page"}
ACCEPTED: Any = {
    "customer_acceptance": {"type": "online", "online": {"ip_address": "203.0.113.9", "user_agent": "contract tests"}}
}
KINDS = {"dispute": "needs_response", "inquiry": "warning_needs_response", "return": "lost"}


class AnyStripe:
    """`client` is the test's own line to Stripe, beside the adapter's. `timeout_s`: of the adapter, a turn's calls."""

    event_types: Mapping[str, str] = EVENT_TYPES

    def __init__(self, secret_key: str, secrets: list[str], timeout_s: float, url: str) -> None:
        self._secret_key, self._secrets, self._timeout_s, self._url = secret_key, secrets, timeout_s, url
        self.client = stripe.StripeClient(secret_key, base_addresses={"api": url}, max_network_retries=2)
        self.gateway: Gateway = self._adapter(url, timeout_s)

    def _adapter(self, url: str, timeout_s: float, *, secrets: tuple[str, ...] = (), **more: Any) -> StripeGateway:
        return StripeGateway(self._secret_key, list(secrets) or self._secrets, timeout_s, api_base=url, **more)

    def _token(self, method: str) -> Source:
        made = self.client.v1.test_helpers.confirmation_tokens.create({"payment_method": method})
        return Source(made.id)

    def signed(self, body: bytes, at: float, secret: str | None = None) -> Mapping[str, str]:
        return {"Stripe-Signature": signature(body, [secret or self._secrets[0]], int(at))}

    def event(self, id: str) -> dict[str, Any]:
        """payment_intent.succeeded as docs.stripe.com/api/events/object shows it, with what matters of the intent."""
        return {
            "id": id,
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(time.time()),
            "data": {"object": {"id": "pay_x", "object": "payment_intent", "status": "succeeded", "customer": None}},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": "payment_intent.succeeded",
        }

    def at_dead_address(self) -> Gateway:
        return self._adapter(f"http://127.0.0.1:{free_port()}", 2.0)

    def at_address(self, url: str) -> Gateway:
        return self._adapter(url, 1.0)

    def knowing(self, *, secrets: tuple[str, ...] = (), account: str | None = None) -> Gateway:
        return self._adapter(self._url, self._timeout_s, secrets=secrets, account=account)


class StripeWorld(AnyStripe):
    name = "stripe"
    patience_s = 0.0
    lacks: Mapping[Ability, str] = NO_STEP_ADDRESS

    def __init__(self, double: StripeDouble, listener: Listener) -> None:
        super().__init__(double.secret_key, double.post.secrets, 2.0, double.url)
        self.double, self.listener = double, listener
        self.double.control.reset()
        self.listener.forget()

    def source(self, behaviour: str) -> Source:
        if behaviour == "waits":
            return self._saved_bank_account()
        return self._token({**TEST_METHODS, **DOUBLES_METHODS}[behaviour])

    def _saved_bank_account(self) -> Source:
        """A customer's Canadian bank account with a mandate for later debits."""
        customer = self.client.v1.customers.create({"email": "maya@northwind.example"})
        made = self.client.v1.setup_intents.create(
            {
                "customer": customer.id,
                "allowed_payment_method_types": ["acss_debit"],
                "payment_method": "pm_acssDebit",
                "mandate_data": ACCEPTED,
                "confirm": True,
            }
        )
        assert made.status == "succeeded"
        return Source(str(made.payment_method), customer.id, str(made.mandate))

    def decide(self, gateway_id: str, approve: bool) -> None:
        self.double.control.decide(gateway_id, approve)

    def do_step(self, payment: GatewayPayment, passed: bool) -> None:
        """As Stripe's script does, which knows the client secret."""
        self._script(payment, "next_action", passed=passed)

    def debit_on_page(self, payment: GatewayPayment, approve: bool | None) -> None:
        method = {None: "pm_acssDebit", True: "pm_acssDebit_succeeds", False: "pm_acssDebit_fails"}[approve]
        billing = {"name": "Maya Tremblay", "email": "maya@northwind.example"}
        self._script(payment, "confirm_acss_debit", payment_method=method, billing_details=billing)

    def _script(self, payment: GatewayPayment, verb: str, **asked: Any) -> None:
        assert payment.client_secret is not None
        url = f"{self.double.url}/js/payment_intents/{payment.id}/{verb}"
        answer = httpx.post(url, json={"client_secret": payment.client_secret, **asked}, trust_env=False)
        assert answer.status_code == 200, answer.text

    def refund_at_gateway(self, gateway_id: str, amount: Money) -> None:
        self.double.control.refund(gateway_id, amount.minor)

    def decide_refund(self, refund_id: str, succeeded: bool) -> None:
        self.double.control.decide_refund(refund_id, succeeded)

    def dispute(self, gateway_id: str, amount: Money, kind: str = "dispute") -> str:
        reason = "debit_not_authorized" if kind == "return" else "fraudulent"
        return str(self.double.control.dispute(gateway_id, amount.minor, reason, KINDS[kind])["id"])

    def close_dispute(self, dispute_id: str, won: bool) -> None:
        self.double.control.close_dispute(dispute_id, won)

    def detach(self, reference: str) -> None:
        self.double.control.detach_method(reference)

    def renew(self, reference: str, exp_month: int, exp_year: int) -> None:
        self.double.control.renew_card(reference, exp_month, exp_year)

    def end_mandate(self, mandate: str) -> None:
        self.double.control.change_mandate(mandate, "inactive")

    def next_event(self) -> tuple[bytes, Mapping[str, str]]:
        heard = self.listener.next()
        return heard.body, heard.headers
