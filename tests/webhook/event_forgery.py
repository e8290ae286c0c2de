"""Deliveries that are no events of the gateway's: every one a whole HTTP request, as bytes, to be refused with 400.

One true event is bent in one way at a time, by a seeded generator; what remains properly signed is wrong in itself
(other mode, other account, no event, old, ahead of the clock, another content type, without a length).
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

SECRET = "whsec_the_one_that_signs_in_tests"
PATH = "/webhooks/stripe"
JSON = "application/json; charset=utf-8"


def an_event(n: int, **changes: Any) -> dict[str, Any]:
    """A Stripe event in the shape of its documentation, about a payment intent that we do not know."""
    intent = {"id": f"pi_{n}", "object": "payment_intent", "amount": 1000 + n, "currency": "cad", "metadata": {}}
    return {
        **{"id": f"evt_{n}", "object": "event", "api_version": "2026-10-28.endive", "created": 1_790_000_000 + n},
        **{"data": {"object": intent}, "livemode": False, "type": "payment_intent.succeeded"},
        **changes,
    }


def signature(body: bytes, *, secret: str = SECRET, at: float | None = None, scheme: str = "v1") -> str:
    t = int(time.time() if at is None else at)
    return f"t={t},{scheme}={hmac.new(secret.encode(), b'%d.' % t + body, hashlib.sha256).hexdigest()}"


def request(body: bytes, signed: str | bytes | None, *more: bytes, content_type: str | None = JSON) -> bytes:
    """A POST with its length; `more` are header lines."""
    lines = [f"POST {PATH} HTTP/1.1".encode(), b"Host: 127.0.0.1", b"Content-Length: %d" % len(body), *more]
    if signed is not None:
        lines.append(b"Stripe-Signature: " + (signed.encode("utf-8") if isinstance(signed, str) else signed))
    if content_type is not None:
        lines.append(b"Content-Type: " + content_type.encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def genuine(n: int) -> bytes:
    body = json.dumps(an_event(n), indent=2).encode()
    return request(body, signature(body))


def _flip(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body))
    return body[:at] + bytes([body[at] ^ (1 << rng.randrange(8))]) + body[at + 1 :]


def _junk(rng: random.Random) -> bytes:
    """Header text of any printable Latin-1, which a signature never is."""
    return bytes(rng.choice([*range(33, 127), *range(161, 256)]) for _ in range(rng.randrange(1, 200)))


def _signed(body: bytes) -> bytes:
    return request(body, signature(body))


def _chunked(body: bytes, *, broken: bool = False) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nStripe-Signature: {signature(body)}\r\n"
    size = b"zz" if broken else b"%x" % len(body)
    return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + body + b"\r\n0\r\n\r\n"


def _no_events(rng: random.Random, n: int) -> bytes:
    """Bodies that are properly signed and still no event for us."""
    event = an_event(n)
    bare = json.dumps(event)
    return rng.choice(
        [
            *(b"", b" ", b"[]", b"{}", b"null", b"7", b'"evt_1"', b"true", b"\x00", b"evt_1", b"<xml/>", b"{", b"NaN"),
            *(b"[" * 50_000, b'{"a":' * 20_000, b'{"object": "event"}', bare[:-1].encode(), (bare + "}").encode()),
            *(bare.encode("utf-16"), bare.encode("utf-32"), b"\xef\xbb\xbf" + bare.encode()),
            gzip.compress(bare.encode()),
            bare.replace("pi_", "\u00e9").encode("latin-1"),
            bare.replace('"metadata": {}', '"metadata": {"a": "\\u0000"}').encode(),
            bare.replace('"metadata": {}', '"metadata": {"a": "\\ud800"}').encode(),
            *(bare.replace('"amount": ', f'"amount": {odd}, "b": ').encode() for odd in ("NaN", "1e999", "9" * 5_000)),
            *(json.dumps(an_event(n, **wrong)).encode() for wrong in _WRONG),
        ]
    )  # fmt: skip


_WRONG: tuple[dict[str, Any], ...] = (
    *({"livemode": True}, {"livemode": None}, {"livemode": "false"}, {"livemode": 0}),
    *({"account": "acct_other"}, {"account": 7}, {"account": []}),
    *({"id": None}, {"id": 7}, {"id": ""}, {"id": "evt 1"}, {"id": "e" * 300}, {"id": ["evt_1"]}, {"id": "évt"}),
    *({"type": None}, {"type": 7}, {"type": ""}, {"type": {"$ne": 1}}, {"type": "a b"}, {"object": "v2.core.event"}),
    *({"data": None}, {"data": []}, {"data": {}}, {"data": {"object": None}}, {"data": {"object": "pi_1"}}),
    *({"data": {"object": {"id": None}}}, {"data": {"object": {"id": {}}}}, {"data": {"object": {"id": "a/../b"}}}),
    *({"created": "now"}, {"created": None}, {"created": 10**30}, {"created": -(10**30)}, {"created": True and "x"}),
)

_OTHER_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/html", "é")
Mangle = Callable[[random.Random, bytes], bytes]
_MANGLED: tuple[Mangle, ...] = (
    lambda _, body: request(body, None),
    lambda _, body: request(body, ""),
    lambda rng, body: request(body, _junk(rng)),
    lambda rng, body: request(body, signature(body, secret=f"whsec_{rng.random()}")),
    lambda _, body: request(body, signature(body, secret="")),
    lambda _, body: request(body, signature(body, secret="None")),
    lambda rng, body: request(body, signature(body, at=time.time() - rng.randrange(310, 10**9))),
    lambda rng, body: request(body, signature(body, at=time.time() + rng.randrange(310, 10**9))),
    lambda rng, body: request(body, signature(body, scheme=rng.choice(["v0", "v2", "V1", "v1 v1", "v１", ""]))),
    lambda rng, body: request(_flip(rng, body), signature(body)),
    lambda rng, body: request(body[: rng.randrange(len(body))], signature(body)),
    lambda rng, body: request(body + rng.randbytes(rng.randrange(1, 20)), signature(body)),
    lambda _, body: request(body, signature(body).replace("t=", "t=1,t=")),
    lambda _, body: request(body, signature(body).replace("t=", "t=+")),
    lambda _, body: request(body, signature(body).replace("t=", "t=0x")),
    lambda _, body: request(body, signature(body).split(",")[1]),
    lambda _, body: request(body, signature(body).split(",")[0]),
    lambda _, body: request(body, signature(body).translate({ord(str(d)): 0x0660 + d for d in range(10)})),
    lambda rng, body: request(body, signature(body)[: -rng.randrange(1, 60)]),
    lambda _, body: request(body, signature(body) + "00"),
    lambda _, body: request(body, ",".join(["t=1", *["v1=" + "0" * 64] * 50])),
    lambda _, body: request(body, signature(body), b"Stripe-Signature: t=1,v1=0"),
    lambda _, body: request(body, None, b"Sandbox-Signature: " + signature(body).encode()),
    lambda _, body: request(body, None, b"Authorization: Bearer " + SECRET.encode()),
    lambda _, body: request(body, None, b"X-Twilio-Signature: " + signature(body).encode()),
    lambda rng, body: request(body, signature(body), content_type=rng.choice(_OTHER_TYPES)),
    lambda _, body: request(gzip.compress(body), signature(body), b"Content-Encoding: gzip"),
    lambda _, body: _chunked(body),
    lambda _, body: request(b" " * 300_000, signature(body)),
)
# Their length is a lie, or there is none: answered before it is read to an end that never comes.
_LYING: tuple[Mangle, ...] = (
    lambda _, body: _chunked(body, broken=True),
    lambda _, body: request(body, signature(body)).replace(b"Content-Length: ", b"X-Length: "),
    lambda _, body: request(body, signature(body)).replace(b"Content-Length: ", b"Content-Length: -"),
    lambda _, body: request(body, signature(body), b"Transfer-Encoding: chunked"),
    lambda _, body: request(body, signature(body)).replace(b"Content-Length: ", b"Content-Length: 99999999"),
)


def forgeries(count: int, seed: int) -> Iterator[tuple[bytes, bool]]:
    """Each with whether the connection can be used again after it: its length is true."""
    rng = random.Random(seed)
    for n in range(count):
        body = json.dumps(an_event(n), indent=2).encode()
        if n % 3 == 0:
            yield _signed(_no_events(rng, n)), True
        elif n % 20 == 1:
            yield _LYING[n // 20 % len(_LYING)](rng, body), False
        else:
            yield _MANGLED[n % len(_MANGLED)](rng, body), True
