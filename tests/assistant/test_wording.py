"""One catalogue, complete in both languages, and every key of it used."""

from __future__ import annotations

import ast
import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from assistant.gsm import ALPHABET, plain_gsm
from assistant.wording import (
    CHANNELS,
    LANGUAGES,
    WordingError,
    catalogue,
    either,
    invoice_lines,
    invoice_phrase,
    load_catalogue,
    method_label,
    name_invoices,
    say,
    write,
)
from billing.allocation import Share
from billing.gateways.base import MethodInfo
from billing.money import Money

ROOT = Path(__file__).parents[2]
PACKAGES = ("assistant", "actions", "webhook", "worker", "remit", "sandbox")
# Words at which a text message ends a subscription: no prompt may make a customer send one.
NO_TEXTS = ("mail_", "error_", "mandate_", "paper_", "page_", "pay_page_", "ticket_", "widget_", "call_")
OPT_OUT = ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "arret", "arrêt")


def cad(minor: int) -> Money:
    return Money(minor, "CAD")


# -------------------------------------------------------------------------------------------------- the catalogue


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_every_key_speaks_both_languages_alike(key: str) -> None:
    variants = catalogue()[key]
    for language in LANGUAGES:
        assert (language, None) in variants
    for (language, channel), variant in variants.items():
        other = "fr" if language == "en" else "en"
        assert (other, channel) in variants, f"{channel} speaks {language} alone"
        assert variant.placeholders == variants[other, channel].placeholders
        assert variant.placeholders <= variants["en", None].placeholders | {"url", "code"}
        assert variant.text.strip() == variant.text


