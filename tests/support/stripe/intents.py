"""Payment intents: created, changed, confirmed, cancelled (how a confirmed one goes on: outcomes.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.stripe.errors import UNEXPECTED_STATE, Cut, Object, invalid
from tests.support.stripe.mandates import mandate_for
from tests.support.stripe.methods import TestMethod, Trouble
from tests.support.stripe.outcomes import ask_for_step, charge_now, decline
from tests.support.stripe.store import SWITCHED_ON, Store
from tests.support.stripe.wallet import USED_BEFORE, find_method, merge_metadata, named_method, spend_token

SMALLEST, LARGEST = 50, 99_999_999  # minor units, docs.stripe.com/currencies
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")
OTHER_METHOD = {"confirmation_token", "payment_method", "payment_method_data"}
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
COPIED = ("customer", "description", "receipt_email", "setup_future_usage", "statement_descriptor_suffix")


@dataclass(frozen=True, slots=True)
class Done:
    """An answer, and what the line does to it on its way back."""

    body: Object
    trouble: Trouble | None = None


def create(store: Store, asked: Object) -> Object:
    amount, currency = asked["amount"], asked["currency"]
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", "parameter_invalid_integer", param="amount")
    if currency not in SWITCHED_ON:
        raise invalid(f"Invalid currency: {currency}.", param="currency")
    if amount < SMALLEST:
        raise invalid("Amount must be at least 50 cents", "amount_too_small", param="amount")
    if amount > LARGEST:
        raise invalid("Amount must be no more than $999,999.99", "amount_too_large", param="amount")
    if asked.get("customer"):
        store.get("customer", asked["customer"], param="customer", in_path=False)
    method = named_method(store, asked)
    intent = store.make(
        "payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        capture_method=asked.get("capture_method", "automatic_async"),
        confirmation_method="automatic",
        currency=currency,
        metadata={},
        payment_method_options={},
        status="requires_confirmation" if method else "requires_payment_method",
        **{key: asked.get(key) for key in COPIED},
        **_types(asked, currency),
    )
    intent["client_secret"] = f"{intent['id']}_secret_{store.new_id('x')[2:]}"
    merge_metadata(intent, asked)
    try:
        if method:
            check_method(store, intent, method)
    except Exception:
        del store.objects["payment_intent"][intent["id"]]
        raise
    intent["payment_method"] = method["id"] if method else None
    intent["payment_method_options"] = _options(intent, asked)
    store.tell("payment_intent.created", intent)
    return intent


def create_and_confirm(store: Store, asked: Object) -> Object | Done:
    """POST /v1/payment_intents, with `confirm` in one call where that is asked for."""
    intent = create(store, asked)
    if not asked.get("confirm"):
        return intent
    passed_on = ("confirmation_token", "mandate", "mandate_data", "off_session", "return_url", "use_stripe_sdk")
    return confirm(store, intent["id"], {key: asked[key] for key in passed_on if key in asked})


def slowness(store: Store, intent_id: str, asked: Object) -> float:
    """Seconds that a bank takes over this confirm. Waited for before anything else, so that nobody else waits."""
    intent = store.objects["payment_intent"].get(intent_id, {})
    chosen = asked.get("confirmation_token") or asked.get("payment_method") or intent.get("payment_method")
    return store.behaviours.get(chosen or "", TestMethod()).slow_s


def _types(asked: Object, currency: str) -> Object:
    automatic, allowed = asked.get("automatic_payment_methods"), asked.get("allowed_payment_method_types")
    if automatic and automatic.get("enabled") and allowed:
        raise invalid(
            "You may only specify one of these parameters: automatic_payment_methods, allowed_payment_method_types."
        )
    if unknown := set(allowed or []) - set(SWITCHED_ON[currency]):
        raise invalid(
            f"The payment method type {unknown} is invalid for {currency}.", param="allowed_payment_method_types"
        )
    excluded = asked.get("excluded_payment_method_types") or []
    return {
        "allowed_payment_method_types": allowed,
        "automatic_payment_methods": None
        if allowed
        else {"allow_redirects": "always", **(automatic or {"enabled": True})},
        "excluded_payment_method_types": asked.get("excluded_payment_method_types"),
        "payment_method_types": [t for t in allowed or SWITCHED_ON[currency] if t not in excluded],
    }


def _options(intent: Object, asked: Object) -> Object:
    """What is said back of the options: one hash per type."""
    given = asked.get("payment_method_options", {})
    told: Object = {}
    for kind in intent["payment_method_types"]:
        if kind == "card":
            told["card"] = {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        elif kind == "acss_debit":
            told[kind] = {"mandate_options": {}, "verification_method": "automatic", **given.get(kind, {})}
        else:
            told[kind] = {"verification_method": "automatic", **given.get(kind, {})}
    return told


def update(store: Store, intent_id: str, asked: Object) -> Object:
    intent = store.get("payment_intent", intent_id)
    if intent["status"] not in CONFIRMABLE and set(asked) - {"metadata", "description"}:
        raise invalid(f"This PaymentIntent could not be updated: its status is {intent['status']}.", UNEXPECTED_STATE)
    if "payment_method" in asked:
        method = find_method(store, asked["payment_method"], in_path=False)
        check_method(store, intent, method)
        intent |= {"payment_method": method["id"], "status": "requires_confirmation", "last_payment_error": None}
    for key in ("description", "receipt_email", "setup_future_usage", "amount"):
        if key in asked:
            intent[key] = asked[key] or None
    merge_metadata(intent, asked)
    return intent


def confirm(store: Store, intent_id: str, asked: Object) -> Done:
    """Charges, or says what is in the way. A decline raises (402); a step or a wait for the bank is an answer."""
    intent = store.get("payment_intent", intent_id, param="intent")
    if intent["status"] not in CONFIRMABLE:
        done = (
            "it has already succeeded after being previously confirmed"
            if intent["status"] == "succeeded"
            else (f"it has a status of {intent['status']}")
        )
        raise invalid(f"You cannot confirm this PaymentIntent because {done}.", UNEXPECTED_STATE, payment_intent=intent)
    if intent["status"] == "requires_action" and not OTHER_METHOD & set(asked):
        return Done(intent)
    method, token = _method_to_charge(store, intent, asked)
    behaviour = store.behaviours[method["id"]]
    usage = asked.get("setup_future_usage") or (token or {}).get("setup_future_usage") or intent["setup_future_usage"]
    _check_usage(intent, token)
    mandate = mandate_for(store, intent, method, usage, asked, token)
    intent |= {
        "payment_method": method["id"],
        "setup_future_usage": usage,
        "last_payment_error": None,
        "next_action": None,
        "receipt_email": asked.get("receipt_email", intent["receipt_email"]),
    }
    if asked.get("payment_method_options"):
        intent["payment_method_options"] = _options(intent, asked)
    if behaviour.challenge and not asked.get("off_session"):
        return Done(ask_for_step(store, intent, asked))
    if behaviour.challenge:
        raise decline(store, intent, method, ("authentication_required", "authentication_required"))
    return Done(charge_now(store, intent, method, mandate), behaviour.trouble)


def _method_to_charge(store: Store, intent: Object, asked: Object) -> tuple[Object, Object | None]:
    if token_id := asked.get("confirmation_token"):
        if store.behaviours.get(token_id, TestMethod()).cut:
            raise Cut
        token, method = spend_token(store, token_id, intent["id"])
        check_method(store, intent, method)
        return method, token
    method = named_method(store, {"payment_method": intent["payment_method"], **asked})
    if method is None:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the"
            " PaymentIntent with a payment method and then confirm it again, or confirm it directly with a payment"
            " method or ConfirmationToken.",
            UNEXPECTED_STATE,
            payment_intent=intent,
        )
    if store.behaviours[method["id"]].cut:
        raise Cut
    check_method(store, intent, method)
    return method, None


def check_method(store: Store, intent: Object, method: Object) -> None:
    owner = method["customer"]
    if method["type"] not in intent["payment_method_types"]:
        raise invalid(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent.",
            "payment_intent_incompatible_payment_method",
            param="payment_method",
        )
    if owner and owner != intent["customer"]:
        what = "include the Customer in the `customer` parameter" if intent["customer"] is None else "use its Customer"
        raise invalid(
            f"The PaymentMethod you provided belongs to Customer {owner}. Please {what}.", param="payment_method"
        )
    if method["id"] in store.spent:
        raise invalid(USED_BEFORE)


def _check_usage(intent: Object, token: Object | None) -> None:
    """Elements and intent must agree about keeping the method (docs.stripe.com/payments/accept-a-payment-deferred)."""
    wanted = token and token["setup_future_usage"]
    if wanted and intent["setup_future_usage"] not in (None, wanted):
        raise invalid("The setup_future_usage of the ConfirmationToken does not match the PaymentIntent's.")


def cancel(store: Store, intent_id: str, asked: Mapping[str, str]) -> Object:
    intent = store.get("payment_intent", intent_id, param="intent")
    if intent["status"] not in CANCELABLE:
        raise invalid(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent"
            f" with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
            UNEXPECTED_STATE,
            payment_intent=intent,
        )
    intent |= {
        "status": "canceled",
        "canceled_at": store.now(),
        "cancellation_reason": asked.get("cancellation_reason"),
        "next_action": None,
    }
    store.tell("payment_intent.canceled", intent)
    return intent
