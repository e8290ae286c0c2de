"""Card numbers: read once, never kept, and only those that nobody has."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import psycopg
import pytest

from sandbox.bank.cards import TEST_CARDS, BadCard, brand_of, passes_luhn, read_card
from tests.sandbox.running import RunningSandbox

TODAY = date(2026, 11, 23)
DOCS = Path(__file__).parent.parent.parent / "docs" / "sandbox.md"


def typed(**change: object) -> dict[str, object]:
    return {"number": "4242 4242 4242 4242", "exp_month": "12", "exp_year": "28", "cvc": "123"} | change


def test_every_test_card_passes_luhn_and_stands_in_the_documentation() -> None:
    documented = DOCS.read_text()
    for number in TEST_CARDS:
        assert passes_luhn(number)
        assert number in documented.replace(" ", "")


def test_luhn_finds_every_single_wrong_digit_and_brands_are_told_by_their_prefix() -> None:
    number = "4242424242424242"
    for place in range(len(number)):
        for digit in "0123456789".replace(number[place], ""):
            assert not passes_luhn(number[:place] + digit + number[place + 1 :])
    numbers = ("4242", "5105", "5555", "2221", "2720", "2721", "3782", "3400", "6011", "6500", "9999")
    brands = "visa mastercard mastercard mastercard mastercard unknown amex amex discover discover unknown"
    assert [brand_of(number) for number in numbers] == brands.split()


def test_what_is_kept_of_a_card_holds_no_number() -> None:
    card = read_card(typed(), key="k", today=TODAY)
    assert (card.brand, card.last4, card.exp_month, card.exp_year) == ("visa", "4242", 12, 2028)
    assert not any(character.isdigit() for character in card.fingerprint)
    assert card.fingerprint == read_card(typed(number="4242-4242-4242-4242"), key="k", today=TODAY).fingerprint
    assert card.fingerprint != read_card(typed(), key="another", today=TODAY).fingerprint


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"number": ""}, "number", "number_missing"),
        ({"number": None}, "number", "number_missing"),
        ({"number": ["4242424242424242"]}, "number", "number_missing"),
        ({"number": "４２４２４２４２４２４２４２４２"}, "number", "number_missing"),
        ({"number": "4242 4242"}, "number", "number_incomplete"),
        ({"number": "42" * 30}, "number", "number_incomplete"),
        ({"number": "4242424242424241"}, "number", "number_wrong"),
        ({"number": "4532015112830366"}, "number", "number_real"),
        ({"exp_month": "13"}, "exp", "exp_wrong"),
        ({"exp_month": "0"}, "exp", "exp_wrong"),
        ({"exp_month": ""}, "exp", "exp_incomplete"),
        ({"exp_year": "2"}, "exp", "exp_incomplete"),
        ({"exp_year": "2099"}, "exp", "exp_wrong"),
        ({"exp_month": "10", "exp_year": "26"}, "exp", "exp_past"),
        ({"cvc": "12"}, "cvc", "cvc_incomplete"),
        ({"cvc": "12a"}, "cvc", "cvc_incomplete"),
        ({"number": "378282246310005"}, "cvc", "cvc_incomplete"),
    ],
)
def test_wrong_cards_name_the_field_and_never_the_number(change: dict[str, object], field: str, code: str) -> None:
    with pytest.raises(BadCard) as caught:
        read_card(typed(**change), key="k", today=TODAY)
    assert (caught.value.field, caught.value.code) == (field, code)
    assert "4242" not in str(caught.value)


def test_a_card_is_good_until_its_month_ends() -> None:
    assert read_card(typed(exp_month="11", exp_year="2026"), key="k", today=TODAY).exp_year == 2026


def test_no_number_is_at_rest_in_any_table_or_log(sandbox: RunningSandbox, sandbox_database: str) -> None:
    chance = random.Random(7)
    numbers = list(TEST_CARDS)
    while len(numbers) < 40:
        number = "400000" + "".join(chance.choice("0123456789") for _ in range(10))
        if passes_luhn(number):
            numbers.append(number)
    for number in numbers:
        sandbox.payment(number)
        for wrong in (number[:-1] + "x", number + "0", "9" + number):
            sandbox.client.post("/fields/tokens", json=typed(number=wrong))
    sandbox.client.post("/fields/tokens", content=numbers[0])
    sandbox.client.post("/fields/tokens", json=[numbers[0]])
    sandbox.client.post("/fields/tokens", json=typed(number=numbers[0] + "\0"))
    at_rest = everything_in(sandbox_database) + sandbox.log.read_text()
    assert "tok_" in at_rest
    for number in numbers:
        assert number[:-1] not in at_rest
        assert number[1:] not in at_rest


def everything_in(database_url: str) -> str:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'sandbox'").fetchall()
        dumps = [connection.execute(f"select t::text from sandbox.{name} t").fetchall() for (name,) in tables]
    return "\n".join(str(row[0]) for dump in dumps for row in dump)
