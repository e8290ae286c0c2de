"""The mailbox takes every mail and shows it; what it shows runs nothing."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

import pytest

from tests.sandbox.running import RunningSandbox


def send(sandbox: RunningSandbox, mail: EmailMessage | bytes, to: list[str]) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=10) as server:
        if isinstance(mail, bytes):
            server.sendmail("billing@northwind.example", to, mail)
        else:
            server.send_message(mail, "billing@northwind.example", to)


def receipt() -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "Reçu : 452,10 $"
    mail["From"], mail["To"] = "Northwind Telecom <billing@northwind.example>", "maya@northwind.example"
    mail.set_content("Merci, Maya.")
    mail.add_alternative("<p>Merci, <b>Maya</b>.</p><script>alert(1)</script>", subtype="html")
    mail.add_attachment(b"%PDF-1.4 ...", maintype="application", subtype="pdf", filename="reçu.pdf")
    return mail


def test_a_mail_is_listed_and_read_with_text_html_and_attachment(sandbox: RunningSandbox) -> None:
    send(sandbox, receipt(), ["maya@northwind.example"])
    (listed,) = sandbox.client.get("/mailbox/messages").json()["messages"]
    assert (listed["subject"], listed["recipients"]) == ("Reçu : 452,10 $", ["maya@northwind.example"])
    mail = sandbox.client.get(f"/mailbox/messages/{listed['id']}").json()
    assert mail["text"].strip() == "Merci, Maya."
    assert "<b>Maya</b>" in mail["html"]
    assert mail["attachments"] == [{"name": "reçu.pdf", "type": "application/pdf", "index": 0}]
    attachment = sandbox.client.get(f"/mailbox/messages/{listed['id']}/attachments/0")
    assert attachment.content == b"%PDF-1.4 ..."


def test_the_html_of_a_mail_runs_nothing_and_fetches_nothing(sandbox: RunningSandbox) -> None:
    send(sandbox, receipt(), ["maya@northwind.example"])
    mail = sandbox.client.get("/demo/mailbox/messages").json()["messages"][0]["id"]
    policy = sandbox.client.get(f"/demo/mailbox/messages/{mail}/html").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")


def test_mail_is_told_apart_by_recipient(sandbox: RunningSandbox) -> None:
    send(sandbox, receipt(), ["Maya@Northwind.example", "olivier@northwind.example"])
    send(sandbox, receipt(), ["chloe@northwind.example"])
    assert len(sandbox.client.get("/mailbox/messages").json()["messages"]) == 2
    hers = sandbox.client.get("/mailbox/messages", params={"to": "maya@northwind.example"}).json()["messages"]
    assert [m["recipients"] for m in hers] == [["maya@northwind.example", "olivier@northwind.example"]]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: =?utf-8?q?=FF?=\r\n\r\nx",
        b"Content-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
        b"Subject: nul\0\r\n\r\nnul\0",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
    ],
)
def test_odd_mails_are_kept_too(sandbox: RunningSandbox, raw: bytes) -> None:
    send(sandbox, raw, ["maya@northwind.example"])
    (listed,) = sandbox.client.get("/mailbox/messages").json()["messages"]
    assert sandbox.client.get(f"/mailbox/messages/{listed['id']}").status_code == 200


def test_what_is_not_there_is_404(sandbox: RunningSandbox) -> None:
    send(sandbox, receipt(), ["maya@northwind.example"])
    mail = sandbox.client.get("/mailbox/messages").json()["messages"][0]["id"]
    for path in (f"{mail + 1}", f"{mail}/attachments/7", "x", "99999999999999999999999"):
        assert 400 <= sandbox.client.get(f"/mailbox/messages/{path}").status_code < 500
