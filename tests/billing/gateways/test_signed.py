"""JSON that the database can keep, and nothing else; signatures are in the contract suite."""

from __future__ import annotations

import pytest

from billing.errors import EventRefused
from billing.gateways.signed import check_signature, strict_json


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"a": [1, 2.5, null, "\\u00e9"]}', {"a": [1, 2.5, None, "é"]}),
        ('"é😀"'.encode(), "é😀"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\\\u0000 is called NUL"', "\\u0000 is called NUL"),
        (b'"\\\\ud800"', "\\ud800"),
    ],
)
def test_what_the_database_takes_is_read(body: bytes, read: object) -> None:
    assert strict_json(body) == read


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b"[-Infinity]",
        b"1e400",
        b"-1e999",
        b'"\\u0000"',
        b'"a\\\\\\u0000"',
        b'{"\\u0000": 1}',
        b'"\\ud800"',
        b'"\\uDC00\\uD800"',
        b'"\x00"',
        b'"\xed\xa0\x80"',
        '{"a": 1}'.encode("utf-16"),
        b"9" * 5000,
        b"",
    ],
)
def test_what_it_would_refuse_is_refused_before(body: bytes) -> None:
    with pytest.raises(ValueError):
        strict_json(body)


def test_an_empty_secret_signs_nothing() -> None:
    import hashlib
    import hmac

    genuine = hmac.new(b"", b"1.{}", hashlib.sha256).hexdigest()
    with pytest.raises(EventRefused):
        check_signature(b"{}", {"X": f"t=1,v1={genuine}"}, "x", [b""], 1.0)
