"""Cuts a sentence into words, numerals, currency signs and punctuation. What holds digits and is no plain numeral
(INV-1001, 12:45, 11/04/23, 819-555-0144, G9) becomes a `code`, which nothing reads as an amount."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from assistant.amounts.lexicon import CURRENCY_CODES, CURRENCY_SIGNS, DOLLAR_PREFIXES, Lexicon
from assistant.folding import fold

Kind = Literal["word", "number", "currency", "minus", "range", "punctuation", "ordinal", "percent", "code"]


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    values: tuple[Decimal, ...] = ()  # of a number or percentage; several where the separators allow several
    blank_before: bool = True  # False for a numeral with its currency glued to its front
    currency: str | None = None  # of a currency sign: None for a plain dollar


_SIGNS = re.escape("".join(CURRENCY_SIGNS))
_NUMERAL = r"(?:\d[\d.,']*\d|\d|[.,]\d+)"
_PREFIX = rf"(?:(?:{'|'.join(sorted(DOLLAR_PREFIXES, key=len, reverse=True))})?[{_SIGNS}]|{'|'.join(CURRENCY_CODES)})"
_LETTERS_THEN_NUMBER = re.compile(r"(?<=[a-z])([=:,;]+)(?=[\d$])")
_NUMBER = re.compile(
    rf"(?P<minus>-)?(?P<prefix>{_PREFIX})?(?P<inner>-)?(?P<numeral>{_NUMERAL})(?P<suffix>[a-z¢%{_SIGNS}]*)"
)
_RANGE = re.compile(
    rf"(?P<sign>[{_SIGNS}]?)(?P<low>{_NUMERAL})-(?P<high>(?P=sign){_NUMERAL}|{_NUMERAL})(?P<end>[{_SIGNS}]?)"
)
_HYPHENATED = re.compile(rf"(?P<number>{_NUMERAL})-(?P<rest>[a-z][a-z-]*)")
_ORDINALS = frozenset(("st", "nd", "rd", "th", "er", "ere", "re", "e", "eme", "ieme"))
_LEADING = "\"'([{<*_~“”«»"
_TRAILING = "\"')]}>*_~“”«».,;:!?…-"
_ODD = re.compile(rf"[^\w\s{_SIGNS}¢%.,;:!?…'\"()\[\]{{}}<>*_~\-+/=#&@|“”«»]+")  # emoji, arrows
_ELISION = re.compile(r"^(l|d|j|m|n|s|t|c|qu|jusqu|lorsqu)'(?!(?:t|s|d|ll|re|ve|m)$)(?=\w)")
_GROUP = re.compile(r"0\d\d(?:[.,]\d{1,2})?")  # the second half of "1 050,00$"
_GLUED = re.compile(r"([a-z]+ty)(one|two|three|four|five|six|seven|eight|nine)")  # "seventyfive"
_LONGEST_PHONE_LIKE_RANGE = 7  # digits: "40-50" and "100-150" are ranges, "555-0144" is not


def tokenize(text: str, lexicon: Lexicon) -> list[Token]:
    """Linear in the length of `text`."""
    folded = fold(text).text
    folded = _LETTERS_THEN_NUMBER.sub(r"\1 ", folded)
    folded = re.sub(r"(?<=\d)/(?=[a-z])", " per ", folded)
    folded = re.sub(r"(?<=\d)\+(?=\d)", " plus ", folded)
    folded = re.sub(r"(?<=ty) - (?=(?:one|two|three|four|five|six|seven|eight|nine)\b)", "-", folded)  # "fifty - two"
    folded = _ODD.sub(" . ", re.sub(r'["“”«»]+', " ", folded.replace("&", " & ")))
    tokens: list[Token] = []
    for chunk in folded.split():
        tokens.extend(_cut(chunk, lexicon))
    return _join_thousands(tokens)


def _cut(chunk: str, lexicon: Lexicon) -> list[Token]:
    core = chunk.lstrip(_LEADING)
    if core[:1] in (".", ",") and not core[1:2].isdigit():
        core = core.lstrip(".,…")
    stripped = core.rstrip(_TRAILING)
    tail = [Token("punctuation", "?" if "?" in core[len(stripped) :] else mark)
            for mark in core[len(stripped) :][:1]]  # fmt: skip
    if not stripped:
        marks = [Token("punctuation", chunk[0])] if chunk[0] in ".,;:!?…-()" else []
        return marks if not core else (tail or marks)
    if any(character.isdigit() for character in stripped):
        return _cut_digits(stripped, lexicon) + tail
    return _cut_words(stripped, lexicon) + tail


def _cut_digits(core: str, lexicon: Lexicon) -> list[Token]:
    if core == "1/2":
        return [Token("word", "half" if lexicon.language == "en" else "moitie")]
    hyphenated = _HYPHENATED.fullmatch(core)
    if hyphenated:
        values = read_numeral(hyphenated["number"], lexicon)
        rest = [Token("word", lexicon.spelling(word)) for word in hyphenated["rest"].split("-") if word]
        return [Token("number", hyphenated["number"], values), *rest] if values else [Token("code", core)]
    found = _NUMBER.fullmatch(core)
    if found:
        return _cut_number(found, core, lexicon)
    ranged = _RANGE.fullmatch(core)
    if ranged and sum(character.isdigit() for character in core) < _LONGEST_PHONE_LIKE_RANGE:
        return _cut_range(ranged, core, lexicon)
    return [Token("code", core)]


def _cut_number(found: re.Match[str], core: str, lexicon: Lexicon) -> list[Token]:
    values = read_numeral(found["numeral"], lexicon)
    suffix = found["suffix"]
    if suffix in _ORDINALS:
        return [Token("ordinal", core)]
    if not values and (found["prefix"] or not _GROUP.fullmatch(found["numeral"])):
        return [Token("code", core)]
    if suffix == "%":
        return [Token("percent", core, values)]
    after = _cut_suffix(suffix, lexicon)
    if after is None:
        return [Token("code", core)]
    minus = [Token("minus", "-")] if found["minus"] or found["inner"] else []
    prefix = [_currency(found["prefix"])] if found["prefix"] else []
    kind: Kind = "number" if values else "code"
    number = Token(kind, found["numeral"], values, blank_before=not prefix)
    return [*minus, *prefix, number, *after]


def _cut_suffix(suffix: str, lexicon: Lexicon) -> list[Token] | None:
    """What may be glued to a numeral: "k", a currency, "bucks", "¢", "ish". None for anything else ("5pm", "9qf")."""
    after: list[Token] = []
    if suffix.startswith("k") and suffix[1:2] in ("", "$"):
        after, suffix = [Token("word", "k")], suffix[1:]
    if suffix in ("", "ish"):
        return after
    if suffix in CURRENCY_SIGNS or suffix in CURRENCY_CODES:
        return [*after, _currency(suffix)]
    if suffix[:1] == "$" and suffix[1:] in DOLLAR_PREFIXES:
        return [*after, Token("currency", suffix, currency=DOLLAR_PREFIXES[suffix[1:]])]
    if suffix == "c":
        return [Token("word", "cents")]
    word = lexicon.spelling(suffix)
    if word in lexicon.units or word in lexicon.cents:
        return [*after, Token("word", word)]
    return None


def _cut_range(found: re.Match[str], core: str, lexicon: Lexicon) -> list[Token]:
    low = read_numeral(found["low"], lexicon)
    high = read_numeral(found["high"].strip("".join(CURRENCY_SIGNS)), lexicon)
    if not low or not high or low[0] >= high[0]:
        return [Token("code", core)]
    sign = [_currency(found["sign"] or found["end"])] if found["sign"] or found["end"] else []
    return [*sign, Token("number", found["low"], low), Token("range", "-"), *sign, Token("number", found["high"], high)]


def _currency(text: str) -> Token:
    """`text` is a sign, a code, or a dollar sign with its country in front ("us$")."""
    sign = text[-1]
    if sign in CURRENCY_SIGNS:
        code = DOLLAR_PREFIXES.get(text[:-1]) if sign == "$" else CURRENCY_SIGNS[sign]
    else:
        code = text.upper()
    return Token("currency", text, currency=code)


def _cut_words(core: str, lexicon: Lexicon) -> list[Token]:
    if all(character in CURRENCY_SIGNS for character in core):
        return [_currency(core[-1])]
    if core[-1] in CURRENCY_SIGNS and core[:-1] in DOLLAR_PREFIXES:
        return [_currency(core)]
    if core[0] == "$" and core[1:] in DOLLAR_PREFIXES:
        return [Token("currency", core, currency=DOLLAR_PREFIXES[core[1:]])]
    tokens: list[Token] = []
    for part in re.split(r"[-_/+=|@#…*~]+|(?<=[a-z])[.,;:!?]+(?=[a-z]{2})", core):
        elided = _ELISION.match(part)
        words = [elided[0], part[elided.end() :]] if elided else [part]
        for word in words:
            plain = re.sub(r"n't$", "nt", word).lstrip("'").rstrip("." if elided else "'.")
            glued = _GLUED.fullmatch(plain)
            for piece in glued.groups() if glued and lexicon.spelling(glued[1]) in lexicon.numbers else (plain,):
                if piece:
                    tokens.append(Token("word", lexicon.spelling(piece)))
    return tokens


def read_numeral(text: str, lexicon: Lexicon) -> tuple[Decimal, ...]:  # noqa: PLR0911  a return a shape
    """The values that the digits and separators of `text` can have, likeliest first; none for a date, a code, "007".

    One separator before one or two last digits is a decimal sign in both languages. Three digits after it are thousands
    in English ("1,250") and either in French, where the comma is the decimal sign and the point is met for both.
    """
    parts = re.split(r"[.,']", text)
    marks = [character for character in text if not character.isdigit()]
    if not marks:
        return (Decimal(text),) if text == "0" or text[0] != "0" else ()
    if not parts[0]:  # ".08"
        return (Decimal("0." + parts[1]),) if len(parts) == 2 else ()  # noqa: PLR2004
    whole_ok = parts[0] == "0" or parts[0][0] != "0"
    if not whole_ok or not all(parts):
        return ()
    grouped = parts[0] != "0" and len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:])  # noqa: PLR2004
    if len(marks) == 1:
        return _read_one_separator(parts, marks[0], grouped, lexicon)
    if len(set(marks)) == 1:
        return (Decimal("".join(parts)),) if grouped and marks[0] != "'" else ()
    inner = parts[0] != "0" and len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:-1])  # noqa: PLR2004
    if inner and len(set(marks[:-1])) == 1 and marks[-1] not in (marks[0], "'"):
        return (Decimal("".join(parts[:-1]) + "." + parts[-1]),)
    return ()


def _read_one_separator(parts: list[str], mark: str, grouped: bool, lexicon: Lexicon) -> tuple[Decimal, ...]:
    thousands, decimal = Decimal("".join(parts)), Decimal(".".join(parts))
    if mark == "'":
        return (thousands,) if grouped else ()
    if not grouped:
        return (decimal,) if mark == "." or lexicon.decimal_comma or len(parts[1]) <= 2 else ()  # noqa: PLR2004
    if not lexicon.decimal_comma:
        return (decimal,) if mark == "." else (thousands,)
    return (decimal, thousands)


def _join_thousands(tokens: list[Token]) -> list[Token]:
    """ "1 250,00" and "12 000" are one number where the run of numerals holds nothing else."""
    joined: list[Token] = []
    position = 0
    while position < len(tokens):
        end = position
        while end < len(tokens) and tokens[end].kind in ("number", "code"):
            end += 1
        run = tokens[position:end]
        texts = [token.text for token in run]
        if len(run) > 1 and re.fullmatch(r"[1-9]\d{0,2}( \d{3})* \d{3}([.,]\d{1,2})?", " ".join(texts)):
            whole = "".join(texts).replace(",", ".")
            joined.append(replace(run[0], text=whole, values=(Decimal(whole),), kind="number"))
            position = end
        else:
            joined.extend(tokens[position : end + 1])
            position = end + 1
    return joined
