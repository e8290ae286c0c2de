"""Disputes: the customer's bank takes money back, asks about a charge, or returns a debit."""

from __future__ import annotations

from typing import Any

from tests.support.stripe.errors import Object, invalid
from tests.support.stripe.store import Store

DISPUTE_FEE = 1500  # minor units
DAY_S = 86_400


def open_dispute(
    store: Store,
    intent_id: str,
    *,
    amount: int | None = None,
    reason: str = "fraudulent",
    status: str = "needs_response",
) -> Object:
    """The customer's bank disputes a charge (control). `warning_needs_response`: only asks, no money moves.

    `lost` at once: a bank debit that comes back after it had succeeded, which nobody can contest.
    """
    intent = store.get("payment_intent", intent_id)
    charge = store.get("charge", intent["latest_charge"])
    inquiry, returned = status.startswith("warning"), status == "lost"
    dispute = store.make("dispute", **_dispute(store, charge, amount or charge["amount"], reason, status))
    charge["disputed"] = True
    if not inquiry:
        taken = _balance_transaction(store, -dispute["amount"], DISPUTE_FEE, charge["currency"], dispute["id"])
        dispute["balance_transactions"].append(taken)
    store.tell("charge.dispute.created", dispute)
    if not inquiry:
        store.tell("charge.dispute.funds_withdrawn", dispute)
    if returned:
        store.tell("charge.dispute.closed", dispute)
    return dispute


def close_dispute(store: Store, dispute_id: str, *, won: bool) -> Object:
    dispute = store.get("dispute", dispute_id)
    if dispute["status"] in ("won", "lost", "warning_closed"):
        raise invalid("This dispute is already closed.")
    before = {"status": dispute["status"]}
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if inquiry else "won" if won else "lost"
    if won and not inquiry:
        back = _balance_transaction(store, dispute["amount"], -DISPUTE_FEE, dispute["currency"], dispute_id)
        dispute["balance_transactions"].append(back)
        store.tell("charge.dispute.funds_reinstated", dispute)
    store.tell("charge.dispute.closed", dispute, before)
    return dispute


def _dispute(store: Store, charge: Object, amount: int, reason: str, status: str) -> Object:
    kind = charge["payment_method_details"]["type"]
    case = {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"}
    if status.startswith("warning"):
        case["case_type"] = "inquiry"
    responding = status.endswith("needs_response")
    shown: dict[str, Any] = {
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}, "customer_name": charge["billing_details"]["name"]},
        "evidence_details": {
            "due_by": store.now() + 7 * DAY_S if responding else 0,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": status.startswith("warning"),
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": status,
    }
    if kind == "card":
        shown["payment_method_details"] = {"type": "card", "card": case}
    return shown


def _balance_transaction(store: Store, amount: int, fee: int, currency: str, source: str) -> Object:
    return {
        "id": store.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": store.now() + 2 * DAY_S,
        "balance_type": "payments",
        "created": store.now(),
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [],
        "net": amount - fee,
        "reporting_category": "dispute",
        "source": source,
        "status": "pending",
        "type": "adjustment",
    }
