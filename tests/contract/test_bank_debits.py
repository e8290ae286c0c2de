"""Bank accounts: taken on the page or saved, debited under a mandate, decided days later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import GatewayRejected
from billing.gateways.base import BANK_DEBIT_ON_PAGE, ChargeOrder, GatewayPayment
from tests.contract.orders import AMOUNT, charged, customer, key, now, order
from tests.contract.worlds import Ability, World, needs


@pytest.fixture
def debit(world: World) -> tuple[GatewayPayment, ChargeOrder]:
    """A debit whose account and mandate the page takes: prepared and, as far as the server goes, confirmed."""
    needs(world, Ability.BANK_DEBIT_ON_PAGE)
    wanted = replace(order(world, save_for=customer(world)), token=BANK_DEBIT_ON_PAGE)
    return charged(world, wanted), wanted


def test_a_debit_on_the_page_waits_for_the_customer(world: World, debit: tuple[GatewayPayment, ChargeOrder]) -> None:
    payment, wanted = debit
    assert (payment.status, payment.amount, payment.captured) == ("requires_action", AMOUNT, None)
    assert (payment.client_secret is not None, payment.action_url) == (True, None)
    assert world.gateway.confirm_payment(payment.id, wanted, key()) == payment
    assert world.gateway.retrieve_payment(payment.id) == payment
    found = world.gateway.find_payment(wanted.payment_reference, now())
    assert found is not None and found.status == "requires_action"


@pytest.mark.parametrize(
    ("approve", "status"), [(None, "processing"), (True, "succeeded"), (False, "declined")], ids=str
)
def test_a_debit_on_the_page_goes_on_once_the_customer_has_agreed(
    world: World, debit: tuple[GatewayPayment, ChargeOrder], approve: bool | None, status: str
) -> None:
    world.debit_on_page(debit[0], approve)
    seen = world.gateway.retrieve_payment(debit[0].id)
    assert (seen.status, seen.captured) == (status, AMOUNT if approve else None)
    assert seen.method is not None and (seen.method.kind, seen.method.brand != "") == ("bank_debit", True)
    assert approve is False or seen.method.mandate


def test_a_debit_that_nobody_agrees_to_can_be_cancelled(
    world: World, debit: tuple[GatewayPayment, ChargeOrder]
) -> None:
    assert world.gateway.cancel_payment(debit[0].id).status == "canceled"
    assert world.gateway.retrieve_payment(debit[0].id).status == "canceled"


def test_a_saved_bank_account_is_debited_again_under_its_mandate(
    world: World, debit: tuple[GatewayPayment, ChargeOrder]
) -> None:
    first, wanted = debit
    world.debit_on_page(first, True)
    method = world.gateway.retrieve_payment(first.id).method
    assert method is not None and wanted.customer is not None
    assert [saved.reference for saved in world.gateway.list_methods(wanted.customer)] == [method.reference]
    again = replace(order(world), token=method.reference, customer=wanted.customer, mandate=method.mandate)
    assert charged(world, again).status in ("processing", "succeeded")


def test_an_ended_mandate_debits_no_more(world: World) -> None:
    needs(world, Ability.MANDATES, Ability.DECISIONS)
    wanted = order(world, "waits")
    assert wanted.mandate is not None
    world.end_mandate(wanted.mandate)
    with pytest.raises(GatewayRejected):
        charged(world, wanted)
