"""`remit stripe check` against the double of Stripe: each thing right, and each thing wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe
from rich.console import Console

from billing.database import SessionFactory
from billing.gateways.stripe import API_VERSION, EVENT_TYPES
from billing.inbox import receive_event
from remit import stripe_screen
from remit.stripe_asking import Line, Setup
from remit.stripe_check import check_stripe
from tests.billing.builders import NOW
from tests.support.fake_gateway import FakeGateway
from tests.support.stripe import account
from tests.support.stripe.server import StripeDouble, running_double

OURS = "https://pay.northwind.example"


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    with running_double() as double:
        yield double


def environment(double: StripeDouble, **changes: str) -> dict[str, str]:
    right = {
        "STRIPE_SECRET_KEY": double.secret_key,
        "STRIPE_PUBLISHABLE_KEY": double.publishable_key,
        "STRIPE_WEBHOOK_SECRET": double.post.secrets[0],
        "STRIPE_API_BASE": double.url,
        "STRIPE_BANK_DEBITS": "acss_debit",
        "PUBLIC_URL": OURS,
    }
    return right | changes


def endpoint(double: StripeDouble, **changes: object) -> None:
    """Made in the Dashboard."""
    right = {
        "url": f"{OURS}/webhooks/stripe",
        "enabled_events": list(EVENT_TYPES),
        "api_version": API_VERSION,
    }
    with double.store.lock:
        made = account.create_endpoint(double.store, right | changes)
        made["status"] = changes.get("status", "enabled")
        double.store.objects["webhook_endpoint"][made["id"]]["status"] = made["status"]


def check(double: StripeDouble, **changes: str) -> dict[str, Line]:
    """By what they are about."""
    return {line.what: line for line in check_stripe(Setup.from_environment(environment(double, **changes)))}


def test_where_everything_is_right_every_line_says_so(double: StripeDouble) -> None:
    endpoint(double)
    lines = check(double)
    assert {line.mark for line in lines.values()} == {"ok"}
    assert not any(line.next for line in lines.values())
    assert list(lines) == [
        *("keys", "Stripe", "API version", "clock", "account", "cards", "wallets", "bank debits"),
        *("webhook endpoint", "its events", "its API version", "signing secret"),
    ]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"STRIPE_PUBLISHABLE_KEY": ""}, "STRIPE_PUBLISHABLE_KEY not"),
        ({"STRIPE_PUBLISHABLE_KEY": "pk_live_1234"}, "STRIPE_PUBLISHABLE_KEY of live mode"),
        ({"STRIPE_SECRET_KEY": "whsec_mixed_up"}, "STRIPE_SECRET_KEY must begin with sk_test_"),
        ({"STRIPE_WEBHOOK_SECRET": "we_1234"}, "STRIPE_WEBHOOK_SECRET must begin with whsec_"),
    ],
    ids=["missing", "two modes", "mixed up", "an endpoint's id"],
)
def test_keys_of_the_wrong_shape_are_told_before_anything_is_sent(
    double: StripeDouble, changes: dict[str, str], found: str
) -> None:
    lines = check(double, **changes)
    assert list(lines) == ["keys"] and lines["keys"].mark == "wrong"
    assert found in lines["keys"].found
    assert not double.checks.requests


def test_without_any_key_the_way_to_have_some_is_told() -> None:
    (line,) = check_stripe(Setup.from_environment({}))
    assert line.mark == "wrong" and "docs/stripe.md" in line.next


def test_a_key_that_stripe_does_not_know_ends_the_check(double: StripeDouble) -> None:
    lines = check(double, STRIPE_SECRET_KEY="sk_test_of_somebody_else")
    assert list(lines) == ["keys", "Stripe"] and lines["Stripe"].mark == "wrong"
    assert "does not know the secret key" in lines["Stripe"].found


def test_a_stripe_that_does_not_answer_ends_the_check(double: StripeDouble) -> None:
    lines = check(double, STRIPE_API_BASE="http://127.0.0.1:9")
    assert list(lines) == ["keys", "Stripe"] and lines["Stripe"].mark == "wrong"
    assert "does not answer" in lines["Stripe"].found and "STRIPE_API_BASE" in lines["Stripe"].next


@pytest.mark.parametrize(("apart_s", "mark"), [(3, "ok"), (40, "warning"), (-40, "warning"), (400, "wrong")])
def test_clocks_that_differ_are_told_before_events_are_refused(double: StripeDouble, apart_s: int, mark: str) -> None:
    setup = Setup.from_environment(environment(double))
    lines = {line.what: line for line in check_stripe(setup, now=lambda: time.time() + apart_s)}
    assert lines["clock"].mark == mark
    assert ("every event is refused" in lines["clock"].found) == (mark == "wrong")


def test_on_this_machine_no_endpoint_is_needed_but_a_listener(double: StripeDouble) -> None:
    line = check(double, PUBLIC_URL="http://127.0.0.1:8000")["webhook endpoint"]
    assert line.mark == "warning"
    assert "stripe listen --forward-to http://127.0.0.1:8000/webhooks/stripe" in line.next


def test_elsewhere_a_missing_endpoint_is_wrong(double: StripeDouble) -> None:
    endpoint(double, url="https://old.northwind.example/webhooks/stripe")
    line = check(double)["webhook endpoint"]
    assert (line.mark, line.found) == ("wrong", f"none for {OURS}/webhooks/stripe")


def test_a_disabled_endpoint_is_wrong(double: StripeDouble) -> None:
    endpoint(double, status="disabled")
    lines = check(double)
    assert lines["webhook endpoint"].mark == "wrong" and "is disabled" in lines["webhook endpoint"].found
    assert "its events" not in lines


def test_two_endpoints_for_one_address_are_wrong(double: StripeDouble) -> None:
    endpoint(double)
    endpoint(double)
    line = check(double)["webhook endpoint"]
    assert line.mark == "wrong" and line.next.count("we_") == 2


def test_the_events_that_are_missing_are_named(double: StripeDouble) -> None:
    endpoint(double, enabled_events=[e for e in EVENT_TYPES if not e.startswith("refund.")] + ["invoice.created"])
    line = check(double)["its events"]
    assert (line.mark, line.found) == ("wrong", "3 of 20 missing: refund.created, refund.failed, refund.updated")


def test_an_endpoint_for_everything_misses_nothing(double: StripeDouble) -> None:
    endpoint(double, enabled_events=["*"])
    assert check(double)["its events"].mark == "ok"


def test_an_endpoint_of_another_version_is_something_to_look_at(double: StripeDouble) -> None:
    endpoint(double, api_version="2024-06-20")
    assert check(double)["its API version"].mark == "warning"


def test_bank_debits_that_our_page_offers_must_be_on_at_stripe(double: StripeDouble) -> None:
    line = check(double, STRIPE_BANK_DEBITS="us_bank_account")["bank debits"]
    assert line.mark in ("wrong", "warning")
    said = [
        (line.mark, line.found)
        for line in check_stripe(Setup.from_environment(environment(double, STRIPE_BANK_DEBITS="us_bank_account")))
        if line.what == "bank debits"
    ]
    assert said == [
        ("warning", "acss_debit (CAD) on at Stripe, not offered on our page"),
        ("wrong", "us_bank_account (USD) offered on our page, off at Stripe"),
    ]


def test_cards_and_wallets_that_are_off_are_told(double: StripeDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = account.method_configurations(double.store)
    off = {"available": False, "display_preference": {"overridable": None, "preference": "off", "value": "off"}}
    monkeypatch.setattr(account, "method_configurations", lambda _: [whole | {"card": off, "apple_pay": off}])
    lines = check(double)
    assert (lines["cards"].mark, lines["wallets"].mark) == ("wrong", "warning")
    assert lines["wallets"].found == "Apple Pay off"


def test_an_account_that_may_not_charge_is_wrong(double: StripeDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = account.show(double.store)
    monkeypatch.setattr(account, "show", lambda _: whole | {"charges_enabled": False})
    line = check(double)["account"]
    assert line.mark == "wrong" and "may not charge" in line.found


def test_what_a_key_may_not_read_is_a_warning_and_the_rest_is_checked(
    double: StripeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint(double)
    double.control.fail_next("fails", path="/v1/account|/v1/payment_method_configurations", method="get", times=2)
    lines = check(double)
    assert (lines["account"].mark, lines["payment methods"].mark) == ("warning", "warning")
    assert lines["its events"].mark == "ok"


@pytest.mark.parametrize("told", [b"[]", b"null", b"7", b"{}", b'{"error": "no"}', b"<html>", b"\xff"])
@pytest.mark.parametrize("status", [200, 404, 502])
def test_an_address_that_is_not_stripes_is_told_and_does_not_end_in_a_traceback(told: bytes, status: int) -> None:
    with httpserver(status, told) as url:
        setup = Setup("sk_test_1", "pk_test_1", "whsec_1", url, "", "", OURS, sandbox_enabled=False)
        lines = list(check_stripe(setup, arrived=lambda _: False))
    assert lines[1].what == "Stripe"
    assert lines[1].mark == "wrong" or (status == 200 and {line.mark for line in lines} > {"ok"})


@contextmanager
def httpserver(status: int, body: bytes) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_two_signing_secrets_are_a_rotation_under_way(double: StripeDouble) -> None:
    line = check(double, STRIPE_WEBHOOK_SECRET=f"{double.post.secrets[0]},whsec_old")["signing secret"]
    assert line.mark == "warning" and "rotation" in line.found


def test_whether_the_newest_event_has_arrived_shows_address_and_secret(
    double: StripeDouble, database_url: str, sessions: SessionFactory
) -> None:
    setup = Setup.from_environment(environment(double))

    def newest() -> Line:
        known = lambda event_id: stripe_screen.has_arrived(database_url, event_id)  # noqa: E731
        return {line.what: line for line in check_stripe(setup, known)}["newest event"]

    assert newest().mark == "ok" and "none yet" in newest().found
    client = stripe.StripeClient(double.secret_key, base_addresses={"api": double.url}, stripe_version=API_VERSION)
    double.control.forward_clock(-120)
    client.v1.payment_intents.cancel(client.v1.payment_intents.create({"amount": 500, "currency": "cad"}).id)
    double.control.forward_clock(120)
    assert newest().mark == "warning" and "has not arrived" in newest().found
    event_id = client.v1.events.list({"types": list(EVENT_TYPES), "limit": 1}).data[0].id
    with sessions.begin() as session:
        receive_event(session, "stripe", FakeGateway().event("pi_1", "payment.canceled", id=event_id), NOW)
    assert newest().mark == "ok"


def test_no_output_holds_a_secret(
    double: StripeDouble, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "STRIPE_SECRET_KEY": "sk_test_verysecretindeed",
        "STRIPE_WEBHOOK_SECRET": "whsec_oneverysecret,whsec_otherverysecret",
    }
    for name, value in environment(double, **secrets).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stripe_screen, "use_running_settings", lambda: None)
    for as_json in (True, False):
        for key in (secrets["STRIPE_SECRET_KEY"], double.secret_key):
            monkeypatch.setenv("STRIPE_SECRET_KEY", key)
            stripe_screen.show_check(as_json=as_json)
    said = "".join(capsys.readouterr())
    assert "verysecret" not in said and double.secret_key not in said


def test_the_exit_code_and_the_json_say_how_bad_it_is(
    double: StripeDouble, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint(double, enabled_events=["payment_intent.succeeded"])
    for name, value in environment(double).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stripe_screen, "use_running_settings", lambda: None)
    assert stripe_screen.show_check(as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["worst"] == "wrong"
    assert [line["what"] for line in told["lines"] if line["mark"] == "wrong"] == ["its events"]
    monkeypatch.setenv("PUBLIC_URL", "http://127.0.0.1:8000")
    assert stripe_screen.show_check(as_json=False) == 0  # a warning is no failure
    assert "Nothing is wrong; 1 to look at" in capsys.readouterr().out


def test_the_screen_fits_a_terminal_of_80_columns(double: StripeDouble, capsys: pytest.CaptureFixture[str]) -> None:
    lines = list(check_stripe(Setup.from_environment(environment(double, PUBLIC_URL="http://127.0.0.1:8000"))))
    stripe_screen.show(Console(width=80, highlight=False), lines)
    said = capsys.readouterr().out.splitlines()
    assert len(said) <= 24 and max(map(len, said)) <= 80
    assert said[0].startswith("✓ ok       keys")
