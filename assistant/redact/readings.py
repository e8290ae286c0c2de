"""Which digits a run of numbers can mean: "forty two" is 42 or 40 and 2, "soixante onze" 71 or 60 and 11, "double oh
seven" 007, "quatre mille deux cent quarante-deux" 4242. All readings count: one of them may be a card number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from assistant.redact.luhn import LONGEST, SHORTEST, is_card_number
from assistant.redact.runs import Part, Run
from assistant.redact.words import SILENT, Kind

Reading = tuple[str, int]  # some digits, and the index of the part after them
Cardinal = tuple[int, int]  # the same with a value below 1000

GROUPS = 12  # digits: a longer numeral may have more behind its card number
TEN, HUNDRED, THOUSAND = 10, 100, 1000
SIXTY, EIGHTY = 60, 80
_EXPIRY = re.compile(r"(?:0[1-9]|1[0-2])(?:20)?[2-4][0-9](?:[0-9]{3,4})?")
_CHANGES = frozenset((Kind.TENS, Kind.HUNDRED, Kind.THOUSAND, Kind.PLURAL, Kind.TIMES))  # what stands before them
_DIGITS = "0123456789"
_END = Part(Kind.END, 0, "", 0, 0, 0)


class Reader:
    """Reads the parts of a run at any index."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = [*parts, _END, _END, _END, _END]  # so that looking a few parts ahead needs no care
        self.count = len(parts)
        kinds = {part.kind for part in parts}
        self.large = not kinds.isdisjoint((Kind.HUNDRED, Kind.THOUSAND))
        self.times = Kind.TIMES in kinds
        self.order = Kind.ORDER in kinds

    def all_readings(self) -> list[Sequence[Reading]]:
        """What can begin at each part."""
        found: list[Sequence[Reading]] = []
        for at, (kind, value, text, *_) in enumerate(self.parts[: self.count]):
            simple = not self.order and self.parts[at + 1].kind not in _CHANGES
            if simple and kind is Kind.UNIT:
                found.append([(_DIGITS[value], at + 1)])
            elif simple and kind is Kind.DIGITS and len(text) <= GROUPS:
                found.append([(text, at + 1)])
            else:
                found.append(self.readings(at))
        return found

    def readings(self, at: int) -> list[Reading]:
        """What the parts from `at` on can begin with."""
        kind, value, text, *_ = self.parts[at]
        if kind is Kind.DIGITS:
            found = _numeral(text, at)
        elif kind in SILENT:
            return [("", at + 1)]
        elif kind is Kind.REPEAT:
            found = [(digits * value, after) for digits, after in self._repeated(at + 1)] or [("", at + 1)]
        elif kind in (Kind.SOUNDS_LIKE, Kind.PLURAL):
            found = [(str(value), at + 1), ("", at + 1)]
        elif kind is Kind.UNIT and not value:
            found = [("0", at + 1)]
        else:
            found = [(str(number), after) for number, after in self._cardinals(at)]
        if self.parts[at + 1].kind is Kind.PLURAL or self.times:
            found += self._counted(at)
        if self.order and at and self.parts[at - 1].kind is Kind.ORDER:
            found.append(("", at + 1))  # "the first four"
        return found or [("", at + 1)]  # "hundred" with nothing before it

    def plainest(self) -> Iterator[tuple[str, Part, Part]]:
        """The reading that takes the most parts at a time: its pieces, each with its first and its last part."""
        at = 0
        while at < self.count:
            digits, after = max(self.readings(at), key=lambda reading: (reading[1], len(reading[0])))
            if digits:
                yield digits, self.parts[at], self.parts[after - 1]
            at = after

    def _repeated(self, at: int) -> list[Reading]:
        kind, value, text, *_ = self.parts[at]
        if kind is Kind.DIGITS:
            return [(text, at + 1)]
        if kind is Kind.UNIT and not value:
            return [("0", at + 1)]
        return [(str(number), after) for number, after in self._below_hundred(at)]

    def _counted(self, at: int) -> list[Reading]:
        """ "three zeros", "3 zeros", "trois fois le zero" """
        kind, value, text, *_ = self.parts[at]
        times = value if kind is Kind.UNIT else int(text) if kind is Kind.DIGITS and len(text) == 1 else 0
        after = self.parts[at + 1]
        if not times:
            return []
        if after.kind is Kind.PLURAL:
            return [(str(after.value) * times, at + 2)]
        if after.kind is Kind.TIMES:
            start = at + 2 + (self.parts[at + 2].kind is Kind.FILLER)
            return [(digits * times, end) for digits, end in self._repeated(start)]
        return []

    def _cardinals(self, at: int) -> list[Cardinal]:
        small = self._below_hundred(at)
        if not self.large:
            return small
        hundreds = [*small]
        for number, after in [*small, (1, at)]:
            if self.parts[after].kind is Kind.HUNDRED:
                hundreds += [(number * HUNDRED + rest, end) for rest, end in self._rest(after + 1, self._below_hundred)]
        found = [*hundreds]
        for number, after in [*hundreds, (1, at)]:
            if self.parts[after].kind is Kind.THOUSAND and number < HUNDRED:
                found += [(number * THOUSAND + rest, end) for rest, end in self._rest(after + 1, self._below_thousand)]
        return found

    def _below_thousand(self, at: int) -> list[Cardinal]:
        small = self._below_hundred(at)
        found = [*small]
        for number, after in [*small, (1, at)]:
            if self.parts[after].kind is Kind.HUNDRED and number < TEN:
                found += [(number * HUNDRED + rest, end) for rest, end in self._rest(after + 1, self._below_hundred)]
        return found

    def _rest(self, at: int, read: Callable[[int], list[Cardinal]]) -> list[Cardinal]:
        """What may follow hundreds or thousands: nothing, or a smaller number, with or without an "and"."""
        start = at + (self.parts[at].kind is Kind.AND)
        return [(0, at), *read(start)]

    def _below_hundred(self, at: int) -> list[Cardinal]:
        """From one to ninety-nine."""
        kind, value, *_ = self.parts[at]
        if kind is Kind.UNIT and value:
            if self._is_eighty(at):
                return [(value, at + 1), *self._tens(EIGHTY, at + 2)]
            return [(value, at + 1)]
        if kind is Kind.TEEN:
            return self._teens(0, at)
        return self._tens(value, at + 1) if kind is Kind.TENS else []

    def _is_eighty(self, at: int) -> bool:
        """ "quatre vingt" """
        four, twenty = self.parts[at : at + 2]
        return four.kind is Kind.UNIT and twenty.kind is Kind.TENS and four.value * twenty.value == EIGHTY

    def _tens(self, tens: int, at: int) -> list[Cardinal]:
        """ "forty two" is 42, and 40 and 2 only where the number ends: a lone digit follows pairs of digits only there.
        "vingt quatre vingt" is 24 20, or 20 80."""
        start = at + (self.parts[at].kind is Kind.AND)  # "et un", "et onze"
        kind, value, *_ = self.parts[start]
        if kind is Kind.UNIT and value:
            both = [(tens + value, start + 1)]
            ends = self.parts[start + 1].kind is Kind.END or self._is_eighty(start)
            return [(tens, at), *both] if ends else both
        if kind is Kind.TEEN and tens in (SIXTY, EIGHTY):
            return [(tens, at), *self._teens(tens, start)]
        return [(tens, at)]

    def _teens(self, base: int, at: int) -> list[Cardinal]:
        """Ten to nineteen, on top of `base`; "dix-sept" are two words."""
        value = self.parts[at].value
        found = [(base + value, at + 1)]
        unit = self.parts[at + 1]
        if value == TEN and unit.kind is Kind.UNIT and unit.value in (7, 8, 9):
            found.append((base + TEN + unit.value, at + 2))
        return found


def digits_of(run: Run) -> int:
    """How many digits a run most plainly means."""
    return sum(len(digits) for digits, _, _ in Reader(run.parts).plainest())


def _numeral(text: str, at: int) -> list[Reading]:
    if len(text) <= LONGEST:
        found = [(text, at + 1)]
        return [*found, *_with_expiry(text, at)] if len(text) >= SHORTEST + 4 else found
    return _with_expiry(text, at)


def _with_expiry(text: str, at: int) -> list[Reading]:
    """A card number with its expiry date, and perhaps its security code, typed on without a blank."""
    return [
        (text[:length], at + 1)
        for length in range(LONGEST, SHORTEST - 1, -1)
        if _EXPIRY.fullmatch(text, length) and is_card_number(text[:length])
    ]
