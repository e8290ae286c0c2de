"""How a confirmed intent goes on: a step at the bank, a charge, a decline, a debit that is decided days later."""

from __future__ import annotations

import copy

from tests.support.stripe.charges import card_error, make_charge
from tests.support.stripe.disputes import open_dispute
from tests.support.stripe.errors import UNEXPECTED_STATE, Object, invalid
from tests.support.stripe.store import Store
from tests.support.stripe.wallet import attach

LATER = ("succeeds", "fails")  # banks that decide without being told to


def ask_for_step(store: Store, intent: Object, asked: Object) -> Object:
    """3-D Secure: done by Stripe's script on our page, or at an address where we gave one to come back to."""
    intent["status"] = "requires_action"
    if asked.get("return_url") and not asked.get("use_stripe_sdk"):
        url = f"https://hooks.stripe.example/3d_secure_2/{intent['id']}"
        told = {"url": url, "return_url": asked["return_url"]}
        intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": told}
    else:
        script = {
            "type": "three_d_secure_redirect",
            "stripe_js": f"https://hooks.stripe.example/redirect/{intent['id']}",
            "source": store.new_id("payatt"),
        }
        intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": script}
    store.tell("payment_intent.requires_action", intent)
    return intent


def pass_step(store: Store, intent_id: str, *, passed: bool) -> Object:
    """The customer passes or fails 3-D Secure (Stripe's script, or control)."""
    intent = store.get("payment_intent", intent_id)
    if intent["status"] != "requires_action" or intent["next_action"]["type"] == "verify_with_microdeposits":
        raise invalid(f"There is no step to do: the status is {intent['status']}.", UNEXPECTED_STATE)
    method = store.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if passed:
        return charge_now(store, intent, method, None)
    message = (
        "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    )
    code = "payment_intent_authentication_failure"
    _back_to_start(
        store,
        intent,
        method,
        {"type": "card_error", "code": code, "message": message, "payment_method": _shown(method)},
    )
    return intent


def charge_now(store: Store, intent: Object, method: Object, mandate: str | None) -> Object:
    behaviour = store.behaviours[method["id"]]
    if behaviour.decline:
        raise decline(store, intent, method, behaviour.decline)
    if behaviour.type != "card":
        charge = make_charge(store, intent, method, "pending", mandate)
        intent |= {"status": "processing", "latest_charge": charge["id"], "processing": None}
        _keep(store, intent, method)
        store.tell("payment_intent.processing", intent)
        store.tell("charge.pending", charge)
        if behaviour.later in LATER:
            decide(store, intent["id"], approve=behaviour.later == "succeeds")
        return intent
    charge = make_charge(store, intent, method, "succeeded")
    _succeed(store, intent, charge)
    _keep(store, intent, method)
    if behaviour.disputed:
        open_dispute(store, intent["id"])
    return intent


def _succeed(store: Store, intent: Object, charge: Object) -> None:
    """Captured at once; its balance transaction follows (capture_method automatic_async, the default since 2024)."""
    intent |= {"status": "succeeded", "latest_charge": charge["id"], "amount_received": intent["amount"]}
    store.tell("charge.succeeded", charge)
    store.tell("payment_intent.succeeded", intent)
    charge["balance_transaction"] = store.new_id("txn")
    store.tell("charge.updated", charge, {"balance_transaction": None})


def _keep(store: Store, intent: Object, method: Object) -> None:
    """Attached for the future where that was asked for; otherwise a method without a customer has done its work."""
    if method["customer"] is not None:
        return
    if intent["setup_future_usage"] and intent["customer"]:
        attach(store, method["id"], intent["customer"])
    else:
        store.spent.add(method["id"])


def decline(store: Store, intent: Object, method: Object, why: tuple[str, str | None]) -> Exception:
    charge = make_charge(store, intent, method, "failed")
    failure = card_error(*why, charge, _shown(method), intent)
    charge |= {"failure_code": why[0], "failure_message": failure.error["message"]}
    intent["latest_charge"] = charge["id"]
    store.tell("charge.failed", charge)
    _back_to_start(
        store, intent, method, {key: value for key, value in failure.error.items() if key != "payment_intent"}
    )
    failure.error["payment_intent"] = intent
    return failure


def _back_to_start(store: Store, intent: Object, method: Object, error: Object) -> None:
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_payment_error": error,
    }
    if method["customer"] is None:
        store.spent.add(method["id"])
    store.tell("payment_intent.payment_failed", intent)


def _shown(method: Object) -> Object:
    return copy.deepcopy(method)


def decide(store: Store, intent_id: str, *, approve: bool) -> Object:
    """The bank's answer to a debit, days later at Stripe (control)."""
    intent = store.get("payment_intent", intent_id)
    if intent["status"] != "processing":
        raise invalid(f"There is nothing to decide: the status is {intent['status']}.", UNEXPECTED_STATE)
    charge, method = store.get("charge", intent["latest_charge"]), store.get("payment_method", intent["payment_method"])
    if approve:
        charge["status"] = "succeeded"
        _succeed(store, intent, charge)
        return intent
    message = "The customer's account has insufficient funds to cover this payment."
    charge |= {"status": "failed", "paid": False, "captured": True, "failure_code": "insufficient_funds"}
    charge["failure_message"] = message
    store.tell("charge.failed", charge)
    _back_to_start(
        store,
        intent,
        method,
        {
            "type": "invalid_request_error",
            "code": "payment_intent_payment_attempt_failed",
            "decline_code": "insufficient_funds",
            "message": message,
            "payment_method": _shown(method),
        },
    )
    return intent
