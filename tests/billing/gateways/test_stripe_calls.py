"""What is asked again and what never, within which time, and what is left in our records of a foreign answer."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import stripe

from billing.errors import GatewayError, GatewayRejected, GatewayUnreachable, OutcomeUnknown
from billing.gateways.base import BANK_DEBIT_ON_PAGE, BillingDetails, ChargeOrder
from billing.gateways.stripe import API_VERSION, StripeGateway
from billing.gateways.stripe_http import StripeWire, within
from billing.money import Money
from tests.billing.gateways.servers import Scripted, reply, scripted
from tests.billing.gateways.test_stripe_reading import DECLINE, a_method, an_intent

ORDER = ChargeOrder(Money(100, "CAD"), "ctoken_1", None, "R1", BillingDetails("maya@northwind.example"))
CONFIRM = "POST /v1/payment_intents/pi_1/confirm"
RETRIEVE = "GET /v1/payment_intents/pi_1?expand[0]=payment_method&expand[1]=latest_charge"
FAILED = reply(500, {"error": {"type": "api_error", "message": "Oops."}})


@contextmanager
def stripe_that_says(
    *replies: bytes, timeout_s: float = 8.0, **settings: Any
) -> Iterator[tuple[StripeGateway, Scripted]]:
    with scripted(*replies) as server:
        gateway = StripeGateway("sk_test_x", ["whsec_x"], timeout_s, api_base=server.url, **settings)
        yield gateway, server
        gateway.close()


def asked(server: Scripted) -> list[str]:
    return [first for first, _ in server.asked]


def test_the_version_is_the_one_whose_types_we_use() -> None:
    assert stripe.api_version == API_VERSION


def test_every_request_names_version_key_and_account_and_nothing_of_this_machine() -> None:
    with stripe_that_says(reply(200, an_intent("requires_confirmation")), account="acct_1") as (gateway, server):
        gateway.create_payment(ORDER, "remit-R1-1")
        gateway.retrieve_payment("pi_1")
    for _, headers in server.asked:
        assert headers["authorization"] == "Bearer sk_test_x"
        assert (headers["stripe-version"], headers["stripe-account"]) == (API_VERSION, "acct_1")
        assert "x-stripe-client-telemetry" not in headers
        assert "platform" not in json.loads(headers["x-stripe-client-user-agent"])
    assert server.asked[0][1]["idempotency-key"] == "remit-R1-1"


def test_a_failed_read_is_asked_again_once() -> None:
    with stripe_that_says(FAILED, reply(200, an_intent())) as (gateway, server):
        assert gateway.retrieve_payment("pi_1").status == "succeeded"
    assert asked(server) == [RETRIEVE, RETRIEVE]


def test_a_read_that_goes_on_failing_is_unreachable() -> None:
    with stripe_that_says(FAILED) as (gateway, server), pytest.raises(GatewayUnreachable):
        gateway.retrieve_payment("pi_1")
    assert len(server.asked) == 2


@pytest.mark.parametrize("lost", [FAILED, b"", reply(409, {"error": {"type": "api_error", "message": "Under way."}})])
def test_a_confirm_is_never_asked_again(lost: bytes) -> None:
    with stripe_that_says(lost, reply(200, an_intent())) as (gateway, server), pytest.raises(OutcomeUnknown):
        gateway.confirm_payment("pi_1", ORDER, "k")
    assert asked(server) == [CONFIRM]


def test_not_even_when_stripe_says_that_it_should_be() -> None:
    said = reply(503, {"error": {"type": "api_error", "message": "Later."}}, "Stripe-Should-Retry: true")
    with stripe_that_says(said) as (gateway, server), pytest.raises(OutcomeUnknown):
        gateway.confirm_payment("pi_1", ORDER, "k")
    assert asked(server) == [CONFIRM]


@pytest.mark.parametrize("verb", ["create", "refund", "cancel", "update"])
def test_no_other_change_is_asked_again_here_either(verb: str) -> None:
    paid = reply(200, an_intent())
    replies = [paid, FAILED] if verb == "refund" else [FAILED]
    with stripe_that_says(*replies) as (gateway, server), pytest.raises(OutcomeUnknown):
        _change(gateway, verb)
    assert [first.partition(" ")[0] for first in asked(server)].count("POST") == 1


def _change(gateway: StripeGateway, verb: str) -> None:
    match verb:
        case "create":
            gateway.create_payment(ORDER, "k")
        case "refund":
            gateway.refund("pi_1", Money(100, "CAD"), "k")
        case "cancel":
            gateway.cancel_payment("pi_1")
        case "update":
            gateway.update_method("pm_1", ORDER.details)


def test_the_second_try_of_a_read_has_only_the_time_that_is_left() -> None:
    with scripted(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 5000, pause_s=0.02) as server:
        gateway = StripeGateway("sk_test_x", ["whsec_x"], 4.0, api_base=server.url)
        began = time.monotonic()
        with pytest.raises(GatewayUnreachable):
            gateway.retrieve_payment("pi_1")
        assert time.monotonic() - began < 30  # a minute and more, had each byte been given time of its own
    assert len(server.asked) == 1


@pytest.mark.parametrize(("left_s", "again"), [(0.5, False), (60, True)])
def test_nothing_is_asked_again_when_the_pause_would_use_up_the_time(left_s: float, again: bool) -> None:
    wire = StripeWire("http://127.0.0.1", 1.0)
    with within(left_s) as call:
        assert wire._should_retry((b"", 500, {}), None, 0, 1) is again
        assert call.lost is again  # then what the second try says is not all that may have happened
    wire.close()


def test_a_confirm_may_take_longer_than_the_create_before_it() -> None:
    with scripted(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 5000, pause_s=0.02) as server:
        gateway = StripeGateway("sk_test_x", ["whsec_x"], 1.0, api_base=server.url)
        took = []
        for call in (lambda: gateway.create_payment(ORDER, "k"), lambda: gateway.confirm_payment("pi_1", ORDER, "k")):
            began = time.monotonic()
            with pytest.raises(OutcomeUnknown):
                call()
            took.append(time.monotonic() - began)
    assert took[0] >= 0.375 - 0.01
    assert took[1] >= 0.625 - 0.01


# --------------------------------------------------------------------------------------------------- declines


def declined(**changes: Any) -> bytes:
    error = {**DECLINE, "message": "Your card has insufficient funds.", "payment_method": a_method()}
    intent = an_intent("requires_payment_method", last_payment_error=error)
    return reply(402, {"error": {**error, "payment_intent": intent, **changes}})


def test_a_decline_is_an_answer_with_the_issuers_word() -> None:
    with stripe_that_says(declined()) as (gateway, _):
        seen = gateway.confirm_payment("pi_1", ORDER, "k")
    assert (seen.id, seen.status, seen.decline_code) == ("pi_1", "declined", "insufficient_funds")
    assert seen.method is not None and seen.method.last4 == "4242"


def test_a_decline_whose_intent_does_not_say_why_is_told_by_the_error() -> None:
    with stripe_that_says(declined(payment_intent=an_intent("requires_payment_method"))) as (gateway, _):
        assert gateway.confirm_payment("pi_1", ORDER, "k").decline_code == "insufficient_funds"


@pytest.mark.parametrize(
    "said",
    [
        declined(payment_intent=None),
        declined(payment_intent="pi_1"),
        declined(payment_intent=[]),
        declined(payment_intent={}),
        declined(payment_intent=an_intent("maybe")),
        reply(402, {"error": "declined"}),
        reply(402, {"error": ["declined"]}),
        reply(402, {}),
        reply(402, b"declined"),
    ],
)
def test_a_decline_that_names_no_payment_is_unknown(said: bytes) -> None:
    with stripe_that_says(said) as (gateway, _), pytest.raises(OutcomeUnknown):
        gateway.confirm_payment("pi_1", ORDER, "k")


def test_an_intent_that_a_five_hundred_carries_is_no_decline() -> None:
    said = declined().replace(b"HTTP/1.1 402", b"HTTP/1.1 500")
    with stripe_that_says(said) as (gateway, _), pytest.raises(OutcomeUnknown):
        gateway.confirm_payment("pi_1", ORDER, "k")


# -------------------------------------------------------------------------------------------------- too late

TOO_LATE = reply(
    400, {"error": {"type": "invalid_request_error", "code": "payment_intent_unexpected_state", "message": "x"}}
)
SPENT = reply(400, {"error": {"type": "invalid_request_error", "message": "This ConfirmationToken has been used."}})


@pytest.mark.parametrize("refusal", [TOO_LATE, SPENT])
@pytest.mark.parametrize("status", ["succeeded", "processing", "requires_action", "canceled"])
def test_a_confirm_that_comes_too_late_tells_what_it_has_become(refusal: bytes, status: str) -> None:
    with stripe_that_says(refusal, reply(200, an_intent(status))) as (gateway, server):
        assert gateway.confirm_payment("pi_1", ORDER, "k").status == status
    assert asked(server) == [CONFIRM, RETRIEVE]


def test_a_refused_confirm_of_an_untouched_intent_is_a_refusal() -> None:
    untouched = reply(200, an_intent("requires_payment_method"))
    with stripe_that_says(SPENT, untouched) as (gateway, _), pytest.raises(GatewayRejected):
        gateway.confirm_payment("pi_1", ORDER, "k")


def test_a_refused_confirm_without_a_second_answer_is_unknown() -> None:
    with stripe_that_says(TOO_LATE, b"") as (gateway, _), pytest.raises(OutcomeUnknown):
        gateway.confirm_payment("pi_1", ORDER, "k")


def test_a_cancel_that_comes_too_late_tells_what_it_has_become() -> None:
    with stripe_that_says(TOO_LATE, reply(200, an_intent("processing"))) as (gateway, _):
        assert gateway.cancel_payment("pi_1").status == "processing"


def test_a_cancel_that_is_refused_of_what_could_be_cancelled_is_a_refusal() -> None:
    open_still = reply(200, an_intent("requires_action"))
    with stripe_that_says(TOO_LATE, open_still) as (gateway, _), pytest.raises(GatewayRejected):
        gateway.cancel_payment("pi_1")


# ------------------------------------------------------------------------------------ beside what was asked for


def test_a_method_that_stripe_did_not_expand_is_fetched() -> None:
    with stripe_that_says(reply(200, an_intent(payment_method="pm_1")), reply(200, a_method())) as (gateway, server):
        seen = gateway.confirm_payment("pi_1", ORDER, "k")
    assert seen.method is not None and seen.method.last4 == "4242"
    assert asked(server) == [CONFIRM, "GET /v1/payment_methods/pm_1"]


@pytest.mark.parametrize("said", [FAILED, b"", reply(404, {"error": {"message": "x"}}), reply(200, {"type": "link"})])
def test_a_method_that_cannot_be_fetched_hides_no_charge(said: bytes) -> None:
    with stripe_that_says(reply(200, an_intent(payment_method="pm_1")), said) as (gateway, _):
        seen = gateway.confirm_payment("pi_1", ORDER, "k")
    assert (seen.status, seen.captured, seen.method) == ("succeeded", Money(45210, "CAD"), None)


def test_an_address_that_cannot_be_saved_hides_no_charge() -> None:
    paid = reply(200, an_intent(payment_method=a_method()))
    with stripe_that_says(paid, FAILED) as (gateway, server):
        seen = gateway.confirm_payment("pi_1", replace(ORDER, save=True), "k")
    assert seen.status == "succeeded"
    assert asked(server) == [CONFIRM, "POST /v1/payment_methods/pm_1"]


def a_customer(**changes: Any) -> dict[str, Any]:
    told = {"id": "cus_1", "object": "customer", "created": 1, "metadata": {"account_number": "777"}}
    return told | {"name": "Maya", "email": "m@x.example"} | changes


@pytest.mark.parametrize("search", [FAILED, b"", reply(400, {"error": {"message": "No search in your country."}})])
def test_a_customer_is_found_or_made_where_the_search_fails(search: bytes) -> None:
    none = a_page("/v1/customers")
    searches = [search] if search.startswith(b"HTTP/1.1 400") else [search, search]
    with stripe_that_says(none, *searches, reply(200, a_customer()), timeout_s=30.0) as (gateway, server):
        assert gateway.ensure_customer("777", "Maya", "m@x.example") == "cus_1"
    assert asked(server)[-1] == "POST /v1/customers"


@pytest.mark.parametrize("refusal", [FAILED, b"", reply(400, {"error": {"code": "email_invalid", "message": "x"}})])
def test_a_customer_whose_email_stripe_does_not_take_is_the_customer_all_the_same(refusal: bytes) -> None:
    listed = a_page("/v1/customers", a_customer(name="May"))
    with stripe_that_says(listed, refusal) as (gateway, server):
        assert gateway.ensure_customer("777", "Maya", "m@x.example") == "cus_1"
    assert asked(server)[-1] == "POST /v1/customers/cus_1"


def test_the_librarys_client_can_be_asked_beside_the_verbs() -> None:
    with stripe_that_says(reply(200, {"object": "account", "id": "acct_1"}, "X-Theirs: 2")) as (gateway, _):
        account = gateway.client.v1.accounts.retrieve_current()
    assert account.last_response is not None and account.last_response.headers["x-theirs"] == "2"
    with stripe_that_says(b"") as (gateway, server), pytest.raises(stripe.APIConnectionError):
        gateway.client.v1.accounts.retrieve_current(options={"max_network_retries": 1})
    assert len(server.asked) == 1


def test_two_creates_of_a_customer_have_one_key_and_the_same_parameters_whatever_the_email() -> None:
    none, found = a_page("/v1/customers"), {"object": "search_result", "data": [], "has_more": False}
    keys = set()
    for email in ("m@x.example", "maya@y.example"):
        created = reply(200, a_customer(email=email))
        with stripe_that_says(none, reply(200, found), created) as (gateway, server):
            gateway.ensure_customer("777", "Maya", email)
        keys.add(server.asked[-1][1]["idempotency-key"])
        assert server.asked[-1][1]["content-length"] == str(len("metadata[account_number]=777"))
    assert len(keys) == 1


# ----------------------------------------------------------------------------------- page, ids, keys, records


def test_what_the_page_confirms_is_only_looked_at() -> None:
    waiting = an_intent("requires_payment_method", metadata={"payment_reference": "R1", "confirmed_by": "page"})
    order = ChargeOrder(ORDER.amount, BANK_DEBIT_ON_PAGE, None, "R1", ORDER.details)
    with stripe_that_says(reply(200, waiting)) as (gateway, server):
        seen = gateway.confirm_payment("pi_1", order, "k")
    assert (seen.status, seen.action_url, seen.client_secret) == ("requires_action", None, "pi_1_secret_x")
    assert asked(server) == [RETRIEVE]


@pytest.mark.parametrize("id_", ["", "../customers", "pi_1/confirm", "pi_1?x=1", "é", "p" * 256, "pi_1\n"])
def test_an_id_that_is_none_is_never_sent(id_: str) -> None:
    with stripe_that_says(reply(200, an_intent())) as (gateway, server):
        for call in (gateway.retrieve_payment, gateway.cancel_payment, gateway.list_refunds, gateway.list_disputes):
            with pytest.raises(GatewayRejected):
                call(id_)
        with pytest.raises(GatewayRejected):
            gateway.confirm_payment(id_, ORDER, "k")
    assert server.asked == []


@pytest.mark.parametrize("key", ["", "a\nb", "clé", "k" * 256, "two words"])
def test_a_key_that_is_none_is_never_sent(key: str) -> None:
    with stripe_that_says(reply(200, an_intent())) as (gateway, server), pytest.raises(GatewayRejected):
        gateway.create_payment(ORDER, key)
    assert server.asked == []


def test_a_foreign_answer_leaves_nothing_of_itself_in_our_records() -> None:
    foreign = reply(200, b"<html>pi_1_secret_x Maya 4242</html>")
    with stripe_that_says(foreign) as (gateway, _), pytest.raises(OutcomeUnknown) as caught:
        gateway.confirm_payment("pi_1", ORDER, "k")
    assert "secret_x" not in "".join(traceback.format_exception(caught.value))


def test_a_refusal_says_stripes_code_and_not_more_than_a_few_lines() -> None:
    said = reply(400, {"error": {"type": "invalid_request_error", "code": "amount_too_small", "message": "x" * 5000}})
    with stripe_that_says(said) as (gateway, _), pytest.raises(GatewayRejected) as caught:
        gateway.create_payment(ORDER, "k")
    assert caught.value.code == "amount_too_small"
    assert len(str(caught.value)) < 400


# ------------------------------------------------------------------------------------------------------- lists


def a_page(url: str, *items: Any, has_more: bool = False) -> bytes:
    return reply(200, {"object": "list", "url": url, "data": list(items), "has_more": has_more})


def a_refund(number: int) -> dict[str, Any]:
    told = {"id": f"re_{number}", "object": "refund", "status": "succeeded", "amount": number, "currency": "cad"}
    return told | {"metadata": {}}


def test_a_list_is_read_to_its_end_and_told_oldest_first() -> None:
    pages = [a_page("/v1/refunds", a_refund(3), a_refund(2), has_more=True), a_page("/v1/refunds", a_refund(1))]
    with stripe_that_says(*pages) as (gateway, server):
        assert [refund.id for refund in gateway.list_refunds("pi_1")] == ["re_1", "re_2", "re_3"]
    first, second = asked(server)
    assert first == "GET /v1/refunds?payment_intent=pi_1&limit=100"
    assert second == "GET /v1/refunds?payment_intent=pi_1&limit=100&starting_after=re_2"


def test_a_list_that_breaks_off_is_no_list() -> None:
    pages = [a_page("/v1/refunds", a_refund(3), has_more=True), reply(404, {"error": {"message": "x", "code": "y"}})]
    with stripe_that_says(*pages) as (gateway, _), pytest.raises(GatewayError):
        gateway.list_refunds("pi_1")


def test_a_page_whose_address_is_elsewhere_is_not_followed() -> None:
    pages = [a_page("@evil.example/v1/refunds", a_refund(3), has_more=True), a_page("/v1/refunds")]
    with stripe_that_says(*pages) as (gateway, server), pytest.raises(GatewayUnreachable):
        gateway.list_refunds("pi_1")
    assert len(server.asked) == 1
