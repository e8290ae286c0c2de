"""The double itself: what is not Stripe's is caught, keys keep what Stripe keeps, events travel as they are told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stripe

from billing.gateways.base import BillingDetails, ChargeOrder
from billing.gateways.stripe import StripeGateway
from billing.money import Money
from remit.folders import ROOT
from tests.contract.doubled import AUTOMATIC, INTENT, PI, asked_wrongly, library_at, paid, post
from tests.sandbox.running import Listener
from tests.support.ports import free_port
from tests.support.stripe.server import StripeDouble, running_double
from tests.support.stripe.webhooks import signature


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    with asked_wrongly() as double:
        yield double


@pytest.fixture
def v1(double: StripeDouble) -> Any:
    return library_at(double)


# -------------------------------------------------------------------------------------------------- idempotency


def test_a_key_gives_its_first_result_again(double: StripeDouble) -> None:
    form = f"amount=500&currency=cad&{AUTOMATIC}"
    first, again = (post(double, PI, form, Idempotency_Key="a").json() for _ in range(2))
    assert first == again and len(double.store.all("payment_intent")) == 1


def test_a_key_with_other_parameters_is_an_error(double: StripeDouble) -> None:
    post(double, PI, f"amount=500&currency=cad&{AUTOMATIC}", Idempotency_Key="a")
    answer = post(double, PI, f"amount=501&currency=cad&{AUTOMATIC}", Idempotency_Key="a")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")
    assert double.checks.deviations == []


def test_a_key_keeps_a_decline_and_a_failure_of_the_server(double: StripeDouble, v1: Any) -> None:
    for method, status in (("pm_card_chargeDeclined", 402), ("pm_card_chargedThenFails", 500)):
        intent = v1.payment_intents.create({**INTENT, "payment_method": method})
        answers = [post(double, f"{PI}/{intent.id}/confirm", "", Idempotency_Key=method) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [status, status]
        assert len([c for c in double.store.all("charge") if c["payment_intent"] == intent.id]) == 1


def test_a_failure_on_demand_is_kept_too_though_the_work_was_done(double: StripeDouble) -> None:
    double.control.fail_next("fails", PI)
    form = f"amount=500&currency=cad&{AUTOMATIC}"
    assert [post(double, PI, form, Idempotency_Key="a").status_code for _ in range(2)] == [500, 500]
    assert len(double.store.all("payment_intent")) == 1


def test_the_same_key_at_the_same_time_is_a_conflict(double: StripeDouble, v1: Any) -> None:
    intent = v1.payment_intents.create({**INTENT, "payment_method": "pm_card_slow"})
    answers: list[int] = []

    def confirm() -> None:
        answers.append(post(double, f"{PI}/{intent.id}/confirm", "", Idempotency_Key="a").status_code)

    threads = [threading.Thread(target=confirm) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409]


def test_a_cut_line_leaves_the_key_unused(double: StripeDouble) -> None:
    form = f"amount=500&currency=cad&{AUTOMATIC}"
    double.control.fail_next("cut", PI)
    with pytest.raises(httpx.TransportError):
        post(double, PI, form, Idempotency_Key="a")
    assert double.store.all("payment_intent") == []
    assert post(double, PI, form, Idempotency_Key="a").status_code == 200


# ---------------------------------------------------------------------------------------------------- behaviours


def test_a_declined_intent_can_be_confirmed_again_with_another_card(v1: Any) -> None:
    """What the adapter's cancel is for."""
    intent = v1.payment_intents.create({**INTENT, "payment_method": "pm_card_chargeDeclined"})
    with pytest.raises(stripe.CardError) as caught:
        v1.payment_intents.confirm(intent.id)
    assert caught.value.error is not None and caught.value.error.payment_intent.status == "requires_payment_method"
    assert v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"}).status == "succeeded"


def test_a_bank_account_is_debited_under_a_mandate_only(v1: Any) -> None:
    intent = v1.payment_intents.create({**INTENT, "currency": "usd", "payment_method": "pm_usBankAccount"})
    with pytest.raises(stripe.InvalidRequestError, match="mandate"):
        v1.payment_intents.confirm(intent.id)
    acceptance = {"customer_acceptance": {"type": "offline"}}
    assert v1.payment_intents.confirm(intent.id, {"mandate_data": acceptance}).status == "processing"


