"""Letters, through a real SMTP server."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from assistant.delivery.email import give_up, send_notice
from billing.context import Context
from billing.database import SessionFactory
from billing.disputes import refresh_disputes
from billing.models import Account, Notice, OperatorItem, Payment, PaymentMethod
from tests.billing.builders import Clock, a_context, a_user, an_account, an_invoice, pay, some_settings
from tests.support.fake_gateway import FakeGateway


class Mailbox:
    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refuse = False

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.refuse:
            return "451 try again later"
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


def paid(sessions: SessionFactory, smtp_url: str, *, language: str = "en", behaviour: str = "succeeded") -> Context:
    """Somebody owed 152.10 on two invoices and paid 100.00 of it; two people are told."""
    gateway = FakeGateway()
    context = a_context(sessions, gateway, now=Clock(), settings=some_settings(smtp_url=smtp_url))
    with sessions.begin() as session:
        account = an_account(session, language=language)
        a_user(session, account, email="second@northwind.example", language=language)
        an_invoice(session, account, "52.10", due_days=-30, number="INV-1")
        an_invoice(session, account, "100.00", due_days=5, number="INV-2")
    with sessions() as session:
        account = session.scalars(select(Account)).one()
    gateway.behaviours |= dict.fromkeys(_tokens(sessions), behaviour)  # type: ignore[arg-type]
    pay(context, account, "100.00")
    return context


def _tokens(sessions: SessionFactory) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(PaymentMethod.gateway_reference)))


def notice_ids(sessions: SessionFactory) -> list[int]:
    with sessions() as session:
        return list(session.scalars(select(Notice.id).order_by(Notice.id)))


def test_a_receipt_says_what_was_paid_with_what_and_what_is_left(
    sessions: SessionFactory, mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    context = paid(sessions, url)
    for notice_id in notice_ids(sessions):
        send_notice(context, notice_id)
    with sessions() as session:
        reference = session.scalars(select(Payment.reference)).one()
    assert len(box.letters) == 2
    letter = box.letters[0]
    assert letter["Subject"] == f"Payment received: $100.00 ({reference})"
    for form in ("plain", "html"):
        body = letter.get_body((form,))
        assert body is not None
        text = body.get_content()
        for expected in ("$100.00", reference, "4242", "INV-1", "INV-2", "$52.10"):
            assert expected in text, (form, expected, text)


def test_a_receipt_is_enclosed_as_pdf(sessions: SessionFactory, mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    context = paid(sessions, url)
    send_notice(context, notice_ids(sessions)[0])
    with sessions() as session:
        reference = session.scalars(select(Payment.reference)).one()
    (enclosed,) = box.letters[0].iter_attachments()
    assert enclosed.get_content_type() == "application/pdf"
    assert enclosed.get_filename() == f"receipt-{reference}.pdf"
    assert enclosed.get_content().startswith(b"%PDF-")
    assert box.letters[0]["Content-Language"] == "en"


def test_a_decline_encloses_nothing(sessions: SessionFactory, mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    context = paid(sessions, url, behaviour="declined")
    send_notice(context, notice_ids(sessions)[0])
    assert not list(box.letters[0].iter_attachments())


def test_a_french_receipt_is_french(sessions: SessionFactory, mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    context = paid(sessions, url, language="fr")
    send_notice(context, notice_ids(sessions)[0])
    letter = box.letters[0]
    assert letter["Subject"].startswith("Paiement reçu : 100,00\xa0$")
    assert letter["Content-Language"] == "fr"
    body = letter.get_body(("plain",))
    assert body is not None
    assert "Nouveau solde" in body.get_content()


def test_a_decline_is_written_too(sessions: SessionFactory, mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    context = paid(sessions, url, behaviour="declined")
    for notice_id in notice_ids(sessions):
        send_notice(context, notice_id)
    assert [letter["Subject"].split(":")[0] for letter in box.letters] == ["Payment declined"] * 2
    body = box.letters[0].get_body(("plain",))
    assert body is not None
    assert "card_declined" not in body.get_content()  # the issuer's code is not the customer's


def test_a_loss_is_written_with_what_is_open_again(sessions: SessionFactory, mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    context = paid(sessions, url)
    assert isinstance(context.gateway, FakeGateway)
    context.gateway.dispute("pay_1", status="lost")
    with sessions() as session:
        payment = session.scalars(select(Payment)).one()
    refresh_disputes(context, payment.id)
    with sessions() as session:
        losses = session.scalars(select(Notice.id).where(Notice.kind == "dispute_lost")).all()
    for notice_id in losses:
        send_notice(context, notice_id)
    assert len(box.letters) == 2
    assert box.letters[0]["Subject"] == f"Your bank took a payment back: $100.00 ({payment.reference})"
    body = box.letters[0].get_body(("plain",))
    assert body is not None
    for expected in (
        "$100.00",
        "INV-1: $52.10 open again",
        "INV-2: $100.00 open again",
        "not charged again",
        "$152.10",
    ):
        assert expected in body.get_content()


def test_a_notice_is_sent_once_however_often_the_job_runs(
    sessions: SessionFactory, mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    context = paid(sessions, url)
    for _ in range(3):
        send_notice(context, notice_ids(sessions)[0])
    assert len(box.letters) == 1


def test_a_mail_server_that_refuses_leaves_the_notice_queued(
    sessions: SessionFactory, mailbox: tuple[Mailbox, str]
) -> None:
    box, url = mailbox
    context = paid(sessions, url)
    box.refuse = True
    with pytest.raises(smtplib.SMTPException):
        send_notice(context, notice_ids(sessions)[0])
    box.refuse = False
    send_notice(context, notice_ids(sessions)[0])
    assert len(box.letters) == 1


def test_what_cannot_be_delivered_at_all_is_an_operators(sessions: SessionFactory) -> None:
    context = paid(sessions, "smtp://127.0.0.1:1")
    with pytest.raises(OSError, match="refused"):
        send_notice(context, notice_ids(sessions)[0])
    give_up(context, notice_ids(sessions)[0])
    with sessions() as session:
        assert session.scalars(select(OperatorItem.kind)).all() == ["mail_failed"]
        assert session.get_one(Notice, notice_ids(sessions)[0]).state == "failed"
