"""Receipts and invoices, read back from the PDFs themselves."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from pypdf import PdfReader

from assistant.documents.papers import Document, invoice_document, receipt_document
from billing.accounts import usable_methods
from billing.context import Context
from billing.database import SessionFactory
from billing.errors import NotFound
from billing.models import Account
from billing.payments_elsewhere import PaymentDraft, record_payments
from billing.refunds import refund_payment
from tests.billing.builders import NOW, Clock, a_context, a_credit, an_account, an_invoice, cad, pay
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway) -> Context:
    return a_context(sessions, gateway, now=Clock())


@pytest.fixture
def maya(sessions: SessionFactory) -> Account:
    with sessions.begin() as session:
        account = an_account(session, number="100200", name="Maya Tremblay-Éthier")
        an_invoice(session, account, "200.00", due_days=-60, number="INV-1001")
        an_invoice(session, account, "152.10", due_days=-30, number="INV-1002")
    return account


def text_of(document: Document) -> str:
    """In reading order; non-breaking spaces are what French money is written with."""
    pages = [page.extract_text() for page in PdfReader(BytesIO(document.content)).pages]
    return "\n".join(pages).replace("\xa0", " ").replace("\u202f", " ")


def the_receipt(context: Context, payment_id: int, language: str = "en") -> Document:
    with context.sessions() as session:
        return receipt_document(session, payment_id, language, context.settings)


def the_invoice(context: Context, invoice_id: int, language: str = "en") -> Document:
    with context.sessions() as session:
        return invoice_document(session, invoice_id, language, context.settings)


def test_a_receipt_says_what_was_paid_for_what_and_what_was_owed_then(context: Context, maya: Account) -> None:
    payment = pay(context, maya, "250.00")
    made = the_receipt(context, payment.id)
    text = text_of(made)
    for expected in (
        *("Northwind Telecom", "1 800 555 0199", "Payment receipt", payment.reference, "Visa ending 4242", "100200"),
        *("November 22, 2026", "10:00 a.m.", "$250.00", "INV-1001", "$200.00", "INV-1002", "$50.00"),
        *("Account balance after this payment", "$102.10", "Maya Tremblay-Éthier", "Ottawa K1A 0A1"),
    ):
        assert expected in text, (expected, text)
    assert made.name == f"receipt-{payment.reference}.pdf"
    assert not re.search(r"\d{12,}", text)


def test_a_receipt_in_french_has_french_words_money_and_dates(context: Context, maya: Account) -> None:
    payment = pay(context, maya, "250.00")
    made = the_receipt(context, payment.id, "fr")
    text = text_of(made)
    for expected in (
        "Reçu de paiement",
        "22 novembre 2026",
        "250,00 $",
        "Référence",
        "Échéance",
        "Solde du compte après",
    ):
        assert expected in text, (expected, text)
    assert made.name == f"recu-{payment.reference}.pdf"


def test_a_later_reading_of_the_same_receipt_is_the_same_paper(context: Context, maya: Account) -> None:
    payment = pay(context, maya, "250.00")
    before = the_receipt(context, payment.id)
    assert isinstance(context.now, Clock)
    context.now.forward(days=40)
    pay(context, maya, "102.10")
    with context.sessions.begin() as session:
        an_invoice(session, maya, "80.00", due_days=60, now=context.now())
    assert the_receipt(context, payment.id).content == before.content


def test_what_became_of_the_money_has_lines_of_its_own(context: Context, maya: Account) -> None:
    payment = pay(context, maya, "400.00")
    assert "Kept as credit on the account" in text_of(the_receipt(context, payment.id))
    assert "−$47.90 (credit)" in text_of(the_receipt(context, payment.id))
    refund_payment(context, payment.id, cad("47.90"), operator="ana", reopen_invoices=False)
    text = text_of(the_receipt(context, payment.id))
    assert "Refunded since" in text and "$47.90" in text


def test_a_declined_payment_has_no_receipt(context: Context, maya: Account, gateway: FakeGateway) -> None:
    with context.sessions() as session:
        (card,) = usable_methods(session, maya.id, "fake")
    gateway.behaviours[card.gateway_reference] = "declined"
    payment = pay(context, maya, "250.00")
    with pytest.raises(NotFound):
        the_receipt(context, payment.id)


def test_a_payment_made_elsewhere_has_its_day_and_no_balance_that_nobody_knew(context: Context, maya: Account) -> None:
    with context.sessions.begin() as session:
        record_payments(
            session,
            [PaymentDraft(maya.id, "CHEQUE-7", cad("200.00"), NOW.replace(month=9))],
            actor="import",
            now=NOW,
        )
    with context.sessions() as session:
        from billing.payment_records import payment_by_reference

        payment = payment_by_reference(session, maya.id, "CHEQUE-7")
    text = text_of(the_receipt(context, payment.id))
    assert "September 22, 2026" in text and "Paid outside the assistant" in text
    assert "a.m." not in text and "Account balance" not in text


def test_an_invoice_says_what_was_billed_applied_and_what_is_open(context: Context, maya: Account) -> None:
    with context.sessions.begin() as session:
        a_credit(session, maya, "35.00", reason="Returned modem")
        invoice = an_invoice(session, maya, "100.00", due_days=9, number="INV-1003")
        session.expunge_all()
    payment = pay(context, maya, "350.00")
    made = the_invoice(context, invoice.id)
    text = text_of(made)
    for expected in ("Invoice", "INV-1003", "December 1, 2026", "Invoice total", "$100.00", "Still to pay", "Open"):
        assert expected in text, (expected, text)
    assert made.name == "invoice-INV-1003.pdf"
    first = text_of(the_invoice(context, invoice.id - 2, "fr"))
    for expected in (
        "Facture",
        "Payée en entier",
        "200,00 $",
        "Crédit : Returned modem",
        "−35,00 $",
        payment.reference,
    ):
        assert expected in first, (expected, first)
    assert payment.reference in first


def test_a_paper_is_tagged_and_names_its_title_and_language(context: Context, maya: Account) -> None:
    payment = pay(context, maya, "250.00")
    for language, title in (("en", f"Receipt {payment.reference}"), ("fr", f"Reçu {payment.reference}")):
        reader = PdfReader(BytesIO(the_receipt(context, payment.id, language).content))
        root = reader.root_object
        assert reader.metadata is not None and reader.metadata.title == title
        assert str(root["/Lang"]).lower() == f"{language}-ca"
        assert root["/MarkInfo"]["/Marked"] and "/StructTreeRoot" in root
        assert "<pdfuaid:part>1" in root["/Metadata"].get_data().decode()


def test_hundreds_of_invoices_fill_pages_with_their_heads_repeated(context: Context, sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        zoe = an_account(session)
        for n in range(60):
            an_invoice(session, zoe, "20.00", due_days=-n, number=f"INV-{4000 + n}")
    payment = pay(context, zoe)
    reader = PdfReader(BytesIO(the_receipt(context, payment.id).content))
    assert len(reader.pages) > 1
    assert all("Due" in page.extract_text() for page in reader.pages[:-1])
    assert "2 / " in reader.pages[1].extract_text()


def test_names_from_outside_are_text_and_never_markup(context: Context, sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        account = an_account(session, name='#panic("x") *bold* $x$ <a> "q" \\')
        invoice = an_invoice(session, account, "20.00", number="../../#read(1)")
    made = the_invoice(context, invoice.id)
    assert '#panic("x") *bold* $x$ <a> "q" \\' in text_of(made).replace("“", '"').replace("”", '"')
    assert made.name == "invoice-..-..--read-1-.pdf"


@pytest.mark.parametrize("name", ["李小龙", "محمد", "Maya 😀", "a\x07b\x1f", "x\ue000"])
def test_a_name_that_the_face_lacks_is_no_reason_for_no_paper(
    context: Context, sessions: SessionFactory, name: str
) -> None:
    with sessions.begin() as session:
        invoice = an_invoice(session, an_account(session, name=name), "20.00")
    assert "$20.00" in text_of(the_invoice(context, invoice.id))


def test_a_vietnamese_name_is_in_our_face(context: Context, sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        invoice = an_invoice(session, an_account(session, name="Đặng Thị Hà"), "20.00")
    assert "Đặng Thị Hà" in text_of(the_invoice(context, invoice.id))
