"""What Stripe's objects say, in our words. Pure: plain dicts in, ours out.

Anything that is not as documented raises one of UNREADABLE, and the adapter makes "not known" of it, never a decline.
Sources: docs.stripe.com/api, one page an object.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, cast

from billing.gateways.base import (
    BillingDetails,
    GatewayDispute,
    GatewayPayment,
    GatewayRefund,
    GatewayStatus,
    MethodInfo,
)
from billing.money import Money

# What reading something else than was agreed on can raise; OSError and OverflowError are those of odd times.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError, RecursionError)
REFERENCE = "payment_reference"  # our name for the payment, in the intent's metadata
CONFIRMED_BY = "confirmed_by"  # "page": Stripe's script confirms, not our server
PAGE = "page"
ACCOUNT_NUMBER = "account_number"  # whose customer it is, in the customer's metadata
REFUND_KEY = "key"  # under which we asked for the refund, in its metadata

_CURRENCY = re.compile(r"[a-z]{3}")  # ISO 4217, as Stripe writes it
_LAST4 = re.compile(r"[0-9]{4}")
BANK_DEBITS = ("us_bank_account", "acss_debit")
_SIMPLE: dict[str, GatewayStatus] = {
    "requires_confirmation": "requires_confirmation",
    "requires_action": "requires_action",
    "processing": "processing",
    "succeeded": "succeeded",
    "canceled": "canceled",
}
_REFUNDS: dict[str, Literal["pending", "succeeded", "failed"]] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
# `warning_…` are inquiries, in which no money moves; `prevented` is looked at in _dispute_status.
_DISPUTES: dict[str, Literal["open", "won", "lost"]] = {
    "needs_response": "open",
    "under_review": "open",
    "appeal_needs_response": "open",
    "appeal_under_review": "open",
    "won": "won",
    "lost": "lost",
}
# What only banks say of debits (docs.stripe.com/disputes/categories); nobody can contest these.
_RETURNS = (
    "bank_cannot_process",
    "check_returned",
    "customer_initiated",
    "debit_not_authorized",
    "incorrect_account_details",
    "insufficient_funds",
)


def payment(told: Mapping[str, Any]) -> GatewayPayment:
    """A PaymentIntent; with `payment_method` and `latest_charge` expanded it says all that we want to know."""
    id_, currency, metadata = text(told["id"]), _currency(told["currency"]), told.get("metadata") or {}
    error = told.get("last_payment_error") or {}
    status = _status(told["status"], error, metadata)
    reference = words(metadata.get(REFERENCE))
    charge = told.get("latest_charge") if status in ("processing", "succeeded") else None
    charge = charge if isinstance(charge, Mapping) else {}
    taken = status == "succeeded"
    return GatewayPayment(
        id=id_,
        status=status,
        amount=Money(told["amount"], currency),
        # The description calls it optional; without it, what succeeded was taken whole.
        captured=Money(told.get("amount_received", told["amount"]), currency) if taken else None,
        payment_reference=reference,
        decline_code=_decline_code(error) if status in ("declined", "canceled") else None,
        action_url=_action_url(told.get("next_action") or {}) if status == "requires_action" else None,
        method=_method_of_payment(told, error, charge),
        created_at=moment(told["created"]),
        client_secret=words(told.get("client_secret")),
        refunded=Money(charge["amount_refunded"], currency) if taken and "amount_refunded" in charge else None,
        disputed=bool(charge["disputed"]) if taken and "disputed" in charge else None,
    )


def payment_and_bare_method(told: Mapping[str, Any]) -> tuple[GatewayPayment, str | None]:
    """The payment, and its method's id where Stripe did not expand it into the method itself."""
    bare = told.get("payment_method")
    return payment(told), bare if isinstance(bare, str) else None


def payment_of_anyone(told: Mapping[str, Any]) -> GatewayPayment | None:
    """The same in a list, where others' charges in two halves are passed over: no money was taken yet."""
    return None if told["status"] == "requires_capture" else payment(told)


def _status(status: str, error: Mapping[str, Any], metadata: Mapping[str, str]) -> GatewayStatus:
    """An intent without a method was either never confirmed, or the bank said no and took its method away.

    One that the page confirms waits for the customer from the start. `requires_capture` is a KeyError: we never ask
    for a charge in two halves.
    """
    if status in ("requires_payment_method", "requires_confirmation"):
        if error and status == "requires_payment_method":
            return "declined"
        return "requires_action" if metadata.get(CONFIRMED_BY) == PAGE else "requires_confirmation"
    return _SIMPLE[status]


def _decline_code(error: Mapping[str, Any]) -> str | None:
    """The issuer's word where it gave one, else Stripe's. For operators; customers hear a sentence of ours."""
    return words(error.get("decline_code")) or words(error.get("code"))


def _action_url(action: Mapping[str, Any]) -> str | None:
    """None: the step is done by Stripe's script on our own page."""
    if action.get("type") == "redirect_to_url":
        return text(action["redirect_to_url"]["url"])
    if action.get("type") == "verify_with_microdeposits":
        return text(action["verify_with_microdeposits"]["hosted_verification_url"])
    return None


def _method_of_payment(
    told: Mapping[str, Any], error: Mapping[str, Any], charge: Mapping[str, Any]
) -> MethodInfo | None:
    """A declined intent has lost its method; the error still names it. The mandate stands in the charge."""
    for candidate in (told.get("payment_method"), error.get("payment_method")):
        if isinstance(candidate, Mapping):
            return method(candidate, mandate=_mandate(charge))
    return None