def _keys_in_python() -> tuple[set[str], set[re.Pattern[str]]]:
    """Keys that stand in code, whole or with holes (f-strings), wherever a text could be one."""
    whole: set[str] = set()
    patterns: set[re.Pattern[str]] = set()
    for path in (p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [
                    re.escape(part.value) if isinstance(part, ast.Constant) and isinstance(part.value, str) else r"\w+"
                    for part in node.values
                ]
                if not parts[0].startswith("\\w") or parts[-1] in ("_one", "_many"):
                    patterns.add(re.compile("".join(parts)))
    return whole, patterns


def test_every_key_is_used() -> None:
    whole, patterns = _keys_in_python()
    in_templates = " ".join(p.read_text("utf-8") for p in ROOT.glob("*/templates/*") if p.is_file())
    unused = [
        key
        for key in catalogue()
        if key not in whole and not any(p.fullmatch(key) for p in patterns) and key not in in_templates
    ]
    assert not unused


def _said_keys() -> set[str]:
    """First arguments of `say(…)` and `turn.word(…)`."""
    keys = set()
    for path in (p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        source = path.read_text("utf-8")
        if "wording" not in source and "Turn" not in source:
            continue  # another `say`
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            is_catalogue = (name == "say" and isinstance(node.func, ast.Name)) or name in ("word", "counted")
            first = node.args[0]
            if is_catalogue and isinstance(first, ast.Constant) and isinstance(first.value, str):
                keys.add(first.value)
    return keys


def test_every_key_that_is_said_exists() -> None:
    known = catalogue().keys() | {key.removesuffix("_one") for key in catalogue() if key.endswith("_one")}
    assert _said_keys() <= known


def test_no_text_message_asks_for_an_opt_out_word() -> None:
    asking = re.compile(rf"\b(?:{'|'.join(OPT_OUT)})\b", re.IGNORECASE)
    for key, variants in catalogue().items():
        if key.startswith(NO_TEXTS) or key == "text_help":  # where carriers want the word to be named
            continue
        for language in LANGUAGES:
            variant = variants.get((language, "sms")) or variants[language, None]
            assert not asking.search(variant.text), f"{key} in {language}: {variant.text}"


def test_no_text_message_loses_an_accent() -> None:
    """The alphabet of text messages has é, è, à, ù and Ç, but no ê, û or ç: those sentences have other words for it."""
    for key, variants in catalogue().items():
        if key.startswith(NO_TEXTS):
            continue
        for language in LANGUAGES:
            variant = variants.get((language, "sms")) or variants[language, None]
            lost = {letter for letter in variant.text if letter.isalpha() and letter not in ALPHABET}
            assert not lost, f"{key} in {language}: {variant.text}"


def test_no_sentence_stands_in_actions() -> None:
    """A text of several words that begins like a sentence belongs into the catalogue."""
    for path in (ROOT / "actions").glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                assert not re.match(r"[A-ZÀÉ][\w’']+ \w+ \w+", node.value) or "rasa" in node.value, node.value


# ------------------------------------------------------------------------------------------------------ the renderer


def test_language_comes_before_channel() -> None:
    assert say("thanks", "fr", "voice") == "Avec plaisir!"


@pytest.mark.parametrize(
    ("key", "language", "channel"), [("nonsense", "en", "chat"), ("greet", "de", "chat"), ("greet", "en", "telex")]
)
def test_what_cannot_be_said_raises(key: str, language: str, channel: str) -> None:
    with pytest.raises(WordingError):
        say(key, language, channel)


@pytest.mark.parametrize("values", [{}, {"balance": None}])
def test_a_missing_value_raises(values: dict[str, object]) -> None:
    with pytest.raises(WordingError, match="balance"):
        say("balance_zero", "en", "chat", **values)


def test_values_are_not_read_as_placeholders() -> None:
    assert say("due_next", "en", "chat", number="{amount}", amount=cad(1), due="{x}") == "{amount}, $0.01, is due {x}."


def test_a_catalogue_with_two_words_for_one_place_is_refused(tmp_path: Path) -> None:
    domain = tmp_path / "domain.yml"
    variant = '    - text: "a"\n      metadata: {language: en}\n'
    domain.write_text(f"responses:\n  a:\n{variant}{variant}", "utf-8")
    with pytest.raises(WordingError):
        load_catalogue(domain)


def test_a_placeholder_is_a_plain_name(tmp_path: Path) -> None:
    domain = tmp_path / "domain.yml"
    domain.write_text('responses:\n  a:\n    - text: "{x.__class__}"\n      metadata: {language: en}\n', "utf-8")
    with pytest.raises(WordingError):
        load_catalogue(domain)


@pytest.mark.parametrize(
    ("minor", "language", "channel", "text"),
    [
        (45210, "en", "chat", "$452.10"),
        (45210, "fr", "chat", "452,10\xa0$"),
        (145210, "fr", "email", "1\xa0452,10\xa0$"),
        (-3500, "en", "chat", "−$35.00 (credit)"),
        (-3500, "fr", "chat", "−35,00\xa0$ (crédit)"),
        (8420, "en", "voice", "84 dollars and 20 cents"),
        (8420, "fr", "voice", "84 dollars et 20 cents"),
        (100, "en", "voice", "1 dollar"),
        (1, "en", "voice", "1 cent"),
        (0, "en", "voice", "0 dollars"),
        (0, "fr", "voice", "0 dollar"),
        (101, "en", "voice", "1 dollar and 1 cent"),
        (-3500, "en", "voice", "a credit of 35 dollars"),
        (-3500, "fr", "voice", "un crédit de 35 dollars"),
    ],
)
def test_money_is_written_for_its_reader(minor: int, language: str, channel: str, text: str) -> None:
    assert write(cad(minor), language, channel) == text


@pytest.mark.parametrize(
    ("language", "channel", "text"),
    [
        ("en", "chat", "November 27, 2026"),
        ("fr", "chat", "27 novembre 2026"),
        ("en", "sms", "Nov 27"),
        ("fr", "sms", "27 nov."),
        ("en", "voice", "November 27"),
        ("fr", "voice", "27 novembre"),
    ],
)
def test_dates_are_written_for_their_reader(language: str, channel: str, text: str) -> None:
    assert write(date(2026, 11, 27), language, channel) == text


def test_the_first_of_a_french_month_is_an_ordinal() -> None:
    assert write(date(2026, 12, 1), "fr", "chat") == "1er décembre 2026"
    assert write(date(2026, 12, 11), "fr", "chat") == "11 décembre 2026"


def test_a_moment_is_told_on_its_own_clock() -> None:
    moment = datetime(2026, 11, 22, 20, 4, tzinfo=UTC).astimezone(timezone(timedelta(hours=-5)))
    assert write(moment, "en", "chat") == "November 22, 2026 at 3:04\xa0p.m."
    assert write(moment, "fr", "chat") == "22 novembre 2026 à 15 h 04"


@pytest.mark.parametrize("value", [1.5, True, object()])
def test_what_has_no_wording_raises(value: object) -> None:
    with pytest.raises(TypeError):
        write(value, "en", "chat")


def test_lists_are_joined_like_speech() -> None:
    assert write(["a", "b", "c"], "en", "chat") == "a, b and c"
    assert write(["a", "b"], "fr", "chat") == "a et b"
    assert either([cad(5000), cad(6000)], "en", "chat") == "$50.00 or $60.00"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", sorted(k for k in catalogue() if not k.startswith(("mail_", "error_"))))
def test_text_messages_are_plain_gsm(key: str, language: str) -> None:
    variants = catalogue()[key]
    variant = variants.get((language, "sms")) or variants[language, None]
    said = say(key, language, "sms", **{name: cad(-145210) for name in variant.placeholders})
    assert set(said) <= ALPHABET


def test_gsm_keeps_what_it_has_and_plains_what_it_has_not() -> None:
    assert plain_gsm("reçu à l’été — « ŒUVRE » 1\u202f452,10\u00a0$ …") == 'recu à l\'été - " OEUVRE " 1 452,10 $ ...'
    assert plain_gsm("日") == "?"


# -------------------------------------------------------------------------------------------- names for things


VISA = MethodInfo("pm", "card", "visa", "4242", 4, 2028)
TWIN = MethodInfo("pm2", "card", "Visa", "4242", 9, 2029)
BANK = MethodInfo("pm3", "bank_debit", "bank", "6789")


def test_a_card_is_named_by_brand_and_digits() -> None:
    assert method_label(VISA, "en", "chat") == "Visa ending 4242"
    assert method_label(VISA, "en", "voice") == "Visa ending in 4 2 4 2"
    assert method_label(VISA, "fr", "chat", among=[VISA, BANK]) == "Visa se terminant par 4242"


def test_cards_that_end_alike_show_their_expiry() -> None:
    assert method_label(TWIN, "en", "chat", among=[VISA, TWIN]) == "Visa ending 4242, expires 09/29"


def test_a_bank_account_is_named_by_its_digits() -> None:
    assert method_label(BANK, "en", "chat") == "bank account ending 6789"
    assert method_label(BANK, "fr", "sms") == "compte bancaire 6789"


def a_share(number: str, left: int = 0) -> Share:
    return Share(1, number, cad(5000), cad(left))


def test_few_invoices_are_named() -> None:
    shares = [a_share("INV-1"), a_share("INV-2"), a_share("INV-3", 4000)]
    assert invoice_phrase(shares, "en", "chat") == ("INV-1 and INV-2 in full and $50.00 of INV-3, which leaves $40.00")
    assert invoice_phrase(shares, "en", "sms") == "INV-1 and INV-2 paid and INV-3 $40.00 left"
    assert invoice_lines(shares, "en", "email") == [
        "INV-1 in full",
        "INV-2 in full",
        "$50.00 of INV-3, which leaves $40.00",
    ]


def test_many_invoices_are_counted() -> None:
    shares = [*(a_share(f"INV-{n}") for n in range(1, 240)), a_share("INV-240", 100)]
    assert invoice_lines(shares, "en", "email") == [
        "239 invoices (INV-1 to INV-239) in full",
        "$50.00 of INV-240, which leaves $1.00",
    ]
    assert name_invoices([s.number for s in shares], "fr", "chat") == "240 factures (INV-1 à INV-240)"


def test_every_channel_is_served() -> None:
    assert {say("greet", "en", channel)[:5] for channel in CHANNELS} == {"Hello"}
