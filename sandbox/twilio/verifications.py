"""Verify: codes that Twilio makes, sends and checks itself. https://www.twilio.com/docs/verify/api"""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from sandbox.bank.events import Post
from sandbox.database import Row, Transaction, one, run
from sandbox.twilio import sending, texts
from sandbox.twilio.errors import TwilioError

LIFE = "10 minutes"
MOST_SENT = MOST_CHECKED = 5
SENDER = "22395"  # a short code of Twilio's, not the account's number
PENDING = "select * from verifications where phone = %s and expires_at > now() for update"


def start(tx: Transaction, callbacks: Post, phone: str) -> Row:
    """Texts a code; the same one again while it is good. Raises TwilioError after the fifth."""
    pending = one(tx, PENDING, phone)
    if pending is None:
        run(tx, "delete from verifications where phone = %s", phone)
        run(
            tx,
            f"insert into verifications (sid, phone, code, expires_at) values (%s, %s, %s, now() + interval '{LIFE}')",  # noqa: S608
            *(texts.new_sid("VE"), phone, f"{secrets.randbelow(10**6):06}"),
        )
    elif len(pending["sent"]) >= MOST_SENT:
        raise TwilioError(429, 60203, "Max send attempts reached")
    attempt = {"attempt_sid": texts.new_sid("VL"), "channel": "sms", "time": _iso(datetime.now(UTC))}
    started = one(
        tx,
        "update verifications set sent = sent || %s, updated_at = now() where phone = %s returning *",
        *(Jsonb([attempt]), phone),
    )
    assert started is not None  # it is there by now
    words = f"Your Northwind verification code is: {started['code']}"
    sending.send(tx, callbacks, texts.Text("outbound-verify", phone, SENDER, words, "queued"))
    return started


def check(tx: Transaction, phone: str, code: str) -> Row | None:
    """The verification as it stands after this try, `approved` or not; None where none is pending.

    Once approved it is over, and unknown from then on. Raises TwilioError after the fifth try.
    """
    pending = one(tx, PENDING, phone)
    if pending is None:
        return None
    if pending["checked"] >= MOST_CHECKED:
        raise TwilioError(429, 60202, "Max check attempts reached")
    if hmac.compare_digest(pending["code"].encode(), code.encode()):
        run(tx, "delete from verifications where phone = %s", phone)
        return pending | {"status": "approved"}
    run(tx, "update verifications set checked = checked + 1, updated_at = now() where phone = %s", phone)
    return pending | {"status": "pending"}


def as_resource(verification: Row, account_sid: str, service_sid: str) -> dict[str, Any]:
    sid, status = verification["sid"], verification.get("status", "pending")
    return {
        "sid": sid,
        "service_sid": service_sid,
        "account_sid": account_sid,
        "to": verification["phone"],
        "channel": "sms",
        "status": status,
        "valid": status == "approved",
        "amount": None,
        "payee": None,
        "date_created": _iso(verification["created_at"]),
        "date_updated": _iso(verification["updated_at"]),
    }


def with_attempts(verification: Row, account_sid: str, service_sid: str) -> dict[str, Any]:
    """What starting one answers: the same, and how it was sent."""
    shown = as_resource(verification, account_sid, service_sid)
    url = f"https://verify.twilio.com/v2/Services/{service_sid}/Verifications/{verification['sid']}"
    return shown | {"lookup": {}, "send_code_attempts": verification["sent"], "sna": None, "url": url}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