def _mandate(charge: Mapping[str, Any]) -> str | None:
    details = charge.get("payment_method_details") or {}
    for kind in BANK_DEBITS:
        if isinstance(details.get(kind), Mapping):
            return id_of(details[kind].get("mandate"))
    return None


def method(told: Mapping[str, Any], *, reference: str | None = None, mandate: str | None = None) -> MethodInfo | None:
    """A PaymentMethod, or the preview that a confirmation token shows (`reference`: the token). None for another kind,
    and for one that has no four digits to be called by: what is only a name for people must not hide a charge.

    A wallet's card (Apple Pay, Google Pay) is named by the card's own brand and last digits.
    """
    kind, billing = told["type"], told.get("billing_details") or {}
    if kind != "card" and kind not in BANK_DEBITS:
        return None
    details = told[kind]
    last4 = details.get("last4")
    if last4 is None or not _LAST4.fullmatch(last4):
        return None
    return MethodInfo(
        reference=reference or text(told["id"]),
        kind="card" if kind == "card" else "bank_debit",
        brand=text(details.get("brand" if kind == "card" else "bank_name") or kind),
        last4=last4,
        exp_month=_maybe_whole(details.get("exp_month")),
        exp_year=_maybe_whole(details.get("exp_year")),
        address=address(billing),
        email=words(billing.get("email")),
        fingerprint=words(details.get("fingerprint")),
        mandate=mandate,
        customer=id_of(told.get("customer")),
    )


def token(told: Mapping[str, Any]) -> MethodInfo | None:
    """A ConfirmationToken: what it would charge."""
    return method(told["payment_method_preview"], reference=text(told["id"]))


def oldest_of(account_number: str, customers: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The account's customer among these. Were there two, everybody must take the same."""
    ours = [one for one in customers if (one.get("metadata") or {}).get(ACCOUNT_NUMBER) == account_number]
    return min(ours, key=lambda one: (_whole(one["created"]), text(one["id"])), default=None)


def address(billing: Mapping[str, Any]) -> dict[str, str]:
    """Stripe's billing details as our address: what is unset is left out."""
    theirs = billing.get("address") or {}
    ours = {
        "name": billing.get("name"),
        "line1": theirs.get("line1"),
        "line2": theirs.get("line2"),
        "city": theirs.get("city"),
        "region": theirs.get("state"),
        "postal_code": theirs.get("postal_code"),
        "country": theirs.get("country"),
    }
    return {key: text(value) for key, value in ours.items() if value}


def same_details(info: MethodInfo, details: BillingDetails) -> bool:
    """Does the method carry these details already?"""
    wanted = {key: value for key, value in details.address.items() if value}
    return info.email == (details.email or None) and dict(info.address) == wanted


def refund(told: Mapping[str, Any]) -> GatewayRefund:
    amount = Money(told["amount"], _currency(told["currency"]))
    key = words((told.get("metadata") or {}).get(REFUND_KEY))
    return GatewayRefund(text(told["id"]), _REFUNDS[told["status"]], amount, key)


def dispute(told: Mapping[str, Any]) -> GatewayDispute | None:
    """A Dispute, with its charge expanded or not; None for one in which no money moves. `payment_id` is the intent."""
    status = _dispute_status(told)
    payment_id = id_of(told.get("payment_intent"))
    if status is None or payment_id is None:  # without an intent it is none of ours
        return None
    charge = told.get("charge")
    kind = (charge.get("payment_method_details") or {}).get("type") if isinstance(charge, Mapping) else None
    reason = words(told.get("reason")) or ""
    return GatewayDispute(
        id=text(told["id"]),
        payment_id=payment_id,
        status=status,
        amount=Money(told["amount"], _currency(told["currency"])),
        reason=reason,
        is_return=kind in BANK_DEBITS if kind is not None else reason in _RETURNS,
    )


def _dispute_status(told: Mapping[str, Any]) -> Literal["open", "won", "lost"] | None:
    status = text(told["status"])
    if status.startswith("warning_"):
        return None
    if status == "prevented":  # settled before it became a dispute: lost where it cost us the money
        moved = sum(entry["amount"] for entry in told.get("balance_transactions") or [])
        return "lost" if moved < 0 else None
    return _DISPUTES[status]


def text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("not a text")
    return value


def _currency(value: Any) -> str:
    if not _CURRENCY.fullmatch(text(value)):
        raise ValueError("not a currency")
    return text(value).upper()


def words(value: Any) -> str | None:
    """A text that may be missing or empty; nothing else gets into our tables for one."""
    return None if value is None or value == "" else text(value)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError("not a whole number")
    return value


def _maybe_whole(value: Any) -> int | None:
    return None if value is None else _whole(value)


def id_of(value: Any) -> str | None:
    """An expandable field: the id, the object itself, or nothing."""
    if value is None:
        return None
    return text(value["id"] if isinstance(value, Mapping) else value)


def moment(seconds: Any) -> datetime:
    """Unix seconds as UTC. Raises OverflowError, too."""
    return datetime.fromtimestamp(_whole(seconds), UTC)


def plain(told: Any) -> dict[str, Any]:
    """A StripeObject as plain dicts; AttributeError for what is none (Stripe's library takes any JSON)."""
    return cast("dict[str, Any]", told.to_dict())
