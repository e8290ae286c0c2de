"""What a billing portal's dashboard is told of an account."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

from billing.config import Settings
from billing.context import Context
from billing.database import SessionFactory
from billing.models import Account
from tests.billing.builders import a_credit, a_method, an_account, an_invoice, pay
from tests.support.fake_gateway import FakeGateway
from tests.webhook.conftest import Customer, RunningClock, error_of
from webhook.schemas import AccountView


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway, settings: Settings, clock: RunningClock) -> Context:
    return Context(sessions, gateway, settings, clock)


def account_of(customer: Customer, query: str = "") -> dict[str, Any]:
    response = customer.client.get(f"/api/account{query}", headers=customer.headers)
    assert response.status_code == 200, response.get_data(as_text=True)
    told: dict[str, Any] = response.get_json()
    AccountView.model_validate(told)
    return told


def test_balance_methods_address_and_history_are_told(maya: Customer) -> None:
    told = account_of(maya)
    assert told["balance"] == {"minor": 35210, "currency": "CAD", "text": "$352.10"}
    assert told["past_due"]["text"] == "$352.10" and told["open_invoices"] == 2
    assert told["past_due_since"] == "2026-09-23" and told["next_due"] is None
    assert told["auto_pay"] == {"status": "off"}
    assert told["last_payment"] is None and told["under_way"] is None
    assert told["payment_methods"] == [
        {"brand": "visa", "last4": "4242", "kind": "card", "expires": "12/2031", "text": "Visa ending 4242"}
    ]
    assert told["billing_address"]["postal_code"] == "K1A 0B1"
    lines = [(line["label"], line["state_text"]) for line in told["transactions"]]
    assert lines == [("INV-2", "open"), ("INV-1", "open")]
    assert all("/documents/" in line["pdf"] and line["due"] for line in told["transactions"])


def test_what_is_late_and_what_comes_next_are_told_apart(
    maya: Customer, sessions: SessionFactory, account: Account
) -> None:
    with sessions.begin() as session:
        an_invoice(session, account, "10.00", due_on=date(2999, 1, 2), number="INV-3")
    told = account_of(maya)
    assert (told["past_due_since"], told["next_due"]) == ("2026-09-23", "2999-01-02")
    assert (told["balance"]["text"], told["past_due"]["text"]) == ("$362.10", "$352.10")


def test_a_credit_is_a_negative_balance_and_nothing_is_due(
    client: FlaskClient, sessions: SessionFactory, maya: Customer, context: Context, account: Account
) -> None:
    pay(context, account)
    with sessions.begin() as session:
        a_credit(session, account, "35.00", reason="Returned modem")
    told = account_of(maya)
    assert told["balance"] == {"minor": -3500, "currency": "CAD", "text": "−$35.00 (credit)"}
    assert (told["past_due_since"], told["next_due"], told["past_due"]["minor"]) == (None, None, 0)


def test_the_last_payment_and_the_one_under_way_are_told_apart(
    maya: Customer, context: Context, account: Account, gateway: FakeGateway
) -> None:
    paid = pay(context, account, "50.00")
    gateway.behaviours["pm_visa"] = "processing"
    waits = pay(context, account, "20.00")
    told = account_of(maya)
    assert told["last_payment"]["reference"] == paid.reference and told["last_payment"]["pdf"]
    assert told["last_payment"]["method"]["text"] == "Visa ending 4242"
    assert (told["under_way"]["reference"], told["under_way"]["pdf"]) == (waits.reference, None)
    by_label = {line["label"]: line for line in told["transactions"]}
    assert by_label[paid.reference]["pdf"] and not by_label[waits.reference]["pdf"]


def test_another_language_is_asked_for_by_name(maya: Customer) -> None:
    told = account_of(maya, "?lang=fr")
    assert told["language"] == "fr" and told["balance"]["text"] == "352,10\xa0$"
    assert told["payment_methods"][0]["text"] == "Visa se terminant par 4242"
    assert error_of(maya.client.get("/api/account?lang=xx", headers=maya.headers)) == (422, "bad_field")


def test_an_unchanged_account_is_not_sent_again(
    maya: Customer, context: Context, account: Account, clock: RunningClock
) -> None:
    first = maya.client.get("/api/account", headers=maya.headers)
    asked = maya.headers | {"If-None-Match": first.headers["ETag"]}
    again = maya.client.get("/api/account", headers=asked)
    if again.status_code != 304:  # a new stretch of links had just begun
        asked["If-None-Match"] = again.headers["ETag"]
        again = maya.client.get("/api/account", headers=asked)
    assert (again.status_code, again.data) == (304, b"")
    clock.forward(seconds=301)
    renewed = maya.client.get("/api/account", headers=asked)
    assert renewed.status_code == 200  # its links would have ended sooner
    pay(context, account, "50.00")
    asked["If-None-Match"] = renewed.headers["ETag"]
    assert maya.client.get("/api/account", headers=asked).status_code == 200


def test_nobody_sees_another_account(
    maya: Customer, context: Context, sessions: SessionFactory, client: FlaskClient
) -> None:
    with sessions.begin() as session:
        other = an_account(session)
        an_invoice(session, other, "80.00", number="INV-9")
        a_method(session, other, last4="9999")
    assert "INV-9" not in str(account_of(maya)) and "9999" not in str(account_of(maya))
    assert error_of(client.get("/api/account")) == (401, "unauthorized")
    assert error_of(client.get("/api/account", headers={"Authorization": "Bearer x"})) == (401, "session_unknown")
