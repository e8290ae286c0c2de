"""Digits that are said one by one: "four two four two" and "4 2 4 2" are 4242, as a card's ending is written."""

from __future__ import annotations

import re

ENDING = 4  # digits; a shorter run may be an amount, a longer one is no ending
_NAMES = "zero one two three four five six seven eight nine", "zéro un deux trois quatre cinq six sept huit neuf"
_DIGITS = {name: str(digit) for names in _NAMES for digit, name in enumerate(names.split())} | {"oh": "0", "une": "1"}
_ONE = rf"(?:\d|{'|'.join(_DIGITS)})"
_RUN = re.compile(rf"(?<![\w$.,]){_ONE}(?:[ -]{_ONE})+(?![\w.,]\w|\w)", re.IGNORECASE)


def joined(text: str) -> str:
    """`text` with every run of exactly four such digits written as one number."""

    def write(run: re.Match[str]) -> str:
        digits = [_DIGITS.get(digit.casefold(), digit) for digit in re.split("[ -]", run[0])]
        return "".join(digits) if len(digits) == ENDING else run[0]

    return _RUN.sub(write, text)
