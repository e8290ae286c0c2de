"""Money: whole minor units, one currency at a time, never a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import AmountNotWhole, CurrencyMismatch
from billing.money import Money, total

CURRENCIES = st.sampled_from(["CAD", "USD", "EUR", "JPY", "KWD"])


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.34", "CAD", 1234),
        ("0.1", "CAD", 10),
        ("-35", "CAD", -3500),
        ("1E+3", "CAD", 100_000),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("12.3400", "CAD", 1234),
        ("0E+5", "CAD", 0),
        ("92233720368547758.07", "CAD", 2**63 - 1),
    ],
)
def test_major_units_become_minor_ones(amount: str, currency: str, minor: int) -> None:
    assert Money.from_decimal(Decimal(amount), currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("10.005", "CAD"),
        ("0.5", "JPY"),
        ("1.0001", "KWD"),
        ("1E-30", "CAD"),
        ("NaN", "CAD"),
        ("Infinity", "CAD"),
        ("12345678901234567890123456789.005", "CAD"),
        ("1E+999999999", "CAD"),
        ("1E-999999999", "CAD"),
    ],
)
def test_fractions_of_a_minor_unit_are_refused_and_never_rounded(amount: str, currency: str) -> None:
    with pytest.raises(AmountNotWhole):
        Money.from_decimal(Decimal(amount), currency)


@pytest.mark.parametrize("minor", [1.0, True, "1", None, Decimal(1)])
def test_minor_units_are_an_int_and_nothing_like_it(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor, "CAD")  # type: ignore[arg-type]


@given(st.integers(-(10**15), 10**15), CURRENCIES)
def test_the_amount_in_major_units_leads_back(minor: int, currency: str) -> None:
    assert Money.from_decimal(Money(minor, currency).decimal, currency) == Money(minor, currency)


@given(st.integers(), st.integers())
def test_arithmetic_is_that_of_integers(one: int, two: int) -> None:
    first, second = Money(one, "CAD"), Money(two, "CAD")
    assert (first + second).minor == one + two
    assert (first - second).minor == one - two
    assert (-first).minor == -one
    assert (first < second, first <= second, first > second, first >= second, first == second) == (
        one < two, one <= two, one > two, one >= two, one == two,
    )  # fmt: skip
    assert bool(first) == bool(one)


@pytest.mark.parametrize(
    "mix",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a > b,
        lambda a, b: a >= b,
        lambda a, b: total([a, b], "CAD"),
        max,
    ],
)
def test_currencies_do_not_mix(mix) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CurrencyMismatch) as mismatch:
        mix(Money(1, "CAD"), Money(1, "USD"))
    assert {mismatch.value.expected, mismatch.value.got} == {"CAD", "USD"}


def test_the_same_number_in_another_currency_is_not_equal() -> None:
    assert Money(1, "CAD") != Money(1, "USD")


def test_money_is_frozen_and_can_be_a_key() -> None:
    with pytest.raises(AttributeError):
        Money(1, "CAD").minor = 2  # type: ignore[misc]
    assert {Money(1, "CAD"): "a"}[Money(1, "CAD")] == "a"


def test_a_sum_of_nothing_is_zero_of_its_currency() -> None:
    assert total([], "JPY") == Money.zero("JPY") == Money(0, "JPY")


def test_text_for_logs_and_errors_has_amount_and_currency() -> None:
    assert str(Money(45210, "CAD")) == "452.10 CAD"
    assert str(Money(-5, "CAD")) == "-0.05 CAD"
    assert str(Money(500, "JPY")) == "500 JPY"
