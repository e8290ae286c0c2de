"""Webhooks: what the gateway really sent is believed, everything else is EventRefused and never another exception."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from billing.errors import EventRefused
from billing.gateways.base import GatewayEvent
from tests.contract.orders import AMOUNT, charged, confirmed, customer, key, order
from tests.contract.worlds import Ability, World, needs


def body_of(world: World, **changes: Any) -> bytes:
    """An event of the gateway's about pay_x, with other values for some keys."""
    return json.dumps(world.event("evt_a") | changes).encode()


def next_of(world: World, told: str) -> GatewayEvent:
    """The next delivery of this type, verified, as are those that come before it."""
    for _ in range(20):
        event = world.gateway.verify_event(*world.next_event())
        if event.type == world.event_types[told]:
            return event
    raise AssertionError(f"no event {world.event_types[told]} among 20")


# ------------------------------------------------------------------------------------------------- what they say


def test_an_event_of_the_gateway_is_believed_and_names_the_payment(world: World) -> None:
    needs(world, Ability.DELIVERY)
    payment = confirmed(world)
    event = next_of(world, "paid")
    assert (event.subject, event.object_id) == ("payment", payment.id)
    assert event.id and event.payload["id"] == event.id


def test_an_event_of_a_refund_names_the_payment(world: World) -> None:
    needs(world, Ability.DELIVERY)
    payment = confirmed(world)
    world.gateway.refund(payment.id, AMOUNT, key())
    event = next_of(world, "refunded")
    assert (event.subject, event.object_id) == ("refund", payment.id)


def test_an_event_of_a_dispute_names_the_payment_and_tells_the_dispute(world: World) -> None:
    needs(world, Ability.DELIVERY, Ability.DISPUTES)
    payment = confirmed(world)
    world.dispute(payment.id, AMOUNT)
    event = next_of(world, "disputed")
    assert (event.subject, event.object_id) == ("dispute", payment.id)
    assert [world.gateway.read_dispute(event.payload)] == list(world.gateway.list_disputes(payment.id))


def test_an_event_of_a_saved_card_names_the_card_and_its_customer(world: World) -> None:
    needs(world, Ability.DELIVERY)
    owner = customer(world)
    charged(world, order(world, save_for=owner))
    (method,) = world.gateway.list_methods(owner)
    event = next_of(world, "attached")
    assert (event.subject, event.object_id, event.customer) == ("method", method.reference, owner)


def test_an_event_of_a_renewed_card_names_the_card(world: World) -> None:
    needs(world, Ability.DELIVERY, Ability.NETWORK_UPDATES)
    owner = customer(world)
    charged(world, order(world, save_for=owner))
    (method,) = world.gateway.list_methods(owner)
    world.renew(method.reference, 11, 2034)
    event = next_of(world, "renewed")
    assert (event.subject, event.object_id, event.customer) == ("method", method.reference, owner)


def test_an_event_of_an_ended_mandate_names_the_bank_account(world: World) -> None:
    needs(world, Ability.DELIVERY, Ability.MANDATES)
    source = world.source("waits")
    assert source.mandate is not None
    world.end_mandate(source.mandate)
    event = next_of(world, "mandate ended")
    assert (event.subject, event.object_id) == ("mandate", source.token)


def test_what_is_stored_of_an_event_confirms_nobodys_payment(world: World) -> None:
    needs(world, Ability.DELIVERY)
    payment = confirmed(world)
    event = next_of(world, "paid")
    assert "client_secret" not in json.dumps(event.payload)
    assert payment.client_secret is None or payment.client_secret not in json.dumps(event.payload)


# --------------------------------------------------------------------------------------------- who may say them


def test_a_repeated_delivery_has_the_same_id(world: World) -> None:
    body = body_of(world)
    now = time.time()
    ids = {world.gateway.verify_event(body, world.signed(body, at)).id for at in (now - 60, now)}
    assert ids == {"evt_a"}


def test_header_names_are_taken_in_any_case(world: World) -> None:
    body = body_of(world)
    headers = {name.lower(): value for name, value in world.signed(body, time.time()).items()}
    assert world.gateway.verify_event(body, headers).id == "evt_a"


@pytest.mark.parametrize("age_s", [0, 290, -290])
def test_a_signature_within_five_minutes_is_taken(world: World, age_s: int) -> None:
    body = body_of(world)
    assert world.gateway.verify_event(body, world.signed(body, time.time() - age_s)).object_id == "pay_x"


@pytest.mark.parametrize("age_s", [310, -310, 86_400, -86_400, 10**9])
def test_an_old_or_a_future_signature_is_refused(world: World, age_s: int) -> None:
    body = body_of(world)
    with pytest.raises(EventRefused):
        world.gateway.verify_event(body, world.signed(body, time.time() - age_s))


def test_a_changed_body_is_refused(world: World) -> None:
    body = body_of(world)
    headers = world.signed(body, time.time())
    for changed in (body + b" ", body[:-1], body.replace(b"pay_x", b"pay_y"), b"", body.upper(), "é".encode() + body):
        with pytest.raises(EventRefused):
            world.gateway.verify_event(changed, headers)


def test_no_signature_and_other_headers_are_refused(world: World) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Stripe-Signature": "t=1,v1=0"}):
        with pytest.raises(EventRefused):
            world.gateway.verify_event(body_of(world), headers)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b"7", b'"evt"', b"", b"{", b"{}", b"\xff\xfe{}", b"[" * 200_000, b'{"a":' * 100_000],
    ids=lambda body: repr(body[:8]),
)
def test_even_a_signed_body_must_be_json_with_an_event_in_it(world: World, body: bytes) -> None:
    with pytest.raises(EventRefused):
        world.gateway.verify_event(body, world.signed(body, time.time()))


