"""Every sentence that a customer reads or hears: one catalogue, the responses of domain.yml, and one renderer over it.

A variant is chosen by language first, then by channel; a channel without words of its own gets the language's default.
Text is finished here, so that the consent record can hold what was said, word for word.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import yaml
from babel import Locale
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_currency, get_currency_precision

from assistant.gsm import plain_gsm
from billing.allocation import Share
from billing.money import Money

DOMAIN_FILE = Path(__file__).parents[1] / "domain.yml"
LANGUAGES = ("en", "fr")
CHANNELS = ("chat", "sms", "voice", "email", "page")
LOCALES = {"en": "en_CA", "fr": "fr_CA"}

# What stands for day, and for day and time, in each channel: a text is short, a voice says no year that everyone knows.
_DATES = {"sms": "MMM d", "voice": "MMMM d"}
_DATES_FR = {"sms": "d MMM", "voice": "d MMMM"}


class WordingError(LookupError):
    """A sentence that cannot be said: an unknown key, language or channel, or a value that was not given."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One text, cut at its placeholders: (words before it, placeholder or None)."""

    text: str
    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, text: str) -> Variant:
        parts = []
        for words, name, spec, conversion in string.Formatter().parse(text):
            if name is not None and (spec or conversion or not name.isidentifier()):
                raise WordingError(f"a placeholder is a plain name, not {{{name}!{conversion}:{spec}}}, in {text!r}")
            parts.append((words, name))
        return cls(text, tuple(parts))

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(name for _, name in self.parts if name is not None)


Catalogue = Mapping[str, Mapping[tuple[str, str | None], Variant]]


def load_catalogue(path: Path = DOMAIN_FILE) -> Catalogue:
    """Reads the responses of a Rasa domain. Raises WordingError for a variant that no choice could ever reach."""
    responses = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["responses"]
    return {key: _variants(key, variants) for key, variants in responses.items()}


def _variants(key: str, variants: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str | None], Variant]:
    found: dict[tuple[str, str | None], Variant] = {}
    for variant in variants:
        place = (variant["metadata"]["language"], variant.get("channel"))
        if place[0] not in LANGUAGES or place[1] not in (None, *CHANNELS) or place in found:
            raise WordingError(f"{key}: {place} is unknown, or there twice")
        found[place] = Variant.of(variant["text"])
    return found


@cache
def catalogue() -> Catalogue:
    """The process's catalogue, read once."""
    return load_catalogue()


def say(key: str, language: str, channel: str, **values: object) -> str:
    """The finished sentence `key`.

    Money, dates, numbers and lists among `values` are written for the language and the channel: "$452.10", "452,10 $",
    "84 dollars and 20 cents". Raises WordingError for an unknown key, language or channel and for a missing value.
    """
    if channel not in CHANNELS:
        raise WordingError(f"there is no channel {channel!r}")
    try:
        variants = catalogue()[key]
        variant = variants.get((language, channel)) or variants[language, None]
    except KeyError:
        raise WordingError(f"nothing to say for {key!r} in {language!r} on {channel!r}") from None
    words: list[str] = []
    for before, name in variant.parts:
        ends_already = before.startswith(".") and words and words[-1].endswith(".")  # "le 6 déc."
        words.append(before[1:] if ends_already else before)
        if name is not None:
            if values.get(name) is None:
                raise WordingError(f"{key!r} needs a value for {name!r}")
            words.append(write(values[name], language, channel))
    text = "".join(words)
    return plain_gsm(text) if channel == "sms" else text


def write(value: object, language: str, channel: str) -> str:
    """One value as the language and the channel write it."""
    match value:
        case str():
            return value
        case Money():
            return _money(value, language, channel)
        case datetime():
            return _moment(value, language, channel)
        case date():
            return _day(value, language, channel)
        case bool() | float():
            raise TypeError(f"{type(value).__name__} has no wording")
        case int():
            return str(value)
        case list() | tuple():
            return format_list([write(item, language, channel) for item in value], locale=LOCALES[language])
        case _:
            raise TypeError(f"{type(value).__name__} has no wording")


def either(items: Sequence[object], language: str, channel: str) -> str:
    """ "A, B or C": what can be chosen from."""
    return format_list([write(item, language, channel) for item in items], style="or", locale=LOCALES[language])


def _money(amount: Money, language: str, channel: str) -> str:
    size = amount if amount.minor >= 0 else -amount
    if channel == "voice":
        text = _spoken(size, language)
    else:
        text = str(format_currency(size.decimal, size.currency, locale=LOCALES[language]))
    return say("amount_credit", language, channel, amount=text) if amount.minor < 0 else text


def _spoken(amount: Money, language: str) -> str:
    """ "84 dollars and 20 cents": speech engines read "$84.20" in ways of their own."""
    whole, cents = divmod(amount.minor, 10 ** get_currency_precision(amount.currency))
    parts = []
    if whole or not cents:
        parts.append(counted("spoken_dollar", whole, language, "voice"))
    if cents:
        parts.append(counted("spoken_cent", cents, language, "voice"))
    return parts[0] if len(parts) == 1 else say("spoken_sum", language, "voice", dollars=parts[0], cents=parts[1])


