"""Mails at rest: as they came, and taken apart into what a reader shows."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from sandbox.database import Database, Row, Transaction, all_of, one, run

LISTED = "id, sender, recipients, subject, received_at, left(text, 200) as preview"


def keep(database: Database, sender: str, recipients: list[str], raw: bytes) -> None:
    mail = _parsed(raw)
    with database.transaction() as tx:
        run(
            tx,
            "insert into mails (sender, recipients, subject, text, html, raw) values (%s, %s, %s, %s, %s, %s)",
            *(_clean(sender), [_clean(r).lower() for r in recipients], _clean(str(mail.get("Subject", "")))),
            *(_part(mail, "plain"), _part(mail, "html"), raw),
        )


def listed(tx: Transaction, *, to: list[str], not_to: list[str], limit: int = 100) -> list[dict[str, Any]]:
    """Newest first. `to` keeps what one of these addresses got (all when empty), `not_to` drops what these got."""
    rows = all_of(
        tx,
        f"select {LISTED} from mails where (cardinality(%s::text[]) = 0 or recipients && %s::text[])"  # noqa: S608
        " and not recipients && %s::text[] order by id desc limit %s",
        *(to, to, not_to, limit),
    )
    return [row | {"received_at": row["received_at"].isoformat()} for row in rows]


def get(tx: Transaction, mail_id: int) -> Row | None:
    return one(tx, "select * from mails where id = %s", mail_id)


def attachments(raw: bytes) -> list[EmailMessage]:
    return [part for part in _parsed(raw).iter_attachments() if isinstance(part, EmailMessage)]


def as_json(mail: Row) -> dict[str, Any]:
    files = [
        {"name": part.get_filename() or "attachment", "type": part.get_content_type(), "index": index}
        for index, part in enumerate(attachments(bytes(mail["raw"])))
    ]
    return {
        "id": mail["id"],
        "sender": mail["sender"],
        "recipients": mail["recipients"],
        "subject": mail["subject"],
        "received_at": mail["received_at"].isoformat(),
        "text": mail["text"],
        "html": mail["html"],
        "attachments": files,
    }


def _parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def _part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    try:
        return "" if body is None else _clean(str(body.get_content()))
    except (LookupError, UnicodeError):  # a charset that does not exist: shown as it came
        payload = body.get_payload(decode=True) if body is not None else b""
        return _clean(payload.decode("latin-1") if isinstance(payload, bytes) else "")


def _clean(text: str) -> str:
    """What PostgreSQL can hold: no NUL, no lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
