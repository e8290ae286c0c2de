"""Phone numbers: which of them are phones, and to which a text may go."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber

from billing.config import Settings

NORTH_AMERICA = 1  # the country code of the United States, Canada and two dozen others, told apart by area code
_FICTIONAL = re.compile(r"(\d{3})55501\d\d")  # kept free for stories and demos; no plan calls them assigned
_ASSIGNED_ALIKE = "2345678"  # stands in for the rest of such a number, to look up its area code
_SHORT_CODE = re.compile(r"\d{3,8}")


def to_e164(number: str, region: str = "CA") -> str | None:
    """ "+15145550101" for "(514) 555-0101" as people write it in `region`; None for what no phone can have."""
    try:
        parsed = phonenumbers.parse(number, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def is_phone(number: str) -> bool:
    """A number in E.164 (+15145550101). Short codes and names of senders are not: machines write from those."""
    return _parsed(number) is not None


def is_short_code(number: str) -> bool:
    """Three to eight digits without a country: a company's, which no person answers."""
    return _SHORT_CODE.fullmatch(number) is not None


def may_be_texted(number: str, settings: Settings) -> bool:
    """Is it in a country that texts go to? Of the numbers that begin with +1 the area code tells: +1 876 is Jamaica."""
    parsed = _parsed(number)
    return parsed is not None and _region(parsed) in settings.sms_countries.split()


def _region(parsed: PhoneNumber) -> str | None:
    fictional = _FICTIONAL.fullmatch(str(parsed.national_number))
    if parsed.country_code == NORTH_AMERICA and fictional:
        parsed = PhoneNumber(country_code=NORTH_AMERICA, national_number=int(f"{fictional[1]}{_ASSIGNED_ALIKE}"))
    return phonenumbers.region_code_for_number(parsed)


def _parsed(number: str) -> PhoneNumber | None:
    """`number` if it is in E.164 already: what is stored and compared is never rewritten behind anybody's back."""
    if not re.fullmatch(r"\+[1-9]\d{6,14}", number):
        return None
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return None
    return parsed if phonenumbers.is_possible_number(parsed) else None
