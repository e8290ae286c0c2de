"""Plain GSM text: one character outside the alphabet cuts a text message from 160 characters a segment to 70."""

from __future__ import annotations

import unicodedata

# GSM 03.38, basic table and the extension that costs two places each.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "^{}\\[~]|€"
ALPHABET = frozenset(_BASIC + _EXTENSION)

_INSTEAD = {
    "−": "-", "–": "-", "—": "-", "•": "-", "…": "...", "œ": "oe", "Œ": "OE", "€": "EUR",
    "‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"', "\u00a0": " ", "\u202f": " ", "\u2009": " ",
}  # fmt: skip


def plain_gsm(text: str) -> str:
    """`text` in characters of the GSM alphabet: accents that it lacks are dropped, typography made plain."""
    return "".join(c if c in ALPHABET and c not in _INSTEAD else _plain(c) for c in text)


def _plain(character: str) -> str:
    if character in _INSTEAD:
        return _INSTEAD[character]
    bare = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    return bare if bare and all(c in ALPHABET for c in bare) else "?"
