"""The secure page's server with Stripe configured: what it shows, takes, asks of the gateway and keeps to itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import ValidationError
from sqlalchemy import func, select, text

from assistant.outcomes import outcome_message
from billing.config import Settings
from billing.database import SessionFactory
from billing.models import Account, Consent, PayLink, Payment, PortalUser
from tests.billing.builders import pay, some_settings
from tests.support.fake_gateway import FakeGateway
from tests.webhook.conftest import RunningClock, answer_of, error_of
from tests.webhook.test_pay_page import ADDRESS, MakeLink, make_link, press_pay, quoted

__all__ = ["make_link"]  # a fixture

STRIPE = {
    "stripe_secret_key": "sk_test_1",
    "stripe_publishable_key": "pk_test_1",
    "stripe_webhook_secret": "whsec_1",
    "stripe_bank_debits": "acss_debit us_bank_account",
}
SECRET = "pi_1_secret_of_the_payment"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(**STRIPE)


@pytest.fixture
def known(app: Flask) -> Settings:
    settings: Settings = app.extensions["remit"].settings
    return settings


@pytest.fixture
def gateway() -> FakeGateway:
    """As Stripe: a step is done on our page, with the payment's client secret, so it has no address of its own."""

    class OnOurPage(FakeGateway):
        def confirm_payment(self, *arguments: Any) -> Any:
            return self.hide(super().confirm_payment(*arguments).id)

        def hide(self, id_: str) -> Any:
            seen = self.payments[id_]
            if seen.status == "requires_action":
                self.payments[id_] = replace(seen, action_url=None, client_secret=SECRET)
            return self.payments[id_]

    return OnOurPage(behaviours={"ctoken_challenged": "requires_action", "bank_debit_on_page": "requires_action"})


def pay_with(client: FlaskClient, link: str, card: str = "ctoken_1", **more: Any) -> Any:
    return press_pay(client, link, quoted(client, link)["quote"]["id"], card=card, **more)


def look(client: FlaskClient, link: str) -> dict[str, Any]:
    return answer_of(client.post(f"/pay/{link}/outcome", json={}))


# --------------------------------------------------------------------------------------------------- what it may do


def test_page_may_load_what_stripe_documents_and_nothing_else(client: FlaskClient, make_link: MakeLink) -> None:
    response = client.get(f"/pay/{make_link()}")
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["script-src"].split()[1:] == ["https://js.stripe.com", "https://*.js.stripe.com"]
    assert policy["connect-src"].split() == ["'self'", "https://api.stripe.com"]
    assert policy["frame-src"].split() == [
        *("https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"),
    ]
    assert policy["default-src"] == "'none'"
    assert 'payment=(self "https://js.stripe.com"' in response.headers["Permissions-Policy"]
    assert '"key": "pk_test_1"' in response.get_data(as_text=True)
    assert "sk_test_1" not in response.get_data(as_text=True)


def test_pages_without_fields_may_load_nothing_of_stripe(client: FlaskClient) -> None:
    lost = client.get("/pay/unknown", headers={"Accept": "text/html"})
    assert "stripe" not in lost.headers["Content-Security-Policy"]
    assert "payment=()" in lost.headers["Permissions-Policy"]


def test_connected_account_is_told_to_the_script(make_app: Callable[..., Flask], make_link: MakeLink) -> None:
    client = make_app(**STRIPE, stripe_account="acct_1").test_client()
    assert '"account": "acct_1"' in client.get(f"/pay/{make_link()}").get_data(as_text=True)


# -------------------------------------------------------------------------------------------------- what it takes


@pytest.mark.parametrize("token", ["pm_visa", "tok_visa", "pi_1", "bank_debit_on_page"])
def test_only_what_the_fields_hand_out_is_charged(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway, token: str
) -> None:
    link = make_link()
    assert error_of(pay_with(client, link, token)) == (422, "bad_field")
    assert gateway.payments == {}
    assert answer_of(pay_with(client, link))["state"] == "succeeded"  # the link is still good


@pytest.mark.parametrize(("offered", "method"), [("", "acss_debit"), ("us_bank_account", "acss_debit"),
                                                 ("us_bank_account", "us_bank_account")])  # fmt: skip
