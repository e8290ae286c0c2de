"""Which numbers are phones, and to which a text may go."""

from __future__ import annotations

import pytest

from assistant.texts.phones import is_phone, is_short_code, may_be_texted, to_e164
from tests.billing.builders import some_settings


@pytest.mark.parametrize(
    ("number", "is_one"),
    [
        ("+15145550101", True),
        ("+33612345678", True),
        ("12345", False),  # a short code
        ("Northwind", False),
        ("whatsapp:+15145550101", False),
        ("15145550101", False),
        ("+1514555", False),
        ("+1 514 555 0101", False),
        ("+0123456789", False),
        ("+٥145550101", False),
        ("", False),
    ],
)
def test_a_phone_is_a_number_in_e164(number: str, is_one: bool) -> None:
    assert is_phone(number) is is_one


def test_a_short_code_is_no_phone() -> None:
    assert is_short_code("12345")
    assert is_short_code("732873")
    assert not is_short_code("+15145550101")
    assert not is_short_code("Northwind")


@pytest.mark.parametrize(
    ("number", "allowed"),
    [
        ("+15145550101", True),  # Montreal, of the numbers that are kept free for stories
        ("+12125550199", True),  # New York, the same
        ("+15235550101", True),  # the same of an area code that is new
        ("+14165312345", True),
        ("+18765550101", False),  # Jamaica is +1 too
        ("+18095550101", False),  # so is the Dominican Republic
        ("+12425550101", False),  # and the Bahamas
        ("+33612345678", False),
        ("+15555550101", False),  # there is no area code 555
        ("12345", False),
    ],
)
def test_texts_go_to_the_countries_of_the_settings(number: str, allowed: bool) -> None:
    assert may_be_texted(number, some_settings()) is allowed


def test_another_country_is_a_setting() -> None:
    assert may_be_texted("+18765550101", some_settings(sms_countries="CA JM"))
    assert not may_be_texted("+12125550199", some_settings(sms_countries="CA JM"))


@pytest.mark.parametrize("number", ["(514) 555-0101", "514.555.0101", "+1 514-555-0101", "1 514 555 0101"])
def test_a_number_as_people_write_it_becomes_e164(number: str) -> None:
    assert to_e164(number) == "+15145550101"


@pytest.mark.parametrize("number", ["", "hello", "555", "+1"])
def test_what_no_phone_can_have_becomes_nothing(number: str) -> None:
    assert to_e164(number) is None
