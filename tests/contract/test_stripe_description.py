"""What is not Stripe's is caught: wrong parameters, answers and events, whoever made them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import stripe

from tests.contract.doubled import AUTOMATIC, PI, asked_wrongly, library_at, paid, post
from tests.support.stripe import routes
from tests.support.stripe.checks import Deviation
from tests.support.stripe.description import library
from tests.support.stripe.description.form import BadForm, decode_form
from tests.support.stripe.description.openapi import description
from tests.support.stripe.server import StripeDouble, running_double


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    with asked_wrongly() as double:
        yield double


@pytest.fixture
def v1(double: StripeDouble) -> Any:
    return library_at(double)


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
        ("amount=500&currency=cad&capture_method=manual", "does not play"),
        ("amount=500&currency=cad&statement_descriptor=x", "does not play"),
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
