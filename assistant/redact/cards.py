"""Finds the card numbers that a run of numbers can hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assistant.redact.luhn import NOTHING_YET, PREFIX_LENGTH, VALID, holds, lengths_of, luhn_sum, prepend
from assistant.redact.readings import Reader, Reading
from assistant.redact.runs import Run

Window = tuple[int, int]  # indices of the first part of a card number and of the part after it


def card_windows(run: Run) -> Iterator[Window]:
    """Where in a run a number stands that some network could have issued; time linear in the length of the run.

    Numbers begin and end where parts do: a card number inside a longer numeral is chance.
    """
    readings = Reader(run.parts).all_readings()
    states = [NOTHING_YET] * (len(readings) + 1)  # of all strings that begin at a part (luhn.py)
    begins: list[int] = []
    for at in range(len(readings) - 1, -1, -1):
        state, valid = NOTHING_YET, 0
        for digits, after in readings[at]:
            if digits:
                state |= prepend(digits, states[after])
                valid |= VALID[digits[0]]
            else:
                state |= states[after]
        states[at] = state
        if state & valid:
            begins.append(at)
    for at in reversed(begins):
        yield from _windows_from(at, readings, states)


def _windows_from(start: int, readings: Sequence[Sequence[Reading]], states: list[int]) -> Iterator[Window]:
    pending = [("", start)]
    while pending:
        digits, at = pending.pop()
        if len(digits) < PREFIX_LENGTH:
            if at < len(readings):
                pending += [(digits + more, after) for more, after in readings[at] if digits or more]
            continue
        for length in lengths_of(digits[:PREFIX_LENGTH]):
            right = length - len(digits)
            rest = -luhn_sum(digits, right) % 10
            if right >= 0 and holds(states[at], right, rest):
                yield start, _end(at, right, rest, readings, states)


def _end(at: int, count: int, total: int, readings: Sequence[Sequence[Reading]], states: list[int]) -> int:
    """Where a string ends that begins at `at`, has `count` digits and the sum `total`; there is one."""
    while count:
        for digits, after in readings[at]:
            left = count - len(digits)
            rest = (total - luhn_sum(digits, left)) % 10
            if left >= 0 and holds(states[after], left, rest):
                at, count, total = after, left, rest
                break
    return at
