"""Orders as the suite charges them."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from billing.gateways.base import BillingDetails, ChargeOrder, GatewayPayment
from billing.money import Money
from tests.contract.worlds import World

AMOUNT = Money(45210, "CAD")
DETAILS = BillingDetails(
    "maya@northwind.example", {"name": "Maya Tremblay", "city": "Montréal", "postal_code": "H2W 2M5", "country": "CA"}
)


def key() -> str:
    return f"key-{secrets.token_hex(8)}"


def account_number() -> str:
    """One that no earlier run has used either, where a gateway remembers."""
    return f"9{secrets.randbelow(10**8):08}"


def reference() -> str:
    return f"R{secrets.token_hex(6)}"


def customer(world: World) -> str:
    return world.gateway.ensure_customer(account_number(), "Maya Tremblay", "maya@northwind.example")


def order(world: World, behaviour: str = "succeeds", *, save_for: str | None = None) -> ChargeOrder:
    source = world.source(behaviour)
    return ChargeOrder(
        AMOUNT,
        source.token,
        save_for or source.customer,
        reference(),
        DETAILS,
        save=save_for is not None,
        description="INV-1001",
        mandate=source.mandate,
    )


def created(world: World, behaviour: str = "succeeds") -> tuple[GatewayPayment, ChargeOrder]:
    wanted = order(world, behaviour)
    return world.gateway.create_payment(wanted, key()), wanted


def confirmed(world: World, behaviour: str = "succeeds") -> GatewayPayment:
    return charged(world, order(world, behaviour))


def charged(world: World, wanted: ChargeOrder) -> GatewayPayment:
    """Created and confirmed, as a quote that was said yes to is."""
    payment = world.gateway.create_payment(wanted, key())
    return world.gateway.confirm_payment(payment.id, wanted, key())


def now() -> datetime:
    return datetime.now(UTC)