def test_debit_that_is_not_offered_is_refused(
    make_app: Callable[..., Flask], make_link: MakeLink, gateway: FakeGateway, offered: str, method: str
) -> None:
    client = make_app(**STRIPE | {"stripe_bank_debits": offered}).test_client()  # the account is in Canadian dollars
    link = make_link()
    assert quoted(client, link)["mandates"] == {}
    assert "acss_debit" not in client.get(f"/pay/{link}").get_data(as_text=True).split("<script")[0]
    token = "bank_debit_on_page" if method == "acss_debit" else "ctoken_1"
    assert error_of(pay_with(client, link, token, method=method)) == (422, "bad_field")
    assert gateway.payments == {}


def test_unknown_bank_debit_stops_the_start() -> None:
    with pytest.raises(ValidationError, match="acss_debit and us_bank_account"):
        some_settings(stripe_bank_debits="sepa_debit")


@pytest.mark.parametrize(("save", "which"), [(False, "once"), (True, "saved")])
def test_permission_to_debit_is_kept_as_it_stood_on_the_page(
    client: FlaskClient, make_link: MakeLink, sessions: SessionFactory, save: bool, which: str
) -> None:
    link = make_link(language="fr")
    shown = quoted(client, link)
    answer = answer_of(
        press_pay(client, link, shown["quote"]["id"], card="bank_debit_on_page", method="acss_debit", save=save)
    )
    assert answer["step"] == {
        **{"kind": "acss_debit", "client_secret": SECRET},
        **{"name": "Maya Tremblay", "email": "bills@northwind.example"},
    }
    with sessions() as session:
        consent = session.scalars(select(Consent)).one()
    assert consent.mandate_text == shown["mandates"]["acss_debit"][which]
    assert "352,10" in shown["mandates"]["acss_debit"][which]
    assert consent.address == "127.0.0.1"
    assert (consent.user_agent or "").startswith("Werkzeug/")


# ----------------------------------------------------------------------------------------------- the step, the outcome


