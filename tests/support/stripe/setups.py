"""Setup intents: a method is kept for later without a charge."""

from __future__ import annotations

from tests.support.stripe.bank_debits import check_microdeposits, microdeposits
from tests.support.stripe.errors import Object, StripeFailure, invalid
from tests.support.stripe.mandates import mandate_for
from tests.support.stripe.store import SWITCHED_ON, Store
from tests.support.stripe.wallet import attach, merge_metadata, named_method, spend_token

STATE = "setup_intent_unexpected_state"


def create(store: Store, asked: Object) -> Object:
    if asked.get("customer"):
        store.get("customer", asked["customer"], param="customer", in_path=False)
    allowed = asked.get("allowed_payment_method_types")
    method = named_method(store, asked)
    automatic = asked.get("automatic_payment_methods") or {"enabled": True}
    intent = store.make(
        "setup_intent",
        allowed_payment_method_types=allowed,
        automatic_payment_methods=None if allowed else {"allow_redirects": "always", **automatic},
        customer=asked.get("customer"),
        description=asked.get("description"),
        metadata={},
        payment_method=method["id"] if method else None,
        payment_method_options=_options(asked),
        payment_method_types=allowed or SWITCHED_ON["cad"],
        status="requires_confirmation" if method else "requires_payment_method",
        usage=asked.get("usage", "off_session"),
    )
    intent["client_secret"] = f"{intent['id']}_secret_{store.new_id('x')[2:]}"
    merge_metadata(intent, asked)
    store.tell("setup_intent.created", intent)
    if not asked.get("confirm"):
        return intent
    later = {key: asked[key] for key in ("confirmation_token", "mandate_data") if key in asked}
    return confirm(store, intent["id"], later)


def _options(asked: Object) -> Object:
    given = asked.get("payment_method_options", {}).get("acss_debit")
    if given is None:
        return {}
    return {"acss_debit": {"currency": "cad", "mandate_options": {}, "verification_method": "automatic", **given}}


def confirm(store: Store, intent_id: str, asked: Object) -> Object:
    intent = store.get("setup_intent", intent_id)
    if intent["status"] in ("succeeded", "canceled"):
        raise invalid(f"This SetupIntent has a status of {intent['status']}.", STATE, setup_intent=intent)
    token: Object | None = None
    method = named_method(store, {"payment_method": intent["payment_method"], **asked})
    if asked.get("confirmation_token"):
        token, method = spend_token(store, asked["confirmation_token"], intent_id)
    if method is None:
        raise invalid("You cannot confirm this SetupIntent without a payment method.", STATE, setup_intent=intent)
    behaviour = store.behaviours[method["id"]]
    intent |= {"payment_method": method["id"], "last_setup_error": None}
    if behaviour.challenge:
        intent |= {
            "status": "requires_action",
            "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
        }
        store.tell("setup_intent.requires_action", intent)
        return intent
    if behaviour.decline:
        code, decline_code = behaviour.decline
        error: Object = {"type": "card_error", "code": code, "message": "Your card was declined."}
        error |= {"decline_code": decline_code} if decline_code else {}
        intent |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
        store.tell("setup_intent.setup_failed", intent)
        raise StripeFailure(402, **error, setup_intent=intent)
    wanted = {"amount": 0, "currency": "cad", "payment_method_options": intent["payment_method_options"]}
    intent["mandate"] = mandate_for(store, wanted, method, "off_session", asked, token)
    if intent["payment_method_options"].get(method["type"], {}).get("verification_method") == "microdeposits":
        intent |= {"status": "requires_action", "next_action": microdeposits(store, intent_id)}
        store.tell("setup_intent.requires_action", intent)
        return intent
    return _succeed(store, intent, method)


def verify_microdeposits(store: Store, intent_id: str, asked: Object) -> Object:
    intent = store.get("setup_intent", intent_id)
    check_microdeposits(intent, asked)
    intent["next_action"] = None
    return _succeed(store, intent, store.get("payment_method", intent["payment_method"]))


def pass_step(store: Store, intent_id: str, *, passed: bool) -> Object:
    intent = store.get("setup_intent", intent_id)
    if intent["status"] != "requires_action":
        raise invalid(f"There is no step to do: the status is {intent['status']}.", STATE)
    method = store.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if passed:
        return _succeed(store, intent, method)
    error = {
        "type": "card_error",
        "code": "setup_intent_authentication_failure",
        "message": "We are unable to authenticate your payment method.",
    }
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
    store.tell("setup_intent.setup_failed", intent)
    return intent


def cancel(store: Store, intent_id: str, asked: Object) -> Object:
    intent = store.get("setup_intent", intent_id)
    if intent["status"] in ("succeeded", "canceled", "processing"):
        raise invalid(f"This SetupIntent has a status of {intent['status']}.", STATE, setup_intent=intent)
    intent |= {"status": "canceled", "cancellation_reason": asked.get("cancellation_reason"), "next_action": None}
    store.tell("setup_intent.canceled", intent)
    return intent


def _succeed(store: Store, intent: Object, method: Object) -> Object:
    intent["status"] = "succeeded"
    if intent["customer"] and method["customer"] is None:
        attach(store, method["id"], intent["customer"])
    store.tell("setup_intent.succeeded", intent)
    return intent
