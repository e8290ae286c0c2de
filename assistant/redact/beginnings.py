"""Card numbers with a slip in them, and beginnings of card numbers: no check digit proves them, but their shape, what
is written beside them, or the way they are spelled gives them away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

from assistant.redact.labels import Label
from assistant.redact.luhn import LONGEST, PREFIX_LENGTH, SHORTEST, lengths_of
from assistant.redact.readings import Reader
from assistant.redact.runs import Run
from assistant.redact.words import Kind

KEPT_DIGITS = 8  # of a card number whose rest comes in another message
PHONE = re.compile(r"1?(?!37|96)[2-9][0-8][0-9][2-9][0-9]{6}")  # North American; 37x and 96x are not given out
LONGEST_CAPACITY = 5 * LONGEST  # of words ("four hundred forty-four"); only to spare work
GROUP = 4
_FOURS = (4, 8, 12, 16)
_FOUR_TEN = (4, 10)  # American Express, Diners Club
LAST_OF_FOUR_TEN = 6
_TYPED_WHOLE = (15, 16)  # digits: what is no card number of another length by chance
_HALF = re.compile(r"[23456][0-9]{11}|37[0-9]{8}")  # alone in a message, and it ends where a group of digits ends


def looks_like_card(run: Run, label: Label, *, alone: bool) -> bool:
    """Whether a run that holds no valid card number is one with a slip, or the beginning of one.

    `alone`: it is all that its message says. A bare numeral of nine to eleven digits is nothing of a card for all we
    know: phone and account numbers have as many.
    """
    if label.foreign or run.capacity > LONGEST_CAPACITY:
        return False
    pieces = [digits for digits, _, _ in Reader(run.parts).plainest()]
    digits = "".join(pieces)
    lengths = lengths_of(digits[:PREFIX_LENGTH])
    if label.kind == "card" and SHORTEST <= len(digits) <= LONGEST:
        return True
    if not lengths or not KEPT_DIGITS < len(digits) <= max(lengths):
        return False
    if label.kind == "card" or _grouped(pieces):
        return True
    if run.spoken or set(map(len, pieces)) <= {1, 2}:
        return not PHONE.fullmatch(digits)
    return len(pieces) == 1 and _bare(digits, alone=alone)


def _bare(digits: str, *, alone: bool) -> bool:
    if len(digits) >= SHORTEST:
        return len(digits) in _TYPED_WHOLE and len(digits) in lengths_of(digits[:PREFIX_LENGTH])
    return alone and _HALF.fullmatch(digits) is not None


def _grouped(pieces: Sequence[str]) -> bool:
    """In the groups that are printed on cards, two at least, the last one perhaps not whole."""
    *ends, end = accumulate(map(len, pieces))
    last = len(pieces[-1])
    if not ends or ends[0] != GROUP:  # eight digits and some more are a date and something
        return False
    if all(place in _FOURS for place in ends) and (end in _FOURS or last <= GROUP):
        return True
    return pieces[0][0] == "3" and all(place in _FOUR_TEN for place in ends) and last <= LAST_OF_FOUR_TEN


def kept_until(run: Run, kept: int) -> int:
    """The place in the text up to which a run may stand so that at most `kept` of its digits remain."""
    place = run.start
    for digits, first, last in Reader(run.parts).plainest():
        if len(digits) > kept:
            return first.start + kept if first.kind is Kind.DIGITS and kept else place
        place, kept = last.end, kept - len(digits)
    return place