def counted(key: str, count: int, language: str, channel: str) -> str:
    """A number of things, in the right form: French has one dollar for 0 and 1, English for 1 alone."""
    is_one = Locale.parse(LOCALES[language]).plural_form(count) == "one"
    return say(f"{key}_one" if is_one else f"{key}_many", language, channel, count=count)


def _day(day: date, language: str, channel: str) -> str:
    patterns = _DATES_FR if language == "fr" else _DATES
    text = str(format_date(day, patterns.get(channel, "long"), locale=LOCALES[language]))
    return re.sub(r"^1 ", "1er ", text) if language == "fr" else text


def _moment(moment: datetime, language: str, channel: str) -> str:
    """Day and time of `moment` in its own zone: whoever asks converts it to the company's."""
    clock = str(format_time(moment, "short", locale=LOCALES[language])).replace("\u202f", "\u00a0")
    return say("moment", language, channel, day=_day(moment.date(), language, channel), time=clock)


# -------------------------------------------------------------------------------------- names for things on a bill

_BRANDS = {
    "visa": "Visa",
    "mastercard": "Mastercard",
    "amex": "American Express",
    "discover": "Discover",
    "diners": "Diners Club",
    "jcb": "JCB",
    "unionpay": "UnionPay",
}
FEW = 4  # invoices that a sentence can name; more are counted
FEW_SPOKEN = 2


class MethodLike(Protocol):
    """What has a brand and four digits: a saved method, a receipt's, the gateway's."""

    @property
    def kind(self) -> str: ...
    @property
    def brand(self) -> str: ...
    @property
    def last4(self) -> str: ...
    @property
    def exp_month(self) -> int | None: ...
    @property
    def exp_year(self) -> int | None: ...


def brand_name(method: MethodLike) -> str:
    return _BRANDS.get(method.brand.casefold(), method.brand)


def method_label(method: MethodLike, language: str, channel: str, among: Sequence[MethodLike] = ()) -> str:
    """ "Visa ending 4242"; with its expiry where another of `among` has the same brand and digits."""
    digits = " ".join(method.last4) if channel == "voice" else method.last4
    if method.kind == "bank_debit":
        return say("method_bank", language, channel, last4=digits)
    values = {"brand": brand_name(method), "last4": digits}
    twins = [
        m for m in among if (m.kind, m.brand.casefold(), m.last4) == ("card", method.brand.casefold(), method.last4)
    ]
    if len(twins) > 1 and method.exp_month and method.exp_year:
        expiry = f"{method.exp_month:02}/{method.exp_year % 100:02}"
        return say("method_card_expiry", language, channel, expiry=expiry, **values)
    return say("method_card", language, channel, **values)


def invoice_lines(shares: Sequence[Share], language: str, channel: str) -> list[str]:
    """What a payment does to each invoice, a line each: all of few, a count and the rest of many."""
    full, part = [s for s in shares if not s.left], [s for s in shares if s.left]
    lines = [
        _in_full(shares, language, channel) for shares in ([full] if len(full) > few(channel) else [[s] for s in full])
    ]
    return lines + [_part(share, language, channel) for share in part]


def invoice_phrase(shares: Sequence[Share], language: str, channel: str) -> str:
    """The same inside a sentence: "INV-1 and INV-2 in full and $50.00 of INV-3, which leaves $50.00"."""
    full, part = [s for s in shares if not s.left], [s for s in shares if s.left]
    phrases = [_part(share, language, channel) for share in part]
    if full:
        phrases.insert(0, _in_full(full, language, channel))
    return write(phrases, language, channel)


def few(channel: str) -> int:
    return FEW_SPOKEN if channel == "voice" else FEW


def numbers(shares: Sequence[Share]) -> list[str]:
    return [share.number for share in shares]


def number_of(number: str, channel: str) -> str:
    """ "INV-1001" as it is written, or "1 0 0 1" as it is said: nobody wants to hear letters and a dash."""
    digits = [character for character in number if character.isdigit()]
    return " ".join(digits) if channel == "voice" and digits else number


def reference_of(reference: str, channel: str) -> str:
    """A payment's reference; said character by character."""
    return " ".join(reference) if channel == "voice" else reference


def _in_full(shares: Sequence[Share], language: str, channel: str) -> str:
    return say("share_full", language, channel, numbers=name_invoices(numbers(shares), language, channel))


def _part(share: Share, language: str, channel: str) -> str:
    number = number_of(share.number, channel)
    return say("share_part", language, channel, number=number, amount=share.amount, left=share.left)


def name_invoices(named: Sequence[str], language: str, channel: str) -> str:
    """ "INV-1 and INV-2"; of many only how many there are, from which to which."""
    if len(named) <= few(channel):
        numbers = [number_of(number, channel) for number in named]
        return say("invoices_one" if len(named) == 1 else "invoices_some", language, channel, numbers=numbers)
    many = {"count": len(named), "first": named[0], "last": named[-1]}
    return say("invoices_many", language, channel, **many)