def test_step_on_our_page_comes_with_the_secret_and_ends_in_the_true_state(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    link = make_link()
    answer = answer_of(pay_with(client, link, "ctoken_challenged"))
    assert (answer["state"], answer["action_url"], answer["retry"]) == ("requires_action", None, None)
    assert answer["step"]["kind"] == "next_action"
    assert look(client, link)["step"]["client_secret"] == SECRET  # not done yet
    (payment_id,) = gateway.payments
    gateway.decide(payment_id, "succeeded")
    told = look(client, link)
    assert (told["state"], told["step"]) == ("succeeded", None)
    with sessions() as session:
        assert session.scalars(select(Payment)).one().state == "succeeded"


def test_failed_step_is_a_decline_with_a_fresh_page(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway
) -> None:
    link = make_link()
    answer_of(pay_with(client, link, "ctoken_challenged"))
    gateway.decide(next(iter(gateway.payments)), "declined")
    told = look(client, link)
    assert told["state"] == "declined"
    assert "has been declined" in told["message"]
    assert client.get(told["retry"]).status_code == 200


def test_secret_is_neither_on_a_page_nor_at_rest(
    client: FlaskClient, make_link: MakeLink, sessions: SessionFactory
) -> None:
    link = make_link()
    answer_of(pay_with(client, link, "ctoken_challenged"))
    html = client.get(f"/pay/{link}").get_data(as_text=True)
    assert 'id="continue"' in html
    assert SECRET not in html
    with sessions() as session:
        tables = session.scalars(text("select tablename from pg_tables where schemaname = 'public'")).all()
        rows = [session.scalars(text(f'select t::text from "{table}" t')).all() for table in tables]
    assert any("ctoken_challenged" in row for found in rows for row in found)
    assert not any(SECRET in row for found in rows for row in found)


def test_gateway_that_does_not_answer_leaves_the_step_for_later(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway
) -> None:
    link = make_link()
    gateway.fail_next("retrieve_payment", "unreachable")
    answer = answer_of(pay_with(client, link, "ctoken_challenged"))
    assert (answer["state"], answer["step"]) == ("requires_action", None)
    assert look(client, link)["step"] is not None


def test_gateway_is_asked_no_more_often_than_the_rate_allows(
    client: FlaskClient, make_link: MakeLink, gateway: FakeGateway
) -> None:
    link = make_link()
    answer_of(pay_with(client, link, "ctoken_challenged"))
    answers = [look(client, link) for _ in range(30)]
    assert {answer["state"] for answer in answers} == {"requires_action"}
    assert gateway.count("retrieve_payment") <= 21


def test_page_without_a_payment_has_no_outcome(client: FlaskClient, make_link: MakeLink) -> None:
    assert error_of(client.post(f"/pay/{make_link()}/outcome", json={})) == (404, "link_unknown")


def test_other_sites_cannot_ask_for_the_secret(client: FlaskClient, make_link: MakeLink) -> None:
    link = make_link()
    answer_of(pay_with(client, link, "ctoken_challenged"))
    refused = client.post(f"/pay/{link}/outcome", json={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert error_of(refused) == (403, "forbidden")


# --------------------------------------------------------------------------------------------- the chat's own link


@pytest.fixture
def waiting(
    app: Flask, account: Account, gateway: FakeGateway, sessions: SessionFactory, known: Settings, clock: RunningClock
) -> dict[str, Any]:
    """The chat's message about a payment with the saved card that the bank wants confirmed."""
    gateway.behaviours["pm_visa"] = "requires_action"
    payment = pay(app.extensions["remit"].context, account)
    with sessions.begin() as session:
        return outcome_message(session, payment, "en", "chat", clock(), known)


def token_of(message: dict[str, Any]) -> str:
    return str(message["card"]["url"].rsplit("/", 1)[1])


def test_link_of_a_step_lives_as_long_as_the_payment_waits(
    waiting: dict[str, Any], sessions: SessionFactory, user: PortalUser
) -> None:
    with sessions() as session:
        payment = session.scalars(select(Payment)).one()
        link = session.scalars(select(PayLink)).one()
    assert waiting["card"]["purpose"] == "bank_step"
    assert waiting["card"]["expires_at"] == (payment.created_at + timedelta(minutes=30)).isoformat()
    assert abs(link.expires_at - payment.created_at - timedelta(minutes=30)) < timedelta(minutes=1)
    assert (link.purpose, link.quote_id, link.portal_user_id) == ("bank_step", payment.quote_id, user.id)


def test_opening_the_link_of_a_step_does_nothing(
    client: FlaskClient, waiting: dict[str, Any], gateway: FakeGateway
) -> None:
    calls = len(gateway.calls)
    for _ in range(3):
        page = client.get(f"/pay/{token_of(waiting)}")
        assert page.status_code == 200
        assert "One step with your bank is left" in page.get_data(as_text=True)
    assert len(gateway.calls) == calls
    assert look(client, token_of(waiting))["step"]["client_secret"] == SECRET


def test_link_of_a_step_pays_and_quotes_nothing(
    client: FlaskClient, waiting: dict[str, Any], sessions: SessionFactory
) -> None:
    link = token_of(waiting)
    body = {
        "quote_id": "00000000-0000-0000-0000-000000000000",
        "token": "ctoken_1",
        "address": ADDRESS,
        "email": "a@b.ca",
    }
    assert error_of(client.post(f"/pay/{link}", json=body)) == (404, "link_unknown")
    assert error_of(client.post(f"/pay/{link}/quote", json={"amount": "10", "owed_minor": 0})) == (404, "link_unknown")
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Payment)) == 1


def test_late_link_of_a_step_says_what_came_of_the_payment(
    client: FlaskClient, waiting: dict[str, Any], gateway: FakeGateway, clock: RunningClock
) -> None:
    gateway.decide(next(iter(gateway.payments)), "succeeded")
    look(client, token_of(waiting))
    clock.forward(hours=3)
    assert "was paid" in client.get(f"/pay/{token_of(waiting)}").get_data(as_text=True)


def test_asking_again_gives_a_fresh_link(
    waiting: dict[str, Any], sessions: SessionFactory, known: Settings, clock: RunningClock
) -> None:
    with sessions.begin() as session:
        payment = session.scalars(select(Payment)).one()
        again = outcome_message(session, payment, "en", "sms", clock(), known)
    assert token_of(again) != token_of(waiting)
    assert again["card"]["url"] in again["text"]  # a text message has no cards
