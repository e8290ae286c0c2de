"""Stripe's events: signed, of our mode and account, and about something. Only ids are read, so any API version will do.

Source: docs.stripe.com/webhooks and docs.stripe.com/api/events/types. No StripeObject is made of them: an edge that is
flooded with events should spend its time on the database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from billing.errors import EventRefused
from billing.gateways.base import EventSubject, GatewayEvent
from billing.gateways.signed import check_signature, strict_json
from billing.gateways.stripe_reading import UNREADABLE, id_of, moment

SIGNATURE_HEADER = "stripe-signature"
# What our webhook endpoint must be subscribed to; `remit stripe check` compares. Stripe lists by at most 20 types.
EVENT_TYPES = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refunded",
    "mandate.updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_method.attached",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "setup_intent.succeeded",
)
# The first that fits. charge.refunded tells the charge, charge.refund.updated the refund; both name the intent.
_SUBJECTS: tuple[tuple[str, EventSubject], ...] = (
    ("payment_intent.", "payment"),
    ("charge.dispute.", "dispute"),
    ("charge.refund", "refund"),
    ("refund.", "refund"),
    ("charge.", "payment"),
    ("payment_method.", "method"),
    ("setup_intent.succeeded", "method"),
    ("mandate.updated", "mandate"),
)
DEEPEST = 100  # levels; Stripe's own have about ten, and the database driver ends at a thousand
_NAME = re.compile(r"[A-Za-z0-9_.]{1,255}")


class EventReader:
    """`live`: the mode of our key. `account`: the connected account that we charge for, None for our own.

    `secrets`: one signing secret, or two while it is rotated; never an empty one.
    """

    def __init__(self, secrets: Sequence[str], *, live: bool, account: str | None) -> None:
        if not secrets or not all(secret.strip() for secret in secrets):
            raise ValueError("STRIPE_WEBHOOK_SECRET must not be empty")
        self._secrets = [secret.strip().encode() for secret in secrets]
        self._live, self._account = live, account

    def verified(self, body: bytes, headers: Mapping[str, str], now: float) -> GatewayEvent:
        """Raises EventRefused for whatever is not a genuine event for us. `now`: seconds since 1970."""
        check_signature(body, headers, SIGNATURE_HEADER, self._secrets, now)
        try:
            told = strict_json(body)
            event = read_event(told)
            mode, account = told["livemode"], told.get("account")
        except UNREADABLE as error:
            raise EventRefused(f"not an event: {type(error).__name__}") from None
        if mode is not self._live:
            raise EventRefused("an event of the other mode")
        if account != self._account:
            raise EventRefused("an event of another account")
        return event


def read_event(told: Any) -> GatewayEvent:
    """What the event is about. Raises one of UNREADABLE for what is none."""
    if told["object"] != "event":  # thin events (v2.core.event) are another protocol
        raise ValueError("not a snapshot event")
    id_, type_ = _name(told["id"]), _name(told["type"])
    object_ = told["data"]["object"]
    if not isinstance(object_, dict):
        raise TypeError("an event about nothing")
    _forget_client_secrets(told)
    subject, object_id, customer = _about(type_, object_, told["data"].get("previous_attributes") or {})
    return GatewayEvent(
        id=id_,
        type=type_,
        object_id=object_id,
        payload=told,
        subject=subject,
        customer=customer,
        created_at=moment(told["created"]),
    )


def _about(
    type_: str, object_: Mapping[str, Any], previous: Mapping[str, Any]
) -> tuple[EventSubject, str | None, str | None]:
    """Subject, the payment's or method's id, and the customer."""
    customer = _maybe(object_.get("customer"))
    subject = next((subject for prefix, subject in _SUBJECTS if type_.startswith(prefix)), "other")
    match subject:
        case "payment" if type_.startswith("payment_intent."):
            return subject, _name(object_["id"]), customer
        case "payment" | "refund" | "dispute":
            payment = _maybe(object_.get("payment_intent"))
            # A charge without an intent was not made by us.
            return (subject, payment, customer) if payment is not None else ("other", None, None)
        case "method" if type_ == "setup_intent.succeeded":
            return subject, _maybe(object_.get("payment_method")), customer
        case "method":  # what is detached has no customer any more; it had one
            return subject, _name(object_["id"]), customer or _maybe(previous.get("customer"))
        case "mandate" if object_["status"] == "inactive":  # for good: Stripe brings no mandate back
            return subject, _name(id_of(object_["payment_method"])), None
        case _:
            return "other", None, None


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("not an id")
    return value


def _maybe(value: Any) -> str | None:
    return None if value is None else _name(id_of(value))


def _forget_client_secrets(told: Any, depth: int = 0) -> None:
    """The event is kept; whoever reads the table must not be able to confirm somebody's payment with it."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if type(told) is dict:
        told.pop("client_secret", None)
    for inner in told.values() if type(told) is dict else told:
        if type(inner) in (dict, list):
            _forget_client_secrets(inner, depth + 1)
