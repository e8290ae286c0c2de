"""What the words beside a number say that it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.redact.runs import Run, Token
from assistant.redact.words import BESIDE, CARD_WORDS, DEVICE_WORDS, DOCUMENT_WORDS, NUMBER_WORDS, OTHER_WORDS

REACH_BEFORE, REACH_AFTER = 6, 5  # words
SHORTEST_LISTED = 3  # digits of an invoice or order number in a list of them
_JOINTS = ("", "-", "_", "#", "-#")  # "INV-1001", "A35667690266"


@dataclass(frozen=True, slots=True)
class Label:
    """`kind`: what the nearest word that names something names: "card", "device", "document", "other", or "" for none.

    `named`: beyond doubt, because of "number", "no" or "#", because the number hangs on it ("INV-4…"), or in a list
    ("invoices 1002, 1003").
    """

    kind: str = ""
    named: bool = False

    @property
    def foreign(self) -> bool:
        """It says that the number is none of a card."""
        return self.kind not in ("", "card")

    @property
    def certain(self) -> bool:
        """It says so beyond doubt; an account number may be a card number all the same, as people use the words."""
        return self.kind == "device" or (self.kind == "document" and self.named)


NO_LABEL = Label()


def label_of(text: str, tokens: Sequence[Token], run: Run, first: int = 0) -> Label:
    """Reads to the left of the run, back to the token `first`, then to its right.

    "Card" counts only if nothing unknown stands between.
    """
    return _before(text, tokens, run, first) or _after(tokens, run.parts[-1].token) or NO_LABEL


def _before(text: str, tokens: Sequence[Token], run: Run, first: int) -> Label | None:
    last = run.parts[0].token - 1
    named, unknown = text[max(0, run.start - 1) : run.start] == "#", False
    number = run.parts[0]
    listed = len(number.text) >= SHORTEST_LISTED and number.text.isdigit() and "," in text[number.end : number.end + 2]
    for index in range(last, max(first - 1, last - REACH_BEFORE), -1):
        word = tokens[index].text
        if tokens[index].kind != "word":
            return None
        hangs = index == last and text[tokens[index].end : run.start] in _JOINTS
        kind = _kind(tokens, index)
        if kind == "card":
            return None if unknown else Label(kind)
        if kind or (hangs and (len(word) == 1 or word not in BESIDE)):
            return Label(kind or "other", named or hangs or (listed and word.endswith("s")))
        named = named or word in NUMBER_WORDS
        unknown = unknown or word not in BESIDE
    return None


def _after(tokens: Sequence[Token], last: int) -> Label | None:
    """ "4242… is my old card", "223456788 is savings" """
    for index in range(last + 1, min(len(tokens), last + 1 + REACH_AFTER)):
        kind = _kind(tokens, index) if tokens[index].kind == "word" else ""
        if kind:
            return Label(kind)
        if tokens[index].text not in BESIDE:
            return None
    return None


def _kind(tokens: Sequence[Token], index: int) -> str:
    word = tokens[index].text
    if word in CARD_WORDS:
        beside = {token.text for token in tokens[max(0, index - 1) : index + 2]}
        return "device" if "sim" in beside else "card"
    if word in DEVICE_WORDS:
        return "device"
    if word in DOCUMENT_WORDS:
        return "document"
    return "other" if word in OTHER_WORDS else ""
