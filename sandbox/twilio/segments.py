"""How many messages a text is on the air: GSM 03.38 septets where its alphabet suffices, else UTF-16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")  # each behind an escape: two septets
# Units that fit into one message, and into each part of a longer one, whose header takes the rest.
GSM_7, UCS_2 = ("GSM-7", 160, 153), ("UCS-2", 70, 67)
FIRST_PAIR = 0x10000  # a character from here on is two UTF-16 units


@dataclass(frozen=True, slots=True)
class Segments:
    encoding: str
    count: int


def segments(text: str) -> Segments:
    if (BASIC | EXTENDED).issuperset(text):
        return _packed([2 if character in EXTENDED else 1 for character in text], *GSM_7)
    return _packed([2 if ord(character) >= FIRST_PAIR else 1 for character in text], *UCS_2)


def _packed(widths: Sequence[int], encoding: str, alone: int, part: int) -> Segments:
    """No character is cut in two, so that a part may have to stay one unit short."""
    if sum(widths) <= alone:
        return Segments(encoding, 1)
    count, used = 1, 0
    for width in widths:
        if used + width > part:
            count, used = count + 1, 0
        used += width
    return Segments(encoding, count)
