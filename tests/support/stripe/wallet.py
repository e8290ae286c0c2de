"""Customers, payment methods and confirmation tokens."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from tests.support.stripe.errors import Object, invalid, missing
from tests.support.stripe.methods import TEST_METHODS, TestMethod, details, typed
from tests.support.stripe.store import Store

TOKEN_LASTS_S = 12 * 3600  # docs.stripe.com/api/confirmation_tokens/object
NO_ADDRESS: Object = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
NO_DETAILS: Object = {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}
CUSTOMER_FIELDS = ("address", "description", "email", "name", "phone", "preferred_locales")
USED_BEFORE = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a"
    " connected account without Customer attachment, or was detached from a Customer. It may not be used again."
)

# ------------------------------------------------------------------------------------------------------ customers


def create_customer(store: Store, asked: Object) -> Object:
    made = store.make(
        "customer",
        balance=0,
        delinquent=False,
        invoice_prefix=store.new_id("in")[3:11].upper(),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        metadata={},
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
    )
    _change_customer(made, asked)
    store.tell("customer.created", made)
    return made


def update_customer(store: Store, customer_id: str, asked: Object) -> Object:
    customer = store.get("customer", customer_id)
    before = {key: copy.deepcopy(customer[key]) for key in asked if key in customer}
    _change_customer(customer, asked)
    store.tell("customer.updated", customer, before)
    return customer


def delete_customer(store: Store, customer_id: str) -> Object:
    gone = store.get("customer", customer_id)
    del store.objects["customer"][customer_id]
    for method in methods_of(store, customer_id):
        method["customer"] = None
        store.spent.add(method["id"])
    store.tell("customer.deleted", gone)
    return {"id": customer_id, "object": "customer", "deleted": True}


def _change_customer(customer: Object, asked: Object) -> None:
    for key in CUSTOMER_FIELDS:
        if key in asked:
            customer[key] = asked[key] or None
    if customer["address"]:
        customer["address"] = NO_ADDRESS | customer["address"]
    merge_metadata(customer, asked)


def merge_metadata(thing: Object, asked: Object) -> None:
    """Keys are merged; an empty value takes its key away."""
    changes = asked.get("metadata") or {}
    kept = {**(thing.get("metadata") or {}), **changes}
    thing["metadata"] = {key: value for key, value in kept.items() if value != ""}


# ------------------------------------------------------------------------------------------------ payment methods


def create_method(store: Store, asked: Object) -> Object:
    """POST /v1/payment_methods: a card by number or `tok_visa`, or a bank account by its number."""
    kind = str(asked.get("type"))
    entered = asked.get(kind) or {}
    number = str(entered.get("number") or entered.get("account_number") or "")
    behaviour = typed(number) or TEST_METHODS.get(
        f"pm_card_{str(entered.get('token')).removeprefix('tok_')}"
        if kind == "card"
        else {"acss_debit": "pm_acssDebit", "us_bank_account": "pm_usBankAccount"}.get(kind, "")
    )
    if behaviour is None or behaviour.type != kind:
        raise invalid("Your card number is incorrect.", "incorrect_number", param="card[number]")
    made = make_method(store, behaviour, asked.get("billing_details"), asked.get("allow_redisplay"))
    if kind == "card" and "exp_month" in entered:
        made["card"] |= {"exp_month": entered["exp_month"], "exp_year": entered["exp_year"]}
    merge_metadata(made, asked)
    return made


def make_method(
    store: Store, behaviour: TestMethod, billing: Object | None = None, redisplay: str | None = None
) -> Object:
    made = store.make(
        "payment_method",
        type=behaviour.type,
        allow_redisplay=redisplay or "unspecified",
        billing_details=_billing(NO_DETAILS, billing or {}),
        metadata={},
        **details(behaviour),
    )
    store.behaviours[made["id"]] = behaviour
    return made


def find_method(store: Store, id_: str, *, in_path: bool = True) -> Object:
    """A payment method. A test id such as pm_card_visa makes a new one every time, as at Stripe."""
    if id_ in TEST_METHODS:
        return make_method(store, TEST_METHODS[id_])
    if id_ not in store.objects["payment_method"]:
        raise missing("PaymentMethod", id_, in_path=in_path, param="payment_method")
    return store.objects["payment_method"][id_]


def named_method(store: Store, asked: Object) -> Object | None:
    """The method that a request names, or makes of its `payment_method_data`; None where it does neither."""
    if asked.get("payment_method_data"):
        return create_method(store, asked["payment_method_data"])
    return find_method(store, asked["payment_method"], in_path=False) if asked.get("payment_method") else None


def update_method(store: Store, method_id: str, asked: Object) -> Object:
    method = store.get("payment_method", method_id)
    if method["customer"] is None:
        raise invalid("You must save this PaymentMethod to a customer before you can update it.")
    before: Object = {}
    if "billing_details" in asked:
        before["billing_details"] = copy.deepcopy(method["billing_details"])
        method["billing_details"] = _billing(method["billing_details"], asked["billing_details"])
    for key in ("exp_month", "exp_year"):
        if key in asked.get("card", {}):
            before.setdefault("card", {})[key] = method["card"][key]
            method["card"][key] = asked["card"][key]
    method["allow_redisplay"] = asked.get("allow_redisplay", method["allow_redisplay"])
    merge_metadata(method, asked)
    store.tell("payment_method.updated", method, before)
    return method


def attach(store: Store, method_id: str, customer_id: str) -> Object:
    store.get("customer", customer_id, param="customer", in_path=False)
    method = find_method(store, method_id)
    if method["id"] in store.spent:
        raise invalid(USED_BEFORE)
    if method["customer"] is None:
        method["customer"] = customer_id
        store.tell("payment_method.attached", method)
    elif method["customer"] != customer_id:
        raise invalid("The payment method you provided has already been attached to a customer.")
    return method


def detach(store: Store, method_id: str) -> Object:
    method = store.get("payment_method", method_id)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    before = {"customer": method["customer"]}
    method["customer"] = None
    store.spent.add(method_id)
    store.tell("payment_method.detached", method, before)
    return method


def methods_of(store: Store, customer_id: str, kind: str | None = None) -> list[Object]:
    store_has = store.all("payment_method")
    return [m for m in store_has if m["customer"] == customer_id and kind in (None, m["type"])]


def _billing(old: Object, new: Object) -> Object:
    """Billing details after a change: an empty text or hash takes a value away."""
    changed = {**old, **{key: value or None for key, value in new.items() if key != "address"}}
    if "address" in new:
        given = new["address"] or {}
        kept = old["address"] or NO_ADDRESS
        changed["address"] = {**NO_ADDRESS, **kept, **{key: value or None for key, value in given.items()}}
    return changed


# -------------------------------------------------------------------------------------------- confirmation tokens


def create_token(store: Store, asked: Object) -> Object:
    """POST /v1/test_helpers/confirmation_tokens."""
    data = asked.get("payment_method_data")
    if data is not None:
        method = create_method(store, data)
    else:
        method = find_method(store, asked.get("payment_method", "pm_card_visa"), in_path=False)
    return make_token(store, method, asked.get("setup_future_usage"), return_url=asked.get("return_url"))


def make_token(
    store: Store,
    method: Object,
    setup_future_usage: str | None = None,
    *,
    mandate_data: Object | None = None,
    **more: Any,
) -> Object:
    shown = ("type", "billing_details", "allow_redisplay", "customer", method["type"])
    token = store.make(
        "confirmation_token",
        expires_at=store.now() + TOKEN_LASTS_S,
        payment_method_preview={key: copy.deepcopy(method[key]) for key in shown} | {"customer_account": None},
        setup_future_usage=setup_future_usage,
        mandate_data=mandate_data,
        use_stripe_sdk=True,
        **more,
    )
    store.behaviours[token["id"]] = store.behaviours[method["id"]]
    return token


def spend_token(store: Store, token_id: str, intent_id: str) -> tuple[Object, Object]:
    """The token and the payment method that comes of it. A token confirms one intent, within 12 hours."""
    token = store.objects["confirmation_token"].get(token_id)
    if token is None:
        raise missing("ConfirmationToken", token_id, in_path=False, param="confirmation_token")
    if token["payment_intent"] or token["setup_intent"]:
        raise invalid("This ConfirmationToken has already been used to confirm an intent.", param="confirmation_token")
    if store.now() >= token["expires_at"]:
        raise invalid("This ConfirmationToken has expired.", param="confirmation_token")
    token["setup_intent" if intent_id.startswith("seti") else "payment_intent"] = intent_id
    preview = token["payment_method_preview"]
    method = make_method(store, store.behaviours[token_id], preview["billing_details"], preview.get("allow_redisplay"))
    method[method["type"]] = copy.deepcopy(preview[method["type"]])
    return token, method


def renew_card(store: Store, method_id: str, exp_month: int, exp_year: int, last4: str | None = None) -> Object:
    """The network tells Stripe of a new expiry date, or of a new card in place of the old (control)."""
    method = store.get("payment_method", method_id)
    before = {key: method["card"][key] for key in ("exp_month", "exp_year", "last4", "fingerprint")}
    behaviour = store.behaviours[method_id]
    if last4 is not None:
        behaviour = store.behaviours[method_id] = replace(behaviour, last4=last4)
    method["card"] |= {
        "exp_month": exp_month,
        "exp_year": exp_year,
        "last4": behaviour.last4,
        "fingerprint": behaviour.fingerprint,
    }
    store.tell("payment_method.automatically_updated", method, {"card": before})
    return method
