"""A bank behind a bad line: answers get lost, requests arrive late, decisions take days, events repeat and vanish.

It keeps watch as well: what no bank should ever see of us is written to `complaints`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

from billing.errors import GatewayRejected, GatewayUnreachable, OutcomeUnknown
from billing.gateways.base import ChargeOrder, GatewayDispute, GatewayEvent, GatewayPayment, GatewayRefund
from billing.money import Money
from tests.support.fake_gateway import FakeGateway

T = TypeVar("T")
LATEST_S = 600  # a request that was given up on arrives within ten minutes, or never
HOW_SAFE = {"create": 2.0, "refund": 0.15}  # of a create that fails nothing comes; refunds are few
UNDECIDED = ("processing", "requires_action")


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the line is: probabilities per call, and per event."""

    unreachable: float = 0.0  # the request never leaves
    lost_before: float = 0.0  # it is lost on the way there
    lost_after: float = 0.0  # it is carried out, the answer is lost
    late: float = 0.0  # it arrives after we have given up on it
    rejected: float = 0.0  # the bank refuses the request itself
    event_lost: float = 0.0
    event_repeated: float = 0.0
    other_amount: float = 0.0  # the bank takes another amount than it was asked for

    @classmethod
    def of(cls, rng: Random, badness: Sequence[float], events_lost: float) -> Weather:
        bad = rng.choice(badness)
        return cls(
            unreachable=rng.random() * bad,
            lost_before=rng.random() * bad,
            lost_after=rng.random() * bad,
            late=rng.random() * bad,
            rejected=rng.random() * bad / 4,
            event_lost=rng.random() * events_lost,
            event_repeated=rng.random() * 0.5,
            other_amount=rng.choice([0.0, 0.0, 0.0, 0.05]),
        )