def _about(world: World, **changes: Any) -> bytes:
    """An event whose object has other values for some keys, None: has them not."""
    told = world.event("evt_a")
    object_ = told["data"]["object"] | changes
    return json.dumps(told | {"data": {"object": {k: v for k, v in object_.items() if v is not None}}}).encode()


# What the object of a genuine event is given in place of "MARK": JSON as no database takes it.
STRANGE_JSON = [b"NaN", b'"\\u0000"', b'"\\ud800"', b"9" * 5000, b"Infinity"]

STRANGE_EVENTS: dict[str, Callable[[World], bytes]] = {
    "an id that is a number": lambda world: body_of(world, id=7),
    "an id with a blank": lambda world: body_of(world, id="evt a"),
    "an empty id": lambda world: body_of(world, id=""),
    "no type": lambda world: body_of(world, type=None),
    "no data": lambda world: body_of(world, data=None),
    "a list of data": lambda world: body_of(world, data=[]),
    "data about nothing": lambda world: body_of(world, data={"object": None}),
    "an object without an id": lambda world: _about(world, id=None),
    "an object with a list for an id": lambda world: _about(world, id=["pay_x"]),
    **{
        f"JSON with {mark[:8]!r}": lambda world, mark=mark: _about(world, n="MARK").replace(b'"MARK"', mark)
        for mark in STRANGE_JSON
    },
}


@pytest.mark.parametrize("name", STRANGE_EVENTS)
def test_even_a_signed_event_must_be_about_something(world: World, name: str) -> None:
    body = STRANGE_EVENTS[name](world)
    with pytest.raises(EventRefused):
        world.gateway.verify_event(body, world.signed(body, time.time()))


def test_an_event_of_another_mode_is_refused(world: World) -> None:
    needs(world, Ability.MODES)
    for livemode in (True, None, "false", 0):
        body = body_of(world, livemode=livemode)
        with pytest.raises(EventRefused):
            world.gateway.verify_event(body, world.signed(body, time.time()))


def test_an_event_of_another_account_is_refused(world: World) -> None:
    needs(world, Ability.ACCOUNTS)
    ours = world.knowing(account="acct_ours")
    bodies = {account: body_of(world, account=account) for account in ("acct_ours", "acct_other")}
    assert ours.verify_event(bodies["acct_ours"], world.signed(bodies["acct_ours"], time.time())).object_id == "pay_x"
    for gateway, body in (
        (ours, bodies["acct_other"]),
        (ours, body_of(world)),
        (world.gateway, bodies["acct_ours"]),
    ):
        with pytest.raises(EventRefused):
            gateway.verify_event(body, world.signed(body, time.time()))


def test_two_signing_secrets_are_good_while_one_is_rotated(world: World) -> None:
    needs(world, Ability.SEVERAL_SECRETS)
    body, now = body_of(world), time.time()
    gateway = world.knowing(secrets=("whsec_the_old_one", "whsec_the_new_one"))
    for secret in ("whsec_the_old_one", "whsec_the_new_one"):
        assert gateway.verify_event(body, world.signed(body, now, secret)).object_id == "pay_x"
    for unknown in (None, "whsec_of_nobody"):  # None: the only one that was good before
        with pytest.raises(EventRefused):
            gateway.verify_event(body, world.signed(body, now, unknown))


def test_ten_thousand_mangled_headers_are_refused(world: World) -> None:
    chance = random.Random(3)
    body = body_of(world)
    (name, good), *_ = world.signed(body, time.time()).items()
    odd = "t=v1,;= \t\0\n'\"é１٣😀0123456789abcdefABCDEF-+." + "\ud800"
    for _ in range(10_000):
        with pytest.raises(EventRefused):
            world.gateway.verify_event(body, _mangled(chance, name, good, odd))


def _mangled(chance: random.Random, name: str, good: str, odd: str) -> Mapping[str, str]:
    """The header with some of its characters replaced, left out or doubled; never the genuine one."""
    while True:
        value = list(good)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(value))
            value[place : place + chance.randint(0, 2)] = [chance.choice(odd) for _ in range(chance.randint(0, 2))]
        mangled = "".join(value)
        if _meaning(mangled) != _meaning(good):
            return {name: mangled}


def _meaning(header: str) -> tuple[list[str], bool]:
    """Time and signature of a header: what a mangled one must not have kept."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    return [v for n, _, v in parts if n == "t"], any(n == "v1" and len(v) == 64 for n, _, v in parts)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "t=1",
        "v1=" + "0" * 64,
        "t=now,v1=" + "0" * 64,
        "t=-1,v1=" + "0" * 64,
        "t=１７００００００００,v1=" + "0" * 64,
        "t=" + "9" * 5000 + ",v1=" + "0" * 64,
        "t=1,t=2,v1=" + "0" * 64,
        "t=1,v0=" + "0" * 64,
        "t=1,v1=é" + "0" * 63,
        "=" * 10_000,
        "," * 10_000,
    ],
)
def test_headers_that_are_none_are_refused(world: World, header: str) -> None:
    body = body_of(world)
    (name, _), *_ = world.signed(body, time.time()).items()
    with pytest.raises(EventRefused):
        world.gateway.verify_event(body, {name: header})
