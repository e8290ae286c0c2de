"""`python -m benchmarks texts`: text messages at a steady rate, from as many phones, as Twilio would post them.

The whole demo stack runs, its telephone included; the worker answers beside the edge, on the same cores.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg

from benchmarks import paced
from benchmarks.stack import Stack, running

AREAS = tuple(range(204, 904, 50))  # with 555-01xx numbers of stories, whether or not there is such an area
PHONES = 100 * len(AREAS)
SAID = ("BALANCE", "pay my bill", "solde", "what do I owe?", "HELP")
ANSWERED_WITHIN_S = 600


def measure(var: Path, rate: int, seconds: int) -> dict[str, Any]:
    with running(var, settings={"SMS_PER_DAY": str(10 * rate * seconds)}) as ours:
        began = time.monotonic()
        acknowledged = paced.run(ours.port, _request_of(ours), rate, seconds)
        _wait_until_answered(ours)
        took = time.monotonic() - began
    return {"acknowledged": acknowledged, "answered_per_s": round(rate * seconds / took, 1)}


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    return {"texts_p99_ms": figures["acknowledged"]["p99_ms"]}


def _request_of(ours: Stack) -> Callable[[int], bytes]:
    """Signed by Twilio's description: https://www.twilio.com/docs/usage/security"""
    settings = ours.settings
    token, address = settings["TWILIO_AUTH_TOKEN"], f"{settings['PUBLIC_URL']}/twilio/sms"

    def request(n: int) -> bytes:
        sid = f"SM{n:032x}"
        form = {
            **{"AccountSid": settings["TWILIO_ACCOUNT_SID"], "ApiVersion": "2010-04-01", "Body": SAID[n % len(SAID)]},
            **{"From": f"+1{AREAS[n // 100 % len(AREAS)]}55501{n % 100:02}", "To": settings["TWILIO_FROM_NUMBER"]},
            **{"MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "NumMedia": "0", "NumSegments": "1"},
        }
        signed = address + "".join(name + form[name] for name in sorted(form))
        signature = base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
        body = urlencode(form).encode()
        return (
            f"POST /twilio/sms HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Twilio-Signature: {signature}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    return request


def _wait_until_answered(ours: Stack) -> None:
    deadline = time.monotonic() + ANSWERED_WITHIN_S
    with psycopg.connect(ours.settings["DATABASE_URL"], autocommit=True) as connection:
        while waiting := _waiting(connection):
            if time.monotonic() > deadline:
                raise SystemExit(f"{waiting} texts are not answered after {ANSWERED_WITHIN_S} s")
            time.sleep(0.2)


def _waiting(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("select count(*) from texts_received where handled_at is null").fetchone()
    assert row is not None
    return int(row[0])
