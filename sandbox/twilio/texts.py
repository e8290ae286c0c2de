"""Texts at rest: as Twilio's API shows them, and as the phone does."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from sandbox.database import Row, Transaction, all_of, one
from sandbox.twilio.segments import segments

API_VERSION = "2010-04-01"
Direction = Literal["inbound", "outbound-api", "outbound-reply", "outbound-verify"]


@dataclass(frozen=True, slots=True)
class Text:
    """One to be written down. `phone` is the customer's number, whichever side of the text it is on."""

    direction: Direction
    phone: str
    other: str
    body: str
    status: str
    sid: str = ""
    media: tuple[str, ...] = ()
    messaging_service_sid: str | None = None
    status_callback: str | None = None
    error_code: int | None = None
    form: dict[str, str] | None = None  # of an inbound one: every webhook that tells of it says the same
    held: bool = False


def new_sid(prefix: str = "SM") -> str:
    return prefix + secrets.token_hex(16)


def add(tx: Transaction, text: Text) -> Row:
    counted = segments(text.body)
    added = one(
        tx,
        "insert into texts (sid, direction, phone, other, body, num_segments, encoding, media, messaging_service_sid,"
        " status_callback, status, error_code, form, held)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning *",
        *(text.sid or new_sid(), text.direction, text.phone, text.other, text.body, counted.count, counted.encoding),
        *(list(text.media), text.messaging_service_sid, text.status_callback, text.status, text.error_code),
        *(Jsonb(text.form) if text.form is not None else None, text.held),
    )
    assert added is not None  # returning
    return added


def by_sid(tx: Transaction, sid: str) -> Row | None:
    return one(tx, "select * from texts where sid = %s", sid)


def thread(tx: Transaction, phone: str, *, after: int | None, limit: int) -> list[dict[str, Any]]:
    """Oldest first: the `limit` texts behind the id `after`, or without one the newest."""
    if after is None:
        rows = all_of(tx, "select * from texts where phone = %s order by id desc limit %s", phone, limit)[::-1]
    else:
        rows = all_of(tx, "select * from texts where phone = %s and id > %s order by id limit %s", phone, after, limit)
    return [as_bubble(row) for row in rows]


def as_bubble(text: Row) -> dict[str, Any]:
    """As the phone's own list shows it. `in` is what the customer wrote, `out` what the service did."""
    shown = {name: text[name] for name in ("id", "body", "status", "error_code", "sid", "num_segments", "encoding")}
    sender, recipient = _ends(text)
    return {
        **shown,
        "direction": "in" if text["direction"] == "inbound" else "out",
        "at": text["created_at"].isoformat(),
        "from": sender,
        "to": recipient,
        "media": text["media"],
    }


def as_resource(text: Row, account_sid: str) -> dict[str, Any]:
    """https://www.twilio.com/docs/messaging/api/message-resource"""
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Messages/{text['sid']}"
    sender, recipient = _ends(text)
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": text["body"],
        "date_created": _rfc2822(text["created_at"]),
        "date_sent": _rfc2822(text["sent_at"]),
        "date_updated": _rfc2822(text["updated_at"]),
        "direction": text["direction"],
        "error_code": text["error_code"],
        "error_message": None,
        "from": sender,
        "messaging_service_sid": text["messaging_service_sid"],
        "num_media": str(len(text["media"])),
        "num_segments": str(text["num_segments"]),
        "price": None,
        "price_unit": "USD",
        "sid": text["sid"],
        "status": text["status"],
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": recipient,
        "uri": f"{uri}.json",
    }


def _ends(text: Row) -> tuple[str, str]:
    inbound = text["direction"] == "inbound"
    return (text["phone"], text["other"]) if inbound else (text["other"], text["phone"])


def _rfc2822(moment: datetime | None) -> str | None:
    return None if moment is None else format_datetime(moment.astimezone(UTC).replace(microsecond=0))
