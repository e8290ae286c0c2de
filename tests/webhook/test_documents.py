"""Who may read which receipt and which invoice."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from werkzeug.test import TestResponse

from assistant.documents.links import DocumentLink, document_url, link_until
from billing.config import Settings
from billing.context import Context
from billing.database import SessionFactory
from billing.models import Account, Payment
from tests.billing.builders import an_account, an_invoice, pay
from tests.support.fake_gateway import FakeGateway
from tests.webhook.conftest import Customer, RunningClock, error_of


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway, settings: Settings, clock: RunningClock) -> Context:
    return Context(sessions, gateway, settings, clock)


@pytest.fixture
def payment(context: Context, account: Account) -> Payment:
    return pay(context, account, "250.00")


@pytest.fixture
def stranger(context: Context, sessions: SessionFactory) -> Payment:
    """Somebody else's payment, of an invoice INV-9."""
    with sessions.begin() as session:
        other = an_account(session)
        an_invoice(session, other, "80.00", number="INV-9")
    return pay(context, other)


def text_of(response: TestResponse) -> str:
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.mimetype == "application/pdf"
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(response.data)).pages)


def test_the_holder_of_a_session_reads_the_receipt_and_the_invoice(maya: Customer, payment: Payment) -> None:
    receipt = maya.client.get(f"/api/account/receipts/{payment.reference}.pdf", headers=maya.headers)
    assert payment.reference in text_of(receipt) and "$250.00" in text_of(receipt)
    assert receipt.headers["Content-Disposition"] == f'inline; filename="receipt-{payment.reference}.pdf"'
    assert receipt.headers["Cache-Control"] == "no-store"
    invoice = maya.client.get("/api/account/invoices/INV-2.pdf?lang=fr", headers=maya.headers)
    assert "Facture" in text_of(invoice) and "102,10" in text_of(invoice)


def test_a_document_of_another_account_is_as_absent_as_one_that_never_was(maya: Customer, stranger: Payment) -> None:
    def told(path: str) -> tuple[int, dict[str, str]]:
        response = maya.client.get(f"/api/account/{path}", headers=maya.headers)
        error = response.get_json()["error"]
        return response.status_code, {name: error[name] for name in ("code", "message")}

    for others, nobodys in (
        (f"receipts/{stranger.reference}.pdf", "receipts/NEVERWAS.pdf"),
        ("invoices/INV-9.pdf", "invoices/INV-0.pdf"),
    ):
        assert told(others) == told(nobodys)
        assert told(others)[0] == 404


def test_a_payment_that_took_nothing_has_no_receipt(
    maya: Customer, context: Context, account: Account, gateway: FakeGateway
) -> None:
    gateway.behaviours["pm_visa"] = "declined"
    declined = pay(context, account, "10.00")
    path = f"/api/account/receipts/{declined.reference}.pdf"
    assert error_of(maya.client.get(path, headers=maya.headers)) == (404, "not_found")


@pytest.mark.parametrize("path", ["receipts/X.pdf", "invoices/INV-1.pdf"])
def test_nobody_reads_without_a_session(client: FlaskClient, account: Account, path: str) -> None:
    assert error_of(client.get(f"/api/account/{path}")) == (401, "unauthorized")
    wrong = {"Authorization": "Bearer wrong"}
    assert error_of(client.get(f"/api/account/{path}", headers=wrong)) == (401, "session_unknown")


def test_an_unknown_language_is_named(maya: Customer, payment: Payment) -> None:
    response = maya.client.get(f"/api/account/receipts/{payment.reference}.pdf?lang=de", headers=maya.headers)
    assert error_of(response) == (422, "bad_field")


def link(settings: Settings, clock: RunningClock, kind: str, identity: int, language: str = "en") -> str:
    until = link_until(clock())
    return document_url(settings, DocumentLink(kind, identity, language, until)).removeprefix(settings.public_url)  # type: ignore[arg-type]


def test_a_signed_link_opens_twice_and_ends_after_15_minutes(
    client: FlaskClient, settings: Settings, clock: RunningClock, payment: Payment
) -> None:
    path = link(settings, clock, "receipt", payment.id, "fr")
    for _ in range(2):
        assert "Reçu de paiement" in text_of(client.get(path))
    clock.forward(minutes=14)
    assert client.get(path).status_code == 200
    clock.forward(minutes=2)
    late = client.get(path, headers={"Accept": "text/html"})
    assert late.status_code == 410 and 'lang="fr"' in late.get_data(as_text=True)
    assert error_of(client.get(path)) == (410, "document_expired")


def test_a_link_that_was_not_signed_opens_nothing(
    client: FlaskClient, settings: Settings, clock: RunningClock, payment: Payment
) -> None:
    path = link(settings, clock, "receipt", payment.id)
    assert error_of(client.get(path[:-3] + "AAA")) == (404, "document_unknown")
    assert error_of(client.get("/documents/x")) == (404, "document_unknown")
    assert error_of(client.get(link(settings, clock, "invoice", 10**12))) == (404, "document_unknown")


def test_the_link_of_the_account_opens_without_a_session(
    maya: Customer, sign_in: Callable[..., Customer], client: FlaskClient, payment: Payment, settings: Settings
) -> None:
    told = maya.client.get("/api/account", headers=maya.headers).get_json()
    links = [line["pdf"] for line in told["transactions"] if line["pdf"]]
    assert len(links) == 3
    for url in links:
        text = text_of(client.get(url.removeprefix(settings.public_url)))
        assert re.search(rf"INV-1|INV-2|{payment.reference}", text)
