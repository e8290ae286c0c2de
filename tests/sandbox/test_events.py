"""Events: stored first, signed, delivered at least once; lost, late, repeated and shuffled when asked to."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import time
from pathlib import Path
from typing import Any

import pytest

from remit.postgres import EmbeddedPostgres
from tests.sandbox.databases import empty_database
from tests.sandbox.running import WEBHOOK_SECRET, Listener, RunningSandbox, running_sandbox
from tests.support.customers import until


def told(listener: Listener) -> dict[str, Any]:
    return dict(json.loads(listener.next().body))


def mode(sandbox: RunningSandbox, **wanted: object) -> None:
    assert sandbox.client.put("/bank/v1/control/delivery", json=wanted).status_code == 200


def deliveries(sandbox: RunningSandbox, payment: str) -> list[dict[str, Any]]:
    events = sandbox.client.get("/bank/v1/events", params={"payment": payment}).json()["data"]
    return [delivery for event in events for delivery in event["deliveries"]]


def becomes(sandbox: RunningSandbox, payment: str, wanted: list[tuple[str, int]]) -> None:
    """State and tries of the deliveries, in the end."""

    def found() -> list[tuple[str, int]]:
        return [(delivery["state"], delivery["tries"]) for delivery in deliveries(sandbox, payment)]

    until(lambda: found() == wanted, 60, lambda: f"{found()}")


def nothing_more(listener: Listener, within_s: float = 0.4) -> bool:
    try:
        listener.next(within_s)
    except queue.Empty:
        return True
    return False


def test_an_event_is_signed_like_stripes(sandbox: RunningSandbox, listener: Listener) -> None:
    payment = sandbox.paid()
    heard = listener.next()
    parts = dict(part.split("=", 1) for part in heard.headers["Sandbox-Signature"].split(","))
    signed = parts["t"].encode() + b"." + heard.body
    assert parts["v1"] == hmac.new(WEBHOOK_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert abs(int(parts["t"]) - time.time()) < 60
    event = json.loads(heard.body)
    assert (event["type"], event["data"]["object"]["id"]) == ("payment.succeeded", payment["id"])
    assert heard.path == "/webhooks/sandbox"


@pytest.mark.parametrize(
    ("number", "type_"),
    [
        ("4242424242424242", "payment.succeeded"),
        ("4000000000000002", "payment.declined"),
        ("4000000000002024", "payment.processing"),
        ("4000000000003220", "payment.requires_action"),
    ],
)
def test_every_outcome_is_told(sandbox: RunningSandbox, listener: Listener, number: str, type_: str) -> None:
    payment = sandbox.payment(number)["id"]
    sandbox.post(f"/bank/v1/payments/{payment}/confirm")
    assert told(listener)["type"] == type_


def test_cancelling_refunding_disputing_and_saving_are_told(sandbox: RunningSandbox, listener: Listener) -> None:
    sandbox.post(f"/bank/v1/payments/{sandbox.payment()['id']}/cancel")
    assert told(listener)["type"] == "payment.canceled"
    paid = sandbox.paid(customer=sandbox.customer("100500"), save=True)
    assert {told(listener)["type"], told(listener)["type"]} == {"method.attached", "payment.succeeded"}
    sandbox.post("/bank/v1/refunds", {"payment": paid["id"], "amount": 1, "currency": "CAD"})
    refunded = told(listener)
    assert (refunded["type"], refunded["data"]["object"]["payment"]) == ("refund.succeeded", paid["id"])
    dispute = sandbox.post("/bank/v1/disputes", {"payment": paid["id"], "amount": 500}).json()["id"]
    sandbox.post(f"/bank/v1/disputes/{dispute}/close", {"outcome": "won"})
    assert {told(listener)["type"], told(listener)["type"]} == {"dispute.opened", "dispute.won"}


def test_the_disputed_card_is_disputed_by_itself(sandbox: RunningSandbox, listener: Listener) -> None:
    sandbox.paid(number="4000000000000259")
    assert {told(listener)["type"], told(listener)["type"]} == {"payment.succeeded", "dispute.opened"}


def test_the_secret_of_the_3d_secure_page_is_in_no_event(sandbox: RunningSandbox, listener: Listener) -> None:
    sandbox.paid(number="4000000000003220")
    assert b"key=" not in listener.next().body


def test_what_was_not_taken_is_delivered_again(sandbox: RunningSandbox, listener: Listener) -> None:
    for status in (500, 302, 404):
        listener.answers.put(status)
    payment = sandbox.paid()["id"]
    bodies = {listener.next().body for _ in range(4)}
    assert len(bodies) == 1
    assert nothing_more(listener)
    becomes(sandbox, payment, [("delivered", 4)])


def test_an_event_is_repeated_when_asked_to(sandbox: RunningSandbox, listener: Listener) -> None:
    sandbox.paid()
    event = told(listener)
    sandbox.post(f"/bank/v1/events/{event['id']}/repeat", {"times": 3})
    assert [told(listener)["id"] for _ in range(3)] == [event["id"]] * 3
    mode(sandbox, repeat=2)
    sandbox.paid()
    assert len({told(listener)["id"] for _ in range(3)}) == 1


def test_an_event_is_lost_when_asked_to(sandbox: RunningSandbox, listener: Listener) -> None:
    mode(sandbox, lose=1)
    payment = sandbox.paid()["id"]
    becomes(sandbox, payment, [("lost", 0)])
    assert nothing_more(listener)


def test_an_event_is_late_when_asked_to(sandbox: RunningSandbox, listener: Listener) -> None:
    mode(sandbox, delay_s=1000)
    sandbox.paid()
    mode(sandbox, delay_s=0.2)
    soon = sandbox.paid()["id"]
    assert told(listener)["data"]["object"]["id"] == soon
    assert nothing_more(listener)


def test_held_events_are_released_in_the_order_asked_for(sandbox: RunningSandbox, listener: Listener) -> None:
    mode(sandbox, hold=True)
    payments = [sandbox.paid()["id"] for _ in range(4)]
    assert nothing_more(listener)
    assert sandbox.post("/bank/v1/control/release", {"order": "reverse"}).json() == {"released": 4}
    assert [told(listener)["data"]["object"]["id"] for _ in range(4)] == payments[::-1]


def test_shuffled_events_come_in_another_order_that_a_seed_repeats(sandbox: RunningSandbox, listener: Listener) -> None:
    orders = []
    for _ in range(2):
        mode(sandbox, hold=True)
        payments = [sandbox.paid()["id"] for _ in range(5)]
        sandbox.post("/bank/v1/control/release", {"order": "shuffle", "seed": 11})
        orders.append([payments.index(told(listener)["data"]["object"]["id"]) for _ in range(5)])
    assert orders[0] == orders[1] != [0, 1, 2, 3, 4]


@pytest.mark.parametrize("wanted", [{"lose": 2}, {"repeat": 1.5}, {"repeat": True}, {"x": 1}, {"hold": 1}])
def test_modes_that_are_none_are_refused(sandbox: RunningSandbox, wanted: dict[str, object]) -> None:
    assert sandbox.client.put("/bank/v1/control/delivery", json=wanted).status_code == 400


def test_an_idle_bank_rests(sandbox: RunningSandbox, listener: Listener) -> None:
    sandbox.paid()
    listener.next()
    time.sleep(0.5)  # the delivery is written down
    ticks = Path(f"/proc/{sandbox.process.pid}/stat").read_text
    before = sum(int(value) for value in ticks().rpartition(")")[2].split()[11:13])
    time.sleep(1.5)
    after = sum(int(value) for value in ticks().rpartition(")")[2].split()[11:13])
    assert after - before <= 10  # hundredths of a second; a busy loop takes 150


def test_events_survive_a_kill_of_the_bank(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with Listener() as listener, empty_database(postgres) as url:
        with running_sandbox(url, tmp_path) as bank:  # nobody listens at its webhook address
            payment = bank.paid()["id"]
            bank.process.kill()
        with running_sandbox(url, tmp_path, listener.url):
            assert told(listener)["data"]["object"]["id"] == payment
