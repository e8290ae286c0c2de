"""Customers, and the cards and bank accounts that they save."""

from __future__ import annotations

from dataclasses import replace

import pytest

from billing.errors import GatewayRejected
from billing.gateways.base import BillingDetails, MethodInfo
from tests.contract.orders import DETAILS, account_number, charged, confirmed, customer, order
from tests.contract.worlds import Ability, World, needs


def saved_card(world: World, owner: str) -> MethodInfo:
    charged(world, order(world, save_for=owner))
    (method,) = world.gateway.list_methods(owner)
    return method


def test_an_account_has_one_customer_for_ever(world: World) -> None:
    number, other = account_number(), account_number()
    first = world.gateway.ensure_customer(number, "Maya Tremblay", "maya@northwind.example")
    assert world.gateway.ensure_customer(number, "Maya T.", "m@northwind.example") == first
    assert world.gateway.ensure_customer(other, "Maya Tremblay", "maya@northwind.example") != first


def test_a_saved_card_is_listed_and_charged_again(world: World) -> None:
    owner = customer(world)
    method = saved_card(world, owner)
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
    method = saved_card(world, owner)
    changed = world.gateway.update_method(method.reference, BillingDetails("new@northwind.example", {"city": "Québec"}))
    assert (changed.email, dict(changed.address)) == ("new@northwind.example", {"city": "Québec"})
    assert list(world.gateway.list_methods(owner)) == [changed]


def test_a_saved_card_is_looked_at_by_its_reference_and_names_its_customer(world: World) -> None:
    owner = customer(world)
    method = saved_card(world, owner)
    assert world.gateway.retrieve_method(method.reference) == method
    assert method.customer == owner


def test_a_token_tells_what_it_would_charge_before_it_does(world: World) -> None:
    token = world.source("succeeds").token
    info = world.gateway.retrieve_method(token)
    assert (info.reference, info.kind, info.brand, info.last4) == (token, "card", "visa", "4242")
    assert info.customer is None


def test_the_same_card_has_the_same_fingerprint_whoever_uses_it(world: World) -> None:
    tokens = [world.gateway.retrieve_method(world.source("succeeds").token) for _ in range(2)]
    other = world.gateway.retrieve_method(world.source("declines").token)
    saved = saved_card(world, customer(world))
    paid = confirmed(world).method
    assert paid is not None
    assert {info.fingerprint for info in (*tokens, saved, paid)} == {tokens[0].fingerprint}
    assert tokens[0].fingerprint and tokens[0].fingerprint != other.fingerprint
    assert "4242" not in tokens[0].fingerprint


@pytest.mark.parametrize("reference", ["pm_nobody", "ctoken_nobody", "tok_nobody", "", "../customers", "é"])
def test_what_is_no_method_is_refused(world: World, reference: str) -> None:
    with pytest.raises(GatewayRejected):
        world.gateway.retrieve_method(reference)


def test_a_card_that_is_taken_away_at_the_gateway_is_not_listed_any_more(world: World) -> None:
    owner = customer(world)
    method = saved_card(world, owner)
    world.detach(method.reference)
    assert list(world.gateway.list_methods(owner)) == []
    assert world.gateway.retrieve_method(method.reference).customer is None


def test_a_new_expiry_date_of_the_network_is_seen(world: World) -> None:
    needs(world, Ability.NETWORK_UPDATES)
    owner = customer(world)
    method = saved_card(world, owner)
    world.renew(method.reference, 11, 2034)
    (renewed,) = world.gateway.list_methods(owner)
    assert renewed == replace(method, exp_month=11, exp_year=2034)


def test_another_customers_card_is_not_charged(world: World) -> None:
    method = saved_card(world, customer(world))
    with pytest.raises(GatewayRejected):
        charged(world, replace(order(world), token=method.reference, customer=customer(world)))
