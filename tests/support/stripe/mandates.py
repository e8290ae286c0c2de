"""Mandates: a customer's permission to debit a bank account."""

from __future__ import annotations

from tests.support.stripe.errors import Object, invalid
from tests.support.stripe.store import Store


def mandate_for(
    store: Store, intent: Object, method: Object, usage: str | None, asked: Object, token: Object | None
) -> str | None:
    """The mandate under which `method` is debited: an earlier one for several uses, or one made of what came along.

    Needed for bank debits only; refused where nobody says that the customer accepted one.
    """
    if method["type"] == "card":
        return None
    if asked.get("mandate"):
        given = store.get("mandate", asked["mandate"], param="mandate", in_path=False)
        if given["payment_method"] != method["id"] or given["status"] != "active":
            raise invalid("The mandate provided is not an active one of this PaymentMethod.", param="mandate")
        return str(given["id"])
    kept = find_mandate(store, method["id"])
    if kept is not None:
        return kept
    accepted = (asked.get("mandate_data") or (token or {}).get("mandate_data") or {}).get("customer_acceptance")
    if not accepted:
        raise invalid(
            f"You must provide `mandate_data` or an existing mandate to debit a {method['type']}.", param="mandate_data"
        )
    return str(make_mandate(store, intent, method, usage, accepted)["id"])


def find_mandate(store: Store, method_id: str) -> str | None:
    """An active mandate for further debits."""
    for mandate in store.all("mandate"):
        if mandate["payment_method"] == method_id and (mandate["type"], mandate["status"]) == ("multi_use", "active"):
            return str(mandate["id"])
    return None


def make_mandate(store: Store, intent: Object, method: Object, usage: str | None, accepted: Object) -> Object:
    kind = method["type"]
    details: Object = {}
    if kind == "acss_debit":
        wanted = intent.get("payment_method_options", {}).get(kind, {}).get("mandate_options", {})
        details = {
            "interval_description": wanted.get("interval_description"),
            "payment_schedule": wanted.get("payment_schedule", "sporadic"),
            "transaction_type": wanted.get("transaction_type", "personal"),
        }
    online = accepted.get("online")
    several = usage == "off_session"
    return store.make(
        "mandate",
        customer_acceptance={
            "accepted_at": accepted.get("accepted_at", store.now()),
            "type": accepted["type"],
            **(
                {"online": {"ip_address": None, "user_agent": None, **online}}
                if online is not None
                else {"offline": {}}
            ),
        },
        payment_method=method["id"],
        payment_method_details={"type": kind, kind: details},
        status="active",
        type="multi_use" if several else "single_use",
        **(
            {"multi_use": {}}
            if several
            else {"single_use": {"amount": intent["amount"], "currency": intent["currency"]}}
        ),
    )


def change_mandate(store: Store, mandate_id: str, status: str) -> Object:
    """The customer or the bank ends a mandate (control)."""
    mandate = store.get("mandate", mandate_id)
    before = {"status": mandate["status"]}
    mandate["status"] = status
    store.tell("mandate.updated", mandate, before)
    return mandate
