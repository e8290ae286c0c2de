"""Test cards, and what is kept of a card that is entered: brand, last four, expiry, fingerprint, behaviour.

A number is looked at once, in `read_card`, and dropped; it is in no exception, no log and no table.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

# Numbers that nobody's card has. Others are refused, so that no real number is typed into a sandbox.
TEST_PREFIXES = ("400000", "424242", "555555", "378282", "601111")
SHORTEST, LONGEST = 12, 19
AMEX_CODE, OTHER_CODE = 4, 3
MONTHS = range(1, 13)
CENTURY, FURTHEST_YEARS = 2000, 50

# number: behaviour. docs/sandbox.md says the same in words; a test holds the two together.
# The endings of the cards with trouble are HTTP's: 202 accepted, 408 time-out, 500, 502.
TEST_CARDS: Mapping[str, str] = {
    "4242424242424242": "succeeds",
    "5555555555554444": "succeeds",
    "378282246310005": "succeeds",
    "6011111111111117": "succeeds",
    "4000000000000002": "declines:card_declined",
    "4000000000009995": "declines:insufficient_funds",
    "4000000000009987": "declines:lost_card",
    "4000000000000069": "declines:expired_card",
    "4000000000000127": "declines:incorrect_cvc",
    "4000000000000119": "declines:processing_error",
    "4000000000000036": "needs_postal_code:K1A0B1",  # any other billing address is declined
    "4000000000003220": "challenges",  # a 3-D Secure page decides
    "4000000000002024": "waits",  # until someone approves or declines
    "4000000000001000": "is_slow",  # succeeds after SLOW_S
    "4000000000004087": "charges_then_hangs",
    "4000000000005001": "charges_then_fails",  # HTTP 500
    "4000000000005027": "charges_then_garbles",  # HTTP 200, and not JSON
    "4000000000009003": "charges_then_resets",
    "4000000000004004": "resets",  # nothing is charged
    "4000000000005126": "refund_waits",
    "4000000000000259": "is_disputed",
}
SLOW_S = 3.0
# Bank accounts, by their ending; every other one waits until someone decides. All of them are slow (debits.py).
TEST_ACCOUNTS: Mapping[str, str] = {
    "6789": "waits",
    "2227": "debit_fails",
    "1116": "debit_returns",  # succeeds, and is sent back afterwards
}


class BadCard(Exception):
    """What is wrong with a card as typed. `field` is number, exp or cvc; `code` names a sentence of texts.json."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(code)
        self.field, self.code = field, code


@dataclass(frozen=True, slots=True)
class Card:
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: str
    behaviour: str


def passes_luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        total += sum(divmod(int(digit) * (1 + place % 2), 10))
    return total % 10 == 0


def brand_of(number: str) -> str:
    """By the leading digits (ISO/IEC 7812), as far as the test cards go."""
    if number.startswith("4"):
        return "visa"
    if number[:2] in ("34", "37"):
        return "amex"
    if "51" <= number[:2] <= "55" or "2221" <= number[:4] <= "2720":
        return "mastercard"
    if number.startswith(("6011", "65")):
        return "discover"
    return "unknown"


def read_card(typed: Mapping[str, object], *, key: str, today: date) -> Card:
    """What is kept of `typed` (number, exp_month, exp_year, cvc). Raises BadCard.

    `key` makes the fingerprint a keyed hash, so that it cannot be turned back by trying all numbers.
    """
    number = _digits(typed.get("number"))
    if not number:
        raise BadCard("number", "number_missing")
    if not SHORTEST <= len(number) <= LONGEST:
        raise BadCard("number", "number_incomplete")
    if not passes_luhn(number):
        raise BadCard("number", "number_wrong")
    if number not in TEST_CARDS and not number.startswith(TEST_PREFIXES):
        raise BadCard("number", "number_real")
    exp_month, exp_year = _expiry(typed, today)
    brand = brand_of(number)
    code = _digits(typed.get("cvc"))
    if len(code) != (AMEX_CODE if brand == "amex" else OTHER_CODE):
        raise BadCard("cvc", "cvc_incomplete")
    behaviour = TEST_CARDS.get(number, "succeeds")
    return Card(brand, number[-4:], exp_month, exp_year, fingerprint(number, key), behaviour)


def fingerprint(number: str, key: str) -> str:
    """The same for the same card. Letters only: a run of digits in a table is for a scan to find."""
    digest = hmac.new(key.encode(), number.encode(), hashlib.sha256).digest()
    return "".join(chr(ord("a") + byte % 26) for byte in digest[:20])


def bank_account(last4: str, *, key: str) -> dict[str, str]:
    """A bank account as a method; here an account is known by its ending."""
    behaviour = TEST_ACCOUNTS.get(last4, "waits")
    kept = {"kind": "bank_debit", "brand": "bank", "last4": last4, "behaviour": behaviour}
    return kept | {"fingerprint": fingerprint(f"bank {last4}", key)}


def _digits(typed: object) -> str:
    """The digits of a field; nothing when it holds anything but digits, blanks and hyphens."""
    text = str(typed).replace(" ", "").replace("-", "") if isinstance(typed, str | int) else ""
    return text if text.isascii() and text.isdigit() else ""


def _expiry(typed: Mapping[str, object], today: date) -> tuple[int, int]:
    month_digits, year_digits = _digits(typed.get("exp_month")), _digits(typed.get("exp_year"))
    if not re.fullmatch("[0-9]{1,2}", month_digits) or not re.fullmatch("[0-9]{2}|[0-9]{4}", year_digits):
        raise BadCard("exp", "exp_incomplete")
    month, year = int(month_digits), int(year_digits)
    year += CENTURY if year < CENTURY else 0
    if month not in MONTHS or year > today.year + FURTHEST_YEARS:
        raise BadCard("exp", "exp_wrong")
    if (year, month) < (today.year, today.month):
        raise BadCard("exp", "exp_past")
    return month, year
