"""How people say an amount: the words from which a mishearing starts."""

from __future__ import annotations

from decimal import Decimal

from num2words import num2words

LARGEST = 99_999  # dollars; what is more is asked for by keypad anyway
TEN = 10  # cents below this are said with an "oh"
HUNDRED, THOUSAND = 100, 1_000


def ways_to_say(amount: Decimal, language: str) -> tuple[str, ...]:
    """`amount` (major units, > 0, whole cents) as it is commonly said in "en" or "fr"; none for what is out of range.

    42.50 is "forty two dollars and fifty cents", "forty two dollars fifty" and "forty two fifty".
    """
    whole, cents = divmod(int(amount * 100), 100)
    if amount <= 0 or amount * 100 != amount * 100 // 1 or whole > LARGEST:
        return ()
    say = _french if language.startswith("fr") else _english
    return tuple(dict.fromkeys(say(whole, cents)))


def _english(whole: int, cents: int) -> list[str]:
    if not whole:
        return [f"{_words(cents)} cents"]
    said = [_words(whole), *_in_pairs(whole)]
    if not cents:
        return [f"{said[0]} dollars", *said]
    short = f"oh {_words(cents)}" if cents < TEN else _words(cents)
    return [f"{said[0]} dollars and {_words(cents)} cents", *(f"{one} dollars {short}" for one in said)] + [
        f"{one} {short}" for one in said
    ]


def _in_pairs(whole: int) -> list[str]:
    """412 as "four twelve", 2380 as "twenty three eighty" and "twenty three hundred eighty"."""
    high, low = divmod(whole, HUNDRED)
    if not high or high % TEN == 0 or low < TEN:
        return [f"{_words(high)} hundred"] if whole > THOUSAND and high % TEN and not low else []
    pairs = [f"{_words(high)} {_words(low)}"]
    return [*pairs, f"{_words(high)} hundred {_words(low)}"] if whole > THOUSAND else pairs


def _french(whole: int, cents: int) -> list[str]:
    if not whole:
        return [f"{_words(cents, 'fr')} cents"]
    said = _words(whole, "fr")
    if not cents:
        return [f"{said} dollars", said]
    rest = _words(cents, "fr")
    return [f"{said} dollars et {rest} cents", f"{said} dollars {rest}", f"{said} {rest}"]


def _words(number: int, language: str = "en") -> str:
    said = str(num2words(number, lang=language)).replace("-", " ").replace(",", "")
    return said.replace(" and ", " ") if language == "en" else said
