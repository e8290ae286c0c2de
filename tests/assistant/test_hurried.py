from __future__ import annotations

import pytest

from assistant.amounts import NoAmount, Relative, read_amount
from assistant.hurried import without_slips


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("evrything", "full"), ("evrythng", "full"), ("everthing", "full"), ("al of it", "full"), ("pay it al", "full"),
        ("hlaf", "half"), ("haf of it", "half"), ("holf", "half"), ("toutt", "full"), ("tt", "full"),
        ("la moitier", "half"), ("la moité", "half"),
    ],
)  # fmt: skip
def test_a_slip_is_put_right(said: str, means: str) -> None:
    corrected = without_slips(said)
    assert corrected is not None
    reading = read_amount(corrected, "en")
    assert isinstance(reading, Relative)
    assert reading.base == means


@pytest.mark.parametrize("said", ["everything", "half", "i will call you back", "hello there", "50", "visa", "", "pay"])
def test_what_is_right_or_something_else_stays(said: str) -> None:
    assert without_slips(said) is None


def test_no_number_ever_comes_of_it() -> None:
    for word in ("fifty", "fivty", "forty", "fourty", "hundert", "cent", "sent"):
        corrected = without_slips(word)
        assert corrected is None or isinstance(read_amount(corrected, "en"), NoAmount | Relative)
