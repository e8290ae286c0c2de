"""Cleans one message: finds its numbers, decides which belong to a card, and puts markers in their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.folding import fold
from assistant.redact.beginnings import KEPT_DIGITS, kept_until, looks_like_card
from assistant.redact.cards import card_windows
from assistant.redact.codes import Beside
from assistant.redact.labels import NO_LABEL, label_of
from assistant.redact.luhn import SHORTEST
from assistant.redact.runs import Run, find_runs, has_number, tokenize
from assistant.redact.words import ALONE_WITH, CARD, CODE, EXPIRY, SILENT

Removal = tuple[int, int, str]  # a place in the folded message, the place after it, a marker

TAIL_CHARS = 200  # of earlier messages: two card numbers, or one in words

LONGEST_PHONE = 15  # digits after a "+" (ITU-T E.164)
SHORTEST_REST = 3  # digits that complete a number whose beginning was cut
SHORTEST_NEXT = 4  # digits that continue one whose beginning was short enough to stay
CODE_DIGITS = 3
_LOOKALIKES = str.maketrans("оοøіι", "oooii")  # Cyrillic and Greek letters that look like the ones for 0 and 1
_CUT = re.compile(rf"[0-9a-z]{CARD}")
_SEVERAL = re.compile(  # several numerals that are no part of a card number: phones, dates, sums, times
    r"""(?<![0-9]) (?<![0-9][/.,:-]) (?:
        (?: 1[ .-]? )? \(? [2-9][0-9]{2} \)? [ .-]{1,2} [2-9][0-9]{2} [ .-] [0-9]{4}
      | (?:19|20)[0-9]{2} [/.-] (?:0?[1-9]|1[0-2]) [/.-] (?:0?[1-9]|[12][0-9]|3[01])
      | (?:0?[1-9]|[12][0-9]|3[01]) [/.-] (?:0?[1-9]|[12][0-9]|3[01]) [/.-] (?:20)?[0-9]{2}
      | [0-9]{1,6} (?: [, ][0-9]{3} ){0,2} [.,][0-9]{2}
      | [0-2]?[0-9] : [0-5][0-9] (?: :[0-5][0-9] )?
    ) (?! [/.,:-]? [0-9] )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Redaction:
    """`text` is safe to store; `removed` says that something of a card was in it."""

    text: str
    removed: bool


def redact(text: str, before: str = "") -> Redaction:
    """`text` with markers (⟦card⟧, ⟦code⟧, ⟦expiry⟧) for what belongs to a card, in time linear in its length.

    `before`: the end of what the same sender wrote last, as stored, messages joined by "\\n" (TAIL_CHARS suffice): a
    number may begin there. What can only be the beginning of a number keeps eight digits.
    """
    folded = fold(text)
    plain = _plain(folded.text)
    if not has_number(plain):
        return Redaction(text, False)
    message = _Message(plain, _plain(fold(before).text))
    pieces: list[str] = []
    done = 0
    for start, end, marker in sorted(message.removals()):
        first, last = folded.span(start, end)
        if first >= done:
            pieces += (text[done:first], marker)
        done = max(done, last)
    return Redaction("".join((*pieces, text[done:])), bool(pieces))


def _plain(folded: str) -> str:
    return folded if folded.isascii() else folded.translate(_LOOKALIKES)


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


class _Message:
    """A folded message behind the ones before it. Places and indices count from the beginning of those."""

    def __init__(self, plain: str, before: str = "") -> None:
        self.text, self.place = (f"{before}\n{plain}", len(before) + 1) if before else (plain, 0)
        self.tokens = tokenize(self.text)
        self.first = next((at for at, token in enumerate(self.tokens) if token.start >= self.place), 0)
        runs = [(run, run.since(self.place)) for run in find_runs(self.text, self.tokens) if run.end > self.place]
        self.runs = [(run, own) for run, own in runs if own]
        self.previous = before.rsplit("\n", 1)[-1]

    def removals(self) -> Iterator[Removal]:
        cards = [card for run, own in self.runs if (card := self._card_in(run, own))]
        others = [own for _, own in self.runs if not any(start <= own.start < end for start, end in cards)]
        marked = [token.end for token in self.tokens[self.first :] if token.text == CARD]
        after_card = CARD in self.previous
        beside = Beside(self.text, self.tokens, others)
        found = [(start, end, CARD) for start, end in cards]
        found += [(start, end, CODE) for start, end in beside.codes(card=bool(cards or marked or after_card))]
        if cards or marked or after_card:
            found += [(start, end, EXPIRY) for start, end in beside.expiries()]
        if cards or marked:
            found += [(start, end, CODE) for start, end in beside.bare_codes(min([end for _, end in cards] + marked))]
        elif after_card and len(others) == 1 and self._is_alone(others[0]):
            found += self._alone_after_card(others[0], beside)
        return ((start - self.place, end - self.place, marker) for start, end, marker in found if start >= self.place)

    def _alone_after_card(self, run: Run, beside: Beside) -> list[Removal]:
        """A message that is one number, after a message that a card number was taken out of."""
        if _CUT.search(self.previous) and SHORTEST_REST <= run.capacity < SHORTEST:
            return [(run.start, run.end, CARD)]
        if beside.is_expiry(run):
            return [(run.start, run.end, EXPIRY)]
        return [(run.start, run.end, CODE)] if beside.is_code(run) and run.capacity == CODE_DIGITS else []

    def _card_in(self, run: Run, own: Run) -> tuple[int, int] | None:
        """What has to go of a run because of a card number. `own` is the part of it in this message."""
        label = label_of(self.text, self.tokens, own, self.first)
        if run is not own and not label.foreign and self._continues(run, own):
            return own.start, own.end
        phone = self.text[own.start - 1 : own.start] == "+" and own.capacity <= LONGEST_PHONE
        if own.capacity >= SHORTEST and not phone and not label.certain and self._holds_card(own):
            return own.start, own.end
        if phone or own.capacity <= KEPT_DIGITS or not looks_like_card(own, label, alone=self._is_alone(own)):
            return None
        return (own.start if own.capacity >= SHORTEST else kept_until(own, KEPT_DIGITS)), own.end

    def _holds_card(self, run: Run, place: int = 0) -> bool:
        """Whether a card number stands in a run, not merely in a row of dates and phone numbers, and ends behind a
        place."""
        shown = ""
        for first, after in card_windows(run):
            parts = [part for part in run.parts[first:after] if part.kind not in SILENT]
            if parts[-1].start < place:
                continue
            start = max(0, run.start - 2)
            shown = shown or _SEVERAL.sub(_blank, self.text[start : run.end + 2])
            if any(shown[part.start - start] != " " for part in parts):
                return True
        return False

    def _continues(self, run: Run, own: Run) -> bool:
        """Whether a card number that earlier messages began goes on in this one."""
        if label_of(self.text, self.tokens, run).foreign:
            return False
        if run.capacity >= SHORTEST and self._holds_card(run, self.place):
            return True
        last_line = run.since(self.place - 1 - len(self.previous))
        began = last_line.capacity - own.capacity if last_line else 0
        if last_line is None or began < KEPT_DIGITS or own.capacity < SHORTEST_NEXT:
            return False
        return looks_like_card(last_line, NO_LABEL, alone=False)

    def _is_alone(self, run: Run) -> bool:
        """Whether a message is nothing but a number."""
        first, last = run.parts[0].token, run.parts[-1].token
        return all(token.text in ALONE_WITH for token in (*self.tokens[self.first : first], *self.tokens[last + 1 :]))
