"""What every gateway adapter does with payments, methods and refunds, over a real wire."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from billing.errors import GatewayError, GatewayRejected, GatewayUnreachable, OutcomeUnknown
from billing.money import Money
from tests.contract.orders import AMOUNT, DETAILS, charged, confirmed, created, key, now, order
from tests.contract.worlds import DISCONNECTS, LOST_AFTER_CHARGING, Ability, World, needs

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
        except (OutcomeUnknown, GatewayUnreachable):  # the same key, or the payment itself, is at work elsewhere
            return "unknown"

    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(confirm, range(8)))
    assert outcomes <= {"succeeded", "unknown"}
    assert world.gateway.retrieve_payment(payment.id).captured == AMOUNT


# ------------------------------------------------------------------------------------------------------- unknown


@pytest.mark.parametrize("behaviour", LOST_AFTER_CHARGING)
def test_a_lost_answer_is_unknown_and_the_charge_can_be_looked_up(world: World, behaviour: str) -> None:
    needs(world, Ability.BROKEN_LINES)
    payment, wanted = created(world, behaviour)
    with pytest.raises(OutcomeUnknown):
        world.gateway.confirm_payment(payment.id, wanted, key())
    found = world.gateway.find_payment(wanted.payment_reference, now())
    assert found is not None
    assert (found.id, found.status, found.captured) == (payment.id, "succeeded", AMOUNT)
    assert world.gateway.retrieve_payment(payment.id) == found


def test_a_connection_that_dies_before_the_charge_is_unknown_too(world: World) -> None:
    needs(world, Ability.BROKEN_LINES)
    payment, wanted = created(world, DISCONNECTS)
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
        lambda: gateway.list_disputes("pay_x"),
        lambda: list(gateway.list_payments(now(), now())),
        lambda: list(gateway.list_events(now(), now())),
        lambda: gateway.retrieve_method("pm_x"),
        lambda: gateway.list_methods("cus_x"),
        lambda: gateway.update_method("pm_x", DETAILS),
    ):
        with pytest.raises(GatewayUnreachable):
            call()


# ---------------------------------------------------------------------------------------------- late decisions


@pytest.mark.parametrize(("approve", "status", "captured"), [(True, "succeeded", AMOUNT), (False, "declined", None)])
def test_a_pending_payment_is_decided_later(world: World, approve: bool, status: str, captured: Money | None) -> None:
    needs(world, Ability.DECISIONS)
    payment = confirmed(world, "waits")
    assert (payment.status, payment.captured) == ("processing", None)
    world.decide(payment.id, approve)
    decided = world.gateway.retrieve_payment(payment.id)
    assert (decided.status, decided.captured) == (status, captured)


@pytest.mark.parametrize(("passed", "status"), [(True, "succeeded"), (False, "declined")])
def test_a_bank_step_is_passed_or_failed_by_the_customer(world: World, passed: bool, status: str) -> None:
    needs(world, Ability.STEPS)
    payment = confirmed(world, "challenges")
    assert (payment.status, payment.captured) == ("requires_action", None)
    world.do_step(payment, passed)
    decided = world.gateway.retrieve_payment(payment.id)
    assert (decided.status, decided.action_url) == (status, None)


def test_a_bank_step_has_an_address_or_is_done_on_our_page(world: World) -> None:
    payment = confirmed(world, "challenges")
    asked_again = world.gateway.retrieve_payment(payment.id)
    assert (asked_again.action_url, asked_again.client_secret) == (payment.action_url, payment.client_secret)
    if Ability.STEP_ADDRESS in world.lacks:
        assert payment.action_url is None and payment.client_secret
        assert payment.client_secret not in repr(payment)
    else:
        assert payment.action_url is not None


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


def test_what_was_declined_charges_no_more_once_it_is_cancelled(world: World) -> None:
    """At some gateways whoever has its secret could confirm it again with another card, until it is cancelled."""
    payment, wanted = created(world, "declines")
    world.gateway.confirm_payment(payment.id, wanted, key())
    assert world.gateway.cancel_payment(payment.id).status in ("canceled", "declined")
    source = world.source("succeeds")
    with suppress(GatewayRejected):
        again = world.gateway.confirm_payment(payment.id, replace(wanted, token=source.token), key())
        assert again.status in ("canceled", "declined")
    assert world.gateway.retrieve_payment(payment.id).captured is None


def test_a_token_is_good_once(world: World) -> None:
    wanted = order(world)
    charged(world, wanted)
    with pytest.raises(GatewayRejected):
        charged(world, replace(wanted, payment_reference=f"R{secrets.token_hex(6)}"))


def test_every_error_is_a_gateway_error(world: World) -> None:
    for bad in ("key with a\nnewline", "clé", "k" * 1000):
        with pytest.raises(GatewayError):
            world.gateway.create_payment(replace(order(world), amount=Money(0, "CAD")), bad)
