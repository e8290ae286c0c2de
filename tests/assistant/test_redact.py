"""Card numbers go, in every spelling; everything else stays. Numbers here are made up or published for testing."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.folding import fold
from assistant.redact import TAIL_CHARS, Redaction, redact
from assistant.redact.luhn import is_card_number, luhn_sum

CARD = "4242 4242 4242 4242"


def without_card(text: str, before: str = "") -> str:
    redaction = redact(text, before)
    assert redaction.removed
    return redaction.text


# Spellings


@pytest.mark.parametrize(
    "typed",
    [
        "4242424242424242",
        CARD,
        "4242-4242-4242-4242",
        "4242/4242/4242/4242",
        "4242.4242.4242.4242",
        "4242_4242_4242_4242",
        "4242, 4242, 4242, 4242",
        "4242\n4242\n4242\n4242",
        "4242  4242 - 4242 → 4242",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        "42424 242-4242 4242",
        "４２４２４２４２４２４２４２４２",
        "٤٢٤٢ ٤٢٤٢ ٤٢٤٢ ٤٢٤٢",
        "④②④②④②④②④②④②④②④②",
        "四二四二四二四二四二四二四二四二",
        "4️⃣2️⃣4️⃣2️⃣4️⃣2️⃣4️⃣2️⃣4️⃣2️⃣4️⃣2️⃣4️⃣2️⃣4️⃣2️⃣",
        "4242\u200b4242\u00ad4242\u00a04242",
        "４2４2 ４2４2 four two four two 4242",
        "four two four two four two four two four two four two four two four two",
        "forty-two forty two forty two forty two forty-two forty two forty two forty two",
        "FORTY TWO 42 forty two 42 forty two 42 forty two 42",
        "fourtwofourtwofourtwofourtwofourtwofourtwofourtwofourtwo",
        "quatre deux quatre deux quatre deux quatre deux 4242 quarante-deux 42",
        "quarante-deux quarante-deux quarante-deux quarante-deux 42 42 42 42",
        "quatre mille deux cent quarante-deux 4242 4242 4242",
        "four thousand two hundred and forty-two 4242 4242 4242",
        "4242 and then 4242 4242 and the rest is 4242",
        "4242 tiret 4242 tiret 4242 tiret 4242",
        "the first four are 4242 the next four 4242 and the last eight 4242 4242",
        "fivty five 55 5555 5555 4444",
    ],
)  # fmt: skip
def test_card_number_goes_however_it_is_spelled(typed: str) -> None:
    cleaned = without_card(f"please use {typed} now")
    assert cleaned.startswith("please use ") and cleaned.endswith("⟦card⟧ now")
    assert not re.search(r"\d", fold(cleaned).text)


@pytest.mark.parametrize(
    "typed",
    [
        "triple five triple five triple five triple five triple four four",  # 5555 5555 5555 4444
        "soixante onze onze onze onze onze onze dix-sept",  # 60 11 …, not 71
        "six oh double one 1111 triple 1 one 11 17",
        "six zéro onze 1111 1111 onze dix-sept",
        "thirty seven eighty two eighty two twenty four sixty three ten three zeros five",
        "60ll llll llll lll7",
        "6O11 1111 1111 1117",
        "6О11 1111 1111 1117",  # a Cyrillic О
        "3782 822463 10005",
        "5105 1051 0510 5100",
        "trois sept huit deux huit deux deux quatre six trois un trois fois le zéro cinq",
    ],
)
def test_readings_that_compete_are_all_tried(typed: str) -> None:
    assert without_card(f"visa {typed}") == "visa ⟦card⟧"


def test_what_stands_around_a_card_number_stays() -> None:
    assert redact(f"I want to pay $45.20 with {CARD}, merci") == Redaction(
        "I want to pay $45.20 with ⟦card⟧, merci", True
    )


def test_every_card_number_of_a_message_goes() -> None:
    assert without_card(f"not {CARD} but 5555555555554444") == "not ⟦card⟧ but ⟦card⟧"


def test_digits_one_by_one_are_no_list_of_invoices() -> None:
    assert without_card("my 2 bills, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2") == "my 2 bills, ⟦card⟧"


def test_people_call_their_card_number_an_account_number() -> None:
    assert without_card(f"my account number is {CARD}") == "my account number is ⟦card⟧"


@pytest.mark.parametrize("typed", ["4242 4242 4242 4241", "4242424242424241", "my card number is 1234567890123456"])
def test_card_number_with_a_slip_is_one_all_the_same(typed: str) -> None:
    assert "⟦card⟧" in without_card(typed)


def test_expiry_date_and_code_typed_on_without_a_blank_go_too() -> None:
    assert without_card("42424242424242420429123") == "⟦card⟧"


# What belongs to a card


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [
        ("my cvv is 123", "my cvv is ⟦code⟧"),
        ("CVV2: 123", "CVV2: ⟦code⟧"),
        ("737 is the security code", "⟦code⟧ is the security code"),
        ("the three digits on the back are 737", "the three digits on the back are ⟦code⟧"),
        ("cvc seven thirty-seven", "cvc ⟦code⟧"),
        ("pay 150, cvv 123", "pay 150, cvv ⟦code⟧"),
        ("le code de sécurité au dos de ma carte est le 737", "le code de sécurité au dos de ma carte est le ⟦code⟧"),
        ("cryptogramme : sept trois sept", "cryptogramme : ⟦code⟧"),
        (f"{CARD} exp 04/29 cvv 123", "⟦card⟧ exp ⟦expiry⟧ cvv ⟦code⟧"),
        (f"{CARD} 04/29 123", "⟦card⟧"),
        (f"{CARD}, Jo Martin, 04/29, 123", "⟦card⟧, Jo Martin, ⟦expiry⟧"),
        (f"{CARD} expires april 2029", "⟦card⟧ expires ⟦expiry⟧"),
        (f"{CARD} expires oh four twenty-nine", "⟦card⟧ expires ⟦expiry⟧"),
        (f"carte {CARD} expiration avril 2029 code 123", "carte ⟦card⟧ expiration ⟦expiry⟧ code ⟦code⟧"),
        (f"amex {CARD} cid 1234", "amex ⟦card⟧ cid ⟦code⟧"),
    ],
)
def test_security_codes_and_expiry_dates_go(typed: str, cleaned: str) -> None:
    assert without_card(typed) == cleaned


@pytest.mark.parametrize(
    "typed",
    [
        "what is a cvv? 150",
        "I don't have the cvv, pay 150",
        "my pin is 4444",
        "security code 482913",
        "exp 04/29",
        "code 27",
    ],
)
def test_other_codes_and_dates_stay(typed: str) -> None:
    assert redact(typed) == Redaction(typed, False)


def test_amounts_and_invoices_beside_a_card_number_stay() -> None:
    assert without_card(f"{CARD} for invoice 1002, pay 150") == "⟦card⟧ for invoice 1002, pay 150"


# What stays


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "pay my bill",
        "$1,234.56",
        "1 250,00 $ le 2026-11-27",
        "visa ending 4242",
        "**** **** **** 4242",
        "call 514-555-0149 or 438 555-0188",
        "call 1-800-555-0199, (514) 555-0149 or +1 438 555 0188",
        "+44 (0) 161 1234567 ext 123",
        "5145550149",
        "five one four five five five zero one four nine",
        "my account number is 45678912345",
        "compte 612 883 247",
        "424242424",
        "invoice INV-4242424242424242",
        "invoices 5001, 5002, 5003, 5004",
        "factures 4001, 4002, 4003, 4004 et 4005",
        "order number 4242424242424242",
        "where is order #930663901301",
        "IMEI 358240051111110",
        "imei 35-824005-111111-0",
        "IMEI: 3582400511111102",
        "my sim card is 8914800000101234567",
        "ICCID 89148000001012345678",
        "tracking number 4000123412341238",
        "colis 4000 1234 1234 1238",
        "1Z9994242424242424",
        "transaction 4206 8694 3425 0042",
        "2026-11-27 250.00 2026-12-27 300.00",
        "25/6/26, 6/9/26",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "1767225600123",
        "four hundred and fifty-two dollars and ten cents",
        "quatre-vingt-dix-sept piasses et vingt sous",
        "two of the three, one for fifty five and one for forty",
        "my SIN is 046 454 286",
        "12052018 230",
    ],
)  # fmt: skip
def test_other_numbers_stay(typed: str) -> None:
    assert redact(typed) == Redaction(typed, False)


# Two messages


@pytest.mark.parametrize(
    ("first", "second", "stored"),
    [
        ("4242 4242", "4242 4242", "⟦card⟧"),
        ("my card is 4242 4242", "and the rest is 4242 4242 exp 04/29", "and the rest is ⟦card⟧ exp ⟦expiry⟧"),
        ("42424242", "oops 42424242", "oops ⟦card⟧"),
        ("forty two forty two forty two", "forty two forty two forty two forty two forty two", "⟦card⟧"),
        ("quatre deux quatre deux quatre deux", "4242 4242 42", "⟦card⟧"),
        ("3782 822463", "10005", "⟦card⟧"),
        ("4242 4242 4242", "4242", "⟦card⟧"),
        ("4242424242", "424242", "⟦card⟧"),
        ("4242 4242", "4242", "⟦card⟧"),
        ("4242", "4242\n4242\n4242", "⟦card⟧"),
    ],
)
def test_number_that_goes_on_in_the_next_message_goes(first: str, second: str, stored: str) -> None:
    assert without_card(second, before=redact(first).text) == stored


def test_number_in_four_messages_never_gets_whole() -> None:
    said: list[str] = []
    for _ in range(4):
        said.append(redact("4242", before="\n".join(said)[-TAIL_CHARS:]).text)
    assert said == ["4242", "4242", "4242", "⟦card⟧"]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("4242 4242 4242", "4242 4242⟦card⟧"),
        ("3622 720627", "3622 7206⟦card⟧"),
        ("my card number is 424242424242", "my card number is 42424242⟦card⟧"),
        ("424242424242", "42424242⟦card⟧"),
        ("forty-one eleven eleven eleven eleven", "forty-one eleven eleven eleven⟦card⟧"),
        ("41 11 11 11 11 11", "41 11 11 11⟦card⟧"),
        ("four two four two four two four two four", "four two four two four two four two⟦card⟧"),
    ],
)
def test_beginning_of_a_number_keeps_eight_digits(typed: str, stored: str) -> None:
    assert without_card(typed) == stored


@pytest.mark.parametrize(
    ("before", "typed", "stored"),
    [
        ("my cvv is", "123", "⟦code⟧"),
        ("⟦card⟧", "123", "⟦code⟧"),
        ("⟦card⟧", "04/29", "⟦expiry⟧"),
        ("visa ⟦card⟧", "exp 04/29 code 123", "exp ⟦expiry⟧ code ⟦code⟧"),
    ],
)
def test_code_in_the_message_after_goes(before: str, typed: str, stored: str) -> None:
    assert without_card(typed, before) == stored


@pytest.mark.parametrize(
    ("before", "typed"),
    [
        ("pay my bill\nthe visa ending 4242", "50"),
        ("4242", "4242"),
        ("my phone is 4385550149", "482913"),
        ("invoice 42424242", "42424242"),
        ("42424242", "$424,242.42"),
        ("42424242", "4242 dollars"),
        ("2026-11-27", "250.00"),
        ("⟦card⟧", "make it 150"),
        ("⟦card⟧", "$150"),
        ("4242 4242⟦card⟧", "50"),
        ("what is my balance", "quatre mille deux cent vingt"),
    ],
)
def test_numbers_of_several_messages_stay_apart(before: str, typed: str) -> None:
    assert redact(typed, before) == Redaction(typed, False)


# Properties

PREFIXES = (
    ("4", 16), ("4", 13), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15),
    ("36", 14), ("305", 14), ("38", 14), ("6011", 16), ("65", 16), ("3528", 16), ("3589", 16), ("62", 16), ("62", 19),
    ("6759", 16),
)  # fmt: skip


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    prefix, length = draw(st.sampled_from(PREFIXES))
    rest = draw(st.text("0123456789", min_size=length - len(prefix) - 1, max_size=length - len(prefix) - 1))
    body = prefix + rest
    return body + str(-luhn_sum(body, 1) % 10)


ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FRENCH = ["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"]
SCRIPTS = ("0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "⓪①②③④⑤⑥⑦⑧⑨", "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡")
SEPARATORS = ("", " ", "  ", "-", " - ", "–", "/", ".", ",", ", ", "_", "\n", "\u00a0", "\u200b", "|", "*", "…")


@st.composite
def spellings(draw: st.DrawFn, digits: str) -> str:
    """Each digit in a script or a word of its own, with any separators: words always have one."""
    separators = st.sampled_from(SEPARATORS)
    spelled = ""
    for digit in digits:
        written = draw(st.sampled_from([*(script[int(digit)] for script in SCRIPTS),
                                        ENGLISH[int(digit)], FRENCH[int(digit)]]))  # fmt: skip
        spelled += written + (draw(separators) or (" " if written.isalpha() and written.isascii() else ""))
    return spelled.rstrip("".join(SEPARATORS))


@given(st.data(), card_numbers())
def test_any_spelling_of_any_card_number_goes(data: st.DataObject, number: str) -> None:
    cleaned = without_card(f"use {data.draw(spellings(number))} please")
    assert cleaned == "use ⟦card⟧ please"


@given(card_numbers(), st.integers(1, 12), st.sampled_from(["pairs", "fours", "alone"]))
def test_no_more_than_eight_digits_of_a_number_in_two_messages_remain(number: str, place: int, grouping: str) -> None:
    size = {"pairs": 2, "fours": 4, "alone": 1}[grouping]
    groups = [number[at : at + size] for at in range(0, len(number), size)]
    place = min(place, len(groups) - 1)
    first = redact(" ".join(groups[:place])).text
    second = redact(" ".join(groups[place:]), before=first).text
    kept = sum(character.isdigit() for character in first + second)
    begun = "".join(groups[:place])
    phone = re.fullmatch("(?!37)[2-9][0-8][0-9][2-9][0-9]{6}", begun)  # in pairs, or one by one: it stays
    assert kept <= 8 or (phone and kept == 10) or len(number) - len(begun) < 3  # one or two digits may be anything


@given(card_numbers(), st.text(max_size=20), st.text(max_size=20))
def test_cleaning_twice_changes_nothing(number: str, left: str, right: str) -> None:
    cleaned = redact(f"{left} {number} {right}").text
    assert redact(cleaned).text == cleaned


@given(st.text(), st.text(max_size=TAIL_CHARS))
def test_any_text_is_either_kept_or_reported(text: str, before: str) -> None:
    redaction = redact(text, before)
    assert redaction.removed == (redaction.text != text)


@given(st.text("bcdfgjkmpqwxy .,;:!?'-/()$€\n\u200bÀÉéçß€🙂Ж中"), st.text())
def test_text_without_numbers_is_returned_as_it_is(text: str, before: str) -> None:
    assert redact(text, before) == Redaction(text, False)


@given(st.sampled_from(["35", "86", "01", "99", "45"]), st.text("0123456789", min_size=12, max_size=12))
def test_device_numbers_stay_though_their_check_digit_is_a_card_s(kind: str, rest: str) -> None:
    imei = kind + rest + str(-luhn_sum(kind + rest, 1) % 10)
    typed = f"my imei is {imei}"
    assert redact(typed) == Redaction(typed, False)
    assert redact(imei) == Redaction(imei, False)


@given(st.from_regex(r"[2-9][0-8][0-9]-[2-9][0-9]{2}-[0-9]{4}", fullmatch=True), st.integers(1, 999_999))
def test_phone_and_invoice_numbers_stay(phone: str, invoice: int) -> None:
    typed = f"call {phone} or {phone.replace('-', '')}, it is about invoice {invoice}"
    assert redact(typed) == Redaction(typed, False)


@given(card_numbers(), st.integers(0, 12), st.integers(1, 9))
def test_check_digit_finds_every_wrong_digit(number: str, place: int, change: int) -> None:
    wrong = number[:place] + str((int(number[place]) + change) % 10) + number[place + 1 :]
    assert is_card_number(number)
    assert luhn_sum(wrong) != 0


# Time


@pytest.mark.parametrize(
    "unit",
    [
        "4", "4 ", "42 ", "4-", "4242424242424241 x ", "forty two ", "four", "quatre vingt dix sept ", "double four ",
        "quatre mille deux cent quarante deux ", "o", "oil0", "first four ", "three zeros ", "cvv 12 ", "on the back ",
        "514-555-0149 ", "45.20 ", "2026-11-27 ", "04/29 ", "４２ ", "⟦card⟧ ", "4242 4242 4242 4242 exp ",
        "4242 exp april ", "is the ", "f81d4fae-", "four to ", "123456789 x ",
    ],
)  # fmt: skip
def test_time_grows_with_the_length_only(unit: str) -> None:
    def seconds(length: int) -> float:
        text, best = (unit * length)[:length], 1.0
        for _ in range(3):
            started = time.process_time()
            redact(text, before="4242")
            best = min(best, time.process_time() - started)
        return best

    short, long = seconds(2_000), seconds(16_000)
    assert long < 30 * short + 0.002  # eight times the text; a quadratic search would take 64 times as long
    assert long < 0.4
