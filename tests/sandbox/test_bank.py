"""The bank: charges, keys, late decisions, refunds, disputes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sandbox.bank.cards import SLOW_S
from tests.sandbox.running import GOOD_CARD, RunningSandbox


def status_of(sandbox: RunningSandbox, payment_id: str) -> str:
    return str(sandbox.client.get(f"/bank/v1/payments/{payment_id}").json()["status"])


def test_nothing_is_told_without_the_key(sandbox: RunningSandbox) -> None:
    for header in ("", "Bearer wrong", "Bearer", "Basic c2s6"):
        answer = httpx.get(f"{sandbox.url}/bank/v1/payments", headers={"Authorization": header}, trust_env=False)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


def test_create_charges_nothing_and_confirm_does(sandbox: RunningSandbox) -> None:
    payment = sandbox.payment()
    assert (payment["status"], payment["captured"]) == ("requires_confirmation", 0)
    confirmed = sandbox.post(f"/bank/v1/payments/{payment['id']}/confirm").json()
    assert (confirmed["status"], confirmed["captured"]) == ("succeeded", 1000)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000000002", "card_declined"),
        ("4000000000009995", "insufficient_funds"),
        ("4000000000009987", "lost_card"),
        ("4000000000000069", "expired_card"),
        ("4000000000000127", "incorrect_cvc"),
        ("4000000000000119", "processing_error"),
        ("4000000000000036", "billing_address_mismatch"),
    ],
)
def test_declines_come_with_their_reason(sandbox: RunningSandbox, number: str, code: str) -> None:
    answer = sandbox.post(f"/bank/v1/payments/{sandbox.payment(number)['id']}/confirm")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["payment"]["status"]) == (402, code, "declined")
    assert error["payment"]["decline_code"] == code


def test_the_right_postal_code_lets_the_particular_card_pay(sandbox: RunningSandbox) -> None:
    details = {"email": "maya@northwind.example", "address": {"postal_code": "k1a 0b1"}}
    paid = sandbox.paid(number="4000000000000036", billing_details=details)
    assert paid["status"] == "succeeded"


def test_a_key_gives_its_first_answer_again(sandbox: RunningSandbox) -> None:
    payment = sandbox.payment()
    path = f"/bank/v1/payments/{payment['id']}/confirm"
    first, again = sandbox.post(path, key="k1"), sandbox.post(path, key="k1")
    assert first.json() == again.json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")


def test_a_decline_and_a_500_are_kept_under_their_key_too(sandbox: RunningSandbox) -> None:
    for number, status in (("4000000000000002", 402), ("4000000000005001", 500)):
        path = f"/bank/v1/payments/{sandbox.payment(number)['id']}/confirm"
        assert [sandbox.post(path, key=number).status_code for _ in range(2)] == [status, status]


def test_a_used_key_with_another_request_is_an_error(sandbox: RunningSandbox) -> None:
    sandbox.post("/bank/v1/customers", {"account_number": "1", "name": "A"}, key="k2")
    answer = sandbox.post("/bank/v1/customers", {"account_number": "2", "name": "A"}, key="k2")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_error")


def test_the_same_key_at_the_same_time_is_a_conflict(sandbox: RunningSandbox) -> None:
    path = f"/bank/v1/payments/{sandbox.payment('4000000000001000')['id']}/confirm"
    answers: list[int] = []

    def confirm() -> None:
        answers.append(sandbox.post(path, key="k3").status_code)

    threads = [threading.Thread(target=confirm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SLOW_S + 10)
    assert sorted(answers) == [200, 409, 409, 409]


def test_refused_requests_leave_their_key_free(sandbox: RunningSandbox) -> None:
    assert sandbox.post("/bank/v1/payments", {"amount": 0}, key="k4").status_code == 400
    body = {"amount": 5, "currency": "CAD", "method": sandbox.token(), "payment_reference": "R"}
    assert sandbox.post("/bank/v1/payments", body, key="k4").status_code == 200


def test_a_token_pays_once(sandbox: RunningSandbox) -> None:
    body = {"amount": 5, "currency": "CAD", "method": sandbox.token(), "payment_reference": "R"}
    answers = [sandbox.post("/bank/v1/payments", body) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 400]
    assert answers[1].json()["error"]["code"] == "token_not_usable"


def test_a_card_is_kept_only_when_it_was_to_be_saved_and_paid(sandbox: RunningSandbox) -> None:
    customer = sandbox.customer("200100")
    sandbox.paid(customer=customer)
    declined = sandbox.payment("4000000000000002", customer=customer, save=True)
    sandbox.post(f"/bank/v1/payments/{declined['id']}/confirm")
    methods = f"/bank/v1/customers/{customer}/methods"
    assert sandbox.client.get(methods).json()["data"] == []
    saved = sandbox.paid(customer=customer, save=True)["method"]["id"]
    assert [m["id"] for m in sandbox.client.get(methods).json()["data"]] == [saved]


def test_a_method_of_somebody_else_or_of_nobody_charges_nothing(sandbox: RunningSandbox) -> None:
    maya, liam = sandbox.customer("100200"), sandbox.customer("100300")
    hers = sandbox.client.get(f"/bank/v1/customers/{maya}/methods").json()["data"][0]["id"]
    unsaved = sandbox.paid()["method"]["id"]
    for method, customer in ((hers, liam), (hers, None), (unsaved, maya), (unsaved, None)):
        body = {"amount": 5, "currency": "CAD", "method": method, "customer": customer, "payment_reference": "R"}
        assert sandbox.post("/bank/v1/payments", body).json()["error"]["code"] == "method_not_usable"


def test_a_bank_debit_waits_until_someone_decides(sandbox: RunningSandbox) -> None:
    customer = sandbox.customer("100400")
    debit = sandbox.client.get(f"/bank/v1/customers/{customer}/methods").json()["data"][0]
    assert (debit["kind"], debit["last4"]) == ("bank_debit", "6789")
    for decision, status in (("approve", "succeeded"), ("decline", "declined")):
        payment = sandbox.payment(method=debit["id"], customer=customer)["id"]
        assert sandbox.post(f"/bank/v1/payments/{payment}/confirm").json()["status"] == "processing"
        decided = sandbox.post(f"/bank/v1/payments/{payment}/decide", {"decision": decision}).json()
        assert decided["status"] == status
        again = sandbox.post(f"/bank/v1/payments/{payment}/decide", {"decision": "approve"})
        assert again.json()["error"]["code"] == "payment_unexpected_state"


def a_debit(sandbox: RunningSandbox, last4: str) -> str:
    """A payment by a bank account with that ending, confirmed."""
    customer = sandbox.customer("100400")
    asked = {"customer": customer, "bank_account": {"last4": last4}}
    method = sandbox.post("/bank/v1/methods", asked).json()["id"]
    payment = str(sandbox.payment(method=method, customer=customer)["id"])
    assert sandbox.post(f"/bank/v1/payments/{payment}/confirm").json()["status"] == "processing"
    return payment


def until(sandbox: RunningSandbox, path: str, wanted: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 60
    while not wanted(told := sandbox.client.get(path).json()):
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    return told


def test_a_debit_of_the_failing_account_is_declined_by_itself(sandbox: RunningSandbox) -> None:
    payment = a_debit(sandbox, "2227")
    told = until(sandbox, f"/bank/v1/payments/{payment}", lambda told: told["status"] != "processing")
    assert (told["status"], told["decline_code"], told["captured"]) == ("declined", "bank_declined", 0)


def test_a_debit_of_the_returning_account_succeeds_and_is_sent_back(sandbox: RunningSandbox) -> None:
    payment = a_debit(sandbox, "1116")
    told = until(sandbox, f"/bank/v1/payments/{payment}", lambda told: told["disputed"])
    assert (told["status"], told["captured"]) == ("succeeded", 1000)
    (returned,) = sandbox.client.get("/bank/v1/disputes", params={"payment": payment}).json()["data"]
    assert (returned["status"], returned["is_return"], returned["amount"]) == ("lost", True, 1000)
    types = [event["type"] for event in sandbox.client.get(f"/bank/v1/events?payment={payment}").json()["data"]]
    assert types == ["dispute.lost", "payment.succeeded", "payment.processing"]


def test_what_was_made_in_a_period_is_listed_in_pages_oldest_first(sandbox: RunningSandbox) -> None:
    since = int(time.time())
    made = [sandbox.payment()["id"] for _ in range(5)]
    until_s, seen = int(time.time()) + 1, []
    query: dict[str, Any] = {"since": since, "until": until_s, "limit": 2}
    while True:
        page = sandbox.client.get("/bank/v1/payments", params=query).json()
        seen += [payment["id"] for payment in page["data"]]
        if not page["has_more"]:
            break
        query["after"] = seen[-1]
    assert seen[-5:] == made
    assert len(seen) == len(set(seen))
    later = sandbox.client.get("/bank/v1/payments", params={"since": until_s + 60, "until": until_s + 120}).json()
    assert later["data"] == []
    for wrong in ({"since": "yesterday"}, {"since": "1", "limit": "0"}, {"since": "9" * 30}):
        assert sandbox.client.get("/bank/v1/payments", params=wrong).status_code == 400
    assert sandbox.client.get("/bank/v1/events", params={"since": 0, "after": "evt_x"}).status_code == 404


def test_events_are_listed_whole_also_those_that_never_went_out(sandbox: RunningSandbox) -> None:
    since = int(time.time())
    sandbox.client.put("/bank/v1/control/delivery", json={"lose": 1.0})
    payment = sandbox.paid()["id"]
    sandbox.client.put("/bank/v1/control/delivery", json={})
    listed = sandbox.client.get("/bank/v1/events", params={"since": since, "until": int(time.time()) + 1}).json()
    assert [e["type"] for e in listed["data"] if e["data"]["object"]["id"] == payment] == ["payment.succeeded"]


def test_a_token_can_be_looked_at_and_has_its_cards_fingerprint(sandbox: RunningSandbox) -> None:
    tokens = [sandbox.token(number) for number in (GOOD_CARD, GOOD_CARD, "5555555555554444")]
    first, second, other = (sandbox.client.get(f"/bank/v1/tokens/{token}").json() for token in tokens)
    assert first["fingerprint"] == second["fingerprint"] != other["fingerprint"]
    assert (first["id"], first["last4"], first["customer"]) == (tokens[0], "4242", None)
    assert sandbox.client.get("/bank/v1/tokens/tok_nobody").status_code == 404


def test_the_bank_can_take_another_sum_than_asked_when_told_to(sandbox: RunningSandbox) -> None:
    payment = sandbox.paid(number="4000000000002024")["id"]
    decided = sandbox.post(f"/bank/v1/payments/{payment}/decide", {"decision": "approve", "captured": 900}).json()
    assert (decided["amount"], decided["captured"]) == (1000, 900)


def test_only_what_is_not_under_way_can_be_cancelled(sandbox: RunningSandbox) -> None:
    fresh = sandbox.payment()["id"]
    assert sandbox.post(f"/bank/v1/payments/{fresh}/cancel").json()["status"] == "canceled"
    assert sandbox.post(f"/bank/v1/payments/{fresh}/confirm").json()["error"]["payment"]["status"] == "canceled"
    for number in ("4242424242424242", "4000000000002024"):
        answer = sandbox.post(f"/bank/v1/payments/{sandbox.paid(number=number)['id']}/cancel")
        assert answer.json()["error"]["code"] == "payment_unexpected_state"


def test_a_challenge_is_passed_or_failed_on_its_page(sandbox: RunningSandbox) -> None:
    for answer, status in (("pass", "succeeded"), ("fail", "declined")):
        payment = sandbox.paid(number="4000000000003220")
        assert payment["status"] == "requires_action"
        page = payment["next_action"]["url"]
        assert "Approve this payment?" in httpx.get(page, trust_env=False).text
        httpx.post(page, data={"answer": answer}, trust_env=False).raise_for_status()
        assert status_of(sandbox, payment["id"]) == status
        assert "go back" in httpx.post(page, data={"answer": "pass"}, trust_env=False).text
        assert status_of(sandbox, payment["id"]) == status


def test_a_challenge_cannot_be_reached_without_its_secret(sandbox: RunningSandbox) -> None:
    payment = sandbox.paid(number="4000000000003220")["id"]
    for key in ("", "wrong", "é"):
        page = f"{sandbox.url}/bank/3ds/{payment}"
        assert httpx.get(page, params={"key": key}, trust_env=False).status_code == 404
        answered = httpx.post(page, params={"key": key}, data={"answer": "pass"}, trust_env=False)
        assert answered.status_code == 404
    assert status_of(sandbox, payment) == "requires_action"


def test_refunds_never_exceed_what_was_captured(sandbox: RunningSandbox) -> None:
    payment = sandbox.paid()["id"]
    refund = {"payment": payment, "amount": 600, "currency": "CAD"}
    assert sandbox.post("/bank/v1/refunds", refund, key="r1").json()["status"] == "succeeded"
    assert sandbox.post("/bank/v1/refunds", refund, key="r1").status_code == 200  # the same one
    assert sandbox.post("/bank/v1/refunds", refund, key="r2").json()["error"]["code"] == "amount_too_large"
    assert sandbox.post("/bank/v1/refunds", refund | {"amount": 400}, key="r3").status_code == 200


def test_a_refund_that_waits_can_fail_and_be_tried_again(sandbox: RunningSandbox) -> None:
    payment = sandbox.paid(number="4000000000005126")["id"]
    refund = {"payment": payment, "amount": 1000, "currency": "CAD"}
    first = sandbox.post("/bank/v1/refunds", refund).json()
    assert first["status"] == "pending"
    failed = sandbox.post(f"/bank/v1/refunds/{first['id']}/decide", {"decision": "decline"}).json()
    assert failed["status"] == "failed"
    assert sandbox.post("/bank/v1/refunds", refund).json()["status"] == "pending"


def test_a_dispute_is_opened_and_closed_once(sandbox: RunningSandbox) -> None:
    payment = sandbox.paid()["id"]
    dispute = sandbox.post("/bank/v1/disputes", {"payment": payment}).json()
    assert (dispute["status"], dispute["amount"]) == ("open", 1000)
    path = f"/bank/v1/disputes/{dispute['id']}/close"
    assert sandbox.post(path, {"outcome": "lost"}).json()["status"] == "lost"
    assert sandbox.post(path, {"outcome": "lost"}).json()["error"]["code"] == "dispute_unexpected_state"
    assert sandbox.post(path, {"outcome": "won"}).json()["status"] == "won"  # an appeal
    assert sandbox.post(path, {"outcome": "lost"}).json()["error"]["code"] == "dispute_unexpected_state"


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0},
        {"amount": -5},
        {"amount": 10.5},
        {"amount": "1000"},
        {"amount": True},
        {"amount": 10**9},
        {"amount": None},
        {"currency": "cad"},
        {"currency": None},
        {"payment_reference": ""},
        {"payment_reference": ["R"]},
        {"method": "tok_nobodys"},
        {"method": None},
        {"customer": "cus_nobody"},
        {"customer": 7},
        {"save": True},
        {"billing_details": []},
        {"billing_details": {"address": {"planet": "Mars"}}},
        {"billing_details": {"address": {"city": 7}}},
        {"description": "a NUL: \0"},
        {"description": "half a pair: \ud800"},
    ],
)
def test_bad_payments_are_refused_with_a_clear_error(sandbox: RunningSandbox, change: dict[str, object]) -> None:
    body = {"amount": 5, "currency": "CAD", "method": sandbox.token(), "payment_reference": "R"} | change
    answer = sandbox.client.post("/bank/v1/payments", content=json.dumps(body))
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"[]", b"{", b"null", b'"x"', b"[" * 100_000, b"\xff\xfe", b"{}" * 200_000])
def test_bodies_that_are_none_are_refused(sandbox: RunningSandbox, body: bytes) -> None:
    answer = sandbox.client.post("/bank/v1/customers", content=body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["code"]