def test_the_adapter_never_tries_a_declined_saved_card_again(double: StripeDouble) -> None:
    """The intent would take a second confirm: Stripe leaves it open for another card."""
    gateway = StripeGateway(double.secret_key, ["whsec_x"], 8.0, api_base=double.url)
    customer = gateway.ensure_customer("700001", "Maya Tremblay", "maya@northwind.example")
    saved = double.control.attach_method(customer, "pm_card_chargeCustomerFail")["id"]
    order = ChargeOrder(Money(5000, "CAD"), saved, customer, "R1", BillingDetails("maya@northwind.example"))
    payment = gateway.create_payment(order, "a")
    first = gateway.confirm_payment(payment.id, order, "b")
    assert (first.status, first.decline_code) == ("declined", "generic_decline")
    for key in ("b", "c"):
        assert gateway.confirm_payment(payment.id, order, key) == first
    assert len(double.store.all("charge")) == 1
    assert gateway.cancel_payment(payment.id).status == "canceled"


@pytest.mark.parametrize(("approve", "status"), [(True, "succeeded"), (False, "declined")])
def test_the_adapter_debits_a_us_bank_account_that_the_page_took(
    double: StripeDouble, v1: Any, approve: bool, status: str
) -> None:
    gateway = StripeGateway(double.secret_key, ["whsec_x"], 8.0, api_base=double.url)
    customer = gateway.ensure_customer("700001", "Maya Tremblay", "maya@northwind.example")
    asked = {"payment_method": "pm_usBankAccount", "setup_future_usage": "off_session"}
    token = httpx.post(f"{double.url}/js/confirmation_tokens", json=asked, trust_env=False).json()["id"]
    details = BillingDetails("maya@northwind.example", {"name": "Maya Tremblay"})
    order = ChargeOrder(Money(5000, "USD"), token, customer, "R1", details, save=True)
    payment = gateway.confirm_payment(gateway.create_payment(order, "a").id, order, "b")
    assert (payment.status, payment.captured) == ("processing", None)
    assert payment.method is not None and payment.method.kind == "bank_debit"
    assert payment.method.mandate == double.store.all("mandate")[0]["id"]
    assert [saved.reference for saved in gateway.list_methods(customer)] == [payment.method.reference]
    double.control.decide(payment.id, approve)
    assert gateway.retrieve_payment(payment.id).status == status


def test_search_knows_nothing_of_the_last_minute(double: StripeDouble, v1: Any) -> None:
    made = v1.customers.create({"metadata": {"account_number": "7"}})
    query = {"query": "metadata['account_number']:'7'"}
    assert v1.customers.search(query).data == []
    double.control.forward_clock(61)
    assert [found.id for found in v1.customers.search(query).data] == [made.id]


def test_lists_come_in_pages(v1: Any) -> None:
    made = [v1.customers.create({"email": "a@b.example"}).id for _ in range(5)]
    page = v1.customers.list({"email": "a@b.example", "limit": 2})
    assert [customer.id for customer in page.auto_paging_iter()] == made[::-1]
    assert page.has_more is True


def test_a_key_of_nobody_and_another_account_are_refused(double: StripeDouble) -> None:
    assert post(double, PI, "", Authorization="Bearer sk_test_nobody").status_code == 401
    assert post(double, PI, "", Authorization="").status_code == 401
    assert post(double, PI, "", Stripe_Account="acct_other").status_code == 403


# -------------------------------------------------------------------------------------------------------- events


def test_events_are_signed_as_stripe_signs_with_every_valid_secret() -> None:
    body, secrets = b'{"id": "evt_1"}', ["whsec_old", "whsec_new"]
    header = signature(body, secrets, 1_700_000_000)
    for secret in secrets:
        assert stripe.WebhookSignature.verify_header(body.decode(), header, secret)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_other")


@pytest.fixture
def listening() -> Iterator[tuple[StripeDouble, Listener]]:
    with Listener() as listener, running_double(webhook_url=listener.url) as double:
        yield double, listener


def customer_made(double: StripeDouble, name: str) -> None:
    assert post(double, "/v1/customers", f"name={name}").status_code == 200


def next_name(listener: Listener) -> str:
    return str(json.loads(listener.next().body)["data"]["object"]["name"])


