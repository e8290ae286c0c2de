"""The demo on Stripe's test keys: the cards of its customers, where Stripe has them and where another answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from billing.accounts import top_user
from billing.context import Context
from billing.database import SessionFactory
from billing.gateways.stripe import StripeGateway
from billing.models import Account
from remit import stripe_demo
from tests.billing import builders as b
from tests.support.stripe.server import StripeDouble, running_double


@pytest.fixture
def double() -> Iterator[StripeDouble]:
    with running_double() as double:
        yield double


@pytest.fixture
def gateway(double: StripeDouble) -> Iterator[StripeGateway]:
    gateway = StripeGateway(double.secret_key, double.post.secrets, 8.0, api_base=double.url)
    yield gateway
    gateway.close()


@pytest.fixture
def context(sessions: SessionFactory, gateway: StripeGateway) -> Context:
    return b.a_context(sessions, gateway)


@pytest.fixture
def methods_file(sessions: SessionFactory, tmp_path: Path) -> Path:
    with sessions.begin() as session:
        number = b.an_account(session).number
    file = tmp_path / "methods.json"
    file.write_text(json.dumps({number: [{"kind": "card", "last4": last4} for last4 in ("4242", "4444")]}))
    return file


def saved(context: Context, gateway: StripeGateway, methods_file: Path) -> list[str]:
    stripe_demo.save_test_cards(context, gateway, methods_file)
    with context.sessions() as session:
        account = session.scalars(select(Account)).one()
        email = top_user(session, account.id).email
    customer = gateway.ensure_customer(account.number, account.name, email)
    return sorted(method.last4 for method in gateway.list_methods(customer))


def test_the_test_cards_are_saved_once(context: Context, gateway: StripeGateway, methods_file: Path) -> None:
    assert saved(context, gateway, methods_file) == ["4242", "4444"]
    assert saved(context, gateway, methods_file) == ["4242", "4444"]


def test_a_stand_in_that_knows_no_such_card_does_not_stop_the_demo(
    context: Context,
    gateway: StripeGateway,
    methods_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(stripe_demo.TEST_METHODS, "4242", "pm_nowhere")  # as if Stripe's double had no such thing
    assert saved(context, gateway, methods_file) == ["4444"]
    assert "no test card ending 4242" in caplog.text
