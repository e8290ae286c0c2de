"""A gateway and the other side of it: what the contract suite needs besides the adapter, one class per adapter.

A new adapter passes the suite by adding its world to `conftest.WORLDS`. What its gateway cannot do, or cannot be made
to do here, the world declares in `lacks` with the reason; nothing else is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import pytest

from billing.gateways.base import Gateway, GatewayPayment
from billing.money import Money


class Ability(StrEnum):
    BANK_DEBIT_ON_PAGE = "bank account and mandate are taken on the page, after the payment was prepared"
    BROKEN_LINES = "answers get lost on purpose"
    DECISIONS = "a test decides in the bank's place"
    DELIVERY = "events are delivered to us"
    DISPUTES = "a test disputes a charge in the customer's place"
    INQUIRIES = "a bank may ask about a charge without taking the money"
    MANDATES = "a bank account is debited under a mandate, which can end"
    MODES = "test and live events are told apart"
    NETWORK_UPDATES = "card networks tell of new expiry dates"
    ACCOUNTS = "one key serves several accounts"
    SEVERAL_SECRETS = "two signing secrets are valid while one is rotated"
    STEPS = "a test does the bank's step in the customer's place"
    STEP_ADDRESS = "a bank step has an address of the gateway's"


def needs(world: World, *abilities: Ability) -> None:
    """Leaves the test out where the world has declared that it lacks one of these."""
    for ability in abilities:
        if ability in world.lacks:
            pytest.skip(f"{world.name}: {world.lacks[ability]}")


T = TypeVar("T")


def eventually(world: World, look: Callable[[], T], arrived: Callable[[T], object] = bool) -> T:
    """What `look` sees once it has arrived, or at the end of the world's patience."""
    deadline = time.monotonic() + world.patience_s
    while not arrived(seen := look()) and time.monotonic() < deadline:
        time.sleep(1.0)
    return seen


@dataclass(frozen=True)
class Source:
    """What an order is charged to: a token of the gateway's fields, or a method that a customer has saved."""

    token: str
    customer: str | None = None
    mandate: str | None = None


# What a source may do, in the words of the suite: succeeds, declines (insufficient_funds), challenges, waits,
# "refund waits", "is disputed", and the troubles of a line:
LOST_AFTER_CHARGING = [f"charges then {what}" for what in ("hangs", "fails", "garbles", "resets")]
DISCONNECTS = "resets"  # before anything was charged


class World(Protocol):
    name: str
    gateway: Gateway
    patience_s: float  # how long its lists and events may lag behind what has happened
    lacks: Mapping[Ability, str]
    event_types: Mapping[str, str]  # paid, refunded, disputed, attached, updated → the gateway's own names

    def source(self, behaviour: str) -> Source:
        """Something to charge that behaves like this. Of tokens a new one every time."""
        ...

    def decide(self, gateway_id: str, approve: bool) -> None:
        """The bank's late decision about a pending payment."""
        ...

    def do_step(self, payment: GatewayPayment, passed: bool) -> None:
        """The customer passes or fails what the bank asks for, at its address or on our page."""
        ...

    def debit_on_page(self, payment: GatewayPayment, approve: bool | None) -> None:
        """The gateway's script takes a bank account and confirms; the bank decides as told, or waits (None)."""
        ...

    def refund_at_gateway(self, gateway_id: str, amount: Money) -> None:
        """Somebody refunds at the gateway itself, without a key of ours."""
        ...

    def decide_refund(self, refund_id: str, succeeded: bool) -> None: ...

    def dispute(self, gateway_id: str, amount: Money, kind: str = "dispute") -> str:
        """The customer's bank disputes a payment; `kind` may be inquiry, or return (of a bank debit)."""
        ...

    def close_dispute(self, dispute_id: str, won: bool) -> None: ...

    def detach(self, reference: str) -> None:
        """The customer's method is taken away at the gateway."""
        ...

    def renew(self, reference: str, exp_month: int, exp_year: int) -> None: ...

    def end_mandate(self, mandate: str) -> None: ...

    def next_event(self) -> tuple[bytes, Mapping[str, str]]:
        """The next webhook, as it arrived."""
        ...

    def signed(self, body: bytes, at: float, secret: str | None = None) -> Mapping[str, str]:
        """The headers under which the gateway would send `body` at this time (seconds since 1970)."""
        ...

    def event(self, id: str) -> dict[str, Any]:
        """An event as the gateway would tell it, about the payment `pay_x`."""
        ...

    def at_dead_address(self) -> Gateway:
        """The same adapter, with nobody listening at the gateway's address."""
        ...

    def at_address(self, url: str) -> Gateway:
        """The same adapter, talking to `url` with a short patience."""
        ...

    def knowing(self, *, secrets: tuple[str, ...] = (), account: str | None = None) -> Gateway:
        """The same adapter with other signing secrets, or for a connected account."""
        ...
