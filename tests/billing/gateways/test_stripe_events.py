"""Which events are for us, and what each is about. Signatures and odd bodies are in the contract suite."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import stripe

from billing.errors import EventRefused
from billing.gateways.stripe_events import EVENT_TYPES, EventReader

SECRET, OLD_SECRET = "whsec_new", "whsec_old"


def an_event(type_: str = "payment_intent.succeeded", object_: Any = None, **changes: Any) -> dict[str, Any]:
    told = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2020-08-27",
        "created": 1_800_000_000,
        "livemode": False,
        "type": type_,
        "data": {"object": {"id": "pi_1", "customer": "cus_1"} if object_ is None else object_},
    }
    return told | changes


def reader(*secrets: str, live: bool = False, account: str | None = None) -> EventReader:
    return EventReader(secrets or (SECRET,), live=live, account=account)


def heard(told: Any, by: EventReader | None = None, *, secret: str = SECRET) -> Any:
    body = told if isinstance(told, str) else json.dumps(told)
    header = stripe.WebhookSignature.generate_signature_header(body, secret)
    return (by or reader()).verified(body.encode(), {"Stripe-Signature": header}, time.time())


CHARGE = {"id": "ch_1", "payment_intent": "pi_1", "customer": "cus_1"}
REFUND = {"id": "re_1", "payment_intent": "pi_1", "charge": "ch_1"}
DISPUTE = {"id": "du_1", "payment_intent": "pi_1", "charge": "ch_1"}
METHOD = {"id": "pm_1", "customer": "cus_1", "type": "card"}


@pytest.mark.parametrize(
    ("type_", "object_", "about"),
    [
        ("payment_intent.succeeded", {"id": "pi_1", "customer": "cus_1"}, ("payment", "pi_1", "cus_1")),
        ("payment_intent.payment_failed", {"id": "pi_1", "customer": None}, ("payment", "pi_1", None)),
        ("payment_intent.amount_capturable_updated", {"id": "pi_1"}, ("payment", "pi_1", None)),
        ("charge.succeeded", CHARGE, ("payment", "pi_1", "cus_1")),
        ("charge.failed", CHARGE | {"payment_intent": None}, ("other", None, None)),
        ("charge.refunded", CHARGE, ("refund", "pi_1", "cus_1")),
        ("charge.refund.updated", REFUND, ("refund", "pi_1", None)),
        ("refund.created", REFUND, ("refund", "pi_1", None)),
        ("refund.failed", REFUND | {"payment_intent": {"id": "pi_1"}}, ("refund", "pi_1", None)),
        ("refund.updated", {"id": "re_1"}, ("other", None, None)),
        ("charge.dispute.created", DISPUTE, ("dispute", "pi_1", None)),
        ("charge.dispute.funds_withdrawn", DISPUTE, ("dispute", "pi_1", None)),
        ("charge.dispute.closed", DISPUTE | {"payment_intent": None}, ("other", None, None)),
        ("payment_method.attached", METHOD, ("method", "pm_1", "cus_1")),
        ("payment_method.automatically_updated", METHOD, ("method", "pm_1", "cus_1")),
        ("payment_method.updated", METHOD | {"customer": {"id": "cus_1"}}, ("method", "pm_1", "cus_1")),
        ("setup_intent.succeeded", {"id": "seti_1", "payment_method": "pm_1"}, ("method", "pm_1", None)),
        ("setup_intent.setup_failed", {"id": "seti_1", "payment_method": None}, ("other", None, None)),
        ("mandate.updated", {"id": "m_1", "payment_method": "pm_1", "status": "inactive"}, ("mandate", "pm_1", None)),
        ("mandate.updated", {"id": "m_1", "payment_method": "pm_1", "status": "active"}, ("other", None, None)),
        ("balance.available", {"object": "balance"}, ("other", None, None)),
        ("customer.deleted", {"id": "cus_1"}, ("other", None, None)),
        ("invoice.payment_succeeded", {"id": "in_1", "payment_intent": "pi_1"}, ("other", None, None)),
    ],
)
def test_an_event_says_what_to_look_at(type_: str, object_: Any, about: tuple[str, str | None, str | None]) -> None:
    event = heard(an_event(type_, object_))
    assert (event.subject, event.object_id, event.customer) == about
    assert (event.id, event.type, event.created_at.year) == ("evt_1", type_, 2027)


def test_what_was_detached_names_whose_it_was() -> None:
    told = an_event("payment_method.detached", METHOD | {"customer": None})
    told["data"]["previous_attributes"] = {"customer": "cus_1"}
    assert heard(told).customer == "cus_1"
    del told["data"]["previous_attributes"]
    assert heard(told).customer is None


def test_every_type_that_we_subscribe_to_is_about_something() -> None:
    object_ = {"id": "x_1", "payment_intent": "pi_1", "payment_method": "pm_1", "status": "inactive"}
    assert {heard(an_event(type_, object_)).subject for type_ in EVENT_TYPES} == {
        "payment",
        "refund",
        "dispute",
        "method",
        "mandate",
    }
    assert len(EVENT_TYPES) <= 20  # as many as one list of events takes


def test_what_is_kept_confirms_nobodys_payment() -> None:
    object_ = {
        "id": "pi_1",
        "client_secret": "s",
        "last_setup": [{"client_secret": "s"}],
        "deep": [[{"client_secret": "s"}]],
    }
    assert "client_secret" not in json.dumps(heard(an_event(object_=object_)).payload)


def test_both_secrets_are_good_while_one_replaces_the_other() -> None:
    both = reader(SECRET, OLD_SECRET)
    for secret in (SECRET, OLD_SECRET):
        assert heard(an_event(), both, secret=secret).id == "evt_1"
    with pytest.raises(EventRefused):
        heard(an_event(), both, secret="whsec_other")


@pytest.mark.parametrize("secrets", [(), ("",), (" ",), (SECRET, "")])
def test_there_is_no_reader_without_a_secret(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="STRIPE_WEBHOOK_SECRET"):
        EventReader(secrets, live=False, account=None)


@pytest.mark.parametrize("livemode", [True, None, "false", 0])
def test_an_event_of_the_other_mode_is_refused(livemode: Any) -> None:
    with pytest.raises(EventRefused):
        heard(an_event(livemode=livemode))


def test_a_live_key_hears_live_events_only() -> None:
    assert heard(an_event(livemode=True), reader(live=True)).id == "evt_1"
    with pytest.raises(EventRefused):
        heard(an_event(), reader(live=True))


@pytest.mark.parametrize(
    ("ours", "theirs"), [(None, "acct_2"), ("acct_1", "acct_2"), ("acct_1", None), (None, ""), ("acct_1", ["acct_1"])]
)
def test_an_event_of_another_account_is_refused(ours: str | None, theirs: Any) -> None:
    told = an_event() if theirs is None else an_event(account=theirs)
    with pytest.raises(EventRefused):
        heard(told, reader(account=ours))


def test_an_event_of_our_connected_account_is_taken() -> None:
    assert heard(an_event(account="acct_1"), reader(account="acct_1")).id == "evt_1"


@pytest.mark.parametrize(
    "told",
    [
        an_event(object="v2.core.event"),
        an_event(object=None),
        an_event(id="evt 1"),
        an_event(id="e" * 300),
        an_event(type=""),
        an_event(created="now"),
        an_event(created=10**30),
        an_event(created=1.5),
        an_event(data=None),
        an_event(data={"object": []}),
        an_event(object_={}),
        an_event(object_={"id": "pi/1"}),
        an_event(object_={"id": "pi_1", "customer": {}}),
        an_event(object_={"id": "pi_1", "customer": 7}),
        an_event("mandate.updated", {"id": "m_1", "status": "inactive", "payment_method": None}),
        {key: value for key, value in an_event().items() if key != "livemode"},
        {"detail": an_event()},  # EventBridge's envelope, which Stripe's library would open
    ],
)
def test_what_is_signed_and_no_event_is_refused(told: Any) -> None:
    with pytest.raises(EventRefused):
        heard(told)


@pytest.mark.parametrize("levels", [200, 900, 20_000])
def test_a_body_deeper_than_the_database_driver_goes_is_refused(levels: int) -> None:
    deep = '{"a":' * levels + "1" + "}" * levels
    body = json.dumps(an_event(object_={"id": "pi_1", "deep": "HERE"})).replace('"HERE"', deep)
    with pytest.raises(EventRefused):
        heard(body)
