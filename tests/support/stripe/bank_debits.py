"""Canadian bank debits as Stripe's script finishes them on our page: account, mandate, perhaps microdeposits."""

from __future__ import annotations

from tests.support.stripe.errors import UNEXPECTED_STATE, Object, invalid
from tests.support.stripe.intents import check_method
from tests.support.stripe.mandates import find_mandate, mandate_for
from tests.support.stripe.outcomes import charge_now
from tests.support.stripe.store import Store


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
    told = {
        "arrival_date": store.now() + 2 * 86_400,
        "hosted_verification_url": f"https://payments.stripe.example/microdeposit/{intent['id']}",
        "microdeposit_type": "descriptor_code",
    }
    intent |= {
        "status": "requires_action",
        "next_action": {"type": "verify_with_microdeposits", "verify_with_microdeposits": told},
    }
    store.tell("payment_intent.requires_action", intent)
    return intent


def verify_microdeposits(store: Store, intent_id: str, asked: Object) -> Object:
    """`SM11AA` is the code of Stripe's test mode that is right; anything else is not."""
    intent = store.get("payment_intent", intent_id, param="intent")
    if (intent["next_action"] or {}).get("type") != "verify_with_microdeposits":
        raise invalid("This PaymentIntent is not waiting for microdeposits.", UNEXPECTED_STATE, payment_intent=intent)
    if asked.get("descriptor_code") != "SM11AA" and asked.get("amounts") != [32, 45]:
        raise invalid(
            "The amounts or the code do not match.", "payment_method_microdeposit_verification_amounts_mismatch"
        )
    intent["next_action"] = None
    method = store.get("payment_method", intent["payment_method"])
    return charge_now(store, intent, method, find_mandate(store, method["id"]))
