"""What every gateway adapter does with payments, methods and refunds, over a real wire."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from billing.errors import GatewayError, GatewayRejected, GatewayUnreachable, OutcomeUnknown
from billing.gateways.base import BillingDetails, ChargeOrder, GatewayPayment
from billing.money import Money
from tests.contract.worlds import LOST_AFTER_CHARGING, World

AMOUNT = Money(45210, "CAD")
DETAILS = BillingDetails(
    "maya@northwind.example", {"name": "Maya Tremblay", "city": "Montréal", "postal_code": "H2W 2M5", "country": "CA"}
)


def key() -> str:
    return f"key-{secrets.token_hex(8)}"


def customer(world: World) -> str:
    return world.gateway.ensure_customer(f"9{secrets.randbelow(10**8):08}", "Maya Tremblay", "maya@northwind.example")


def order(world: World, behaviour: str = "succeeds", *, save_for: str | None = None) -> ChargeOrder:
    token, reference = world.token(behaviour), f"R{secrets.token_hex(6)}"
    return ChargeOrder(AMOUNT, token, save_for, reference, DETAILS, save=save_for is not None, description="INV-1001")


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


# ----------------------------------------------------------------------------------------------- create, confirm


def test_create_prepares_and_charges_nothing(world: World) -> None:
    wanted = order(world)
    payment = world.gateway.create_payment(wanted, key())
    assert (payment.status, payment.amount, payment.captured) == ("requires_confirmation", AMOUNT, None)
    assert payment.payment_reference == wanted.payment_reference
    assert world.gateway.retrieve_payment(payment.id) == payment


def test_confirm_captures_the_amount_and_names_the_method(world: World) -> None:
    payment = confirmed(world)
    assert (payment.status, payment.amount, payment.captured) == ("succeeded", AMOUNT, AMOUNT)
    assert payment.method is not None
    assert (payment.method.kind, payment.method.brand, payment.method.last4) == ("card", "visa", "4242")
    assert world.gateway.retrieve_payment(payment.id) == payment


def test_a_decline_is_an_answer_with_its_code(world: World) -> None:
    payment = confirmed(world, "declines")
    assert (payment.status, payment.decline_code, payment.captured) == ("declined", "insufficient_funds", None)
    assert world.gateway.retrieve_payment(payment.id) == payment


def test_creating_again_with_the_same_key_gives_the_same_object(world: World) -> None:
    wanted, same = order(world), key()
    assert world.gateway.create_payment(wanted, same) == world.gateway.create_payment(wanted, same)


def test_the_same_key_for_another_order_is_refused(world: World) -> None:
    wanted, same = order(world), key()
    world.gateway.create_payment(wanted, same)
    with pytest.raises(GatewayRejected):
        world.gateway.create_payment(replace(wanted, amount=Money(1, "CAD")), same)


@pytest.mark.parametrize("behaviour", ["succeeds", "declines", "challenges", "waits"])
def test_confirming_again_gives_the_same_answer_and_charges_once(world: World, behaviour: str) -> None:
    (payment, wanted), same = created(world, behaviour), key()
    first = world.gateway.confirm_payment(payment.id, wanted, same)
    assert world.gateway.confirm_payment(payment.id, wanted, same) == first
    assert world.gateway.confirm_payment(payment.id, wanted, key()) == first  # another key: what it has become


def test_many_confirms_at_once_charge_once(world: World) -> None:
    payment, wanted = created(world)
    barrier = threading.Barrier(8)

    def confirm(number: int) -> str:
        barrier.wait()
        try:
            return world.gateway.confirm_payment(payment.id, wanted, f"{payment.id}-{number % 2}").status
        except OutcomeUnknown:  # the same key is under way
            return "unknown"

    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(confirm, range(8)))
    assert outcomes <= {"succeeded", "unknown"}
    assert world.gateway.retrieve_payment(payment.id).captured == AMOUNT


# ------------------------------------------------------------------------------------------------------- unknown


@pytest.mark.parametrize("behaviour", LOST_AFTER_CHARGING)
def test_a_lost_answer_is_unknown_and_the_charge_can_be_looked_up(world: World, behaviour: str) -> None:
    payment, wanted = created(world, behaviour)
    with pytest.raises(OutcomeUnknown):
        world.gateway.confirm_payment(payment.id, wanted, key())
    found = world.gateway.find_payment(wanted.payment_reference, now())
    assert found is not None
    assert (found.id, found.status, found.captured) == (payment.id, "succeeded", AMOUNT)
    assert world.gateway.retrieve_payment(payment.id) == found


def test_a_connection_that_dies_before_the_charge_is_unknown_too(world: World) -> None:
    payment, wanted = created(world, "resets")
    with pytest.raises(OutcomeUnknown):
        world.gateway.confirm_payment(payment.id, wanted, key())
    assert world.gateway.retrieve_payment(payment.id).status == "requires_confirmation"


def test_a_gateway_that_is_not_there_was_never_reached(world: World) -> None:
    gateway = world.at_dead_address()
    wanted = order(world)
    for call in (
        lambda: gateway.ensure_customer("1", "A", "a@b.example"),
        lambda: gateway.create_payment(wanted, key()),
        lambda: gateway.confirm_payment("pay_x", wanted, key()),
        lambda: gateway.retrieve_payment("pay_x"),
        lambda: gateway.find_payment("R", now()),
        lambda: gateway.cancel_payment("pay_x"),
        lambda: gateway.refund("pay_x", AMOUNT, key()),
        lambda: gateway.list_refunds("pay_x"),
        lambda: gateway.list_methods("cus_x"),
        lambda: gateway.update_method("pm_x", DETAILS),
    ):
        with pytest.raises(GatewayUnreachable):
            call()


# ---------------------------------------------------------------------------------------------- late decisions


@pytest.mark.parametrize(("approve", "status", "captured"), [(True, "succeeded", AMOUNT), (False, "declined", None)])
def test_a_pending_payment_is_decided_later(world: World, approve: bool, status: str, captured: Money | None) -> None:
    payment = confirmed(world, "waits")
    assert (payment.status, payment.captured) == ("processing", None)
    world.decide(payment.id, approve)
    decided = world.gateway.retrieve_payment(payment.id)
    assert (decided.status, decided.captured) == (status, captured)


@pytest.mark.parametrize(("passed", "status"), [(True, "succeeded"), (False, "declined")])
def test_a_bank_step_has_an_address_and_is_passed_or_failed_there(world: World, passed: bool, status: str) -> None:
    payment = confirmed(world, "challenges")
    assert (payment.status, payment.captured) == ("requires_action", None)
    assert payment.action_url is not None
    assert world.gateway.retrieve_payment(payment.id).action_url == payment.action_url
    world.pass_challenge(payment.action_url, passed)
    decided = world.gateway.retrieve_payment(payment.id)
    assert (decided.status, decided.action_url) == (status, None)


# ------------------------------------------------------------------------------------------------ find, cancel


def test_what_does_not_exist_is_found_nowhere_and_refused_by_id(world: World) -> None:
    wanted = order(world)
    assert world.gateway.find_payment("R-of-nobody", now()) is None
    for gateway_id in ("pay_nobody", "", "../customers", "é", "a/b?c=d"):
        with pytest.raises(GatewayRejected):
            world.gateway.retrieve_payment(gateway_id)
        with pytest.raises(GatewayRejected):
            world.gateway.confirm_payment(gateway_id, wanted, key())


@pytest.mark.parametrize("behaviour", ["succeeds", "challenges"])
def test_what_has_not_charged_can_be_cancelled_and_never_charges_after(world: World, behaviour: str) -> None:
    payment, wanted = created(world, behaviour)
    if behaviour == "challenges":
        world.gateway.confirm_payment(payment.id, wanted, key())
    assert world.gateway.cancel_payment(payment.id).status == "canceled"
    assert world.gateway.cancel_payment(payment.id).status == "canceled"
    assert world.gateway.confirm_payment(payment.id, wanted, key()).status == "canceled"


@pytest.mark.parametrize(("behaviour", "status"), [("succeeds", "succeeded"), ("waits", "processing")])
def test_cancelling_too_late_tells_what_it_became(world: World, behaviour: str, status: str) -> None:
    payment = confirmed(world, behaviour)
    assert world.gateway.cancel_payment(payment.id).status == status


# ----------------------------------------------------------------------------------------- customers, methods


def test_an_account_has_one_customer_for_ever(world: World) -> None:
    first = world.gateway.ensure_customer("777", "Maya Tremblay", "maya@northwind.example")
    assert world.gateway.ensure_customer("777", "Maya T.", "m@northwind.example") == first
    assert world.gateway.ensure_customer("778", "Maya Tremblay", "maya@northwind.example") != first


def test_a_saved_card_is_listed_and_charged_again(world: World) -> None:
    owner = customer(world)
    charged(world, order(world, save_for=owner))
    (method,) = world.gateway.list_methods(owner)
    assert (method.last4, method.email, method.address["city"]) == ("4242", DETAILS.email, "Montréal")
    again = replace(order(world), token=method.reference, customer=owner)
    payment = charged(world, again)
    assert (payment.status, payment.method) == ("succeeded", method)
    assert list(world.gateway.list_methods(owner)) == [method]


def test_a_card_is_not_kept_unless_asked_to_or_when_declined(world: World) -> None:
    owner = customer(world)
    charged(world, replace(order(world), customer=owner))
    charged(world, order(world, "declines", save_for=owner))
    assert list(world.gateway.list_methods(owner)) == []


def test_address_and_email_of_a_saved_card_can_be_changed(world: World) -> None:
    owner = customer(world)
    charged(world, order(world, save_for=owner))
    (method,) = world.gateway.list_methods(owner)
    changed = world.gateway.update_method(method.reference, BillingDetails("new@northwind.example", {"city": "Québec"}))
    assert (changed.email, dict(changed.address)) == ("new@northwind.example", {"city": "Québec"})
    assert list(world.gateway.list_methods(owner)) == [changed]


def test_a_token_is_good_once(world: World) -> None:
    wanted = order(world)
    world.gateway.create_payment(wanted, key())
    with pytest.raises(GatewayRejected):
        world.gateway.create_payment(wanted, key())


# ----------------------------------------------------------------------------------------------------- refunds


def test_refunds_add_up_to_what_was_captured_and_no_further(world: World) -> None:
    payment, same = confirmed(world), key()
    part = Money(45000, "CAD")
    refund = world.gateway.refund(payment.id, part, same)
    assert (refund.status, refund.amount) == ("succeeded", part)
    assert world.gateway.refund(payment.id, part, same) == refund
    with pytest.raises(GatewayRejected):
        world.gateway.refund(payment.id, part, key())
    assert world.gateway.refund(payment.id, AMOUNT - part, key()).amount == AMOUNT - part


def test_every_refund_is_listed_with_the_key_that_asked_for_it(world: World) -> None:
    payment, keys = confirmed(world), [key(), key()]
    assert list(world.gateway.list_refunds(payment.id)) == []
    made = [world.gateway.refund(payment.id, Money(100 + number, "CAD"), keys[number]) for number in range(2)]
    assert list(world.gateway.list_refunds(payment.id)) == made
    assert [refund.key for refund in made] == keys
    with pytest.raises(GatewayRejected):
        world.gateway.list_refunds("pay_nobody")


def test_nothing_captured_or_another_currency_is_not_refunded(world: World) -> None:
    with pytest.raises(GatewayRejected):
        world.gateway.refund(created(world)[0].id, AMOUNT, key())
    with pytest.raises(GatewayRejected):
        world.gateway.refund(confirmed(world).id, Money(100, "USD"), key())


def test_every_error_is_a_gateway_error(world: World) -> None:
    for bad in ("key with a\nnewline", "clé", "k" * 1000):
        with pytest.raises(GatewayError):
            world.gateway.create_payment(replace(order(world), amount=Money(0, "CAD")), bad)
