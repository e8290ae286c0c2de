"""A gateway in memory, with a memory: idempotency keys, objects, saved methods, and events that it can tell."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar, cast

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
from billing.money import Money, total

Behaviour = Literal[
    "succeeded",
    "declined",
    "processing",
    "requires_action",
    "charged_but_lost",  # the charge is made, its answer never arrives
    "lost",  # nothing is charged, and the answer never arrives either
    "unreachable",  # the request never leaves
    "rejected",  # the gateway says no to the request itself
]
_STATUS: dict[Behaviour, GatewayStatus] = {
    "succeeded": "succeeded",
    "declined": "declined",
    "processing": "processing",
    "requires_action": "requires_action",
    "charged_but_lost": "succeeded",
}
SIGNATURE = "genuine"
T = TypeVar("T")


def subject_of(type_: str) -> EventSubject:
    subject = type_.partition(".")[0]
    return (
        cast("EventSubject", subject) if subject in ("payment", "refund", "dispute", "method", "mandate") else "other"
    )


@dataclass
class FakeGateway:
    """`behaviours[token]` says what confirming a charge of that token does (default: it succeeds).

    `fail_next("create_payment", "lost")` makes one coming call fail; `calls` lists every verb with its main argument,
    repeats included, and `charges()` what was really taken. `before_confirm` runs inside the call, for races.
    """

    name: str = "fake"
    ids: str = "pay"  # how payment ids begin; gateways that share a database need one each
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    payments: dict[str, GatewayPayment] = field(default_factory=dict)
    orders: dict[str, ChargeOrder] = field(default_factory=dict)
    methods: dict[str, MethodInfo] = field(default_factory=dict)
    refunds: dict[str, GatewayRefund] = field(default_factory=dict)
    refunds_end: Literal["pending", "succeeded", "failed"] = "succeeded"
    disputes: dict[str, GatewayDispute] = field(default_factory=dict)
    events: dict[str, GatewayEvent] = field(default_factory=dict)  # everything ever told, delivered or not
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    calls: list[tuple[str, str]] = field(default_factory=list)
    before_confirm: Callable[[], None] | None = None
    reopens: bool = False  # a declined object can be charged with another card until it is cancelled, as at Stripe
    _owners: dict[str, str] = field(default_factory=dict)
    _by_key: dict[str, Any] = field(default_factory=dict)
    _failures: dict[str, deque[Behaviour]] = field(default_factory=dict)
    _refund_of: dict[str, str] = field(default_factory=dict)
    _events: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # ------------------------------------------------------------------------------------------- the protocol

    def ensure_customer(self, account_number: str, name: str, email: str) -> str:
        self._called("ensure_customer", account_number)
        return f"cus_{account_number}"

    def create_payment(self, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:
        self._called("create_payment", order.payment_reference)
        with self._lock:
            return self._once(f"create {idempotency_key}", order, lambda: self._create(order))

    def confirm_payment(self, gateway_id: str, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:
        self._called("confirm_payment", gateway_id)
        if self.before_confirm is not None:
            self.before_confirm()
        with self._lock:
            behaviour = self.behaviours.get(self.orders[gateway_id].token, "succeeded")
            if behaviour in ("unreachable", "rejected", "lost"):
                self._raise(behaviour)
            confirmed = self._once(f"confirm {idempotency_key}", gateway_id, lambda: self._confirm(gateway_id))
        if behaviour == "charged_but_lost":
            self._raise("lost")
        return confirmed

    def retrieve_payment(self, gateway_id: str) -> GatewayPayment:
        self._called("retrieve_payment", gateway_id)
        if gateway_id not in self.payments:
            raise GatewayRejected(f"no payment {gateway_id}", code="resource_missing", status=404)
        return self._with_returns(self.payments[gateway_id])

    def find_payment(self, payment_reference: str, around: datetime) -> GatewayPayment | None:
        self._called("find_payment", payment_reference)
        found = [p for p in self.payments.values() if p.payment_reference == payment_reference]
        return self._with_returns(found[0]) if found else None

    def cancel_payment(self, gateway_id: str) -> GatewayPayment:
        self._called("cancel_payment", gateway_id)
        with self._lock:
            payment = self.payments[gateway_id]
            open_ = ("requires_confirmation", "requires_action", *(["declined"] if self.reopens else []))
            if payment.status in open_:
                self.payments[gateway_id] = replace(payment, status="canceled", action_url=None)
            return self.payments[gateway_id]

    def refund(self, gateway_id: str, amount: Money, idempotency_key: str) -> GatewayRefund:
        self._called("refund", gateway_id)
        with self._lock:
            return self._once(
                f"refund {idempotency_key}",
                (gateway_id, amount),
                lambda: self._refund(gateway_id, amount, idempotency_key),
            )

    def list_refunds(self, gateway_id: str) -> Sequence[GatewayRefund]:
        self._called("list_refunds", gateway_id)
        return [r for r in self.refunds.values() if self._refund_of[r.id] == gateway_id]

    def list_disputes(self, gateway_id: str) -> Sequence[GatewayDispute]:
        self._called("list_disputes", gateway_id)
        if gateway_id not in self.payments:
            raise GatewayRejected(f"no payment {gateway_id}", code="resource_missing", status=404)
        return [d for d in self.disputes.values() if d.payment_id == gateway_id]

    def list_payments(self, since: datetime, until: datetime) -> Iterator[GatewayPayment]:
        self._called("list_payments", since.isoformat())
        made = [p for p in self.payments.values() if p.created_at and since <= p.created_at < until]
        return iter([self._with_returns(p) for p in made])

    def list_events(self, since: datetime, until: datetime) -> Iterator[GatewayEvent]:
        self._called("list_events", since.isoformat())
        return iter([e for e in self.events.values() if e.created_at and since <= e.created_at < until])

    def list_methods(self, customer: str) -> Sequence[MethodInfo]:
        self._called("list_methods", customer)
        return [m for m in self.methods.values() if self._owners.get(m.reference) == customer]

    def retrieve_method(self, reference: str) -> MethodInfo:
        """A saved method; any other name is taken for a fresh token of the card fields."""
        self._called("retrieve_method", reference)
        return self.methods.get(reference) or self._card(reference)

    def update_method(self, reference: str, details: BillingDetails) -> MethodInfo:
        self._called("update_method", reference)
        if reference not in self.methods:
            raise GatewayRejected(f"no method {reference}", code="resource_missing")
        self.methods[reference] = replace(self.methods[reference], address=details.address, email=details.email)
        return self.methods[reference]

    def read_dispute(self, payload: Mapping[str, Any]) -> GatewayDispute | None:
        told = payload.get("dispute")
        if not isinstance(told, Mapping):
            return None
        amount = Money(told["amount"], told["currency"])
        return GatewayDispute(
            told["id"], payload["object_id"], told["status"], amount, told["reason"], told["is_return"]
        )

    def verify_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent:
        if {k.lower(): v for k, v in headers.items()}.get("fake-signature") != SIGNATURE:
            raise EventRefused("wrong signature")
        try:
            told = json.loads(body)
            return GatewayEvent(told["id"], told["type"], told.get("object_id"), told, subject_of(told["type"]))
        except (ValueError, KeyError, TypeError) as error:
            raise EventRefused("not an event") from error

    # ------------------------------------------------------------------------------- what a test does with it

    def fail_next(self, verb: str, *behaviours: Behaviour) -> None:
        """The next calls of `verb` end like this, in order, without being carried out."""
        self._failures.setdefault(verb, deque()).extend(behaviours)

    def save_method(self, customer: str, info: MethodInfo) -> MethodInfo:
        self.methods[info.reference] = info
        self._owners[info.reference] = customer
        return info

    def decide(self, gateway_id: str, status: GatewayStatus, *, captured: Money | None = None) -> GatewayPayment:
        """The bank has decided about a pending payment. `captured` differs from its amount only on purpose."""
        with self._lock:
            payment = self.payments[gateway_id]
            taken = (captured or payment.amount) if status == "succeeded" else None
            self.payments[gateway_id] = replace(payment, status=status, captured=taken, action_url=None)
            return self.payments[gateway_id]

    def decide_refund(self, refund_id: str, status: Literal["succeeded", "failed"]) -> GatewayRefund:
        """The bank has decided about a pending refund; a failed one gives its money back to the payment."""
        with self._lock:
            self.refunds[refund_id] = replace(self.refunds[refund_id], status=status)
            return self.refunds[refund_id]

    def refund_at_the_bank(self, gateway_id: str, amount: Money) -> GatewayRefund:
        """Somebody refunds in the gateway's own dashboard: a refund without a key of ours."""
        with self._lock:
            return self._refund(gateway_id, amount, None)

    def dispute(
        self,
        gateway_id: str,
        amount: Money | None = None,
        status: Literal["open", "won", "lost"] = "open",
        *,
        is_return: bool = False,
    ) -> GatewayDispute:
        """The customer's bank takes `amount` (all that was captured) back; a return is lost at once."""
        with self._lock:
            wanted = amount or self.payments[gateway_id].captured
            assert wanted is not None, "nothing was captured"
            id_ = f"dp_{self.ids}_{len(self.disputes) + 1}"
            ends = "lost" if is_return else status
            self.disputes[id_] = GatewayDispute(id_, gateway_id, ends, wanted, "general", is_return)
            return self.disputes[id_]

    def decide_dispute(self, dispute_id: str, status: Literal["open", "won", "lost"]) -> GatewayDispute:
        with self._lock:
            self.disputes[dispute_id] = replace(self.disputes[dispute_id], status=status)
            return self.disputes[dispute_id]

    def event(
        self, gateway_id: str | None, type_: str, *, id: str | None = None, dispute: GatewayDispute | None = None
    ) -> GatewayEvent:
        """A verified event about a payment, as the inbox takes it. The same `id` again is a repeated delivery."""
        self._events += 1
        event_id = id or f"evt_{self._events}"
        told: dict[str, Any] = {"id": event_id, "type": type_, "object_id": gateway_id}
        if dispute is not None:
            names = ("id", "status", "reason", "is_return")
            told["dispute"] = {name: getattr(dispute, name) for name in names} | {
                "amount": dispute.amount.minor,
                "currency": dispute.amount.currency,
            }
        made = GatewayEvent(event_id, type_, gateway_id, told, subject_of(type_), created_at=self.now())
        return self.events.setdefault(event_id, made)

    def delivery(self, event: GatewayEvent) -> tuple[bytes, dict[str, str]]:
        """Body and headers with which `event` would arrive over HTTP."""
        body = json.dumps({"id": event.id, "type": event.type, "object_id": event.object_id}).encode()
        return body, {"Content-Type": "application/json", "Fake-Signature": SIGNATURE}

    def charges(self) -> list[GatewayPayment]:
        """Every object that took money."""
        return [p for p in self.payments.values() if p.captured]

    def count(self, verb: str) -> int:
        return sum(1 for called, _ in self.calls if called == verb)

    # ----------------------------------------------------------------------------------------------- inside

    def _called(self, verb: str, argument: str) -> None:
        with self._lock:
            self.calls.append((verb, argument))
            waiting = self._failures.get(verb)
            behaviour = waiting.popleft() if waiting else None
        if behaviour is not None:
            self._raise(behaviour)

    def _raise(self, behaviour: Behaviour) -> None:
        if behaviour == "unreachable":
            raise GatewayUnreachable("connection refused")
        if behaviour == "rejected":
            raise GatewayRejected("invalid request", code="invalid_request")
        raise OutcomeUnknown("no answer within 8 s")

    def _once(self, key: str, order: object, make: Callable[[], T]) -> T:
        """What idempotency keys promise: the first result again, and an error for other parameters."""
        if key not in self._by_key:
            self._by_key[key] = (order, make())
        first_order, result = self._by_key[key]
        if first_order != order:
            raise GatewayRejected("key reused with other parameters", code="idempotency_key_in_use")
        return cast("T", result)

    def _create(self, order: ChargeOrder) -> GatewayPayment:
        gateway_id = f"{self.ids}_{len(self.payments) + 1}"
        created = GatewayPayment(
            gateway_id,
            "requires_confirmation",
            order.amount,
            payment_reference=order.payment_reference,
            created_at=self.now(),
        )
        self.payments[gateway_id], self.orders[gateway_id] = created, order
        return created

    def _confirm(self, gateway_id: str) -> GatewayPayment:
        payment, order = self.payments[gateway_id], self.orders[gateway_id]
        if payment.status != "requires_confirmation":
            return payment
        behaviour = self.behaviours.get(order.token, "succeeded")
        status = _STATUS[behaviour]
        method = self.methods.get(order.token) or replace(
            self._card(order.token),
            reference=f"pm_of_{order.token}",
            address=order.details.address,
            email=order.details.email,
        )
        if order.save and order.customer and status != "declined":
            self.save_method(order.customer, method)
        self.payments[gateway_id] = replace(
            payment,
            status=status,
            captured=payment.amount if status == "succeeded" else None,
            decline_code="card_declined" if status == "declined" else None,
            action_url=f"https://bank.example/{gateway_id}" if status == "requires_action" else None,
            method=method,
        )
        return self.payments[gateway_id]

    @staticmethod
    def _card(token: str) -> MethodInfo:
        return MethodInfo(token, "card", "visa", "4242", 4, 2031, fingerprint=f"fp_{token}")

    def _with_returns(self, payment: GatewayPayment) -> GatewayPayment:
        """What was given back of it and whether it is disputed, as the gateway would tell it now."""
        back = [r.amount for r in self.refunds.values() if self._refund_of[r.id] == payment.id and r.status != "failed"]
        disputed = any(dispute.payment_id == payment.id for dispute in self.disputes.values())
        return replace(payment, refunded=total(back, (payment.captured or payment.amount).currency), disputed=disputed)

    def _refund(self, gateway_id: str, amount: Money, key: str | None) -> GatewayRefund:
        captured = self.payments[gateway_id].captured
        given_back = [
            r.amount for r in self.refunds.values() if self._refund_of[r.id] == gateway_id and r.status != "failed"
        ]
        taken_back = [d.amount for d in self.disputes.values() if d.payment_id == gateway_id and d.status != "won"]
        if captured is None or total([*given_back, *taken_back], captured.currency) + amount > captured:
            raise GatewayRejected("more than was captured", code="amount_too_large")
        refund = GatewayRefund(f"re_{len(self.refunds) + 1}", self.refunds_end, amount, key)
        self.refunds[refund.id], self._refund_of[refund.id] = refund, gateway_id
        return refund
