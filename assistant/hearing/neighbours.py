"""Which amounts sound like another: one word taken for another, one lost, or the point between dollars and cents lost.

The words are confused, not the figures: what a confusion comes to is read by the same reader as everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from assistant.amounts import Ambiguous, Exact, read_amount
from assistant.hearing.spoken import LARGEST, ways_to_say

# How readily a recogniser takes one word for another, relative to its other mistakes.
OFTEN, SOMETIMES, SELDOM = 0.5, 0.15, 0.05
LOST_WORD = 0.1
LOST_POINT = 0.4  # "twenty three eighty" is written 2380 as often as 23.80

_ENGLISH = {
    OFTEN: (
        *("thirteen thirty", "fourteen forty", "fifteen fifty", "sixteen sixty", "seventeen seventy"),
        *("eighteen eighty", "nineteen ninety"),
    ),
    SOMETIMES: (
        *("five nine", "fifty sixty", "fifteen sixteen", "four forty", "six sixty", "seven seventy", "seven eleven"),
        *("eight eighty", "nine ninety", "three thirty", "thirty forty", "thirteen fourteen", "two ten", "one nine"),
    ),
    SELDOM: ("fifteen fifty-five", "two twelve", "ten twelve", "sixty seventy", "eighty ninety", "one hundred"),
}
_FRENCH = {
    OFTEN: (
        *("trois treize", "treize trente", "trois trente", "quatre quarante", "quatorze quarante", "cinq cinquante"),
        *("quinze cinquante", "seize treize", "six dix", "deux dix"),
    ),
    SOMETIMES: (
        *("cinq quinze", "quatre quatorze", "deux douze", "six seize", "seize soixante", "cent vingt", "cinq cent"),
        *("sept seize", "treize seize", "quinze quinze-cents", "onze douze", "douze deux"),
    ),
    SELDOM: ("trente quarante", "quarante cinquante", "un onze", "mille six", "neuf dix-neuf", "vingt vingt-et-un"),
}
_SILENT = frozenset(("cents", "and", "et", "oh"))  # losing one of these changes nothing that anybody means
# Said as one breath, heard as half of it: the French tens that are sums.
_SUMS = (("soixante dix", "soixante"), ("quatre vingt dix", "quatre vingts"), ("quatre vingts", "quatre vingt dix"))


def _table(pairs: Mapping[float, tuple[str, ...]]) -> dict[str, list[tuple[str, float]]]:
    table: dict[str, list[tuple[str, float]]] = {}
    for weight, names in pairs.items():
        for pair in names:
            one, other = (word.replace("-", " ") for word in pair.split())
            table.setdefault(one, []).append((other, weight))
            table.setdefault(other, []).append((one, weight))
    return table


_TABLES = {"en": _table(_ENGLISH), "fr": _table(_FRENCH)}


@lru_cache(maxsize=4_096)
def neighbours(amount: Decimal, language: str) -> Mapping[Decimal, float]:
    """Amounts (major units) that sound like `amount`, each with how readily it is taken for it (0…1)."""
    language = "fr" if language.startswith("fr") else "en"
    found: dict[Decimal, float] = {}
    for said in ways_to_say(amount, language):
        for heard, weight in _misheard(said, language):
            for value in _read(heard, language):
                if value != amount and 0 < value <= LARGEST:
                    found[value] = max(found.get(value, 0.0), weight)
    for value in _without_the_point(amount):
        found[value] = LOST_POINT
    return MappingProxyType(found)


def _without_the_point(amount: Decimal) -> list[Decimal]:
    """2380 for 23.80 and the other way round; nobody says cents that are none."""
    with_cents, whole = amount / 100, amount * 100
    if amount % 1:
        return [whole.quantize(Decimal(1))] if whole <= LARGEST else []
    return [with_cents] if with_cents >= 1 and amount % 100 else []


def _misheard(said: str, language: str) -> Iterator[tuple[str, float]]:
    words, table = said.split(), _TABLES[language]
    for place, word in enumerate(words):
        for other, weight in table.get(word, ()):
            yield " ".join((*words[:place], other, *words[place + 1 :])), weight
        if len(words) > 1 and word not in _SILENT:
            yield " ".join((*words[:place], *words[place + 1 :])), LOST_POINT if word == "dollars" else LOST_WORD
    if language == "fr":
        for whole, part in _SUMS:
            if whole in said:
                yield said.replace(whole, part, 1), OFTEN


def _read(heard: str, language: str) -> tuple[Decimal, ...]:
    match read_amount(heard, language):
        case Exact(value=value):
            return (value,)
        case Ambiguous(candidates=candidates):
            return candidates
        case _:
            return ()
