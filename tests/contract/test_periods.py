"""What the gateway lists of a period: what a lost event, or a payment that we know nothing of, is found by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from billing.gateways.base import ChargeOrder, GatewayEvent, GatewayPayment
from tests.contract.orders import charged, confirmed, created, now, order
from tests.contract.worlds import World, eventually

MINUTE = timedelta(minutes=1)


def about_now() -> tuple[datetime, datetime]:
    return now() - MINUTE, now() + MINUTE


def test_every_payment_of_a_period_is_listed_in_whatever_state(world: World) -> None:
    since = now() - timedelta(seconds=1)
    made = [created(world)[0].id, confirmed(world).id, confirmed(world, "declines").id, confirmed(world, "waits").id]
    made.append(world.gateway.cancel_payment(created(world)[0].id).id)
    seen = {p.id: p for p in world.gateway.list_payments(since, now() + MINUTE)}
    assert set(made) <= set(seen)
    assert [seen[id_].status for id_ in made] == [
        "requires_confirmation",
        "succeeded",
        "declined",
        "processing",
        "canceled",
    ]
    for id_ in made:
        assert_tells_the_same(seen[id_], world.gateway.retrieve_payment(id_))


def assert_tells_the_same(listed: GatewayPayment, retrieved: GatewayPayment) -> None:
    assert listed.created_at is not None
    assert (listed.status, listed.amount, listed.captured, listed.payment_reference, listed.created_at) == (
        retrieved.status,
        retrieved.amount,
        retrieved.captured,
        retrieved.payment_reference,
        retrieved.created_at,
    )


def test_a_period_holds_its_beginning_and_not_its_end(world: World) -> None:
    payment, _ = created(world)
    at = payment.created_at
    assert at is not None and abs(at - now()) < MINUTE
    second = timedelta(seconds=1)

    def listed(since: datetime, until: datetime) -> bool:
        return payment.id in ids(world.gateway.list_payments(since, until))

    begins = at.replace(microsecond=0)
    assert listed(begins, begins + second)
    assert not listed(begins - MINUTE, begins)
    assert not listed(begins + second, begins + MINUTE)


def test_more_than_a_page_of_payments_is_listed_once_each(world: World) -> None:
    since = now() - timedelta(seconds=1)
    made = {world.gateway.create_payment(wanted, wanted.payment_reference).id for wanted in orders(world, 105)}
    seen = [p.id for p in world.gateway.list_payments(since, now() + MINUTE)]
    assert made <= set(seen)
    assert len(seen) == len(set(seen))


def orders(world: World, count: int) -> list[ChargeOrder]:
    return [order(world) for _ in range(count)]


def test_a_payment_is_found_by_its_reference_about_the_time_of_its_creation(world: World) -> None:
    wanted = order(world)
    payment = charged(world, wanted)
    found = world.gateway.find_payment(wanted.payment_reference, now())
    assert found is not None and found.id == payment.id


def test_the_events_of_a_period_are_listed_whether_or_not_they_arrived(world: World) -> None:
    payment = confirmed(world)
    paid = (world.event_types["paid"], payment.id)

    def told() -> list[GatewayEvent]:
        return list(world.gateway.list_events(*about_now()))

    events = eventually(world, told, lambda events: paid in {(event.type, event.object_id) for event in events})
    ours = [event for event in events if event.object_id == payment.id]
    assert paid in {(event.type, event.object_id) for event in ours}
    assert {event.subject for event in ours} == {"payment"}
    assert len(ids(events)) == len(events)
    assert all(event.created_at is not None and abs(event.created_at - now()) < MINUTE for event in ours)
    assert list(world.gateway.list_events(now() + MINUTE, now() + 2 * MINUTE)) == []


def ids(things: Iterable[GatewayPayment] | Iterable[GatewayEvent]) -> set[str]:
    return {thing.id for thing in things}
