"""One value of a record, read strictly: the value as it will be kept, or Wrong with the end of a sentence."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from decimal import Decimal

from babel.numbers import list_currencies

from billing.pins import PIN

LONGEST_TEXT = 200  # of a name, an id, a reason; more is a mistake in the export
LARGEST_AMOUNT = Decimal(10) ** 12  # a trillion: far beyond any bill, far below what a bigint of cents holds
MOST_USERS = 1000  # per account, for the order of Manage Users
YEARS = range(1990, 2101)
ADDRESS_KEYS = frozenset({"name", "line1", "line2", "city", "region", "postal_code", "country"})
LANGUAGES = ("en", "fr")

_CURRENCIES = frozenset(list_currencies())
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RELATIVE = re.compile(r"today(?:([+-])([0-9]{1,5})d)?")
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Wrong(Exception):
    """Says of a field what is wrong with it: "due_on" + "is missing"."""


def read_text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong(f"must be text, not {_kind_of(value)}")
    text = unicodedata.normalize("NFC", value.strip())
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise Wrong("has control characters in it")
    if len(text) > LONGEST_TEXT:
        raise Wrong(f"is longer than {LONGEST_TEXT} characters")
    return text


def read_currency(value: object) -> str:
    text = read_text(value)
    if text not in _CURRENCIES:
        raise Wrong(f"{text!r} is not a currency (three capital letters, like CAD)")
    return text


def read_language(value: object) -> str:
    text = read_text(value)
    if text not in LANGUAGES:
        raise Wrong(f"{text!r} is unknown; it is one of {', '.join(LANGUAGES)}")
    return text


def read_email(value: object) -> str:
    text = read_text(value)
    if not _EMAIL.fullmatch(text):
        raise Wrong(f"{text!r} is not an email address")
    return text


def read_phone(value: object) -> str:
    text = re.sub(r"[\s().-]", "", read_text(value))
    if not _PHONE.fullmatch(text):
        raise Wrong(f"{value!r} is not a phone number with its country code (+1 514 555 0101)")
    return text


def read_pin(value: object) -> str:
    """Never shown in a problem."""
    text = read_text(value)  # a number would lose the noughts it begins with
    if not PIN.fullmatch(text):
        raise Wrong("must have four to eight digits")
    return text


def read_position(value: object) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = Decimal(value.strip())
    if not isinstance(value, Decimal) or not 1 <= value <= MOST_USERS or value != value.to_integral_value():
        raise Wrong(f"must be a whole number from 1 to {MOST_USERS}: the order on Manage Users")
    return int(value)


def read_yes_or_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _YES_NO:
        return _YES_NO[value.strip().lower()]
    raise Wrong("must be true or false")


def read_address(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Wrong(f"must be an object, not {_kind_of(value)}")
    if unknown := sorted(set(value) - ADDRESS_KEYS):
        raise Wrong(f"has unknown parts: {', '.join(unknown)}; known are {', '.join(sorted(ADDRESS_KEYS))}")
    return {key: read_text(part) for key, part in value.items() if part not in (None, "")}


def read_amount(value: object) -> Decimal:
    """Major units, more than zero. Whether its fractions fit the currency is seen once the account is known."""
    if isinstance(value, str):
        if not _AMOUNT.fullmatch(value.strip()):
            hint = "negative" if value.strip().startswith("-") else "not a plain amount like 1234.50"
            raise Wrong(f"{value.strip()[:LONGEST_TEXT]!r} is {hint}")
        value = Decimal(value.strip())
    if not isinstance(value, Decimal):
        raise Wrong(f"must be an amount like 1234.50, not {_kind_of(value)}")
    if value <= 0:
        raise Wrong("must be more than zero" if not value else f"{value} is negative")
    if value > LARGEST_AMOUNT:
        raise Wrong(f"is more than {LARGEST_AMOUNT}: that is no bill")
    return value


def read_day(value: object, today: date) -> date:
    """`2026-11-22`, `today`, `today-60d`, `today+5d`."""
    text = read_text(value)
    try:
        if relative := _RELATIVE.fullmatch(text):
            days = int(relative[2] or 0)
            day = today + timedelta(days=-days if relative[1] == "-" else days)
        elif _DAY.fullmatch(text):
            day = date.fromisoformat(text)
        else:
            raise Wrong(f"{text!r} is not a date (2026-11-22, today, today-60d)")
    except (ValueError, OverflowError):
        raise Wrong(f"{text!r} is a day that does not exist") from None
    if day.year not in YEARS:
        raise Wrong(f"{day} is outside the years {YEARS.start} to {YEARS.stop - 1}")
    return day


def _kind_of(value: object) -> str:
    names = {bool: "true or false", Decimal: "a number", list: "a list", str: "text"}
    return names.get(type(value), "an object")
