"""Numbers as digits and as words: 2.5k, "2 hundred fifty", "forty-two fifty", "sixty-two oh five", "a buck".

text2num composes the cardinals ("four hundred and fifty-two", "quatre-vingt-dix-sept"). Around it stands what it gets
wrong or does not know: scales after numerals, spoken cents, decimals, halves, digit by digit, and the French "cents",
which are hundreds or coins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from text_to_num import text2num  # type: ignore[attr-defined]  # its stub does not export it

from assistant.amounts.lexicon import SCALES, Lexicon
from assistant.amounts.tokens import Token

HUNDRED, TEN = Decimal(100), Decimal(10)
HALF, QUARTER = Decimal("0.5"), Decimal("0.25")
CENT_DIGITS = 2
LONGEST_WHOLE = 4  # digits before spoken or spaced cents: "9999 99"
LONGEST_SPELLED = 7  # digits said one by one; more is a phone number or an account
LONGEST_CARDINAL = 12  # words; "neuf mille neuf cent quatre vingt dix neuf" has eight


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in the sentence. Several `values` where the words allow several, none where they make no number.

    `parts` are the whole and the cents of a pair without a word for either ("forty-two fifty").
    """

    text: str
    values: tuple[Decimal, ...]
    money: bool = False  # a currency stands beside it
    currency: str | None = None
    spoken: bool = False  # words, not digits
    parts: tuple[Decimal, Decimal] | None = None
    kind: str = "quantity"

    def plus(self, part: Decimal) -> Quantity:
        return replace(self, values=tuple(value + part for value in self.values), parts=None)


@lru_cache(maxsize=2048)
def cardinal(words: tuple[str, ...], language: str) -> tuple[int, int] | None:
    """The number that `words` begin with and how many of them it takes, the longest that text2num accepts."""
    for length in range(min(len(words), LONGEST_CARDINAL), 0, -1):
        try:
            return text2num(" ".join(words[:length]), language), length
        except ValueError:
            continue
    return None


