"""What the reader has to know of a language, and the names of currencies, which it shares between languages.

All words are folded (lower case, no accents). The words that may stand beside a bare number are allow-lists: a number
between words that are not on them is not an amount. That loses some amounts, which are then asked for; it invents none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

Phrases = dict[str, list[tuple[str, ...]]]  # by their last word


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CURRENCY_CODES = words("cad usd aud nzd hkd mxn eur gbp chf jpy cny rmb inr brl krw sek nok dkk pln czk zar sgd")
CURRENCY_SIGNS: dict[str, str | None] = {
    "$": None, "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₿": "BTC", "₺": "TRY",
    "₫": "VND", "₪": "ILS", "฿": "THB", "₱": "PHP", "₡": "CRC", "₾": "GEL", "₭": "LAK", "₴": "UAH", "₦": "NGN",
    "₵": "GHS", "₸": "KZT", "₲": "PYG", "元": "CNY", "円": "JPY",
}  # fmt: skip
DOLLAR_PREFIXES = {
    "c": "CAD", "ca": "CAD", "cad": "CAD", "can": "CAD", "cdn": "CAD", "us": "USD", "usd": "USD", "au": "AUD",
    "aud": "AUD", "nz": "NZD", "nzd": "NZD", "hk": "HKD", "hkd": "HKD", "mex": "MXN", "mx": "MXN", "mxn": "MXN",
    "sg": "SGD", "nt": "TWD",
}  # fmt: skip
DOLLAR_NATIONS = {
    "us": "USD", "u.s": "USD", "usd": "USD", "american": "USD", "americain": "USD", "americains": "USD",
    "canadian": "CAD", "canadien": "CAD", "canadiens": "CAD", "can": "CAD", "cad": "CAD", "australian": "AUD",
    "australien": "AUD", "australiens": "AUD",
}  # fmt: skip
FOREIGN_UNITS = {
    "euro": "EUR", "euros": "EUR", "pound": "GBP", "pounds": "GBP", "quid": "GBP", "livre": "GBP", "livres": "GBP",
    "yen": "JPY", "yens": "JPY", "yuan": "CNY", "peso": "MXN", "pesos": "MXN", "rupee": "INR", "rupees": "INR",
    "roupie": "INR", "roupies": "INR", "franc": "CHF", "francs": "CHF", "ruble": "RUB", "rubles": "RUB",
    "rouble": "RUB", "roubles": "RUB", "lira": "TRY", "dirham": "AED", "dirhams": "AED", "bitcoin": "BTC",
    "bitcoins": "BTC",
}  # fmt: skip
FOREIGN_NATIONS = words("swiss british english turkish japanese chinese indian mexican")
FOREIGN_SUBUNITS = {"pence": "GBP", "penny": "GBP", "pennies": "GBP", "centime": "EUR", "centimes": "EUR"}

SCALES = {
    "dozen": 12, "douzaine": 12, "hundred": 100, "k": 1000, "grand": 1000, "thousand": 1000, "mille": 1000,
    "milles": 1000, "million": 10**6, "millions": 10**6, "billion": 10**9, "billions": 10**9, "milliard": 10**9,
    "milliards": 10**9,
}  # fmt: skip

MONTHS = words(
    """
    january february march april may june july august september october november december jan feb mar apr jun jul aug
    sep sept oct nov dec janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre
    """
)


@dataclass(frozen=True, eq=False)
class Lexicon:
    language: str
    decimal_comma: bool  # "4,800" is four point eight

    # numbers
    numbers: frozenset[str]  # what text2num composes
    digits: dict[str, str]  # as spoken one by one
    oh: frozenset[str]  # a zero inside a number: "sixty-two oh five"
    point: frozenset[str]
    linkers: frozenset[str]  # "and", inside a number or between dollars and cents
    articles: frozenset[str]  # "a hundred"
    half: frozenset[str]  # "and a half"
    quarter: frozenset[str]
    units: dict[str, Decimal]  # names of dollars, and what each is worth
    cents: frozenset[str]
    minus: frozenset[str]
    typos: dict[str, str]

    # what may stand before a bare amount
    starters: frozenset[str]  # begin a clause of their own
    anchors: frozenset[str]  # verbs of paying, wanting, saying
    card_verbs: frozenset[str]  # anchors too, but four digits after them are a card's last four: "use 4242"
    pronouns: frozenset[str]  # "make it 50": count only after a verb
    transparent: frozenset[str]  # "about", "only": looked through on the way left
    definite: frozenset[str]  # the transparent ones that may also begin a date: "the 22"
    copulas: frozenset[str]  # "is": what stands before decides
    subjects: frozenset[str]  # of these the number is an amount
    identifiers: frozenset[str]  # and of these it is not
    of: frozenset[str]
    to: frozenset[str]
    at: frozenset[str]
    with_: frozenset[str]
    at_verbs: frozenset[str]  # "keep it at 50"
    with_verbs: frozenset[str]  # "start with 50"
    change_verbs: frozenset[str]  # "from 50 to 40"
    between: frozenset[str]
    alternatives: frozenset[str]  # "or"

    # what may stand after it
    followers: frozenset[str]
    after_of: frozenset[str]  # "50 of it"
    after_in: frozenset[str]  # "50 in all"
    approving: frozenset[str]  # "50 is fine"
    more: frozenset[str]  # "20 more": in unclear relation to something
    per: frozenset[str]
    periods: frozenset[str]  # "50 a month"

    # what changes its meaning
    stated: frozenset[str]  # a sum that is told, not offered: "I owe"
    stated_phrases: Phrases  # "you said"
    documents: frozenset[str]  # whole numbers after these are their names: "invoice 1002"
    nots: frozenset[str]
    nots_asked_by: frozenset[str]  # before a "not" that negates nothing: "why not 50"
    nots_asked_of: frozenset[str]  # after one: "can't I pay 50"
    instead_of: Phrases
    corrections: Phrases
    bounds: Phrases  # "more than 50"
    parts_of: frozenset[str]  # between a part and the whole: "50 of the 452.10"
    near: dict[str, str] = field(default_factory=dict)  # words one slip away from a number word

    def spelling(self, word: str) -> str:
        """`word` as it should have been written, if it is a number word with a slip in it."""
        return self.typos.get(word) or self.near.get(word, word)


def spoken_digits(zero_to_nine: str, **others: str) -> dict[str, str]:
    """The digit of each word, from ten words in order and `others` by name."""
    return {word: str(digit) for digit, word in enumerate(zero_to_nine.split())} | others


def phrases(text: str) -> Phrases:
    """One phrase a comma."""
    by_last: Phrases = {}
    for phrase in text.split(","):
        parts = tuple(phrase.split())
        by_last.setdefault(parts[-1], []).append(parts)
    return by_last


def misspellings(text: str) -> dict[str, str]:
    """One line a word: "fifty: fivty fiddy"."""
    lines = (line.split(":") for line in text.strip().splitlines())
    return {wrong: right.strip() for right, wrongs in lines for wrong in wrongs.split()}


def one_slip_away(targets: frozenset[str], real_words: frozenset[str]) -> dict[str, str]:
    """Every string that one dropped, doubled, wrong or swapped letter makes of a word in `targets`.

    Strings that two targets share ("sixtee": sixty, sixteen) and words of the language (`real_words`) are left out.
    """
    letters = "abcdefghijklmnopqrstuvwxyz"
    found: dict[str, str] = {}
    shared: set[str] = set()
    for target in targets:
        slips: set[str] = set()
        for cut in range(len(target) + 1):
            head, tail = target[:cut], target[cut:]
            slips.update(head + letter + tail for letter in letters)
            if tail:
                slips.add(head + tail[1:])
                slips.update(head + letter + tail[1:] for letter in letters)
            if len(tail) > 1:
                slips.add(head + tail[1] + tail[0] + tail[2:])
        for slip in slips - {target}:
            if slip in found:
                shared.add(slip)
            found[slip] = target
    return {slip: target for slip, target in found.items() if slip not in shared | targets | real_words}
