"""Money in a sentence: numbers with the currency, the sign and the cents that stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from assistant.amounts.lexicon import (
    CURRENCY_CODES,
    DOLLAR_NATIONS,
    DOLLAR_PREFIXES,
    FOREIGN_NATIONS,
    FOREIGN_SUBUNITS,
    FOREIGN_UNITS,
    SCALES,
    Lexicon,
)
from assistant.amounts.numbers import CENT_DIGITS, HUNDRED, TEN, NumberReader, Quantity
from assistant.amounts.tokens import Token

Item = Token | Quantity
Unit = tuple[str | None, Decimal, int]  # currency code where named, what one is worth in major units, where it ends


def find_quantities(tokens: Sequence[Token], lexicon: Lexicon) -> list[Item]:
    """The tokens, with every run that makes a quantity or a percentage replaced by it."""
    reader = _MoneyReader(tokens, lexicon)
    items: list[Item] = []
    position = 0
    while position < len(tokens):
        found = reader.money(position)
        if not found:
            items.append(tokens[position])
            position += 1
            continue
        quantity, position = found
        percent_end = reader.percent_end(position)
        items.append(Token("percent", quantity.text, quantity.values) if percent_end else quantity)
        position = percent_end or position
    return items


class _MoneyReader(NumberReader):
    def percent_end(self, position: int) -> int | None:
        """Where "percent" or "pour cent" ends, if it stands at `position`."""
        if self.word(position) in ("percent", "percents", "pct", "pourcent", "%"):
            return position + 1
        two = (self.word(position), self.word(position + 1))
        return position + 2 if two in (("per", "cent"), ("pour", "cent"), ("pour", "cents")) else None

    def money(self, start: int) -> tuple[Quantity, int] | None:
        """[minus] [currency] number [currency] [[and] cents]"""
        negative, position = self._minus(start)
        prefixed, currency, position = self._prefix(position)
        if not negative:
            negative, position = self._minus(position)
        found = self.number(position)
        if not found:
            return None
        quantity, end = found
        if prefixed:
            quantity = replace(quantity, money=True, currency=currency)
        following = self._prefix(end)
        if not (prefixed and following[0] and self.kind(following[2]) == "number"):  # in "$20 $30" each has its own
            quantity, end = self._cents_alone(quantity, end) or self._unit(quantity, start, end)
        if negative:
            quantity = replace(quantity, values=tuple(-value for value in quantity.values))
        return quantity, end

    def _prefix(self, position: int) -> tuple[bool, str | None, int]:
        """Whether a currency leads at `position`, its code where it is more than a dollar sign, and where it ends."""
        word, sign = self.word(position), self.kind(position + 1) == "currency"
        if word in DOLLAR_PREFIXES and word != "can" and sign:  # "us $ 15"
            return True, DOLLAR_PREFIXES[word], position + 2
        if word in CURRENCY_CODES:
            return True, _code(word), position + 1 + sign
        if self.kind(position) == "currency":
            return True, self.tokens[position].currency, position + 1
        return False, None, position

    def _minus(self, position: int) -> tuple[bool, int]:
        """A glued "-", or a word for it where nothing stands before that it could be taken from."""
        if self.kind(position) == "minus":
            return True, position + 1
        led = self.word(position - 1) in self.lexicon.anchors - self.lexicon.subjects
        opening = position == 0 or led or self.word(position) == "negative"
        dash = position == 0 and self.kind(0) == "punctuation" and self.tokens[0].text == "-"
        if opening and (self.word(position) in self.lexicon.minus or dash):
            return True, position + 1
        return False, position

    # The currency after a number

    def _cents_alone(self, quantity: Quantity, position: int) -> tuple[Quantity, int] | None:
        """ "50 cents" """
        word = self.word(position)
        if word not in self.lexicon.cents:
            return None
        values = tuple(value / HUNDRED for value in quantity.values)
        hundreds = word == "cents" and self.lexicon.language == "fr" and quantity.spoken
        if hundreds and len(values) == 1 and TEN < quantity.values[0] < 2 * TEN:  # "quinze cents"
            values = (quantity.values[0] * HUNDRED, *values)
        return replace(quantity, values=values, money=True), position + 1

    def _unit(self, quantity: Quantity, start: int, position: int) -> tuple[Quantity, int]:
        """Reads the currency at `position` into `quantity`, which began at `start`, and the cents after it."""
        unit = self._currency_words(position)
        if not unit:
            return self._cents_without_unit(quantity, start, position) or (quantity, position)
        currency, factor, end = unit
        if quantity.parts and quantity.parts[0] < HUNDRED and len(quantity.values) == 1:  # "forty-two fifty dollars"
            whole, rest = quantity.parts
            quantity = replace(quantity, values=(*quantity.values, whole * HUNDRED + rest))
        scale = SCALES.get(self.word(end), 1) if self.word(end) != "k" else 1  # "75 usd million"
        values = tuple(value * factor * scale for value in quantity.values)
        quantity = replace(quantity, values=values, money=True, currency=currency or quantity.currency)
        if scale > 1:
            return quantity, end + 1
        return self._with_cents(quantity, end, loose=factor == 1) or (quantity, end)

    def _cents_without_unit(self, quantity: Quantity, start: int, position: int) -> tuple[Quantity, int] | None:
        """ "sixty-two and ten cents", "four fifty-two and ten cents" """
        before = self.word(start - 1)
        if not quantity.money and (before in self.lexicon.between | self.lexicon.identifiers | self.lexicon.with_):
            return None
        if quantity.parts and len(quantity.values) > 1:
            quantity = replace(quantity, values=(quantity.parts[0] * HUNDRED + quantity.parts[1],))
        return self._with_cents(quantity, position)

    def _currency_words(self, position: int) -> Unit | None:
        word, following = self.word(position), self.word(position + 1)
        if self.kind(position) == "currency":
            return self._currency_sign(position)
        if word in ("de", "of") and (self.kind(position + 1) == "currency" or following in self.lexicon.units):
            return self._currency_words(position + 1)  # "75 millions de dollars"
        if word in DOLLAR_NATIONS and following in self.lexicon.units:  # "us dollars"
            return DOLLAR_NATIONS[word], Decimal(1), position + 2
        if word in FOREIGN_NATIONS and following in FOREIGN_UNITS:
            return FOREIGN_UNITS[following], Decimal(1), position + 2
        if word in self.lexicon.units and following in DOLLAR_NATIONS and following not in ("can", "us"):
            return DOLLAR_NATIONS[following], Decimal(1), position + 2  # "dollars canadiens", but "20 dollars can you"
        return self._currency_word(word, position + 1)

    def _currency_word(self, word: str, end: int) -> Unit | None:
        if word in self.lexicon.units:
            return None, self.lexicon.units[word], end
        if word in CURRENCY_CODES:
            return _code(word), Decimal(1), end
        if word in FOREIGN_UNITS:
            return FOREIGN_UNITS[word], Decimal(1), end
        if word in FOREIGN_SUBUNITS and word not in self.lexicon.cents:
            return FOREIGN_SUBUNITS[word], 1 / HUNDRED, end
        return None

    def _currency_sign(self, position: int) -> Unit | None:
        code, end = self.tokens[position].currency, position + 1
        if self.kind(end) == "number" and not self.tokens[end].blank_before:  # it belongs to the next: "3 $50 cards"
            return None
        nation = self.word(end)
        if code is None and nation in DOLLAR_NATIONS:  # "50 $ us"
            return DOLLAR_NATIONS[nation], Decimal(1), end + 1
        return (_code(nation), Decimal(1), end + 1) if nation in CURRENCY_CODES else (code, Decimal(1), end)

    # The cents after it

    def _with_cents(self, quantity: Quantity, position: int, *, loose: bool = False) -> tuple[Quantity, int] | None:
        """ "… and forty cents", "… and a half"; `loose` (after dollars) lets the word for cents be missing."""
        if any(value != value.to_integral_value() for value in quantity.values):
            return None
        linked = self.word(position) in self.lexicon.linkers
        start = position + linked
        part, end = self.half_or_quarter(start)
        if part and (loose or linked):
            return quantity.plus(part), end
        found = self._cent_number(start)
        if not found:
            return None
        cents, end, two_digits = found
        if self.word(end) in self.lexicon.cents or self.word(end) in FOREIGN_SUBUNITS:
            return replace(quantity.plus(cents / HUNDRED), money=True), end + 1
        if loose and self._closes(end):
            either = (cents / HUNDRED,) if two_digits else (cents / HUNDRED, cents / TEN)  # "ten dollars five"
            return replace(quantity, values=tuple(value + part for value in quantity.values for part in either)), end
        return None

    def _cent_number(self, position: int) -> tuple[Decimal, int, bool] | None:
        """Up to 99 cents at `position`, where they end, and whether two digits were given."""
        if self.kind(position) in ("number", "code"):
            text = self.tokens[position].text
            fits = text.isdigit() and len(text) <= CENT_DIGITS
            return (Decimal(text), position + 1, len(text) == CENT_DIGITS) if fits else None
        if self.word(position) in self.lexicon.oh and self.word(position + 1) in self.lexicon.digits:
            return Decimal(self.lexicon.digits[self.word(position + 1)]), position + 2, True
        found = self.cardinal(position, coins=True)
        return (Decimal(found[0]), found[1], found[0] >= TEN) if found and found[0] < HUNDRED else None

    def _closes(self, position: int) -> bool:
        """Nothing follows that the number before could count ("15 dollars and 20 minutes")."""
        known = self.lexicon.followers | self.lexicon.nots
        return self.kind(position) in ("end", "punctuation") or self.word(position) in known


def _code(name: str) -> str:
    return "CNY" if name == "rmb" else name.upper()
