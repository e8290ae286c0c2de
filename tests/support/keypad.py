"""Callers who never say a word: what they want, as far as keys can tell it, is keyed in.

`strokes_of` is strict: a sentence with a word left over that no key stands for is not told by keys at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from assistant.calls.compose import Option
from assistant.wording import say
from remit.edge_client import Answer
from tests.support.caller import Caller

What = Literal["amount", "all", "late", "method", "new card", "yes", "key", "pay"]
MOST_STARS = 4

_METHOD = (
    r"(?:the |my |la |mon )?"
    r"(?:visa(?: ending)? (?P<visa>\d{4})|(?P<ending>4242)|(?P<brand>mastercard|compte bancaire))"
)
_WISHES: tuple[tuple[What, str], ...] = (
    ("new card", r"(?:a |une )(?:new card|nouvelle carte)"),
    ("method", _METHOD),
    ("late", r"just what's past due"),
    ("all", r"(?:yes )?all of it|everything|toute ma facture"),
    ("amount", r"\$?(?P<amount>\d+(?:\.\d\d)?)(?: dollars| \$)?"),
)
_KEYS = {
    "0": r"i want to talk to a person|get me a human|let me speak to an agent",
    "9": r"can you repeat that",
    "*": r"cancel|annuler|never mind",
    "yes": r"yes|oui|yes please|yep|go ahead",
}
_FILLERS = frozenset(
    re.findall(
        r"\S+",
        "i i'd like to want pay it my bill with the use actually make that on instead just for of in total payer ma "
        "facture je veux avec try no please ahead again anyway then",
    )
)


@dataclass(frozen=True, slots=True)
class Stroke:
    what: What
    value: str = ""


def strokes_of(words: str) -> list[Stroke] | None:
    """What the keys have to tell, an amount before a card; None where keys cannot tell it."""
    left = words.casefold().strip(" .!")
    for key, pattern in _KEYS.items():
        if re.fullmatch(pattern, left):
            return [Stroke("yes") if key == "yes" else Stroke("key", key)]
    found: dict[What, Stroke] = {}
    for what, pattern in _WISHES:
        if match := re.search(rf"(?<![\w-]){pattern}(?![\w.])", left):
            found[what] = Stroke(what, next((text for text in match.groupdict().values() if text), ""))
            left = left[: match.start()] + " " + left[match.end() :]
    if set(left.replace(",", " ").split()) - _FILLERS or ("amount" in found and "all" in found):
        return None
    order: tuple[What, ...] = ("amount", "all", "late", "method", "new card")
    return [found[what] for what in order if what in found] or (
        [Stroke("pay")] if re.search(r"\b(?:pay|payer)\b", words.casefold()) else None
    )


def can_be_keyed(scenario: Mapping[str, Any], steps: list[dict[str, Any]]) -> bool:
    """`steps` as they are by phone. Where the words themselves are what it is about, keys tell another story."""
    return scenario.get("keys", True) and all(
        strokes_of(str(step[act])) is not None for step in steps for act in ("say", "agree") if act in step
    )


@dataclass
class Keypad(Caller):
    """One person at one telephone in a noisy street."""

    def say(self, words: str) -> Answer:
        if not self.sid or self._row().stage == "over":
            self.call()
            self.keyed("9")
        strokes = strokes_of(words)
        assert strokes, f"no keys for: {words}"
        for stroke in strokes:
            getattr(self, f"_key_{stroke.what.replace(' ', '_')}")(stroke.value)
        return self.answer

    @property
    def asks_for_an_amount(self) -> bool:
        return self._row().stage == "amount" or any("amount_minor" in option.data for option in self._menu())

    def keyed(self, digits: str) -> Answer:
        super().keyed(digits)
        return self._after(digits)

    # ---------------------------------------------------------------------------------------------------- wishes

    def _key_key(self, key: str) -> None:
        if key == "*":
            self._call_off()
        else:
            self.keyed(key)

    def _key_yes(self, _: str) -> None:
        self.agree()

    def _key_pay(self, _: str) -> None:
        """Where amounts have keys already, they are listened to once more."""
        if self.asks_for_an_amount:
            self.keyed("9")
        else:
            self._take(lambda option: option.intent == "pay")

    def _key_all(self, _: str) -> None:
        self._take(lambda option: "amount_minor" in option.data and "method" not in option.data, first=True)

    def _key_late(self, _: str) -> None:
        late = say("button_pay_past_due", self._row().language, "voice", amount="").split()[-1]
        self._take(lambda option: "amount_minor" in option.data and late in option.title)

    def _key_amount(self, amount: str) -> None:
        cents = int(Decimal(amount) * 100)
        for _ in range(MOST_STARS):
            if self._row().stage == "amount":
                break
            if self._there(lambda option: option.data.get("change") == "amount"):
                self._take(lambda option: option.data.get("change") == "amount")
            else:
                self.keyed("*")
        assert self._row().stage == "amount", f"no amount can be keyed in: {self.text}"
        self.keyed(f"{cents:03}#")

    def _key_method(self, name: str) -> None:
        if self._there(lambda option: bool(option.data.get("other"))):
            self._take(lambda option: bool(option.data.get("other")))
        self._press(lambda shown: name in shown.casefold(), name)

    def _key_new_card(self, _: str) -> None:
        if not self._there(lambda option: option.intent == "add_card"):
            self._take(lambda option: bool(option.data.get("other")))
        self._take(lambda option: option.intent == "add_card")

    # ---------------------------------------------------------------------------------------------------- inside

    def _there(self, means: Callable[[Option], bool]) -> bool:
        return any(map(means, self._menu()))

    def _take(self, means: Callable[[Option], bool], *, first: bool = False) -> None:
        found = [option for option in self._menu() if means(option)]
        assert len(found) == 1 or (first and found), f"{found} among {self._menu()}: {self.text}"
        wanted = self._as_read(found[0])
        self._press(lambda shown: shown == wanted, wanted)

    def _call_off(self) -> Answer:
        """Back, and back, until nothing is left to go back from."""
        for _ in range(MOST_STARS):
            self.keyed("*")
            if not self._there(lambda option: option.intent == "cancel"):
                break
        return self.answer
