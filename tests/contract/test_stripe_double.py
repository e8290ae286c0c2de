"""The double itself: what is not Stripe's is caught, keys keep what Stripe keeps, events travel as they are told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import stripe

from remit.folders import ROOT
from tests.sandbox.running import Listener, free_port
from tests.support.stripe import routes
from tests.support.stripe.checks import Deviation
from tests.support.stripe.description import library
from tests.support.stripe.description.form import BadForm, decode_form
from tests.support.stripe.description.openapi import description
from tests.support.stripe.server import StripeDouble, running_double
from tests.support.stripe.webhooks import signature

INTENT = {"amount": 500, "currency": "cad", "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
AUTOMATIC = "automatic_payment_methods[enabled]=true"
PI = "/v1/payment_intents"


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    """One whose requests may be wrong on purpose."""
    with running_double(hang_s=0.3) as double:
        yield double
        double.checks.deviations.clear()


@pytest.fixture
def v1(double: StripeDouble) -> Any:
    return stripe.StripeClient(double.secret_key, base_addresses={"api": double.url}, max_network_retries=0).v1


def post(double: StripeDouble, path: str, form: str, **headers: str) -> httpx.Response:
    usual = {
        "Authorization": f"Bearer {double.secret_key}",
        "Stripe-Version": library.VERSION,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    sent = usual | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(double.url + path, content=form, headers=sent, trust_env=False)


def paid(v1: Any, method: str = "pm_card_visa") -> Any:
    intent = v1.payment_intents.create({**INTENT, "payment_method": method})
    return v1.payment_intents.confirm(intent.id)


# ------------------------------------------------------------------------------------------ what is not Stripe's


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ("amount=500&currency=cad&payment_method_types[0]=card", "payment_method_types"),
        ("amount=500&currency=cad&metdata[a]=b", "metdata"),
        ("amount=25.99&currency=cad", "amount"),
        ("currency=cad", "amount"),
        ("amount=500&currency=cad&setup_future_usage=sometimes", "setup_future_usage"),
        ("amount=500&currency=cad&automatic_payment_methods=true", "automatic_payment_methods"),
        ("amount=500&currency=cad&automatic_payment_methods[enable]=true", "automatic_payment_methods"),
        ("amount=500&currency=cad&allowed_payment_method_types=card", "allowed_payment_method_types"),
        ("amount=500&currency=cad&payment_method_options[acss_debit][mandate_options][every]=day", "mandate_options"),
        ("amount=500&currency=cad&metadata[a", "form-encoded"),
        ('{"amount": 500, "currency": "cad"}', "form-encoded"),
    ],
)
def test_parameters_that_stripe_does_not_know_are_refused_and_remembered(
    double: StripeDouble, form: str, named: str
) -> None:
    answer = post(double, PI, form)
    assert answer.status_code == 400 and named in answer.json()["error"]["message"]
    assert len(double.checks.deviations) == 1 and named in double.checks.deviations[0]
    assert double.store.all("payment_intent") == []


def test_parameters_are_checked_where_the_description_knows_nothing_of_the_address(double: StripeDouble) -> None:
    headers = {"Authorization": f"Bearer {double.secret_key}", "Stripe-Version": library.VERSION}
    answer = httpx.get(f"{double.url}/v1/disputes?payment_intents=pi_1", headers=headers, trust_env=False)
    assert answer.status_code == 400 and "payment_intents" in double.checks.deviations[0]
    assert description().route("get", "/v1/disputes") is None


@pytest.mark.parametrize(
    "headers", [{"Stripe_Version": "2020-08-27"}, {"Stripe_Version": ""}, {"Content_Type": "application/json"}]
)
def test_another_version_or_encoding_is_a_deviation(double: StripeDouble, headers: dict[str, str]) -> None:
    assert post(double, PI, f"amount=500&currency=cad&{AUTOMATIC}", **headers).status_code == 400
    assert len(double.checks.deviations) == 1


def test_an_unknown_address_is_a_deviation(double: StripeDouble) -> None:
    assert post(double, "/v1/payment_intent", "").status_code == 400
    assert double.checks.deviations == ["POST /v1/payment_intent: no such address"]


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("payment_intent", lambda told: told.pop("status")),
        ("payment_intent", lambda told: told.update(status="paid")),
        ("payment_intent", lambda told: told.update(amount="500")),
        ("payment_intent", lambda told: told.update(invented=1)),
        ("charge", lambda told: told["billing_details"].update(invented=1)),
        ("charge", lambda told: told.update(payment_method_details={"type": "card", "card": {"last4": "4242"}})),
    ],
)
def test_an_answer_that_stripe_would_not_give_is_caught(
    double: StripeDouble, v1: Any, kind: str, spoil: Callable[[Any], object]
) -> None:
    intent = paid(v1)
    assert double.checks.deviations == []
    spoil(double.store.all(kind)[0])
    with pytest.raises(stripe.APIError, match="THE DOUBLE IS WRONG"):
        v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert len(double.checks.deviations) == 1


def test_a_dispute_that_stripe_would_not_tell_is_caught(double: StripeDouble, v1: Any) -> None:
    double.control.dispute(paid(v1).id)
    (told,) = double.store.all("dispute")
    assert v1.disputes.retrieve(told["id"]).status == "needs_response"
    del told["reason"]
    with pytest.raises(stripe.APIError, match="THE DOUBLE IS WRONG"):
        v1.disputes.list()


def test_an_event_that_stripe_would_not_send_is_caught(double: StripeDouble) -> None:
    with pytest.raises(Deviation, match=r"customer\.created"):
        double.store.tell("customer.created", {"id": "cus_1", "object": "customer"})
    assert len(double.checks.deviations) == 1


def test_a_deviation_fails_whoever_ran_the_double() -> None:
    with pytest.raises(AssertionError, match="metdata"), running_double() as double:
        post(double, PI, "amount=500&currency=cad&metdata[a]=b")


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_address_is_described_somewhere(route: routes.Route) -> None:
    assert library.parameters(route.parameters)["additionalProperties"] is False
    path = route.path.replace("{", "").replace("}", "")
    assert (description().route(route.method, path) is None) == (route.answers is not None)


# --------------------------------------------------------------------------------------------------------- forms


def test_forms_are_read_as_stripe_writes_them() -> None:
    schema = description().parameters("post", PI)
    text = "amount=500&metadata[a]=1&expand[0]=customer&expand[1]=latest_charge&automatic_payment_methods[enabled]=true"
    assert decode_form(text, schema) == {
        "amount": 500,
        "metadata": {"a": "1"},
        "expand": ["customer", "latest_charge"],
        "automatic_payment_methods": {"enabled": True},
    }
    assert decode_form("", schema) == {}


@pytest.mark.parametrize("text", ["a[b=1", "a]b[=1", "[a]=1", "a=1&a[b]=2", "a[b]=1&a=2"])
def test_brackets_that_do_not_match_are_no_form(text: str) -> None:
    with pytest.raises((BadForm, ValueError)):
        decode_form(text, {})


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
