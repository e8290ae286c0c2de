"""Charges and their refunds."""

from __future__ import annotations

from tests.support.stripe.errors import Object, StripeFailure, invalid
from tests.support.stripe.methods import TestMethod
from tests.support.stripe.store import Store
from tests.support.stripe.wallet import merge_metadata

FAILURES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}


def make_charge(store: Store, intent: Object, method: Object, status: str, mandate: str | None = None) -> Object:
    """A charge of the intent's whole amount: succeeded, pending or failed."""
    paid = status == "succeeded"
    return store.make(
        "charge",
        amount=intent["amount"],
        amount_captured=intent["amount"] if status != "failed" else 0,
        amount_refunded=0,
        billing_details=method["billing_details"],
        calculated_statement_descriptor="NORTHWIND TELECOM",
        captured=status != "failed",
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        outcome=_outcome(store.behaviours[method["id"]], status),
        paid=status != "failed",
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": method["type"], method["type"]: _details(intent, method, mandate)},
        receipt_url="https://pay.stripe.example/receipts/" + store.new_id("rcpt") if paid else None,
        refunded=False,
        status=status,
    )


def _outcome(behaviour: TestMethod, status: str) -> Object:
    declined = behaviour.decline[1] or behaviour.decline[0] if behaviour.decline and status == "failed" else None
    return {
        "advice_code": "try_again_later" if declined == "insufficient_funds" else None,
        "network_advice_code": None,
        "network_decline_code": "51" if declined == "insufficient_funds" else "05" if declined else None,
        "network_status": "declined_by_network" if declined else "approved_by_network",
        "reason": declined,
        "risk_level": "normal" if behaviour.type == "card" else "not_assessed",
        "seller_message": "The bank declined the payment." if declined else "Payment complete.",
        "type": "issuer_declined" if declined else "authorized",
    }


def _details(intent: Object, method: Object, mandate: str | None) -> Object:
    shown = method[method["type"]]
    if method["type"] == "card":
        kept = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
        return {
            **{key: shown[key] for key in kept},
            "amount_authorized": intent["amount"],
            "authorization_code": "123456",
            "installments": None,
            "mandate": None,
            "network": shown["brand"],
            "network_token": {"used": False},
            "network_transaction_id": "104102978678771",
            "regulated_status": shown["regulated_status"],
            "three_d_secure": None,
            "transaction_link_id": None,
        }
    us = method["type"] == "us_bank_account"
    names = (
        "account_holder_type account_type bank_name fingerprint last4 routing_number"
        if us
        else ("bank_name fingerprint institution_number last4 transit_number")
    )
    told = {key: shown[key] for key in names.split()} | ({"payment_reference": None} if us else {})
    return told | ({"mandate": mandate} if mandate else {})


# -------------------------------------------------------------------------------------------------------- refunds


def create_refund(store: Store, asked: Object) -> Object:
    charge = _charge_to_refund(store, asked)
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = asked.get("amount", left)
    if charge["disputed"] and not _refundable(store, charge):
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed")
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if amount < 1:
        raise invalid("Invalid positive integer", "parameter_invalid_integer", param="amount")
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise invalid(message, param="amount")
    behaviour = store.behaviours[charge["payment_method"]]
    waits = behaviour.refund == "pending" or behaviour.type != "card"
    refund = store.make(
        "refund",
        amount=amount,
        balance_transaction=store.new_id("txn"),
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        destination_details=_destination(behaviour),
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        reason=asked.get("reason"),
        status="pending" if waits else "succeeded",
        metadata={},
    )
    merge_metadata(refund, asked)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    store.tell("refund.created", refund)
    store.tell("charge.refunded", charge, {"amount_refunded": charge["amount_refunded"] - amount})
    if behaviour.refund == "failed":
        decide_refund(store, refund["id"], succeeded=False)
    return refund


def decide_refund(store: Store, refund_id: str, *, succeeded: bool) -> Object:
    """The bank took a pending refund, or a refund came back (control)."""
    refund = store.get("refund", refund_id)
    before = {"status": refund["status"]}
    refund["status"] = "succeeded" if succeeded else "failed"
    if not succeeded:
        refund |= {"failure_reason": "lost_or_stolen_card", "failure_balance_transaction": store.new_id("txn")}
        charge = store.get("charge", refund["charge"])
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
    store.tell("refund.updated", refund, before)
    store.tell("charge.refund.updated", refund, before)
    if not succeeded:
        store.tell("refund.failed", refund, before)
    return refund


def _charge_to_refund(store: Store, asked: Object) -> Object:
    if "charge" in asked:
        return store.get("charge", asked["charge"], param="charge", in_path=False)
    if "payment_intent" not in asked:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    intent = store.get("payment_intent", asked["payment_intent"], param="payment_intent", in_path=False)
    charge = store.objects["charge"].get(intent["latest_charge"] or "")
    if charge is None or charge["status"] != "succeeded":
        raise invalid(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return charge


def _refundable(store: Store, charge: Object) -> bool:
    """An inquiry leaves the money where it is, and a refund answers it."""
    return all(d["is_charge_refundable"] for d in store.objects["dispute"].values() if d["charge"] == charge["id"])


def _destination(behaviour: TestMethod) -> Object:
    if behaviour.type == "card":
        told = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
        return {"type": "card", "card": told}
    return {"type": behaviour.type, **({behaviour.type: {}} if behaviour.type == "acss_debit" else {})}


def card_error(code: str, decline_code: str | None, charge: Object, method: Object, intent: Object) -> StripeFailure:
    """402: the answer that a decline comes as."""
    message = FAILURES.get(decline_code or code, "Your card was declined.")
    more: Object = {"decline_code": decline_code} if decline_code else {}
    if decline_code == "insufficient_funds":
        more |= {"network_decline_code": "51"}
    if code == "incorrect_cvc":
        more |= {"param": "cvc"}
    return StripeFailure(
        402,
        "card_error",
        message,
        code,
        charge=charge["id"],
        doc_url=f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}",
        payment_method=method,
        payment_intent=intent,
        **more,
    )
