"""Cuts a text into words and numerals, and finds the runs that may be one number: "4242 and then forty-two 42"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assistant.amounts.lexicon import CURRENCY_SIGNS
from assistant.redact.words import MEANINGS, NUMBER_SPELLINGS, SILENT, Kind

LONGEST_GAP = 8  # characters that are no letters and no digits, between two parts of a number
MOST_WORDS_BETWEEN = 5  # "4242 4242 and then the rest is 4242 4242"
SHORTEST_GLUED = 4  # letters: "unun"

_TOKEN = re.compile(
    r"(?P<marker>⟦(?:card|code|expiry)⟧)"
    r"|(?P<code>(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z]))"  # a UUID
    r"|(?P<digits>[0-9][0-9oil]*(?![a-z])|(?<![a-z])(?:[oil]+[0-9][0-9oil]*|[oil]{4})(?![a-z])|[0-9]+)"  # "4OOO llll"
    r"|(?P<word>cv[cv]2|[a-z]+)"
)
_DIGIT = re.compile("[0-9]")
_LOOKALIKES = str.maketrans("oil", "011")
_BREAKS = re.compile(rf"[{re.escape(''.join(CURRENCY_SIGNS))}%]|[^0-9]\+$")  # money; "+1 514…" begins a phone number
_PLAIN_GAPS = ("", " ", "-")
_SPELLED = frozenset((Kind.UNIT, Kind.TEEN, Kind.TENS, Kind.HUNDRED, Kind.THOUSAND, Kind.REPEAT))
_NUMBERS = _SPELLED | {Kind.DIGITS, Kind.PLURAL, Kind.SOUNDS_LIKE}
_GLUED_WORD = re.compile("|".join(sorted(NUMBER_SPELLINGS - {"o", "oh"}, key=len, reverse=True)))
_GLUED = re.compile(f"(?:{_GLUED_WORD.pattern})+")
_MOST_DIGITS = {
    Kind.UNIT: 1, Kind.TEEN: 2, Kind.TENS: 2, Kind.HUNDRED: 3, Kind.THOUSAND: 4, Kind.REPEAT: 6, Kind.PLURAL: 8,
    Kind.SOUNDS_LIKE: 1,
}  # fmt: skip


class Token(NamedTuple):
    """A word, a numeral, a code or a marker of ours; `start` and `end` are places in the folded text."""

    kind: str
    text: str
    start: int
    end: int


class Part(NamedTuple):
    """A token as a part of a run: `text` is the numeral of DIGITS, `value` the value of the others (words.Kind)."""

    kind: Kind
    value: int
    text: str
    start: int
    end: int
    token: int  # its index


@dataclass(frozen=True, slots=True)
class Run:
    """Parts that stand together, with a number at either end. `capacity`: how many digits they can mean at most."""

    parts: Sequence[Part]
    capacity: int

    @property
    def start(self) -> int:
        return self.parts[0].start

    @property
    def end(self) -> int:
        return self.parts[-1].end

    @property
    def spoken(self) -> bool:
        return any(part.kind in _SPELLED for part in self.parts)

    @property
    def large(self) -> bool:
        """Whether it has words for hundreds or thousands."""
        return any(part.kind in (Kind.HUNDRED, Kind.THOUSAND) for part in self.parts)

    def since(self, place: int) -> Run | None:
        """The part of it from a place in the text on."""
        if self.start >= place:
            return self
        parts = [part for part in self.parts if part.start >= place]
        while parts and parts[0].kind in SILENT:
            parts.pop(0)
        return make_run(parts) if parts else None


def make_run(parts: Sequence[Part]) -> Run:
    return Run(parts, sum(map(capacity_of, parts)))


def capacity_of(part: Part) -> int:
    """How many digits it can bring at most."""
    return len(part.text) if part.kind is Kind.DIGITS else _MOST_DIGITS.get(part.kind, 0)


def tokenize(text: str) -> list[Token]:
    """The tokens of a folded text."""
    return [Token(found.lastgroup or "", found[0], *found.span()) for found in _TOKEN.finditer(text)]


def has_number(text: str) -> bool:
    """Whether a folded text has a run of numbers at all."""
    return _DIGIT.search(text) is not None or any(
        parts[0].kind in _NUMBERS for token in tokenize(text) if (parts := _parts(token, 0))
    )


def find_runs(text: str, tokens: Sequence[Token]) -> list[Run]:
    """The runs of numbers in a folded text."""
    runs: list[Run] = []
    parts: list[Part] = []
    between: list[Part] = []
    end = 0
    for index, token in enumerate(tokens):
        found = _parts(token, index)
        kind = found[0].kind if found else Kind.END
        if kind is Kind.SOUNDS_LIKE and not (_ends_spoken(parts) and not between and _is_spoken(tokens, index + 1)):
            kind = Kind.END
        if parts and (kind is Kind.END or len(between) > MOST_WORDS_BETWEEN or _apart(text[end : token.start])):
            runs.append(make_run(parts))
            parts, between = [], []
        if kind in _NUMBERS:
            if between:
                parts += between
                between = []
            parts += found
        elif parts and kind in SILENT:
            between += found
        end = token.end
    return [*runs, make_run(parts)] if parts else runs


def _parts(token: Token, index: int) -> Sequence[Part]:
    """What a token means in a run; several parts where number words are written as one ("fortytwofortytwo")."""
    kind, text, start, end = token
    if kind == "digits":
        return (Part(Kind.DIGITS, 0, text if text.isdigit() else text.translate(_LOOKALIKES), start, end, index),)
    if kind != "word":
        return ()
    meaning = MEANINGS.get(text)
    if meaning:
        return (Part(meaning[0], meaning[1], text, start, end, index),)
    if len(text) < SHORTEST_GLUED or not _GLUED.fullmatch(text):
        return ()
    return [
        Part(*MEANINGS[found[0]], found[0], start + found.start(), start + found.end(), index)
        for found in _GLUED_WORD.finditer(text)
    ]


def _ends_spoken(parts: Sequence[Part]) -> bool:
    return bool(parts) and (parts[-1].kind in _SPELLED or parts[-1].kind is Kind.SOUNDS_LIKE)


def _is_spoken(tokens: Sequence[Token], index: int) -> bool:
    meaning = MEANINGS.get(tokens[index].text) if index < len(tokens) else None
    return meaning is not None and (meaning[0] in _SPELLED or meaning[0] is Kind.SOUNDS_LIKE)


def _apart(gap: str) -> bool:
    return gap not in _PLAIN_GAPS and (
        (len(gap) > LONGEST_GAP and not gap.isspace()) or _BREAKS.search(gap) is not None
    )
