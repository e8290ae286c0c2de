"""Which strings of digits are card numbers: the check digit, and what the networks' numbers begin with.

Where a text can be read in several ways ("forty two" is 42 or 40 and 2) all of them are followed at once. A state
holds, for all readings together, which sums modulo 10 a string of 0 to 19 digits can have, as a number of 200 bits.
"""

from __future__ import annotations

from functools import lru_cache

LONGEST, SHORTEST = 19, 13
PREFIX_LENGTH = 4  # digits that say which network it is

_FIELD = 10  # bits: one for each sum
_FIELDS = LONGEST + 1
_ALL = (1 << _FIELD * _FIELDS) - 1
NOTHING_YET = 1  # no digit, sum 0
_DOUBLED = tuple(sum(divmod(2 * digit, 10)) % 10 for digit in range(10))


def _bits(fields: range, bits: range) -> int:
    return sum(1 << (_FIELD * field + bit) for field in fields for bit in bits)


# To add v modulo 10, the lower 10 - v bits of a field move up by v and the upper v bits move down by 10 - v.
# The digit before an even count of digits counts as it is, before an odd count doubled.
_EVEN, _ODD = range(0, _FIELDS, 2), range(1, _FIELDS, 2)
_MOVES = tuple(
    (
        *(digit, _bits(_EVEN, range(10 - digit)), 10 - digit, _bits(_EVEN, range(10 - digit, 10))),
        *(twice, _bits(_ODD, range(10 - twice)), 10 - twice, _bits(_ODD, range(10 - twice, 10))),
    )
    for digit, twice in enumerate(_DOUBLED)
)


def prepend(digits: str, state: int) -> int:
    """The state with `digits` in front of every string in it."""
    for digit in reversed(digits):
        up, lower, down, upper, up2, lower2, down2, upper2 = _MOVES[int(digit)]
        state = (
            (state & lower) << up | (state & upper) >> down | (state & lower2) << up2 | (state & upper2) >> down2
        ) << _FIELD & _ALL
    return state


def holds(state: int, count: int, total: int) -> bool:
    """Whether some string of `count` digits in `state` has the sum `total` (modulo 10)."""
    return bool(state >> (_FIELD * count + total) & 1)


def luhn_sum(digits: str, right: int = 0) -> int:
    """The sum (modulo 10) that `digits` bring with `right` more digits behind them (ISO/IEC 7812-1, annex B)."""
    count = len(digits) - 1 + right
    return sum(_DOUBLED[int(digit)] if (count - place) % 2 else int(digit) for place, digit in enumerate(digits)) % 10


def is_card_number(digits: str) -> bool:
    return len(digits) in lengths_of(digits[:PREFIX_LENGTH]) and luhn_sum(digits) == 0


# First and last of the first four digits, and how many digits the number has, as the networks publish them. Left out is
# what no network has issued for decades (JCB with 15 digits) and airlines (1…): phones and parcels have such numbers.
# Telephones' (IMEI: 15 digits from 35, 86, 01) and SIM cards' (89) come into no range.
_ISSUERS = (
    (4000, 4999, (16, 13, 19)),  # Visa
    (5100, 5599, (16,)),  # Mastercard
    (2221, 2720, (16,)),
    (3400, 3499, (15,)),  # American Express
    (3700, 3799, (15,)),
    (3000, 3059, (14, 16, 19)),  # Diners Club
    (3095, 3095, (14, 16, 19)),
    (3600, 3699, (14, 16, 19)),
    (3800, 3999, (14, 16, 19)),
    (3528, 3589, (16, 19)),  # JCB
    (6200, 6299, (16, 17, 18, 19)),  # UnionPay
    (8100, 8199, (16, 17, 18, 19)),
    (6000, 6099, (16, 19)),  # Discover, RuPay
    (6440, 6599, (16, 19)),
    (8200, 8299, (16,)),  # RuPay
    (5000, 5099, (16, 18, 19)),  # Maestro and other debit cards
    (6700, 6799, (16, 18, 19)),
    *((four, four, (16, 18, 19)) for four in (5610, 5612, 5892, 5893, 6304, 6333, 6390)),
    (2200, 2204, (16,)),  # Mir
)


@lru_cache(maxsize=10_000)
def lengths_of(prefix: str) -> tuple[int, ...]:
    """How long the numbers that begin with these four digits are; nothing for what no card number begins with."""
    if len(prefix) < PREFIX_LENGTH:
        return ()
    return next((lengths for first, last, lengths in _ISSUERS if first <= int(prefix) <= last), ())


def _valid_lengths(first: str) -> int:
    lengths = {length for low, _, lengths in _ISSUERS if str(low)[0] == first for length in lengths}
    return sum(1 << _FIELD * length for length in lengths)


VALID = {str(first): _valid_lengths(str(first)) for first in range(10)}
"""By first digit, the bits of a state that say: a string of such a length has the sum 0."""