class NumberReader:
    """Reads at a position: answers what stands there and where it ends, or None."""

    def __init__(self, tokens: Sequence[Token], lexicon: Lexicon) -> None:
        self.tokens, self.lexicon = tokens, lexicon

    def word(self, position: int) -> str:
        """The word at `position`; an empty string for anything else, the ends included."""
        if 0 <= position < len(self.tokens) and self.tokens[position].kind == "word":
            return self.tokens[position].text
        return ""

    def kind(self, position: int) -> str:
        return self.tokens[position].kind if 0 <= position < len(self.tokens) else "end"

    def number(self, position: int) -> tuple[Quantity, int] | None:
        if self.kind(position) == "number":
            return self._numeral(position)
        return self._article_number(position) or self._spoken(position)

    # Digits

    def _numeral(self, position: int) -> tuple[Quantity, int]:
        token = self.tokens[position]
        quantity, end = Quantity(token.text, token.values), position + 1
        scale = SCALES.get(self.word(end))
        if scale:
            quantity = replace(quantity, values=tuple(value * scale for value in token.values))
            return self._tail(quantity, end + 1, scale)
        if self.word(end) in self.lexicon.point and self.kind(end + 1) in ("number", "code"):
            fraction = self.tokens[end + 1].text
            if token.text.isdigit() and fraction.isdigit():
                return replace(quantity, values=(Decimal(f"{token.text}.{fraction}"),)), end + 2
        return self._numeral_pair(quantity, end)

    def _tail(self, quantity: Quantity, position: int, scale: int) -> tuple[Quantity, int]:
        """The "fifty" of "2 hundred (and) fifty"."""
        start = position + (self.word(position) in self.lexicon.linkers)
        if self.kind(start) == "number" and self.tokens[start].text.isdigit():
            rest, end = self.tokens[start].values[0], start + 1
            smaller = SCALES.get(self.word(end), 1)
            if 1 < smaller < scale:  # "1 thousand 2 hundred"
                return self._tail(quantity.plus(rest * smaller), end + 1, smaller)
        else:
            found = self.cardinal(start)
            if not found:
                return quantity, position
            rest, end = Decimal(found[0]), found[1]
        closed = start == position or self.kind(end) in ("end", "punctuation") or rest < HUNDRED
        return (quantity.plus(rest), end) if rest < scale and closed else (quantity, position)

    def _numeral_pair(self, quantity: Quantity, position: int) -> tuple[Quantity, int]:
        """ "42 50" is forty-two fifty as speech recognisers write it, where no other number stands beside."""
        numerals = ("number", "code")
        lonely = self.kind(position - 2) not in numerals and self.kind(position + 1) not in numerals
        if not lonely or self.kind(position) not in numerals or self.word(position - 2) in self.lexicon.identifiers:
            return quantity, position  # "visa 4242 50 bucks"
        whole, cents = quantity.text, self.tokens[position].text
        if whole.isdigit() and len(whole) <= LONGEST_WHOLE and cents.isdigit() and len(cents) == CENT_DIGITS:
            return _pair(quantity, quantity.values[0], Decimal(cents)), position + 1
        return quantity, position

    # Words

    def _article_number(self, position: int) -> tuple[Quantity, int] | None:
        """ "a buck", "a hundred", "half a grand" """
        lexicon = self.lexicon
        halved = self.word(position) in lexicon.half
        named = position + 1 + halved
        if self.word(named - 1) not in lexicon.articles:
            return None
        word = self.word(named)
        if word in lexicon.units:  # the unit is read again, as the currency of the 1
            return Quantity(word, (HALF if halved else Decimal(1),), spoken=True), named
        if word not in SCALES:
            return None
        if halved:
            return Quantity(word, (Decimal(SCALES[word]) / 2,), spoken=True), named + 1
        return self._spoken(named) or (Quantity(word, (Decimal(SCALES[word]),), spoken=True), named + 1)

    def _spoken(self, position: int) -> tuple[Quantity, int] | None:
        if self.word(position) in self.lexicon.point:  # "point fifty"
            fraction = self._fraction(position + 1)
            return (Quantity("point", (Decimal("0." + fraction[0]),), spoken=True), fraction[1]) if fraction else None
        found = self.cardinal(position)
        if not found:
            return None
        value, end = found
        text = " ".join(self.word(index) for index in range(position, end))
        return self._after_cardinal(Quantity(text, (Decimal(value),), spoken=True), end, single=end - position == 1)

    def _after_cardinal(self, quantity: Quantity, end: int, *, single: bool) -> tuple[Quantity, int]:
        value = quantity.values[0]
        if self.word(end) in self.lexicon.point:
            fraction = self._fraction(end + 1)
            if fraction:
                return replace(quantity, values=(Decimal(f"{value}.{fraction[0]}"),)), fraction[1]
        if self.word(end) in self.lexicon.linkers:
            part, after = self.half_or_quarter(end + 1)
            if part:
                scale = SCALES.get(self.word(after), 1)  # "two and a half thousand"
                slang = (value * (1 + part),) if value >= HUNDRED else ()  # "a hundred and a half" is 150 for some
                return replace(quantity, values=((value + part) * scale, *slang)), after + (scale > 1)
        scale = SCALES.get(self.word(end), 1)
        if scale > 1:  # "five grand"
            return self._tail(replace(quantity, values=(value * scale,)), end + 1, scale)
        return self._spoken_pair(quantity, end, single=single)

    def half_or_quarter(self, position: int) -> tuple[Decimal, int]:
        """ "(a) half", "(et) demie", "quart" """
        start = position + (self.word(position) in self.lexicon.articles)
        if self.word(start) in self.lexicon.half:
            return HALF, start + 1
        if self.word(start) in self.lexicon.quarter:
            return QUARTER, start + 1
        return Decimal(0), position

    def _fraction(self, position: int) -> tuple[str, int] | None:
        """Digits after a spoken point: "zero three" is 03, "seventy-one" 71, "two five" 25."""
        digits = ""
        while self.word(position) in self.lexicon.digits:
            found = self.cardinal(position)
            if found and found[1] > position + 1:  # the first word of a longer number
                break
            digits += self.lexicon.digits[self.word(position)]
            position += 1
        found = self.cardinal(position)
        if found:
            return digits + str(found[0]), found[1]
        return (digits, position) if digits else None

    def _spoken_pair(self, quantity: Quantity, end: int, *, single: bool) -> tuple[Quantity, int]:
        """Cents without a word for them, and what is said digit by digit.

        "forty-two fifty" 42.50 · "sixty-two oh five" 62.05 · "four fifty-two ten" 452.10 · "four fifty" 4.50 or 450
        """
        whole = quantity.values[0]
        second = self._pair_member(end)
        if not second or whole == 0:
            return quantity, end
        rest, after, oh = second
        if whole < TEN and rest < TEN and not oh:
            return self._digit_by_digit(quantity, end)
        third = self._pair_member(after)
        if third and whole < TEN and not self._pair_member(third[1]):
            return _pair(quantity, whole * HUNDRED + rest, third[0]), third[1]
        if third or whole == rest == HUNDRED / 2:  # a longer string is no amount; "fifty-fifty" may be half and half
            return replace(quantity, values=()), after
        paired = _pair(quantity, whole, rest)
        if rest < TEN and not oh:  # "forty-two five"
            paired = replace(paired, values=(*paired.values, whole + rest / TEN))
        elif whole < TEN and single and self.lexicon.language == "en":  # "four fifty"; in French it is no 450
            paired = replace(paired, values=(*paired.values, whole * HUNDRED + rest))
        return paired, after

    def _pair_member(self, position: int) -> tuple[Decimal, int, bool] | None:
        """A number under 100 at `position`; True if it was a zero and a digit."""
        if self.word(position) in self.lexicon.oh:
            digit = self.lexicon.digits.get(self.word(position + 1))
            return (Decimal(digit), position + 2, True) if digit else None
        found = self.cardinal(position)
        return (Decimal(found[0]), found[1], False) if found and found[0] < HUNDRED else None

    def _digit_by_digit(self, quantity: Quantity, end: int) -> tuple[Quantity, int]:
        """ "four five two": 452, or 4.52. Both are candidates, none is taken."""
        digits = str(quantity.values[0])
        while self.word(end) in self.lexicon.digits:
            digits += self.lexicon.digits[self.word(end)]
            end += 1
        whole = Decimal(digits)
        return replace(quantity, values=(whole, whole / HUNDRED) if len(digits) <= LONGEST_SPELLED else ()), end

    def cardinal(self, position: int, *, coins: bool = False) -> tuple[int, int] | None:
        """The spoken cardinal at `position` and where it ends. `coins`: a French "cents" after it means coins."""
        words: list[str] = []
        while len(words) < LONGEST_CARDINAL:
            word = self.word(position + len(words))
            if word not in self.lexicon.numbers and (not words or word not in self.lexicon.linkers):
                break
            words.append(word)
        if not words:
            return None
        if words[0] == "zero":
            return 0, position + 1
        if self.lexicon.language == "fr":
            words = _without_coins(words, coins=coins)
        found = cardinal(tuple("and" if word in ("&", "n") else word for word in words), self.lexicon.language)
        return (found[0], position + found[1]) if found else None


def _pair(quantity: Quantity, whole: Decimal, cents: Decimal) -> Quantity:
    return replace(quantity, values=(whole + cents / HUNDRED,), parts=(whole, cents))


def _without_coins(words: list[str], *, coins: bool) -> list[str]:
    """Cuts `words` before a "cent(s)" that means coins: after 10, 20, … or after dollars, but not in "deux cents"."""
    for index, word in enumerate(words):
        if word not in ("cent", "cents") or index == 0:
            continue
        before = cardinal(tuple(words[:index]), "fr")
        if not before or before[1] != index:
            continue
        count = before[0] % 1000
        hundreds = count in range(2, 10) or (word == "cent" and count < 2 * TEN)  # "neuf cents", "dix-neuf cent"
        if coins or not hundreds:
            return words[:index]
    return words
