from __future__ import annotations

import pytest

from assistant.method_choice import Chosen, MethodReading, NewCard, NoMethod, NoSuchMethod, OneOf, read_method
from billing.models import PaymentMethod


def a_method(
    id: int, brand: str, last4: str, exp: tuple[int, int] | None = (4, 2031), kind: str = "card"
) -> PaymentMethod:
    month, year = exp or (None, None)
    return PaymentMethod(id=id, kind=kind, brand=brand, last4=last4, exp_month=month, exp_year=year)


VISA, MASTERCARD, OLD_VISA = a_method(1, "visa", "4242"), a_method(2, "mastercard", "4444"), a_method(3, "visa", "0002")
BANK = a_method(4, "bank", "6789", None, "bank_debit")
TWIN = a_method(5, "visa", "4242", (9, 2028))
THREE = [VISA, MASTERCARD, OLD_VISA]


def short(reading: MethodReading) -> object:
    match reading:
        case Chosen(method):
            return method.id
        case OneOf(methods):
            return [m.id for m in methods]
        case NewCard():
            return "new"
        case NoSuchMethod():
            return "none such"
        case NoMethod():
            return None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("the visa ending 4242", 1),
        ("visa ending in 0002", 3),
        ("Visa 0002 please", 3),
        ("ending 4242", 1),
        ("the one that ends with 42", 1),
        ("the card with last four digits 4444", 2),
        ("mastercard", 2),
        ("my master card", 2),
        ("the visa", [1, 3]),
        ("4444", 2),
        ("4 4 4 4", 2),
        ("the second one", 2),
        ("2", 2),
        ("the last one", 3),
        ("3rd", 3),
        ("a new card", "new"),
        ("new one", "new"),
        ("use a different card", [1, 2, 3]),
        ("visa ending 9999", "none such"),
        ("9999", "none such"),
        ("amex", "none such"),
        ("the fifth one", None),
        ("i do not know", [1, 2, 3]),
        ("la mastercard", 2),
        ("celle qui se termine par 0002", 3),
        ("la deuxième", 2),
        ("une nouvelle carte", "new"),
        ("hello", None),
    ],
)
def test_an_answer_to_which_card_is_read(said: str, meant: object) -> None:
    assert short(read_method(said, THREE, offered=THREE, asked=True)) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("the other card", [2, 3]),
        ("not that one", [2, 3]),
        ("not that card, the mastercard", 2),
        ("anything but not the mastercard", [3]),
        ("another card please", [2, 3]),
        ("pas celle-là", [2, 3]),
        ("l'autre carte", [2, 3]),
        ("not the visa ending 4242, the other visa", 3),
    ],
)
def test_the_present_card_is_refused(said: str, meant: object) -> None:
    found = short(read_method(said, THREE, current=VISA, asked=True))
    assert found == (meant[0] if isinstance(meant, list) and len(meant) == 1 else meant)


@pytest.mark.parametrize(
    "said",
    [
        "pay 50",
        "make it 1200",
        "another amount",
        "a different amount",
        "not 50, 60",
        "pay my account",
        "new amount",
        "4242.00",
        "12",
        "50 instead",
    ],
)
def test_an_amount_is_no_card(said: str) -> None:
    assert short(read_method(said, THREE, current=VISA)) is None


def test_an_amount_beside_a_card_is_not_its_ending() -> None:
    assert short(read_method("put 1200 on the mastercard", THREE)) == 2


def test_two_methods_leave_one_other() -> None:
    assert short(read_method("the other card", [VISA, MASTERCARD], current=VISA)) == 2


def test_the_only_method_has_no_other() -> None:
    assert short(read_method("the other card", [VISA], current=VISA)) == []


@pytest.mark.parametrize(
    "said", ["the one that expires in 2028", "visa 4242 expiring 09/28", "the visa that expires 9/2028"]
)
def test_cards_that_end_alike_are_told_apart_by_their_expiry(said: str) -> None:
    assert short(read_method(said, [VISA, MASTERCARD, TWIN], asked=True)) == 5


def test_cards_that_end_alike_are_asked_about() -> None:
    assert short(read_method("visa 4242", [VISA, MASTERCARD, TWIN], asked=True)) == [1, 5]


@pytest.mark.parametrize(
    "said", ["the bank account", "from my chequing account", "mon compte", "le compte bancaire", "debit"]
)
def test_the_bank_account_is_named(said: str) -> None:
    assert short(read_method(said, [VISA, BANK], asked=True)) == 4


def test_a_debit_card_is_not_the_bank_account() -> None:
    assert short(read_method("the debit card", [VISA, BANK], asked=True)) is None
