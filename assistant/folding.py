"""Text as people write it, folded to plain lower-case ASCII where it has one, with the way back to the original.

`fold` makes "４２", "4️⃣2️⃣", "٤٢" and a 4, an invisible character and a 2 the same "42", "Zéro" the same "zero", every
dash "-" and every blank " ".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

QUOTES = "’‘ʼ`´′"
MINUS_SIGNS = "−➖⁃"


@dataclass(frozen=True, slots=True)
class Folded:
    """`text[i]` came from the character `origin[i]` of the original."""

    text: str
    origin: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` (not empty) stands in the original."""
        return self.origin[start], self.origin[end - 1] + 1


def fold(text: str) -> Folded:
    """One pass, linear in the length of `text`."""
    if text.isascii():
        return Folded(text.lower(), range(len(text)))
    plain: list[str] = []
    origin: list[int] = []
    for position, character in enumerate(text):
        folded = _fold_character(character)
        plain.append(folded)
        origin.extend([position] * len(folded))
    return Folded("".join(plain), origin)


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:  # noqa: PLR0911  a return a kind of character
    """Nothing for what is invisible or only decorates another character; a digit for every numeral zero to nine."""
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me"):  # zero-width, bidi, soft hyphen; accents, emoji variation and keycap
        return ""
    if category in ("Nd", "Nl", "No", "Lo"):  # digits of any script, also in circles, and letters for numbers (四, 〇)
        value = unicodedata.numeric(character, -1)
        if value in range(10):
            return str(int(value))
    if category == "Pd" or character in MINUS_SIGNS:
        return "-"
    if category == "Zs":
        return " "
    if character in QUOTES:
        return "'"
    if character == "⁄":
        return "/"
    if character in "œŒæÆ":
        return "oe" if character in "œŒ" else "ae"
    decomposed = unicodedata.normalize("NFKD", character)
    if decomposed == character:
        return character.lower()
    return "".join(_fold_character(part) for part in decomposed if part != character)
