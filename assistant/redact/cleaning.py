"""Cleans one message: finds its numbers, decides which belong to a card, and puts markers in their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.folding import fold
from assistant.redact.beginnings import GROUP, KEPT_DIGITS, PHONE, kept_until, looks_like_card
from assistant.redact.cards import card_windows
from assistant.redact.codes import Beside, is_money
from assistant.redact.labels import NO_LABEL, label_of
from assistant.redact.luhn import SHORTEST
from assistant.redact.others import Others
from assistant.redact.readings import digits_of
from assistant.redact.runs import MOST_WORDS_BETWEEN, Run, find_runs, has_number, make_run, tokenize
from assistant.redact.words import ALONE_WITH, CARD, CODE, EXPIRY, SILENT, Kind

Removal = tuple[int, int, str]  # a place in the folded message, the place after it, a marker

TAIL_CHARS = 200  # of earlier messages: two card numbers, or one in words

MOST_PARTS = 120  # numbers in a row; more of them are no message about a bill, and are not worth a search
LONGEST_PHONE = 15  # digits after a "+" (ITU-T E.164)
SHORTEST_REST = 3  # digits that complete a number whose beginning was cut
SHORTEST_CODE = 3
_LOOKALIKES = str.maketrans("оοøіι", "oooii")  # Cyrillic and Greek letters that look like the ones for 0 and 1
_CUT = re.compile(rf"[0-9a-z]{CARD}")


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
        if end < len(plain):  # what is invisible behind it goes with it
            last = max(last, folded.origin[end])
        if first >= done:
            pieces += (text[done:first], marker)
        done = max(done, last)
    return Redaction("".join((*pieces, text[done:])), bool(pieces))


def _plain(folded: str) -> str:
    return folded if folded.isascii() else folded.translate(_LOOKALIKES)


class _Message:
    """A folded message behind the ones before it. Places and indices count from the beginning of those."""

    def __init__(self, plain: str, before: str = "") -> None:
        self.text, self.place = (f"{before}\n{plain}", len(before) + 1) if before else (plain, 0)
        self.tokens = tokenize(self.text)
        self.first = next((at for at, token in enumerate(self.tokens) if token.start >= self.place), 0)
        runs = find_runs(self.text, self.tokens)
        self.runs = [(run, own) for run in runs if run.end > self.place and (own := run.since(self.place))]
        self.earlier = [run for run in runs if run.end < self.place]
        self.previous = before.rsplit("\n", 1)[-1]
        self.is_number = len(self.runs) == 1 and self._is_only(self.runs[0][1])

    def removals(self) -> Iterator[Removal]:
        judged = [(own, self._card_in(run, own)) for run, own in self.runs]
        cards = [card for _, card in judged if card]
        others = [own for own, card in judged if not card]
        marked = [token.end for token in self.tokens[self.first :] if token.text == CARD]
        after_card = CARD in self.previous
        beside = Beside(self.text, self.tokens, others)
        found = [(start, end, CARD) for start, end in cards]
        found += [(start, end, CODE) for start, end in beside.codes(card=bool(cards or marked or after_card))]
        if cards or marked or after_card:
            found += [(start, end, EXPIRY) for start, end in beside.expiries()]
        if cards or marked:
            named = {start for start, _, _ in found}
            place = min([end for _, end in cards] + marked)
            found += [(start, end, CODE) for start, end in beside.bare_codes(place) if start not in named]
        elif after_card and others and self.is_number:
            found += self._alone_after_card(others[0], beside)
        return ((start - self.place, end - self.place, marker) for start, end, marker in found if start >= self.place)

    def _alone_after_card(self, run: Run, beside: Beside) -> list[Removal]:
        """A message that is one number, after a message that a card number was taken out of."""
        if beside.is_expiry(run):
            return [(run.start, run.end, EXPIRY)]
        return [(run.start, run.end, CODE)] if beside.is_code(run) and run.capacity == SHORTEST_CODE else []

    def _card_in(self, run: Run, own: Run) -> tuple[int, int] | None:
        """What has to go of a run because of a card number. `own` is the part of it in this message."""
        if len(own.parts) > MOST_PARTS:
            return own.start, own.end
        label = label_of(self.text, self.tokens, own, self.first)
        if not label.foreign and (self._completes(own) or self._continues(run, own)):
            return own.start, own.end
        phone = self.text[own.start - 1 : own.start] == "+" and own.capacity <= LONGEST_PHONE
        if own.capacity >= SHORTEST and not phone and not label.certain and self._holds_card(own):
            return own.start, own.end
        if phone or own.capacity <= KEPT_DIGITS or Others(self.text, own).account_for(own.parts):
            return None
        if not looks_like_card(own, label, alone=self.is_number):
            return None
        return (own.start if digits_of(own) >= SHORTEST else kept_until(own, KEPT_DIGITS)), own.end

    def _holds_card(self, run: Run, place: int = 0) -> bool:
        """Whether a card number stands in a run that begins before a place and ends behind it (if one is given)."""
        others = None
        for first, after in card_windows(run):
            parts = [part for part in run.parts[first:after] if part.kind not in SILENT]
            if not place or parts[0].start < place <= parts[-1].start:
                others = others or Others(self.text, run)
                if not others.account_for(parts):
                    return True
        return False

    def _completes(self, run: Run) -> bool:
        """Whether it must be the rest of a number that was cut: a message that is a number, right after that one."""
        return (
            self.is_number
            and _CUT.search(self.previous) is not None
            and SHORTEST_REST <= digits_of(run) < SHORTEST
            and not is_money(self.text, self.tokens, run)
            and not Others(self.text, run).account_for(run.parts)
        )

    def _continues(self, run: Run, own: Run) -> bool:
        """Whether a card number that an earlier message began goes on in this one."""
        begun = self._begun(run, own)
        if begun is None or any(
            is_money(self.text, self.tokens, half) or Others(self.text, half).account_for(half.parts)
            for half in (begun, own)
        ):
            return False
        between = [part for part in run.parts if begun.end <= part.start < own.start]
        whole = make_run([*begun.parts, *between, *own.parts])
        if whole.large or label_of(self.text, self.tokens, begun).foreign:
            return False
        phone = len(begun.parts) == 1 and PHONE.fullmatch(begun.parts[0].text) is not None
        if own.capacity >= (GROUP if phone else 1) and self._holds_card(whole, self.place):
            return True
        if run is own or own.capacity < GROUP or "\n" in self.text[begun.start : begun.end]:
            return False
        return digits_of(begun) >= KEPT_DIGITS and looks_like_card(whole, NO_LABEL, alone=False)

    def _begun(self, run: Run, own: Run) -> Run | None:
        """What may be the beginning of a number: the last numbers of the last message that has any; or of several
        messages, if each is a group of four digits."""
        if run is own:
            if not self.earlier or own is not self.runs[0][1] or own.parts[0].token > self.first + MOST_WORDS_BETWEEN:
                return None
            run = self.earlier[-1]
        parts = [part for part in run.parts if part.start < self.place]
        while parts[-1].kind in SILENT:
            parts.pop()
        if not all(part.kind is Kind.DIGITS and len(part.text) == GROUP for part in parts):
            line = self.text.rfind("\n", 0, parts[-1].start)
            parts = [part for part in parts if part.start > line]
        return make_run(parts)

    def _is_only(self, run: Run) -> bool:
        """Whether the message is nothing but a number."""
        words = (*self.tokens[self.first : run.parts[0].token], *self.tokens[run.parts[-1].token + 1 :])
        return all(token.text in ALONE_WITH for token in words)