def test_events_repeat_get_lost_and_change_their_order(listening: tuple[StripeDouble, Listener]) -> None:
    double, listener = listening
    double.control.mode(repeat=1)
    customer_made(double, "Ana")
    assert [next_name(listener), next_name(listener)] == ["Ana", "Ana"]
    double.control.mode(lose=1.0)
    customer_made(double, "Ben")
    double.control.mode(hold=True)
    for name in ("Chloe", "Dan"):
        customer_made(double, name)
    assert double.control.release("reverse") == 2
    assert [next_name(listener), next_name(listener)] == ["Dan", "Chloe"]
    assert listener.heard.empty()
    events = double.control.objects("event")
    assert [event["data"]["object"]["name"] for event in events] == ["Dan", "Chloe", "Ben", "Ana"]
    double.control.resend(events[2]["id"])
    assert next_name(listener) == "Ben"


def test_events_of_a_connected_account_name_it() -> None:
    with Listener() as listener, running_double(webhook_url=listener.url, account="acct_ours") as double:
        assert post(double, "/v1/customers", "name=Ana", Stripe_Account="acct_ours").status_code == 200
        assert json.loads(listener.next().body)["account"] == "acct_ours"
        assert post(double, "/v1/customers", "name=Ana").status_code == 403


def test_an_event_that_is_not_taken_comes_again(listening: tuple[StripeDouble, Listener]) -> None:
    double, listener = listening
    listener.answers.put(500)
    customer_made(double, "Ana")
    first, second = listener.next(), listener.next()
    assert json.loads(first.body)["id"] == json.loads(second.body)["id"]
    assert double.post.failures == ["customer.created: HTTP 500"]


# ------------------------------------------------------------------------------------------- a process of its own


def test_it_runs_as_a_process_and_is_controlled_over_http() -> None:
    port = free_port()
    with Listener() as listener:
        command = [sys.executable, "-m", "tests.support.stripe", "--port", str(port), "--webhook-url", listener.url]
        process = subprocess.Popen(
            [*command, "--webhook-secret", "whsec_of_the_process"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None and f"127.0.0.1:{port}" in process.stdout.readline()
            address = f"http://127.0.0.1:{port}"
            v1 = stripe.StripeClient("sk_test_51Northwind0000000000", base_addresses={"api": address}).v1
            intent = paid(v1)
            asked = {"payment_intent": intent.id, "amount": 100}
            refund = httpx.post(f"{address}/control/refund", json=asked, trust_env=False).json()["result"]
            assert (refund["amount"], refund["status"]) == (100, "succeeded")
            heard = listener.next()
            assert stripe.WebhookSignature.verify_header(
                heard.body.decode(), heard.headers["Stripe-Signature"], "whsec_of_the_process"
            )
            checked = httpx.post(f"{address}/control/checked", json={}, trust_env=False).json()["result"]
            assert checked["requests"] == 2 and checked["deviations"] == []
        finally:
            process.send_signal(signal.SIGTERM)
            _, told = process.communicate(timeout=20)
    assert process.returncode == 0 and json.loads(told)["requests"] == 2


@pytest.mark.parametrize(("number", "last4"), [("4242 4242 4242 4242", "4242"), ("000123456789", "6789")])
def test_the_script_makes_tokens_of_what_is_typed(double: StripeDouble, v1: Any, number: str, last4: str) -> None:
    asked = {"number": number, "billing_details": {"email": "maya@northwind.example", "address": {"city": "Montréal"}}}
    told = httpx.post(f"{double.url}/js/confirmation_tokens", json=asked, trust_env=False)
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    preview = v1.confirmation_tokens.retrieve(told.json()["id"]).payment_method_preview
    assert preview[preview.type].last4 == last4
    assert (preview.billing_details.email, preview.billing_details.address.city) == (
        "maya@northwind.example",
        "Montréal",
    )


def test_the_script_refuses_what_is_no_card_and_another_secret(double: StripeDouble, v1: Any) -> None:
    refused = httpx.post(f"{double.url}/js/confirmation_tokens", json={"number": "1234"}, trust_env=False)
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "invalid_number")
    intent = v1.payment_intents.create(INTENT)
    url = f"{double.url}/js/payment_intents/{intent.id}"
    assert httpx.get(url, params={"client_secret": intent.client_secret}, trust_env=False).json()["id"] == intent.id
    assert httpx.get(url, params={"client_secret": "other"}, trust_env=False).status_code == 400
