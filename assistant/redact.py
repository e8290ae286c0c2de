"""Takes card numbers out of what customers type, before anything stores, logs or understands it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from assistant.folding import fold

TAIL_CHARS = 200
CARD_MARKER = "⟦card⟧"
CODE_MARKER = "⟦code⟧"

_RUN = re.compile(r"\d(?:[\s\-/.,_]{0,3}\d)*")


@dataclass(frozen=True, slots=True)
class Redaction:
    """`text` is safe to store; `removed` says that something of a card was in it."""

    text: str
    removed: bool


def redact(text: str, before: str = "") -> Redaction:
    """`text` without card numbers; `before` is the end of what the same sender wrote last (at most TAIL_CHARS)."""
    folded = fold(text)
    pieces: list[str] = []
    kept_to = 0
    for run in _RUN.finditer(folded.text):
        if _holds_card(re.sub(r"\D", "", run[0])):
            start, end = folded.span(run.start(), run.end())
            pieces += [text[kept_to:start], CARD_MARKER]
            kept_to = end
    return Redaction("".join([*pieces, text[kept_to:]]), bool(pieces))


def _holds_card(digits: str) -> bool:
    return any(
        digits[start] in "23456" and luhn(digits[start : start + length])
        for length in range(13, 20)
        for start in range(len(digits) - length + 1)
    )


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = sum(int(digit) for digit in digits[-1::-2])
    return (total + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])) % 10 == 0
