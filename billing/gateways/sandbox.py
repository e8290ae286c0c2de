"""The sandbox bank's adapter: HTTP and JSON as with a real one, errors told apart by what they leave uncertain.

    never got there (no connection, 429, any failed read)     → GatewayUnreachable
    may have been carried out (time-out, reset, 5xx, unreadable) → OutcomeUnknown
    understood and refused (4xx)                               → GatewayRejected
    a decline (402)                                            → an answer

Nothing is repeated here: whoever asks knows what a repeat would mean.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx

from billing.config import Settings
from billing.errors import EventRefused, GatewayRejected, GatewayUnreachable, OutcomeUnknown
from billing.gateways.base import (
    BillingDetails,
    ChargeOrder,
    EventSubject,
    GatewayDispute,
    GatewayEvent,
    GatewayPayment,
    GatewayRefund,
    GatewayStatus,
    MethodInfo,
)
from billing.gateways.http import NeverSent, NoAnswer, Wire
from billing.gateways.signed import check_signature, strict_json
from billing.money import Money

SIGNATURE_HEADER = "sandbox-signature"
CONFIRM_SHARE = 0.625  # of the time for one turn's gateway calls; every other call gets the rest
STATUSES = ("requires_confirmation", "requires_action", "processing", "succeeded", "declined", "canceled")
SUBJECTS = ("payment.", "refund.", "dispute.", "method.")
_NAME = re.compile(r"[A-Za-z0-9_.]{1,100}")
T = TypeVar("T")


class _Unreadable(Exception):
    """An answer that is none: not JSON, or not of the shape agreed on."""


class SandboxGateway:
    """`timeout_s`: all calls of one turn together, in seconds (a create and a confirm). `now`: seconds since 1970."""

    name = "sandbox"

    def __init__(
        self,
        url: str,
        secret_key: str,
        webhook_secret: str,
        timeout_s: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not secret_key or not webhook_secret:
            raise ValueError("SANDBOX_SECRET_KEY and SANDBOX_WEBHOOK_SECRET must not be empty")
        self._url, self._webhook_secret, self._now = url.rstrip("/") + "/bank/v1", webhook_secret.encode(), now
        self._confirm_s, self._call_s = timeout_s * CONFIRM_SHARE, timeout_s * (1 - CONFIRM_SHARE)
        self._wire = Wire(headers={"Authorization": f"Bearer {secret_key}"})

    @classmethod
    def from_settings(cls, settings: Settings) -> SandboxGateway:
        return cls(
            settings.sandbox_url,
            settings.sandbox_secret_key,
            settings.sandbox_webhook_secret,
            settings.gateway_timeout_s,
        )

    def close(self) -> None:
        self._wire.close()

    # ------------------------------------------------------------------------------------------------- customers

    def ensure_customer(self, account_number: str, name: str, email: str) -> str:
        asked = {"account_number": account_number, "name": name, "email": email}
        return self._change("/customers", asked, None, _identity)

    def list_methods(self, customer: str) -> Sequence[MethodInfo]:
        return self._look(f"/customers/{_segment(customer)}/methods", {}, lambda told: _each(told, _method))

    def retrieve_method(self, reference: str) -> MethodInfo:
        kind = "tokens" if reference.startswith("tok_") else "methods"
        return self._look(f"/{kind}/{_segment(reference)}", {}, _method)

    def update_method(self, reference: str, details: BillingDetails) -> MethodInfo:
        return self._change(f"/methods/{_segment(reference)}", {"billing_details": _details(details)}, None, _method)

    # -------------------------------------------------------------------------------------------------- payments

    def create_payment(self, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:
        asked = {
            "amount": order.amount.minor,
            "currency": order.amount.currency,
            "method": order.token,
            "customer": order.customer,
            "payment_reference": order.payment_reference,
            "billing_details": _details(order.details),
            "save": order.save,
            "description": order.description,
        }
        return self._change("/payments", asked, idempotency_key, _payment)

    def confirm_payment(self, gateway_id: str, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:  # noqa: ARG002
        path = f"/payments/{_segment(gateway_id)}/confirm"
        return self._change(path, {}, idempotency_key, _payment, timeout_s=self._confirm_s)

    def retrieve_payment(self, gateway_id: str) -> GatewayPayment:
        return self._look(f"/payments/{_segment(gateway_id)}", {}, _payment)

    def find_payment(self, payment_reference: str, around: datetime) -> GatewayPayment | None:  # noqa: ARG002
        found = self._look("/payments", {"payment_reference": payment_reference}, lambda told: _each(told, _payment))
        return found[0] if found else None

    def cancel_payment(self, gateway_id: str) -> GatewayPayment:
        return self._change(f"/payments/{_segment(gateway_id)}/cancel", {}, None, _payment)

    def refund(self, gateway_id: str, amount: Money, idempotency_key: str) -> GatewayRefund:
        asked = {
            "payment": gateway_id,
            "amount": amount.minor,
            "currency": amount.currency,
            "metadata": {"key": idempotency_key},
        }
        return self._change("/refunds", asked, idempotency_key, _refund)

    def list_refunds(self, gateway_id: str) -> Sequence[GatewayRefund]:
        return self._look("/refunds", {"payment": gateway_id}, lambda told: _each(told, _refund))

    def list_disputes(self, gateway_id: str) -> Sequence[GatewayDispute]:
        return self._look("/disputes", {"payment": gateway_id}, lambda told: _each(told, _dispute))

    def list_payments(self, since: datetime, until: datetime) -> Iterator[GatewayPayment]:
        return self._pages("/payments", since, until, _payment)

    # ---------------------------------------------------------------------------------------------------- events

    def list_events(self, since: datetime, until: datetime) -> Iterator[GatewayEvent]:
        return self._pages("/events", since, until, _event)

    def read_dispute(self, payload: Mapping[str, Any]) -> GatewayDispute | None:
        try:
            return _dispute(payload["data"]["object"])
        except (ValueError, TypeError, LookupError):
            return None

    def verify_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent:
        check_signature(body, headers, SIGNATURE_HEADER, [self._webhook_secret], self._now())
        try:
            return _event(strict_json(body))
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise EventRefused(f"not an event: {type(error).__name__}") from None

    # -------------------------------------------------------------------------------------------------- the wire

    def _change(
        self,
        path: str,
        asked: Mapping[str, Any],
        idempotency_key: str | None,
        read: Callable[[Any], T],
        *,
        timeout_s: float | None = None,
    ) -> T:
        """A request that changes something over there: a lost answer leaves it unknown."""
        headers = {"Content-Type": "application/json"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        try:
            content = json.dumps(asked).encode()
            status, told = self._send("POST", path, timeout_s or self._call_s, content=content, headers=headers)
            return _read(status, told, read)
        except (NoAnswer, _Unreadable) as error:
            raise OutcomeUnknown(f"POST {path}: {_describe(error)}") from error

    def _look(self, path: str, query: Mapping[str, str], read: Callable[[Any], T]) -> T:
        """A request that changes nothing: whatever goes wrong, nothing happened."""
        try:
            status, told = self._send("GET", path, self._call_s, params=query)
            return _read(status, told, read)
        except (NoAnswer, _Unreadable) as error:
            raise GatewayUnreachable(f"GET {path}: {_describe(error)}") from error

    def _pages(self, path: str, since: datetime, until: datetime, read: Callable[[Any], T]) -> Iterator[T]:
        """Everything made in [since, until), page after page; the bank tells its times in whole seconds."""
        query = {"since": str(_second(since)), "until": str(_second(until))}
        while True:
            told = self._look(path, query, lambda told: (_each(told, read), told["has_more"], told["data"][-1:]))
            found, has_more, last = told
            yield from found
            if not (has_more and last):
                return
            query["after"] = _identity(last[0])

    def _send(self, method: str, path: str, timeout_s: float, **request: Any) -> tuple[int, Any]:
        """Status and JSON of the answer within `timeout_s` seconds in all."""
        try:
            answer = self._wire.send(method, self._url + path, timeout_s, **request)
        except NeverSent as error:
            raise GatewayUnreachable(f"{method} {path}: {_describe(error)}") from error
        if answer.status == httpx.codes.TOO_MANY_REQUESTS:
            raise GatewayUnreachable(f"{method} {path}: turned away, too many requests")
        # 409: the same key is under way
        if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status == httpx.codes.CONFLICT:
            raise _Unreadable(f"HTTP {answer.status}")
        try:
            return answer.status, json.loads(answer.content)
        except (ValueError, RecursionError):
            raise _Unreadable(f"HTTP {answer.status} without JSON") from None


def _read(status: int, told: Any, read: Callable[[Any], T]) -> T:
    """What the answer says. A refusal that carries the payment tells what became of it; a decline is one of these."""
    try:
        if status == httpx.codes.OK:
            return read(told)
        error = told["error"]
        if read is _payment and "payment" in error:
            return read(error["payment"])
        message, code = str(error["message"]), str(error["code"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _Unreadable(f"HTTP {status}, {type(error).__name__} in its JSON") from None
    raise GatewayRejected(f"HTTP {status}: {message}", code, status)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


def _segment(id_: str) -> str:
    """An id as one segment of a path, whatever stands in it."""
    return quote(id_, safe="") or "-"


def _details(details: BillingDetails) -> dict[str, Any]:
    return {"email": details.email, "address": dict(details.address)}


def _each(told: Any, read: Callable[[Any], T]) -> list[T]:
    return [read(item) for item in told["data"]]


def _identity(told: Any) -> str:
    return _text(told["id"])


def _second(moment: datetime) -> int:
    """Rounded up, so that [since, until) holds the same seconds on either side."""
    return math.ceil(moment.timestamp())


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("not a text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _money(minor: Any, currency: Any) -> Money:
    return Money(minor, _text(currency))


def _method(told: Any) -> MethodInfo:
    if told["kind"] not in ("card", "bank_debit"):
        raise ValueError("not a kind of method")
    return MethodInfo(
        reference=_text(told["id"]),
        kind=told["kind"],
        brand=_text(told["brand"]),
        last4=_text(told["last4"]),
        exp_month=told["exp_month"],
        exp_year=told["exp_year"],
        address=dict(told["billing_details"]["address"]),
        email=told["billing_details"]["email"],
        fingerprint=told["fingerprint"] or None,
        customer=told["customer"],
    )


def _payment(told: Any) -> GatewayPayment:
    if told["status"] not in STATUSES:
        raise ValueError("not a status")
    action = told["next_action"]
    return GatewayPayment(
        id=_text(told["id"]),
        status=cast("GatewayStatus", told["status"]),
        amount=_money(told["amount"], told["currency"]),
        captured=_money(told["captured"], told["currency"]) if told["captured"] else None,
        payment_reference=_text(told["metadata"]["payment_reference"]),
        decline_code=told["decline_code"],
        action_url=_text(action["url"]) if action else None,
        method=_method(told["method"]),
        created_at=_moment(told["created"]),
        refunded=_money(told["refunded"], told["currency"]),
        disputed=_flag(told["disputed"]),
    )


def _refund(told: Any) -> GatewayRefund:
    if told["status"] not in ("pending", "succeeded", "failed"):
        raise ValueError("not a status")
    key = told["metadata"].get("key")
    amount = _money(told["amount"], told["currency"])
    return GatewayRefund(_text(told["id"]), told["status"], amount, None if key is None else _text(key))


def _dispute(told: Any) -> GatewayDispute:
    if told["status"] not in ("open", "won", "lost"):
        raise ValueError("not a status")
    return GatewayDispute(
        id=_text(told["id"]),
        payment_id=_text(told["payment"]),
        status=told["status"],
        amount=_money(told["amount"], told["currency"]),
        reason=str(told["reason"]),
        is_return=_flag(told["is_return"]),
    )


def _event(told: Any) -> GatewayEvent:
    """What it is about: the payment, or for a method the method. Raises for what is no event."""
    id_, type_, object_ = told["id"], told["type"], told["data"]["object"]
    if not (_NAME.fullmatch(id_) and _NAME.fullmatch(type_)):
        raise ValueError("an event without a proper id or type")
    concerned, customer = object_.get("payment", object_["id"]), object_.get("customer")
    if not _NAME.fullmatch(concerned) or not (customer is None or _NAME.fullmatch(customer)):
        raise ValueError("an event about nothing")
    subject = cast("EventSubject", type_.partition(".")[0]) if type_.startswith(SUBJECTS) else "other"
    made_at = _moment(told["created"]) if "created" in told else None
    return GatewayEvent(id_, type_, concerned, told, subject, customer, made_at)
