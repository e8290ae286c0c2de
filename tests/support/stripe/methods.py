"""Test payment methods: Stripe's own (docs.stripe.com/testing) by their ids, and a few with trouble on the line.

A method made of one keeps its behaviour, however it came about: by id, by a card number of Stripe's, by a token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Trouble = Literal["hangs", "fails", "garbles", "resets"]


@dataclass(frozen=True, slots=True)
class TestMethod:
    """What a charge of it does. `decline`: (code, decline_code). `trouble`: of the answer, when all is done."""

    __test__ = False

    type: Literal["card", "us_bank_account", "acss_debit"] = "card"
    brand: str = "visa"
    last4: str = "4242"
    decline: tuple[str, str | None] | None = None
    challenge: bool = False  # 3-D Secure first
    later: Literal["waits", "succeeds", "fails"] | None = None  # decided by the bank: when told, or soon
    disputed: bool = False
    refund: Literal["succeeded", "pending", "failed"] = "succeeded"
    trouble: Trouble | None = None
    cut: bool = False  # the connection dies before the charge
    slow_s: float = 0.0

    @property
    def fingerprint(self) -> str:
        told = f"{self.type} {self.brand} {self.last4}".encode()
        return hashlib.sha256(told).hexdigest().translate(str.maketrans("0123456789", "ghijklmnop"))[:16]


def _declined(last4: str, decline_code: str, code: str = "card_declined") -> TestMethod:
    return TestMethod(last4=last4, decline=(code, decline_code if code == "card_declined" else None))


TEST_METHODS: Mapping[str, TestMethod] = {
    "pm_card_visa": TestMethod(),
    "pm_card_visa_debit": TestMethod(last4="5556"),
    "pm_card_mastercard": TestMethod(brand="mastercard", last4="4444"),
    "pm_card_amex": TestMethod(brand="amex", last4="8431"),
    "pm_card_visa_chargeDeclined": _declined("0002", "generic_decline"),
    "pm_card_chargeDeclined": _declined("0002", "generic_decline"),
    "pm_card_chargeCustomerFail": _declined("0341", "generic_decline"),  # can be saved, and declines then
    "pm_card_visa_chargeDeclinedInsufficientFunds": _declined("9995", "insufficient_funds"),
    "pm_card_chargeDeclinedInsufficientFunds": _declined("9995", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": _declined("9987", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": _declined("9979", "stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": _declined("0069", "expired_card", "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": _declined("0127", "incorrect_cvc", "incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": _declined("0119", "processing_error", "processing_error"),
    "pm_card_threeDSecure2Required": TestMethod(last4="3220", challenge=True),
    "pm_card_authenticationRequired": TestMethod(last4="3184", challenge=True),
    "pm_card_createDispute": TestMethod(last4="0259", disputed=True),
    "pm_card_refundFail": TestMethod(last4="5126", refund="failed"),
    "pm_card_pendingRefund": TestMethod(last4="7726", refund="pending"),
    "pm_usBankAccount": TestMethod("us_bank_account", "STRIPE TEST BANK", "6789", later="waits"),
    # Not Stripe's: what a network does to an answer, and banks that wait for `decide`.
    "pm_card_chargedThenHangs": TestMethod(last4="4087", trouble="hangs"),
    "pm_card_chargedThenFails": TestMethod(last4="5001", trouble="fails"),
    "pm_card_chargedThenGarbled": TestMethod(last4="5027", trouble="garbles"),
    "pm_card_chargedThenReset": TestMethod(last4="9003", trouble="resets"),
    "pm_card_reset": TestMethod(last4="4004", cut=True),
    "pm_card_slow": TestMethod(last4="1000", slow_s=1.5),
    "pm_acssDebit": TestMethod("acss_debit", "STRIPE TEST BANK", "6789", later="waits"),
    "pm_acssDebit_succeeds": TestMethod("acss_debit", "STRIPE TEST BANK", "6789", later="succeeds"),
    "pm_acssDebit_fails": TestMethod("acss_debit", "STRIPE TEST BANK", "2227", later="fails"),
}

# What is typed into Stripe's fields: card numbers and bank accounts of its documentation.
TEST_NUMBERS: Mapping[str, str] = {
    "4242424242424242": "pm_card_visa",
    "4000056655665556": "pm_card_visa_debit",
    "5555555555554444": "pm_card_mastercard",
    "371449635398431": "pm_card_amex",
    "4000000000000002": "pm_card_chargeDeclined",
    "4000000000009995": "pm_card_chargeDeclinedInsufficientFunds",
    "4000000000009987": "pm_card_visa_chargeDeclinedLostCard",
    "4000000000009979": "pm_card_visa_chargeDeclinedStolenCard",
    "4000000000000069": "pm_card_chargeDeclinedExpiredCard",
    "4000000000000127": "pm_card_chargeDeclinedIncorrectCvc",
    "4000000000000119": "pm_card_chargeDeclinedProcessingError",
    "4000000000000341": "pm_card_chargeCustomerFail",
    "4000000000003220": "pm_card_threeDSecure2Required",
    "4000002760003184": "pm_card_authenticationRequired",
    "4000000000000259": "pm_card_createDispute",
    "4000000000005126": "pm_card_refundFail",
    "4000000000007726": "pm_card_pendingRefund",
    "000123456789": "pm_acssDebit",
    "900123456789": "pm_acssDebit",
    "000222222227": "pm_acssDebit_fails",
    "4000000000004087": "pm_card_chargedThenHangs",
    "4000000000005001": "pm_card_chargedThenFails",
    "4000000000005027": "pm_card_chargedThenGarbled",
    "4000000000009003": "pm_card_chargedThenReset",
    "4000000000004004": "pm_card_reset",
    "4000000000001000": "pm_card_slow",
}


def typed(number: str) -> TestMethod | None:
    """The test method behind a number as typed into Stripe's fields; other visas of 4242… succeed, as numbers do."""
    digits = number.replace(" ", "")
    if digits in TEST_NUMBERS:
        return TEST_METHODS[TEST_NUMBERS[digits]]
    return replace(TestMethod(), last4=digits[-4:]) if digits.startswith("424242") and digits.isdigit() else None


def details(method: TestMethod) -> dict[str, Any]:
    """`{"card": {…}}`: what a payment method says of the card or bank account."""
    if method.type == "card":
        shown: dict[str, Any] = {
            "brand": method.brand,
            "display_brand": {"amex": "american_express"}.get(method.brand, method.brand),
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "CA",
            "exp_month": 8,
            "exp_year": 2031,
            "funding": "credit",
            "generated_from": None,
            "networks": {"available": [method.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }
    elif method.type == "us_bank_account":
        shown = {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": method.brand,
            "financial_connections_account": None,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": {},
        }
    else:
        shown = {"bank_name": method.brand, "institution_number": "000", "transit_number": "11000"}
    return {method.type: shown | {"last4": method.last4, "fingerprint": method.fingerprint}}