@dataclass
class StormyBank(FakeGateway):
    """A token says what a charge of it comes to: its part before the dot is whose it is, the one after it the fate."""

    rng: Random = field(default_factory=Random)
    weather: Weather = field(default_factory=Weather)
    before_call: Callable[[str, str], None] = lambda _verb, _key: None
    mail: list[GatewayEvent] = field(default_factory=list)  # events on their way to us
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    late: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)  # requests still on their way
    complaints: list[str] = field(default_factory=list)
    stolen: set[str] = field(default_factory=set)  # objects that somebody with their secret charged after a decline
    reopens: bool = True
    disputes_are_heard_of: bool = True

    # ------------------------------------------------------------------------------------------------- the line

    def create_payment(self, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:
        return self._by_wire("create", idempotency_key, lambda: self._prepare(order, idempotency_key))

    def confirm_payment(self, gateway_id: str, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:
        return self._by_wire("confirm", idempotency_key, lambda: self._charge(gateway_id, order, idempotency_key))

    def retrieve_payment(self, gateway_id: str) -> GatewayPayment:
        return self._by_wire("retrieve", gateway_id, lambda: super(StormyBank, self).retrieve_payment(gateway_id))

    def find_payment(self, payment_reference: str, around: datetime) -> GatewayPayment | None:
        found = super().find_payment
        return self._by_wire("find", payment_reference, lambda: found(payment_reference, around))

    def cancel_payment(self, gateway_id: str) -> GatewayPayment:
        return self._by_wire(
            "cancel", gateway_id, lambda: self._told(super(StormyBank, self).cancel_payment(gateway_id))
        )

    def refund(self, gateway_id: str, amount: Money, idempotency_key: str) -> GatewayRefund:
        return self._by_wire("refund", idempotency_key, lambda: self._give_back(gateway_id, amount, idempotency_key))

    def list_refunds(self, gateway_id: str) -> Sequence[GatewayRefund]:
        return self._by_wire("list_refunds", gateway_id, lambda: super(StormyBank, self).list_refunds(gateway_id))

    def list_disputes(self, gateway_id: str) -> Sequence[GatewayDispute]:
        return self._by_wire("list_disputes", gateway_id, lambda: super(StormyBank, self).list_disputes(gateway_id))

    def list_payments(self, since: datetime, until: datetime) -> Iterator[GatewayPayment]:
        listed = super().list_payments
        return self._by_wire("list_payments", f"{since}", lambda: listed(since, until))

    def list_events(self, since: datetime, until: datetime) -> Iterator[GatewayEvent]:
        listed = super().list_events
        return self._by_wire("list_events", f"{since}", lambda: listed(since, until))

    def _by_wire(self, verb: str, key: str, work: Callable[[], T]) -> T:
        self.before_call(verb, key)
        weather, luck = self.weather, self.rng.random()
        luck *= HOW_SAFE.get(verb, 1)
        writes = verb in ("create", "confirm", "cancel", "refund")
        for chance, accident in (
            (weather.unreachable, self._unreachable),
            (weather.lost_before, self._lost),
            (weather.lost_after, lambda: self._lost(work)),
            (weather.late if writes else 0.0, lambda: self._arrives_late(work)),
            (weather.rejected if writes and verb != "confirm" else 0.0, self._refused),
        ):
            luck -= chance
            if luck < 0:
                accident()
        return work()

    def _unreachable(self) -> None:
        raise GatewayUnreachable("connection refused")

    def _lost(self, work: Callable[[], object] | None = None) -> None:
        if work is not None:
            work()
        raise OutcomeUnknown("no answer")

    def _arrives_late(self, work: Callable[[], object]) -> None:
        self.late.append((self.now() + timedelta(seconds=self.rng.uniform(0, LATEST_S)), work))
        raise OutcomeUnknown("no answer in time")

    def _refused(self) -> None:
        raise GatewayRejected("the bank does not like this request")

    # ------------------------------------------------------------------------------------------- what it does

    def _prepare(self, order: ChargeOrder, key: str) -> GatewayPayment:
        created = super().create_payment(order, key)
        twins = [p for p in self.payments.values() if p.payment_reference == order.payment_reference]
        if len(twins) > 1:
            self.complaints.append(f"{len(twins)} objects for payment {order.payment_reference}")
        return created

    def _charge(self, gateway_id: str, order: ChargeOrder, key: str) -> GatewayPayment:
        whose, _, fate = self.orders[gateway_id].token.partition(".")
        before = self.payments[gateway_id]
        if before.status != "requires_confirmation":
            if before.status == "canceled":
                raise GatewayRejected("it was cancelled", code="unexpected_state")
            return before
        for other_id, other in self.payments.items():
            if other.status in UNDECIDED and self.orders[other_id].token.partition(".")[0] == whose:
                self.complaints.append(f"{gateway_id} confirmed while {other_id} of the same account is {other.status}")
            if other.status == "declined" and self.orders[other_id].token.partition(".")[0] == whose:
                self.complaints.append(f"{gateway_id} confirmed while {other_id} is declined and can be charged again")
        self.behaviours[self.orders[gateway_id].token] = fate  # type: ignore[assignment]
        charged = super().confirm_payment(gateway_id, order, key)
        if charged.captured is not None and self.rng.random() < self.weather.other_amount:
            self.payments[gateway_id] = charged = replace(charged, captured=Money(charged.amount.minor + 1, "CAD"))
        return self._told(charged)

    def _give_back(self, gateway_id: str, amount: Money, key: str) -> GatewayRefund:
        refund = super().refund(gateway_id, amount, key)
        self._send(f"refund.{refund.status}", gateway_id)
        return refund

    def receive_late(self) -> None:
        """What was on its way and is due by now arrives; nobody waits for its answer."""
        due = [work for at, work in self.late if at <= self.now()]
        self.late = [(at, work) for at, work in self.late if at > self.now()]
        for work in due:
            with suppress(GatewayRejected):
                work()

    def decide_something(self) -> bool:
        """The bank, or the customer at their bank, makes up their mind about one pending payment."""
        pending = [p for p in self.payments.values() if p.status in UNDECIDED]
        if not pending:
            return False
        payment = self.rng.choice(pending)
        choices = ["succeeded", "declined"] + (["processing"] if payment.status == "requires_action" else [])
        self._told(self.decide(payment.id, self.rng.choice(choices)))  # type: ignore[arg-type]
        return True

    def decide_refunds(self) -> None:
        for refund in list(self.refunds.values()):
            if refund.status == "pending":
                self.decide_refund(refund.id, self.rng.choice(["succeeded", "succeeded", "failed"]))
                self.mail.append(self.event(self._refund_of[refund.id], "refund.succeeded"))

    def charge_again(self) -> None:
        """Somebody who has the secret of a declined object charges it with another card, as long as that goes."""
        declined = [p for p in self.ours() if p.status == "declined"]
        if declined:
            payment = self.rng.choice(declined)
            self.stolen.add(payment.id)
            self._told(self.decide(payment.id, "succeeded"))

    def dispute_something(self) -> bool:
        """A customer's bank takes money back: all of a payment or half of it, to be decided or at once for good."""
        charged = [p for p in self.charges() if p in self.ours() and self._undisputed(p)]
        if not charged:
            return False
        payment = self.rng.choice(charged)
        captured = payment.captured or payment.amount
        amount = self.rng.choice([captured, captured, Money(max(1, captured.minor // 2), captured.currency)])
        how = self.rng.choice(["open", "open", "lost", "return"])
        self._tell(self.dispute(payment.id, amount, "open" if how == "open" else "lost", is_return=how == "return"))
        return True

    def _undisputed(self, payment: GatewayPayment) -> bool:
        """Is there anything of it that no bank has claimed? What was refunded is claimed all the same, now and then."""
        claimed = sum(
            d.amount.minor for d in self.disputes.values() if d.payment_id == payment.id and d.status != "won"
        )
        return claimed < (payment.captured or payment.amount).minor

    def decide_a_dispute(self, *, finally_: bool = False) -> bool:
        """Open ones are won or lost; what was lost, and was no return, can still be won."""
        choices = [
            d
            for d in self.disputes.values()
            if d.status == "open" or (d.status == "lost" and not d.is_return and not finally_)
        ]
        if not choices:
            return False
        dispute = self.rng.choice(choices)
        self._tell(
            self.decide_dispute(dispute.id, self.rng.choice(["won", "lost"]) if dispute.status == "open" else "won")
        )
        return True

    def _tell(self, dispute: GatewayDispute) -> None:
        self._send(f"dispute.{dispute.status}", dispute.payment_id, dispute)

    def alien_capture(self) -> None:
        """Somebody else's payment, of which we hear by mistake."""
        gateway_id = f"alien_{len(self.payments)}"
        alike = [payment.amount for payment in self.ours()]  # somebody might match it by its amount
        amount = self.rng.choice([*alike, Money(1000, "CAD")])
        self.payments[gateway_id] = GatewayPayment(gateway_id, "succeeded", amount, amount, "NOT-OURS")
        self.orders[gateway_id] = ChargeOrder(amount, "alien.succeeded", None, "NOT-OURS", None)  # type: ignore[arg-type]
        self._told(self.payments[gateway_id])

    def _told(self, payment: GatewayPayment) -> GatewayPayment:
        self._send(f"payment.{payment.status}", payment.id)
        return payment

    def _send(self, type_: str, gateway_id: str, dispute: GatewayDispute | None = None) -> None:
        """The event of what happened; how often it arrives is the line's affair."""
        event = self.event(gateway_id, type_, dispute=dispute)
        certain = dispute is not None and self.disputes_are_heard_of
        if self.rng.random() >= self.weather.event_lost or certain:
            self.mail.append(event)
            while self.rng.random() < self.weather.event_repeated:
                self.mail.append(event)

    def ours(self) -> list[GatewayPayment]:
        return [p for p in self.payments.values() if p.payment_reference != "NOT-OURS"]

    def lost(self, gateway_id: str) -> int:
        """Minor units that were lost for good: what was given back before cannot be lost as well."""
        claimed = sum(
            d.amount.minor for d in self.disputes.values() if d.payment_id == gateway_id and d.status == "lost"
        )
        captured = self.payments[gateway_id].captured
        return min(claimed, captured.minor - self.given_back(gateway_id)) if captured is not None else 0

    def given_back(self, gateway_id: str, *, by_us: bool = False) -> int:
        """Minor units that really went back; `by_us` without what the bank's own clerks refunded."""
        return sum(
            refund.amount.minor
            for refund in self.refunds.values()
            if self._refund_of[refund.id] == gateway_id
            and refund.status == "succeeded"
            and (refund.key is not None or not by_us)
        )
