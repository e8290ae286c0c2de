"""Letters by SMTP: plain text and HTML from the same lines, every word of them from the wording catalogue."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, PackageLoader, select_autoescape
from sqlalchemy.orm import Session

from assistant.disputes import dispute_news, dispute_texts
from assistant.documents.papers import Document, receipt_document
from assistant.one_time_codes import digits_of
from assistant.outcomes import unpaid_words
from assistant.texts.by_mail import LOST_TEXT, OWN_LETTER
from assistant.wording import invoice_lines, method_label, say, write
from billing import operator_queue as queue
from billing.config import Settings
from billing.context import Context
from billing.models import Notice
from billing.receipts import Receipt, receipt

SMTP_TIMEOUT_S = 20
_templates = Environment(
    loader=PackageLoader("assistant.delivery", "templates"),
    autoescape=select_autoescape(["html"]),
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Letter:
    """`facts` are (label, value) pairs: reference, amount, method, what was paid, new balance."""

    subject: str
    greeting: str
    intro: str
    facts: list[tuple[str, str]]
    closing: str
    language: str


def send_notice(context: Context, notice_id: int) -> None:
    """Sends one notice that was not sent yet. Raises OSError or SMTPException when the mail server cannot take it.

    The row is marked after the server took the letter: a crash in between sends it twice rather than never.
    """
    with context.sessions() as session:
        notice = session.get_one(Notice, notice_id)
        if notice.state == "sent":
            return
        letter, enclosed = render(session, notice, context), _enclosed(session, notice, context)
        message = compose(letter, notice, context.settings, enclosed)
    deliver(message, context.settings.smtp_url)
    with context.sessions.begin() as session:
        notice = session.get_one(Notice, notice_id)
        notice.state, notice.sent_at = "sent", context.now()


def render(session: Session, notice: Notice, context: Context) -> Letter:
    """The words of a notice. `kind` receipt and declined speak about a payment, handoff about a ticket."""
    if "dispute" in notice.detail:
        return _dispute(session, notice, context)
    settings, language, kind = context.settings, notice.language, notice.kind
    company = {"company": settings.company_name, "contact": settings.company_contact}
    facts: list[tuple[str, str]] = []
    values: dict[str, object] = dict(company)
    if notice.payment_id is not None:
        told = receipt(session, notice.payment_id, settings.local(context.now()).date())
        kind = _kind_now(notice.kind, told.payment.state)
        facts = _facts(told, settings.local(told.at), kind, language)
        values |= {"amount": told.payment.amount, "reference": told.payment.reference}
    if notice.kind == "text_code":
        return _text_code(notice, context)
    if notice.detail:
        values |= notice.detail
        facts = [(say(f"mail_label_{name}", language, "email"), str(value)) for name, value in notice.detail.items()]
    intro = say(f"mail_{kind}_intro", language, "email", **values)
    if kind == "text_lost":  # a text that did not arrive said this
        intro = f"{intro} {unpaid_words(told, language, 'email')}"
    return Letter(
        subject=say(f"mail_{kind}_subject", language, "email", **values),
        greeting=say("mail_greeting", language, "email"),
        intro=intro,
        facts=facts,
        closing=say("mail_closing", language, "email", **company),
        language=language,
    )


def _kind_now(kind: str, payment_state: str) -> str:
    """A letter in place of a lost text says what is true when it is written, which may be more than the text said."""
    return OWN_LETTER.get(payment_state, "text_lost") if kind.startswith(LOST_TEXT) else kind


def _text_code(notice: Notice, context: Context) -> Letter:
    """The code is made as the letter is written, and stands nowhere else."""
    settings, language = context.settings, notice.language
    code = digits_of(notice.detail["code_id"], settings)
    return Letter(
        subject=say("mail_text_code_subject", language, "email", company=settings.company_name),
        greeting=say("mail_greeting", language, "email"),
        intro=say("mail_text_code_intro", language, "email", company=settings.company_name),
        facts=[(say("mail_label_code", language, "email"), code)],
        closing=say("mail_closing", language, "email", company=settings.company_name, contact=settings.company_contact),
        language=language,
    )


def _enclosed(session: Session, notice: Notice, context: Context) -> Document | None:
    """The receipt as a file, with the letter that tells of it."""
    if notice.kind != "receipt" or notice.payment_id is None:
        return None
    return receipt_document(session, notice.payment_id, notice.language, context.settings)


def _dispute(session: Session, notice: Notice, context: Context) -> Letter:
    """A bank took money back, or gave it back; the sentences are those of the conversation."""

    def fact(name: str, value: object) -> tuple[str, str]:
        return say(f"mail_label_{name}", language, "email"), write(value, language, "email")

    settings, language = context.settings, notice.language
    today = settings.local(context.now()).date()
    news = dispute_news(session, notice.detail["dispute"], notice.kind, notice.detail["amount_minor"], today)
    named = {"amount": news.amount, "reference": news.payment.reference}
    lines = [
        fact("paid", say("dispute_invoice", language, "email", number=number, amount=amount))
        for number, amount in news.open_again
    ]
    company = {"company": settings.company_name, "contact": settings.company_contact}
    return Letter(
        subject=say(f"mail_{notice.kind}_subject", language, "email", **named),
        greeting=say("mail_greeting", language, "email"),
        intro=" ".join(dispute_texts(news, language, "email")),
        facts=[*(fact(name, value) for name, value in named.items()), *lines, fact("balance", news.position.balance)],
        closing=say("mail_closing", language, "email", **company),
        language=language,
    )


def _facts(told: Receipt, at: datetime, kind: str, language: str) -> list[tuple[str, str]]:
    def fact(name: str, value: object) -> tuple[str, str]:
        return say(f"mail_label_{name}", language, "email"), write(value, language, "email")

    payment = told.payment
    facts = [fact("date", at), fact("reference", payment.reference), fact("amount", payment.amount)]
    if told.method is not None:
        facts.append(fact("method", method_label(told.method, language, "email")))
    if kind == "receipt":
        facts += [fact("paid", line) for line in invoice_lines(told.shares, language, "email")]
        if told.credit:
            facts.append(fact("credit", told.credit))
        facts.append(fact("balance", told.position.balance))
    return facts


def compose(letter: Letter, notice: Notice, settings: Settings, enclosed: Document | None = None) -> EmailMessage:
    """Both forms in one message; its id names the notice, so that a mail server may drop a repeat."""
    message = EmailMessage()
    sender_domain = parseaddr(settings.mail_from)[1].rpartition("@")[2]
    message["Subject"] = letter.subject
    message["From"] = settings.mail_from
    message["To"] = notice.recipient
    message["Date"] = format_datetime(notice.created_at)
    message["Message-ID"] = make_msgid(f"notice-{notice.id}", sender_domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_templates.get_template("letter.txt").render(letter=letter))
    html = _templates.get_template("letter.html").render(letter=letter, company=settings.company_name)
    message.add_alternative(html, subtype="html")
    if enclosed is not None:
        message.add_attachment(enclosed.content, maintype="application", subtype="pdf", filename=enclosed.name)
    message["Content-Language"] = letter.language  # last: what makes a message multipart moves Content-* headers down
    return message


def deliver(message: EmailMessage, smtp_url: str) -> None:
    """Hands one message to the server of `smtp_url`: `smtp://` (STARTTLS when offered) or `smtps://`."""
    url = urlsplit(smtp_url)
    host, secure = url.hostname or "127.0.0.1", url.scheme == "smtps"
    tls = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(host, url.port or 465, timeout=SMTP_TIMEOUT_S, context=tls)
        if secure
        else smtplib.SMTP(host, url.port or 25, timeout=SMTP_TIMEOUT_S)
    )
    with connection as smtp:
        if not secure and smtp.ehlo()[0] and smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
        if url.username:
            smtp.login(unquote(url.username), unquote(url.password or ""))
        smtp.send_message(message)


def give_up(context: Context, notice_id: int) -> None:
    """After the last try: the notice is marked and a person is told. The payment is what it was."""
    with context.sessions.begin() as session:
        notice = session.get_one(Notice, notice_id)
        notice.state = "failed"
        detail = f"notice {notice.id} ({notice.kind}) could not be delivered"
        queue.add(session, "mail_failed", detail, context.now(), payment_id=notice.payment_id)
