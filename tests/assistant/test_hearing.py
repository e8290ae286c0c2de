"""Misheard amounts: what sounds alike is known to, and what competes is asked for by keypad."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.amounts import Ambiguous, AmountReading, Exact, NoAmount, Relative, read_amount
from assistant.hearing import Believed, Bill, Doubtful, neighbours, ways_to_say, weigh
from benchmarks.hearing import LINES, calls, measure

SURE = 0.9


def heard(amount: str, owed: str, *named: str, confidence: float | None = SURE, language: str = "en") -> object:
    bill = Bill(Decimal(owed), tuple(Decimal(name) for name in named))
    return weigh(Exact(Decimal(amount)), confidence=confidence, language=language, bill=bill)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        *(("en", "13", "30"), ("en", "14", "40"), ("en", "15", "50"), ("en", "16", "60"), ("en", "17", "70")),
        *(("en", "18", "80"), ("en", "19", "90"), ("en", "113", "130"), ("en", "415.10", "450.10")),
        *(("en", "23.80", "2380"), ("en", "42.15", "42.50"), ("en", "59", "55"), ("en", "5", "9")),
        *(("fr", "3", "13"), ("fr", "3", "30"), ("fr", "13", "30"), ("fr", "4", "40"), ("fr", "14", "40")),
        *(("fr", "15", "50"), ("fr", "6", "10"), ("fr", "60", "70"), ("fr", "80", "90"), ("fr", "23.80", "2380")),
        *(("fr", "2", "12"), ("fr", "100", "20"), ("fr", "75", "65")),
    ],
)
def test_what_sounds_alike_is_a_neighbour_in_one_direction_at_least(language: str, one: str, other: str) -> None:
    near, far = Decimal(one), Decimal(other)
    assert far in neighbours(near, language) or near in neighbours(far, language)


@pytest.mark.parametrize(("one", "other"), [("15", "50"), ("14", "40"), ("13", "30"), ("23.80", "2380")])
def test_the_classic_pairs_are_neighbours_in_both_directions(one: str, other: str) -> None:
    assert Decimal(other) in neighbours(Decimal(one), "en")
    assert Decimal(one) in neighbours(Decimal(other), "en")


@given(st.integers(1, 9_999_999), st.sampled_from(["en", "fr"]))
def test_no_amount_is_its_own_neighbour_and_all_are_payable(cents: int, language: str) -> None:
    amount = Decimal(cents) / 100
    found = neighbours(amount, language)
    assert amount not in found
    assert all(0 < value <= 99_999 and 0 < readily <= 1 for value, readily in found.items())


@given(st.integers(100, 9_999_999), st.sampled_from(["en", "fr"]))  # "deux cents" is two hundred as well as two cents
def test_an_amount_said_in_full_is_read_as_it_was_meant(cents: int, language: str) -> None:
    amount = Decimal(cents) / 100
    in_full, *_ = ways_to_say(amount, language)
    reading = read_amount(in_full, language)
    assert isinstance(reading, Exact)
    assert reading.value == amount


def test_what_cannot_be_said_has_no_words() -> None:
    assert (
        ways_to_say(Decimal("0"), "en") == ways_to_say(Decimal("-5"), "en") == ways_to_say(Decimal("1.005"), "fr") == ()
    )
    assert ways_to_say(Decimal(100_000), "en") == ()


def test_the_balance_is_believed_and_its_neighbour_is_not() -> None:
    assert isinstance(heard("50", "50.00"), Believed)
    asked = heard("15", "50.00")
    assert isinstance(asked, Doubtful)
    assert asked.candidates[0] == 50
    assert Decimal(15) in asked.candidates


def test_a_lost_point_between_dollars_and_cents_is_asked_about() -> None:
    asked = heard("2380", "23.80")
    assert isinstance(asked, Doubtful)
    assert asked.candidates[0] == Decimal("23.80")
    assert isinstance(heard("23.80", "23.80"), Believed)


def test_an_invoice_that_sounds_like_it_competes() -> None:
    assert isinstance(heard("70", "312.00", "60.00", "252.00", language="fr"), Doubtful)
    assert isinstance(heard("60", "312.00", "60.00", "252.00", language="fr"), Believed)


def test_fifteen_is_asked_about_where_nothing_speaks_for_it() -> None:
    assert isinstance(heard("15", "412.10"), Doubtful)


def test_the_recogniser_being_unsure_is_reason_enough() -> None:
    assert isinstance(heard("412.10", "412.10", confidence=0.95), Believed)
    assert isinstance(heard("412.10", "412.10", confidence=0.3), Doubtful)
    assert isinstance(heard("412.10", "412.10", confidence=None), Believed)


@pytest.mark.parametrize("reading", [Relative("full"), Relative("half"), Relative("full_minus", Decimal(20))])
def test_a_share_is_believed_unless_hardly_heard(reading: AmountReading) -> None:
    bill = Bill(Decimal("412.10"))
    assert weigh(reading, confidence=SURE, language="en", bill=bill) == Believed(reading)
    assert isinstance(weigh(reading, confidence=0.2, language="en", bill=bill), Doubtful)


def test_what_was_ambiguous_stays_so_and_nothing_stays_nothing() -> None:
    bill = Bill(Decimal("450"))
    several = Ambiguous((Decimal("4.50"), Decimal(450)))
    assert weigh(several, confidence=SURE, language="en", bill=bill) == Doubtful(several.candidates)
    assert weigh(NoAmount(), confidence=0.1, language="en", bill=bill) == Believed(NoAmount())


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_guard_lets_few_wrong_amounts_pass_on_a_usual_line(language: str) -> None:
    """Noise that knows nothing of the guard's table: at least nine of ten wrong amounts are caught, half believed."""
    found = measure(language, LINES[1], 400, seed=11)
    assert found["wrong_without"] > 20
    assert found["wrong_with"] <= found["wrong_without"] / 10
    assert found["questions"] < 500


def test_the_same_seed_makes_the_same_calls() -> None:
    assert list(calls(Random(4), "fr", LINES[2], 20)) == list(calls(Random(4), "fr", LINES[2], 20))
