"""Telephone numbers: their shape, and where Twilio says that they are from."""

from __future__ import annotations

import re

NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")  # E.164

# By area code: city, state, country. The demo's customers and a few others; Canadian numbers come without a ZIP.
PLACES = {
    "+1416": ("TORONTO", "ON", "CA"),
    "+1418": ("QUEBEC", "QC", "CA"),
    "+1514": ("MONTREAL", "QC", "CA"),
    "+1604": ("VANCOUVER", "BC", "CA"),
    "+1902": ("HALIFAX", "NS", "CA"),
    "+1905": ("OSHAWA", "ON", "CA"),
}


def is_number(text: object) -> bool:
    return isinstance(text, str) and NUMBER.fullmatch(text) is not None


def place_fields(side: str, number: str) -> dict[str, str]:
    """`side` is From or To."""
    city, state, country = PLACES.get(number[:5], ("", "", "US" if number.startswith("+1") else ""))
    return {f"{side}City": city, f"{side}State": state, f"{side}Zip": "", f"{side}Country": country}
