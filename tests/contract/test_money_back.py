"""Refunds and disputes: ours, the gateway's own, and the customer's bank's."""

from __future__ import annotations

import pytest

from billing.errors import GatewayRejected
from billing.gateways.base import GatewayDispute
from billing.money import Money
from tests.contract.orders import AMOUNT, confirmed, created, key
from tests.contract.worlds import Ability, World, eventually, needs

PART = Money(10000, "CAD")

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


def test_a_refund_made_at_the_gateway_is_listed_without_a_key_of_ours(world: World) -> None:
    payment, ours = confirmed(world), key()
    world.gateway.refund(payment.id, PART, ours)
    world.refund_at_gateway(payment.id, PART)
    refunds = world.gateway.list_refunds(payment.id)
    assert [(refund.amount, refund.status, refund.key) for refund in refunds] == [
        (PART, "succeeded", ours),
        (PART, "succeeded", None),
    ]
    assert world.gateway.retrieve_payment(payment.id).refunded in (None, PART + PART)


@pytest.mark.parametrize(("succeeded", "status"), [(True, "succeeded"), (False, "failed")])
def test_a_refund_that_waits_is_decided_later(world: World, succeeded: bool, status: str) -> None:
    needs(world, Ability.DECISIONS)
    payment = confirmed(world, "refund waits")
    refund = world.gateway.refund(payment.id, PART, key())
    assert refund.status == "pending"
    world.decide_refund(refund.id, succeeded)
    (decided,) = world.gateway.list_refunds(payment.id)
    assert (decided.id, decided.status) == (refund.id, status)


# ---------------------------------------------------------------------------------------------------- disputes


@pytest.mark.parametrize(("won", "status"), [(True, "won"), (False, "lost")])
def test_a_dispute_is_open_and_then_won_or_lost(world: World, won: bool, status: str) -> None:
    needs(world, Ability.DISPUTES)
    payment = confirmed(world)
    assert list(world.gateway.list_disputes(payment.id)) == []
    assert world.gateway.retrieve_payment(payment.id).disputed in (None, False)
    id_ = world.dispute(payment.id, PART)
    assert list(world.gateway.list_disputes(payment.id)) == [
        GatewayDispute(id_, payment.id, "open", PART, "fraudulent", is_return=False)
    ]
    assert world.gateway.retrieve_payment(payment.id).disputed in (None, True)
    world.close_dispute(id_, won)
    (closed,) = world.gateway.list_disputes(payment.id)
    assert (closed.id, closed.status, closed.amount) == (id_, status, PART)


def test_a_charge_that_the_customer_disputes_at_once_is_found(world: World) -> None:
    payment = confirmed(world, "is disputed")
    (dispute,) = eventually(world, lambda: world.gateway.list_disputes(payment.id))
    assert (dispute.payment_id, dispute.status, dispute.amount) == (payment.id, "open", AMOUNT)


def test_a_question_of_the_bank_is_no_dispute(world: World) -> None:
    needs(world, Ability.INQUIRIES)
    payment = confirmed(world)
    world.dispute(payment.id, AMOUNT, "inquiry")
    assert list(world.gateway.list_disputes(payment.id)) == []


def test_a_debit_that_comes_back_is_a_return_and_lost_at_once(world: World) -> None:
    needs(world, Ability.DISPUTES, Ability.DECISIONS)
    payment = confirmed(world, "waits")
    world.decide(payment.id, approve=True)
    world.dispute(payment.id, AMOUNT, "return")
    (returned,) = world.gateway.list_disputes(payment.id)
    assert (returned.status, returned.amount, returned.is_return) == ("lost", AMOUNT, True)
