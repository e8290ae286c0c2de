from __future__ import annotations

from fractions import Fraction

import pytest

from assistant.shares import asks_for_minimum, read_share


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ("pay 25 %", "1/4"), ("25%", "1/4"), ("25 percent of it", "1/4"), ("twenty-five percent", "1/4"),
        ("12.5 %", "1/8"), ("12,5 %", "1/8"), ("0 %", "0"), ("150%", "3/2"), ("a quarter", "1/4"),
        ("a third of it", "1/3"), ("two thirds", "2/3"), ("three quarters", "3/4"), ("3/4 of it", "3/4"),
        ("25 pour cent", "1/4"), ("vingt-cinq pour cent", "1/4"), ("10 p. c.", "1/10"), ("le quart", "1/4"),
        ("un tiers", "1/3"), ("les deux tiers", "2/3"), ("les trois quarts", "3/4"),
    ],
)  # fmt: skip
def test_a_share_is_read(said: str, share: str) -> None:
    assert read_share(said) == Fraction(share)


@pytest.mark.parametrize(
    "said", ["50", "the third one", "third invoice", "1/2026", "quarter past two", "la troisième", ""]
)
def test_what_is_no_share_is_none(said: str) -> None:
    assert read_share(said) is None


@pytest.mark.parametrize(
    ("said", "asks"),
    [
        ("minimum", True), ("pay the minimum", True), ("the min", True), ("smallest amount possible", True),
        ("what is the least I can pay", True), ("le minimum", True), ("le moins possible", True),
        ("a minute", False), ("admin", False), ("mini", False), ("50", False), ("at least 50", False),
    ],
)  # fmt: skip
def test_the_minimum_is_noticed(said: str, asks: bool) -> None:
    assert asks_for_minimum(said) is asks
