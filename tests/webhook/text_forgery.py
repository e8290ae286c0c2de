"""Texts that Twilio did not send, or that are none: every one a whole HTTP request, as bytes, to be refused.

One true text is bent in one way at a time, by a seeded generator; what remains properly signed is wrong in itself.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

TOKEN = "token-that-signs-in-the-tests"
ACCOUNT = f"AC{'1' * 32}"
PUBLIC = "https://pay.northwind.example"
PATH = "/twilio/sms"
FORM = "application/x-www-form-urlencoded"
Fields = dict[str, str]


def a_text(n: int, **changes: str) -> Fields:
    """A text in the shape of Twilio's documentation."""
    sid = f"SM{n:032x}"
    return {
        **{"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "Body": "BALANCE", "From": "+15145550101"},
        **{"To": "+15145550100", "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "SmsStatus": "received"},
        **{"NumMedia": "0", "NumSegments": "1"},
        **changes,
    }


def signature(fields: Fields, *, token: str = TOKEN, address: str = PUBLIC + PATH) -> str:
    """By the description, not by Twilio's library: https://www.twilio.com/docs/usage/security"""
    signed = address + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def request(
    body: bytes, signed: str | bytes | None, *more: bytes, content_type: str | None = FORM, path: str = PATH
) -> bytes:
    """A POST with its length; `more` are header lines."""
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: 127.0.0.1", b"Content-Length: %d" % len(body), *more]
    if signed is not None:
        lines.append(b"X-Twilio-Signature: " + (signed.encode("utf-8") if isinstance(signed, str) else signed))
    if content_type is not None:
        lines.append(b"Content-Type: " + content_type.encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def genuine(n: int, **changes: str) -> bytes:
    return _signed(a_text(n, **changes))


def _signed(fields: Fields) -> bytes:
    return request(urlencode(fields).encode(), signature(fields))


def _sent(fields: Fields, signed: str | bytes | None, *more: bytes, content_type: str | None = FORM) -> bytes:
    return request(urlencode(fields).encode(), signed, *more, content_type=content_type)


def _flip(rng: random.Random, body: bytes) -> bytes:
    """Another value of some field; what a form reads as the same would not be another text."""
    at = body.index(b"Body=") + 5 + rng.randrange(7)
    return body[:at] + bytes([rng.choice(b"abcdefghij")]) + body[at + 1 :]


def _junk(rng: random.Random) -> bytes:
    return bytes(rng.choice([*range(33, 127), *range(161, 256)]) for _ in range(rng.randrange(1, 200)))


# Properly signed, and still no text to us.
_WRONG: tuple[Fields, ...] = (
    *({"MessageSid": odd} for odd in ("", "SM", "SM1", "sm" + "0" * 32, "SM" + "g" * 32, "SM" + "0" * 33, "é")),
    *({"From": odd} for odd in ("", "+1" * 30, "\x00", "+1514\n5550101")),
    *({"To": odd} for odd in ("", "9" * 41, "\u200b")),
    *({"NumMedia": odd} for odd in ("x", "-1", "1.5", "٣", "9" * 40, "")),
    *({"AccountSid": odd} for odd in ("", f"AC{'2' * 32}", ACCOUNT.lower(), ACCOUNT + "0")),
)

_OTHER_TYPES = ("text/plain", "application/json", "multipart/form-data; boundary=x", "text/html", "é")
Mangle = Callable[[random.Random, Fields], bytes]
_MANGLED: tuple[Mangle, ...] = (
    lambda _, text: _sent(text, None),
    lambda _, text: _sent(text, ""),
    lambda rng, text: _sent(text, _junk(rng)),
    lambda rng, text: _sent(text, signature(text, token=f"token-{rng.random()}")),
    lambda _, text: _sent(text, signature(text, token="")),
    lambda _, text: _sent(text, signature(text, token="None")),
    lambda _, text: _sent(text, signature(text, address=f"http://127.0.0.1{PATH}")),
    lambda _, text: _sent(text, signature(text, address=f"{PUBLIC}/twilio/sms/status")),
    lambda _, text: _sent(text, signature(text, address=f"{PUBLIC}{PATH}?a=1")),
    lambda _, text: _sent(text, signature(text, address=PUBLIC.replace("https", "http") + PATH)),
    lambda _, text: _sent(text, signature(text, address="https://elsewhere.example" + PATH),
                          b"X-Forwarded-Host: elsewhere.example", b"X-Forwarded-Proto: https"),
    lambda rng, text: request(_flip(rng, urlencode(text).encode()), signature(text)),
    lambda _, text: _sent(text | {"Body": "PAY"}, signature(text)),
    lambda _, text: _sent(text | {"From": "+15145550102"}, signature(text)),
    lambda _, text: _sent(text | {"MessageSid": f"SM{'f' * 32}"}, signature(text)),
    lambda _, text: _sent(text | {"Extra": "1"}, signature(text)),
    lambda _, text: _sent({k: v for k, v in text.items() if k != "NumSegments"}, signature(text)),
    lambda _, text: request(urlencode([*text.items(), ("From", "+15145550102")]).encode(), signature(text)),
    lambda _, text: request(urlencode([("From", "+15145550102"), *text.items()]).encode(), signature(text)),
    lambda rng, text: _sent(text, signature(text)[: -rng.randrange(1, 20)]),
    lambda _, text: _sent(text, signature(text) + "="),
    lambda _, text: _sent(text, signature(text).swapcase()),
    lambda _, text: _sent(text, None, b"Stripe-Signature: " + signature(text).encode()),
    lambda _, text: _sent(text, None, b"Authorization: Bearer " + TOKEN.encode()),
    lambda rng, text: _sent(text, signature(text), content_type=rng.choice(_OTHER_TYPES)),
    lambda _, text: _sent(text, signature(text), content_type=None),
    lambda _, text: request(json.dumps(text).encode(), signature(text), content_type="application/json"),
    lambda _, text: request(gzip.compress(urlencode(text).encode()), signature(text), b"Content-Encoding: gzip"),
    lambda _, text: request(b"", signature({})),
    lambda _, text: _signed(text | {"Body": "x" * 200_000}),
    lambda _, text: request(urlencode(text).encode(), signature(text), path="/twilio/sms/status"),
    lambda _, text: request(urlencode(text).encode("utf-16"), signature(text)),
)  # fmt: skip
# Their length is a lie, or there is none: answered before it is read to an end that never comes.
_LYING: tuple[Mangle, ...] = (
    lambda _, text: _signed(text).replace(b"Content-Length: ", b"X-Length: "),
    lambda _, text: _signed(text).replace(b"Content-Length: ", b"Content-Length: -"),
    lambda _, text: _sent(text, signature(text), b"Transfer-Encoding: chunked"),
    lambda _, text: _signed(text).replace(b"Content-Length: ", b"Content-Length: 99999999"),
)


def forgeries(count: int, seed: int) -> Iterator[tuple[bytes, bool]]:
    """Each with whether the connection can be used again after it: its length is true."""
    rng = random.Random(seed)
    for n in range(count):
        text = a_text(n)
        if n % 4 == 0:
            yield _signed(text | _WRONG[n // 4 % len(_WRONG)]), True
        elif n % 20 == 1:
            yield _LYING[n // 20 % len(_LYING)](rng, text), False
        else:
            yield _MANGLED[n % len(_MANGLED)](rng, text), True
