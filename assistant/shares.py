"""Shares of what is owed beyond the half: "25 %", "a third of it", "les trois quarts"; and who asks for the minimum."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from assistant.folding import fold

_PERCENT = re.compile(
    r"(?<![\d.,])(\d{1,4}(?:[.,]\d{1,3})?) ?(?:%|percent\b|per cent\b|pourcents?\b|pour ?cents?\b|p\.? ?c\.?(?= |$))"
)
_TWENTY_FIVE = {
    "ten": 10, "twenty": 20, "twenty-five": 25, "twenty five": 25, "thirty": 30, "forty": 40, "sixty": 60,
    "seventy": 70, "seventy-five": 75, "seventy five": 75, "eighty": 80, "ninety": 90, "dix": 10, "vingt": 20,
    "vingt-cinq": 25, "vingt cinq": 25, "trente": 30, "quarante": 40, "soixante": 60, "soixante-quinze": 75,
    "quatre-vingts": 80,
}  # fmt: skip
_SPOKEN_PERCENT = re.compile(
    rf"\b({'|'.join(sorted(_TWENTY_FIVE, key=len, reverse=True))}) (?:percent|per cent|pour ?cents?)\b"
)
_FRACTIONS = (
    (re.compile(r"\b(?:three|3)[- ](?:quarters?|fourths?)\b|\b(?:trois|3) quarts?\b|(?<!\d)3/4(?!\d)"), Fraction(3, 4)),
    (re.compile(r"\b(?:two|2)[- ]thirds?\b|\b(?:deux|2) tiers\b|(?<!\d)2/3(?!\d)"), Fraction(2, 3)),
    (re.compile(r"\b(?:a|one|1) quarter\b|\bquarter of\b|\b(?:le|un) quart\b|(?<!\d)1/4(?!\d)"), Fraction(1, 4)),
    (re.compile(r"\b(?:a|one|1) third\b|\bthird of\b|\b(?:le|un) tiers\b|(?<!\d)1/3(?!\d)"), Fraction(1, 3)),
)  # fmt: skip
_MINIMUM = re.compile(
    r"\bmin(?:imum|imal|imun|inum|\.)?\b|\bsmallest (?:amount|payment)\b"
    r"|\b(?:least|lowest) (?:amount|payment|i can|you)\b"
    r"|\bleast that i can\b|\ble moins (?:possible|que je peux)\b|\bplus petit montant\b"
)


def read_share(text: str) -> Fraction | None:
    """The share of the whole that `text` names, 0 or more; None for none. "Half" and "all" are the amount reader's."""
    folded = fold(text).text
    if found := _PERCENT.search(folded):
        try:
            return Fraction(Decimal(found[1].replace(",", "."))) / 100
        except InvalidOperation:
            return None
    if found := _SPOKEN_PERCENT.search(folded):
        return Fraction(_TWENTY_FIVE[found[1]], 100)
    return next((share for pattern, share in _FRACTIONS if pattern.search(folded)), None)


def asks_for_minimum(text: str) -> bool:
    """ "The minimum", "le minimum": as on a credit card, which a bill is not."""
    return _MINIMUM.search(fold(text).text) is not None
