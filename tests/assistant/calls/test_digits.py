from __future__ import annotations

import pytest

from assistant.calls.digits import joined


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("my visa ending four two four two", "my visa ending 4242"),
        ("the one that ends in 0 0 0 2 please", "the one that ends in 0002 please"),
        ("visa oh oh oh two", "visa 0002"),
        ("ma visa quatre deux quatre deux", "ma visa 4242"),
        ("one two three", "one two three"),
        ("five five five five four four four four", "five five five five four four four four"),
        ("two hundred and fifty dollars", "two hundred and fifty dollars"),
        ("forty two fifty", "forty two fifty"),
    ],
)
def test_four_digits_said_one_by_one_are_written_as_one_number(said: str, written: str) -> None:
    assert joined(said) == written
