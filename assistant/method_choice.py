"""Which payment method a sentence means: "the visa", "ending 4242", "the second one", "not that one", "a new card".

Like amounts, methods are never guessed: what fits several of them is asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.folding import fold
from billing.models import PaymentMethod


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BRANDS = {
    "visa": "visa",
    "mastercard": "mastercard",
    "master": "mastercard",
    "mc": "mastercard",
    "amex": "amex",
    "express": "amex",
    "discover": "discover",
}
_BANK = _words("bank chequing checking savings banque bancaire")
_BANK_IF_ASKED = _words("account debit compte")
_ENDING = _words("ending ends end finishing terminant termine finissant finit digits chiffres")
_CARDS = _words("card cards carte cartes one ones celle celles celui method methode mode")
_AMOUNTS = _words("amount amounts montant montants sum somme")
_ORDINALS = {
    "first": 0, "1st": 0, "premiere": 0, "premier": 0, "1ere": 0, "1re": 0, "1er": 0, "top": 0,
    "second": 1, "2nd": 1, "deuxieme": 1, "seconde": 1, "2e": 1, "2eme": 1,
    "third": 2, "3rd": 2, "troisieme": 2, "3e": 2, "3eme": 2,
    "fourth": 3, "4th": 3, "quatrieme": 3, "4e": 3,
    "last": -1, "derniere": -1, "dernier": -1, "bottom": -1,
}  # fmt: skip
_NEW = _words("new nouvelle nouveau neuve")
_OTHER = _words("other another different else autre autres differente")
_NOT = _words("not isn don dont except without never pas sauf sans")
_NO_FURTHER = _words(", ; . but mais other autre")  # ends what a "not" denies
LAST_DIGITS = 4
LAST_PLACE = 9  # a bare number up to this is a place in the list that was just read out
_REACH = 5  # words after a "not" that it may deny: "not the visa ending in 4242"

_TOKEN = re.compile(r"\d{1,2}\s?/\s?\d{2,4}|\d+(?:[.,]\d+)+|\d+(?:st|nd|rd|th|ere|er|re|eme|e)\b|\d+|[a-z]+|[,;.]")


@dataclass(frozen=True, slots=True)
class Chosen:
    method: PaymentMethod


@dataclass(frozen=True, slots=True)
class NewCard:
    pass


@dataclass(frozen=True, slots=True)
class OneOf:
    """Several fit; none do, if `methods` is empty: "the other card" of an account that has one.

    `instead`: another one than the present is wanted, and these are left.
    """

    methods: tuple[PaymentMethod, ...]
    instead: bool = False


@dataclass(frozen=True, slots=True)
class NoSuchMethod:
    """A method was named that this account has not saved."""


@dataclass(frozen=True, slots=True)
class NoMethod:
    """Nothing about a method."""


MethodReading = Chosen | NewCard | OneOf | NoSuchMethod | NoMethod


@dataclass(frozen=True, slots=True)
class _Mentions:
    """What was named of a method; every part narrows the choice."""

    brands: frozenset[str]
    kinds: frozenset[str]
    endings: frozenset[str]
    expiries: frozenset[tuple[int | None, int]]
    places: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.brands or self.kinds or self.endings or self.expiries or self.places)

    def fits(self, method: PaymentMethod, offered: Sequence[PaymentMethod]) -> bool:
        return (
            (not self.brands or method.brand.casefold() in self.brands)
            and (not self.kinds or method.kind in self.kinds)
            and (not self.endings or any(method.last4.endswith(ending) for ending in self.endings))
            and (not self.expiries or any(_expires(method, when) for when in self.expiries))
            and (not self.places or any(_at(offered, place) is method for place in self.places))
        )


def read_method(
    text: str,
    methods: Sequence[PaymentMethod],
    *,
    offered: Sequence[PaymentMethod] = (),
    current: PaymentMethod | None = None,
    asked: bool = False,
) -> MethodReading:
    """What `text` says about `methods`, in English or French.

    `offered` are the methods as last listed, for "the second one"; `current` is the one that "not that one" refuses.
    `asked`: a method was just asked for, or is what the sentence is about; then four bare digits are a card's, a bare
    "2" is a place in the list, and "another" needs no "card" after it.
    """
    tokens = _TOKEN.findall(fold(text).text)
    denied = _denied(tokens)
    named = _mentions([t for i, t in enumerate(tokens) if i not in denied], methods, asked=asked)
    refused = _mentions([t for i, t in enumerate(tokens) if i in denied], methods, asked=asked)
    listed = offered or methods
    words = frozenset(tokens)
    about_methods = asked or bool(words & _CARDS)
    if words & _NEW and about_methods and not words & _AMOUNTS and not named.endings:
        return NewCard()
    left = [m for m in methods if not (refused and refused.fits(m, listed))]
    if named:
        found = tuple(m for m in left if named.fits(m, listed))
        if not found:
            return NoSuchMethod()
        return Chosen(found[0]) if len(found) == 1 else OneOf(found)
    elsewhere = about_methods and not words & _AMOUNTS and bool(words & _OTHER or denied)
    if refused or elsewhere:
        others = tuple(m for m in left if current is None or m.id != current.id)
        if elsewhere and not refused and len(methods) == 1:
            others = ()  # "the other one" of a single one
        return Chosen(others[0]) if len(others) == 1 else OneOf(others, instead=True)
    return NoMethod()


def _denied(tokens: Sequence[str]) -> frozenset[int]:
    """Places of the words that a "not" before them denies."""
    places = set()
    for place, token in enumerate(tokens):
        if token in _NOT:
            reach = tokens[place + 1 : place + 1 + _REACH]
            end = next((n for n, word in enumerate(reach) if word in _NO_FURTHER), len(reach))
            places |= set(range(place, place + 1 + end))
    return frozenset(places)


def _mentions(tokens: Sequence[str], methods: Sequence[PaymentMethod], *, asked: bool) -> _Mentions:
    words = frozenset(tokens)
    brands = frozenset(_BRANDS[word] for word in words if word in _BRANDS)
    speaks_of_bank = words & _BANK or (asked and words & _BANK_IF_ASKED and not words & _CARDS)
    endings = _endings(tokens, methods, alone=asked and len(tokens) == 1)
    return _Mentions(
        brands=brands,
        kinds=frozenset({"bank_debit"}) if speaks_of_bank and not brands else frozenset(),
        endings=endings,
        expiries=frozenset(when for token in tokens if token not in endings and (when := _expiry(token))),
        places=_places(tokens, asked=asked) if not endings else frozenset(),
    )


def _endings(tokens: Sequence[str], methods: Sequence[PaymentMethod], *, alone: bool) -> frozenset[str]:
    """Digits of a saved method, digits right after "ending in", or four digits that are all that was said."""
    known = {method.last4 for method in methods}
    found = {token for token in tokens if token in known or (alone and token.isdigit() and len(token) == LAST_DIGITS)}
    singles = "".join(token for token in tokens if token.isdigit() and len(token) == 1)
    if len(singles) == LAST_DIGITS:  # spoken one by one
        found.add(singles)
    for place, token in enumerate(tokens):
        if token.isdigit() and 2 <= len(token) <= LAST_DIGITS and _ENDING & set(tokens[max(0, place - 2) : place]):  # noqa: PLR2004
            found.add(token)
    return frozenset(found)


def _places(tokens: Sequence[str], *, asked: bool) -> frozenset[int]:
    places = {_ORDINALS[token] for token in tokens if token in _ORDINALS}
    if asked and len(tokens) == 1 and tokens[0].isdigit() and 0 < int(tokens[0]) <= LAST_PLACE:
        places.add(int(tokens[0]) - 1)
    return frozenset(places)


def _expiry(token: str) -> tuple[int | None, int] | None:
    """(month, year) of "04/28"; (None, year) of "2028"."""
    if "/" in token:
        month, year = (int(part) for part in token.split("/"))
        return (month, 2000 + year % 100)
    if token.isdigit() and len(token) == LAST_DIGITS and token.startswith("20"):
        return (None, int(token))
    return None


def _expires(method: PaymentMethod, when: tuple[int | None, int]) -> bool:
    month, year = when
    return method.exp_year == year and month in (None, method.exp_month)


def _at(offered: Sequence[PaymentMethod], place: int) -> PaymentMethod | None:
    return offered[place] if -len(offered) <= place < len(offered) else None
