"""What is typed on the secure page is checked field by field and kept in one form."""

from __future__ import annotations

from typing import Any

import pytest

from billing.money import Money
from tests.billing.builders import cad
from webhook.errors import Refused
from webhook.pay_form import read_details, read_page_amount
from webhook.schemas import Address

GOOD = {
    **{"name": "Maya Tremblay", "line1": "1 Main St", "line2": "", "city": "Ottawa", "region": "ON"},
    **{"postal_code": "K1A 0B1", "country": "CA"},
}


def wrong(email: str = "maya@northwind.example", **changes: str) -> dict[str, str]:
    with pytest.raises(Refused) as refused:
        read_details(Address(**(GOOD | changes)), email)
    assert refused.value.code == "address_wrong"
    return dict(refused.value.fields or {})


@pytest.mark.parametrize(
    ("typed", "country", "region", "kept"),
    [
        ("K1A 0B1", "CA", "ON", "K1A 0B1"),
        ("k1a0b1", "ca", "on", "K1A 0B1"),
        ("H2X-1Y4", "CA", "QC", "H2X 1Y4"),
        ("94103", "US", "CA", "94103"),
        ("941031234", "US", "CA", "94103-1234"),
        ("94103-1234", "US", "CA", "94103-1234"),
    ],
)
def test_postal_codes_are_kept_as_the_post_writes_them(typed: str, country: str, region: str, kept: str) -> None:
    details = read_details(Address(**(GOOD | {"postal_code": typed, "country": country, "region": region})), "a@b.ca")
    assert (details.address["postal_code"], details.address["country"]) == (kept, country.upper())
    assert details.email == "a@b.ca"


@pytest.mark.parametrize(
    "typed", ["D1A 0B1", "K1O 0B1", "W1A 0B1", "K1A 0B", "K1A  0B1", "12345", "K1A 0B1 2", "Ｋ1A 0B1"]
)
def test_wrong_canadian_postal_code_is_marked(typed: str) -> None:
    assert wrong(postal_code=typed) == {"postal_code": "wrong"}


@pytest.mark.parametrize("typed", ["1234", "123456", "12345-12", "K1A 0B1", "١٢٣٤٥"])
def test_wrong_american_zip_code_is_marked(typed: str) -> None:
    assert wrong(postal_code=typed, country="US", region="NY") == {"postal_code": "wrong"}


def test_every_missing_field_is_marked_at_once() -> None:
    fields = ("name", "line1", "city", "region", "postal_code", "email")
    assert wrong(name="", line1=" ", city="", region="", postal_code="", email="") == dict.fromkeys(fields, "missing")


@pytest.mark.parametrize(("country", "region"), [("CA", "NY"), ("US", "QC"), ("CA", "Ontario")])
def test_region_belongs_to_its_country(country: str, region: str) -> None:
    code = "94103" if country == "US" else "K1A 0B1"
    assert wrong(country=country, region=region, postal_code=code) == {"region": "wrong"}


@pytest.mark.parametrize("country", ["FR", "Canada", "XX"])
def test_other_countries_are_not_offered(country: str) -> None:
    assert wrong(country=country) == {"country": "wrong"}


@pytest.mark.parametrize(
    "email",
    [
        *("maya", "maya@", "@northwind.example", "a b@c.de", "a@b", "a@b..c", "a,b@c.de", "a@-b.ca", "<a@b.ca>"),
        *("x" * 65 + "@b.ca", "a@" + "b." * 130 + "ca", "a@b.ca\nBcc: x@y.de"),
    ],
)
def test_wrong_email_is_marked(email: str) -> None:
    assert wrong(email=email) == {"email": "wrong"}


@pytest.mark.parametrize("email", ["maya@northwind.example", "m.t+bills@sub.domain.co", "o'hara@x-y.ca"])
def test_ordinary_emails_are_taken(email: str) -> None:
    assert read_details(Address(**GOOD), email).email == email


@pytest.mark.parametrize("field", ["name", "line1", "line2", "city"])
def test_card_number_in_the_address_goes_no_further(field: str) -> None:
    assert wrong(**{field: "4242 4242 4242 4242"}) == {field: "card_number"}


@pytest.mark.parametrize(
    ("typed", "language", "minor"),
    [
        ("452.10", "en", 45210),
        ("$1,250", "en", 125000),
        ("452,10", "fr", 45210),
        ("452,10 $", "fr", 45210),
        ("50", "en", 5000),
        ("0", "en", 0),
    ],
)
def test_amount_is_read_as_in_the_chat(typed: str, language: str, minor: int) -> None:
    assert read_page_amount(typed, language, "CAD") == Money(minor, "CAD")


@pytest.mark.parametrize("typed", ["", "abc", "10.005", "half", "50 or 60", "20 euros", "1e3", "∞", "NaN"])
def test_unclear_amount_is_asked_again(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        read_page_amount(typed, "en", "CAD")
    assert refused.value.code == "amount_unreadable"


def test_amount_in_the_accounts_own_currency_may_name_it() -> None:
    assert read_page_amount("CAD 20", "en", "CAD") == cad("20.00")


def test_answer_names_the_fields(maya: Any) -> None:
    """The same, as the page sees it."""
    response = maya.client.post("/pay/unknown", json={"address": GOOD, "email": "x"})
    assert response.status_code == 404  # whose form it is comes before what is wrong with it
