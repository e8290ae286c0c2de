"""Canadian bank debits as Stripe's script finishes them on our page: account, mandate, perhaps microdeposits."""

from __future__ import annotations

from tests.support.stripe.errors import UNEXPECTED_STATE, Object, invalid
from tests.support.stripe.intents import check_method
from tests.support.stripe.mandates import find_mandate, mandate_for
from tests.support.stripe.outcomes import charge_now
from tests.support.stripe.store import Store

DAY_S = 86_400
DESCRIPTOR_CODE, AMOUNTS = "SM11AA", [32, 45]


def confirm_debit_on_page(
    store: Store, intent_id: str, method: Object, mandate_data: Object, *, microdeposits: bool
) -> Object:
    """stripe.confirmAcssDebitPayment: Stripe's script has bank account and mandate, and confirms (docs.stripe.com)."""
    intent = store.get("payment_intent", intent_id)
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise invalid(f"You cannot confirm this PaymentIntent: its status is {intent['status']}.", UNEXPECTED_STATE)
    check_method(store, intent, method)
    asked = {"mandate_data": mandate_data}
    mandate = mandate_for(store, intent, method, intent["setup_future_usage"], asked, None)
    intent |= {"payment_method": method["id"], "last_payment_error": None}
    if not microdeposits:
        return charge_now(store, intent, method, mandate)
    intent |= {"status": "requires_action", "next_action": microdeposits(store, intent_id)}
    store.tell("payment_intent.requires_action", intent)
    return intent


def verify_microdeposits(store: Store, intent_id: str, asked: Object) -> Object:
    intent = store.get("payment_intent", intent_id, param="intent")
    check_microdeposits(intent, asked)
    intent["next_action"] = None
    method = store.get("payment_method", intent["payment_method"])
    return charge_now(store, intent, method, find_mandate(store, method["id"]))


def microdeposits(store: Store, intent_id: str) -> Object:
    """The next action: two small amounts, or one with a code, arrive at the account, and the customer tells them."""
    told = {
        "arrival_date": store.now() + 2 * DAY_S,
        "hosted_verification_url": f"https://payments.stripe.example/microdeposit/{intent_id}",
        "microdeposit_type": "descriptor_code",
    }
    return {"type": "verify_with_microdeposits", "verify_with_microdeposits": told}


def check_microdeposits(intent: Object, asked: Object) -> None:
    """`SM11AA`, or 32 and 45 cents, are what is right in Stripe's test mode; anything else is not."""
    if (intent["next_action"] or {}).get("type") != "verify_with_microdeposits":
        raise invalid("This intent is not waiting for microdeposits.", UNEXPECTED_STATE)
    if asked.get("descriptor_code") != DESCRIPTOR_CODE and asked.get("amounts") != AMOUNTS:
        raise invalid("The amounts or the code do not match.", "incorrect_number")
