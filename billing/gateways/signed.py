"""Signed events: `t=<seconds>,v1=<hex>` over `<t>.<body>`, HMAC-SHA256. Stripe's scheme, and the sandbox bank's too.

What the verification library of Stripe lets pass is refused here as well: a time ahead of our clock, several times,
digits of other scripts, an empty secret (docs/facts-stripe.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from billing.errors import EventRefused

TOLERANCE_S = 300  # a signature older than this is a replay, one further ahead is nobody's honest clock
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SUSPECT = ("\\u0000", "\\ud", "\\uD")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it; after an odd backslash it is a text about NUL


def check_signature(body: bytes, headers: Mapping[str, str], name: str, secrets: Sequence[bytes], now: float) -> None:
    """Raises EventRefused unless the header `name` (in any case) signs `body` with one of `secrets`, about `now`."""
    header = next((value for given, value in headers.items() if given.lower() == name), "")
    pairs = [part.partition("=") for part in str(header).split(",")]
    times = [value for key, _, value in pairs if key.strip() == "t"]
    signatures = [value for key, _, value in pairs if key.strip() == "v1" and _SIGNATURE.fullmatch(value)]
    if len(times) != 1 or not _TIMESTAMP.fullmatch(times[0]) or not signatures:
        raise EventRefused("no signature")
    signed = times[0].encode() + b"." + body
    expected = [hmac.new(secret, signed, hashlib.sha256).hexdigest() for secret in secrets if secret]
    if not any([hmac.compare_digest(one, other) for one in expected for other in signatures]):  # noqa: C419 constant time
        raise EventRefused("wrong signature")
    if abs(now - int(times[0])) > TOLERANCE_S:
        raise EventRefused("signed too long ago, or in the future")


def strict_json(body: bytes) -> Any:
    """JSON that PostgreSQL can keep as JSONB. Raises ValueError or RecursionError for everything else.

    Python's parser takes NaN, 1e400 as infinity, other encodings, NUL, and half a surrogate pair; JSONB takes none.
    """
    text = body.decode("utf-8")
    told = _STRICT.decode(text)
    if any(escape in text for escape in _SUSPECT):  # written raw, they were no UTF-8 or no JSON already
        written = json.dumps(told, ensure_ascii=False)
        written.encode()  # half a surrogate pair has no bytes: UnicodeEncodeError, a ValueError
        if _NUL.search(written):
            raise ValueError("a NUL")
    return told


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number beyond all bounds")
    return number


_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
