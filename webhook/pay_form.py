"""What is typed on the secure page, checked: an amount, a billing address, a billing email. Never a card number."""

from __future__ import annotations

import re
from collections.abc import Mapping

from assistant.amounts import Exact, read_amount
from assistant.redact import redact
from billing.errors import AmountNotWhole
from billing.gateways.base import BillingDetails
from billing.money import Money
from webhook.errors import Refused
from webhook.schemas import Address

# The forms in which the two post offices write their codes; Canada's leave out D F I O Q U, and W Z at the start.
_POSTAL_CODES = {
    "CA": re.compile(r"([ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z])[ -]?(\d[ABCEGHJ-NPRSTV-Z]\d)", re.ASCII),
    "US": re.compile(r"(\d{5})(?:-?(\d{4}))?", re.ASCII),
}
_BETWEEN = {"CA": " ", "US": "-"}
REGIONS: Mapping[str, tuple[str, ...]] = {
    "CA": ("AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT"),
    "US": (
        *("AK", "AL", "AR", "AS", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "GU", "HI", "IA", "ID", "IL", "IN"),
        *("KS", "KY", "LA", "MA", "MD", "ME", "MI", "MN", "MO", "MP", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM"),
        *("NV", "NY", "OH", "OK", "OR", "PA", "PR", "RI", "SC", "SD", "TN", "TX", "UT", "VA", "VI", "VT", "WA", "WI"),
        *("WV", "WY"),
    ),
}
LONGEST_EMAIL = 254  # RFC 5321
_EMAIL = re.compile(r"[^\s@,;:<>()\[\]\"\\]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")


def read_page_amount(typed: str, language: str, currency: str) -> Money:
    """The one amount that was typed. Raises Refused: amount_unreadable; whether it may be paid, billing says."""
    reading = read_amount(typed, language)
    if not isinstance(reading, Exact) or reading.currency not in (None, currency):
        raise Refused("amount_unreadable")
    try:
        return Money.from_decimal(reading.value, currency)
    except AmountNotWhole:
        raise Refused("amount_unreadable") from None


def read_details(address: Address, email: str) -> BillingDetails:
    """Address and email in the form in which they are kept.

    Raises Refused(address_wrong); `fields` says per field what is wrong: missing, wrong, or card_number.
    """
    typed = {name: value.strip() for name, value in address.model_dump().items()} | {"email": email.strip()}
    wrong = {name: "missing" for name, value in typed.items() if not value and name != "line2"}
    wrong |= {name: "card_number" for name, value in typed.items() if redact(value).removed}
    country, region = typed["country"].upper(), typed["region"].upper()
    if country not in REGIONS:
        wrong.setdefault("country", "wrong")
    else:
        if region not in REGIONS[country]:
            wrong.setdefault("region", "wrong")
        code = _POSTAL_CODES[country].fullmatch(typed["postal_code"].upper())
        if code is None:
            wrong.setdefault("postal_code", "wrong")
        else:
            typed["postal_code"] = _BETWEEN[country].join(part for part in code.groups() if part)
    if len(typed["email"]) > LONGEST_EMAIL or not _EMAIL.fullmatch(typed["email"]):
        wrong.setdefault("email", "wrong")
    if wrong:
        raise Refused("address_wrong", fields=wrong)
    kept_email = typed.pop("email")
    return BillingDetails(kept_email, typed | {"country": country, "region": region})
