"""Webhooks: what the gateway really sent is believed, everything else is EventRefused and never another exception."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping

import pytest

from billing.errors import EventRefused
from tests.contract.test_payments import confirmed
from tests.contract.worlds import World

EVENT = b'{"id": "evt_a", "type": "payment.succeeded", "data": {"object": {"id": "pay_x"}}}'


def test_an_event_of_the_gateway_is_believed_and_names_the_payment(world: World) -> None:
    payment = confirmed(world)
    event = world.gateway.verify_event(*world.next_event())
    assert (event.type, event.object_id) == ("payment.succeeded", payment.id)
    assert event.id


def test_a_repeated_delivery_has_the_same_id(world: World) -> None:
    body = json.dumps(world.event("evt_a")).encode()
    now = time.time()
    ids = {world.gateway.verify_event(body, world.signed(body, at)).id for at in (now - 60, now)}
    assert ids == {"evt_a"}


def test_header_names_are_taken_in_any_case(world: World) -> None:
    body = json.dumps(world.event("evt_a")).encode()
    headers = {name.lower(): value for name, value in world.signed(body, time.time()).items()}
    assert world.gateway.verify_event(body, headers).id == "evt_a"


@pytest.mark.parametrize("age_s", [0, 290, -290])
def test_a_signature_within_five_minutes_is_taken(world: World, age_s: int) -> None:
    body = json.dumps(world.event("evt_a")).encode()
    assert world.gateway.verify_event(body, world.signed(body, time.time() - age_s)).object_id == "pay_x"


@pytest.mark.parametrize("age_s", [310, -310, 86_400, -86_400, 10**9])
def test_an_old_or_a_future_signature_is_refused(world: World, age_s: int) -> None:
    body = json.dumps(world.event("evt_a")).encode()
    with pytest.raises(EventRefused):
        world.gateway.verify_event(body, world.signed(body, time.time() - age_s))


def test_a_changed_body_is_refused(world: World) -> None:
    body = json.dumps(world.event("evt_a")).encode()
    headers = world.signed(body, time.time())
    for changed in (body + b" ", body[:-1], body.replace(b"pay_x", b"pay_y"), b"", body.upper(), "é".encode() + body):
        with pytest.raises(EventRefused):
            world.gateway.verify_event(changed, headers)


def test_no_signature_and_other_headers_are_refused(world: World) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Stripe-Signature": "t=1,v1=0"}):
        with pytest.raises(EventRefused):
            world.gateway.verify_event(EVENT, headers)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"7",
        b'"evt"',
        b"",
        b"{",
        b"{}",
        b"\xff\xfe{}",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"id": 7, "type": "payment.succeeded", "data": {"object": {"id": "pay_x"}}}',
        b'{"id": "evt_a", "type": null, "data": {"object": {"id": "pay_x"}}}',
        b'{"id": "evt_a", "type": "payment.succeeded", "data": []}',
        b'{"id": "evt_a", "type": "payment.succeeded", "data": {"object": {}}}',
        b'{"id": "evt_a", "type": "payment.succeeded", "data": {"object": {"id": ["pay_x"]}}}',
        b'{"id": "evt a", "type": "payment.succeeded", "data": {"object": {"id": "pay_x"}}}',
        b'{"id": "", "type": "payment.succeeded", "data": {"object": {"id": "pay_x"}}}',
        b'{"id": "evt_a", "type": "payment.succeeded", "data": {"object": {"id": "pay_x", "n": NaN}}}',
        b'{"id": "evt_a", "type": "payment.succeeded", "data": {"object": {"id": "pay_x", "n": "\\u0000"}}}',
        b'{"id": "evt_a", "type": "payment.succeeded", "data": {"object": {"id": "pay_x", "n": "\\ud800"}}}',
        b'{"id": "evt_a", "type": "payment.succeeded", "data": {"object": {"id": "pay_x", "n": ' + b"9" * 5000 + b"}}}",
    ],
)
def test_even_a_signed_body_must_be_an_event(world: World, body: bytes) -> None:
    with pytest.raises(EventRefused):
        world.gateway.verify_event(body, world.signed(body, time.time()))


def test_ten_thousand_mangled_headers_are_refused(world: World) -> None:
    chance = random.Random(3)
    body = json.dumps(world.event("evt_a")).encode()
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
    (name, _), *_ = world.signed(EVENT, time.time()).items()
    with pytest.raises(EventRefused):
        world.gateway.verify_event(EVENT, {name: header})
