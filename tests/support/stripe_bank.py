"""Stripe from a test's side, in the sandbox bank's place: saved methods, tokens of the fields, what was charged."""

from __future__ import annotations

from typing import Any

import httpx

from billing.context import Context
from tests.support.sandbox_client import Bank
from tests.support.stripe.methods import TEST_NUMBERS
from tests.support.stripe.server import StripeDouble

SAVED = {
    "4242": "pm_card_visa",
    "4444": "pm_card_mastercard",
    "0002": "pm_card_chargeDeclined",
    "9995": "pm_card_chargeDeclinedInsufficientFunds",
    "3184": "pm_card_authenticationRequired",
    "4087": "pm_card_chargedThenHangs",
    "5001": "pm_card_chargedThenFails",
}


class StripeBank(Bank):
    """What `tests/support/customers.py` asks of a bank, of the double; letters are still the sandbox's."""

    def __init__(self, double: StripeDouble, context: Context) -> None:
        super().__init__(context.settings.sandbox_url, context.settings.sandbox_secret_key)
        self.double, self._context = double, context

    def token(self, ending: str, *, exp_year: int = 2034) -> str:
        """What Stripe's script gives the page for a card typed into its fields."""
        number = next(number for number in TEST_NUMBERS if number.endswith(ending))
        asked = {"number": number, "exp_month": 12, "exp_year": exp_year}
        answer = httpx.post(f"{self.double.url}/js/confirmation_tokens", json=asked, trust_env=False)
        return str(answer.raise_for_status().json()["id"])

    def debit_on_page(self, step: dict[str, str], number: str = "000123456789") -> dict[str, Any]:
        """`stripe.confirmAcssDebitPayment` with the client secret that the page was given."""
        return self._script(step["client_secret"], "confirm_acss_debit", number=number)

    def pass_step(self, step: dict[str, str], *, passed: bool = True) -> dict[str, Any]:
        """`stripe.handleNextAction`: 3-D Secure, done in Stripe's window."""
        return self._script(step["client_secret"], "next_action", passed=passed)

    def _script(self, client_secret: str, what: str, **asked: Any) -> dict[str, Any]:
        intent = client_secret.partition("_secret_")[0]
        url = f"{self.double.url}/js/payment_intents/{intent}/{what}"
        answer = httpx.post(url, json={"client_secret": client_secret, **asked}, trust_env=False)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def customer(self, account_number: str, name: str, email: str) -> str:
        return self._context.gateway.ensure_customer(account_number, name, email)

    def attach(self, customer: str, ending: str, *, kind: str, email: str, address: dict[str, str]) -> None:
        if kind == "card":  # a debit's mandate is given on the page
            where = {"line1": address["line1"], "city": address["city"], "country": address["country"]}
            self.double.control.attach_method(customer, SAVED[ending], {"email": email, "address": where})

    def payments(self, customer: str) -> list[dict[str, Any]]:
        """Newest first."""
        return [p for p in self.double.control.objects("payment_intent") if p["customer"] == customer]

    def everything_charged(self, references: list[str]) -> list[int]:
        """What was taken for our payments of these references, whoever's they are at Stripe; minor units."""
        made = self.double.control.objects("payment_intent")
        return [p["amount_received"] for p in made if p["metadata"].get("payment_reference") in references]
