"""Security codes, and expiry dates beside card numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from assistant.amounts.lexicon import CURRENCY_SIGNS
from assistant.redact.runs import Run, Token, make_run
from assistant.redact.words import (
    AMOUNT_WORDS,
    BESIDE_CODES,
    CODE_PHRASES,
    CODE_WORDS,
    CODE_WORDS_BESIDE_CARDS,
    EXPIRY_WORDS,
    MONEY_WORDS,
    MONTH_WORDS,
    OTHER_WORDS,
    Kind,
)

Span = tuple[int, int]

REACH = 7  # words between a label and its code: "security code on the back of my card is"
CODE_DIGITS = (3, 4)
LONGEST_SPOKEN = 9  # digits that "seven hundred thirty seven" could bring at most
LONGEST_EXPIRY = 8  # digits: "04 30 2029"
LONGEST_WITH_EXPIRY = LONGEST_EXPIRY + CODE_DIGITS[-1]
_DATE = re.compile(r"(?<![0-9/-])(?:0?[1-9]|1[0-2]) ?[/-] ?(?:20)?[2-4][0-9](?![0-9/-])")
_BARE_DATE = re.compile(r"(?:0[1-9]|1[0-2])(?:20)?[2-4][0-9]")
_PHRASE_STARTS = frozenset(phrase[0] for phrase in CODE_PHRASES)
_LONGEST_PHRASE = max(map(len, CODE_PHRASES))
_SIGNS = frozenset(CURRENCY_SIGNS)


class Beside:
    """The numbers of a text that are no card numbers: which of them belong to a card all the same."""

    def __init__(self, text: str, tokens: Sequence[Token], runs: Sequence[Run]) -> None:
        self.text, self.tokens, self.runs = text, tokens, runs
        self.run_at: Mapping[int, Run] = {part.token: run for run in runs for part in run.parts}
        self.run_from: Mapping[int, Run] = {part.start: run for run in runs for part in run.parts}

    def codes(self, *, card: bool) -> Iterator[Span]:
        """What the text calls a security code; beside a `card`, also what it calls a code or a PIN."""
        for index, after in self._labels(CODE_WORDS_BESIDE_CARDS if card else CODE_WORDS):
            found = self._code_of(index, after)
            if found:
                yield found

    def _labels(self, known: frozenset[str]) -> Iterator[tuple[int, int]]:
        """The first token of each label, and the one after it."""
        for index, token in enumerate(self.tokens):
            if token.text in known:
                yield index, index + 1
            if token.text in _PHRASE_STARTS:
                following = tuple(token.text for token in self.tokens[index : index + _LONGEST_PHRASE])
                for length in range(_LONGEST_PHRASE, 1, -1):
                    if following[:length] in CODE_PHRASES:
                        yield index, index + length
                        break

    def _code_of(self, label: int, after: int) -> Span | None:
        """The number that a label names: the next one, or the one before it ("737 is the security code")."""
        for index in range(after, min(after + REACH, len(self.tokens))):
            token = self.tokens[index]
            if "?" in self.text[self.tokens[after - 1].end : token.start]:
                break
            if token.kind == "marker":
                return None
            found = self._code_at(index)
            if found:
                return found
            if token.text not in BESIDE_CODES:
                break
        for index in range(label - 1, max(-1, label - 1 - REACH), -1):
            run = self.run_at.get(index)
            if run:
                return (run.start, run.end) if self.is_code(run) else None
            if self.tokens[index].text not in BESIDE_CODES:
                return None
        return None

    def _code_at(self, index: int) -> Span | None:
        """The code that begins with a token, and what stands with it in one run: most likely the expiry date."""
        run = self.run_at.get(index)
        if not run:
            return None
        tail = make_run([part for part in run.parts if part.token >= index])
        if self.is_code(tail):
            return tail.start, tail.end
        first = tail.parts[0]
        if first.kind is Kind.DIGITS and len(first.text) in CODE_DIGITS and not is_money(self.text, self.tokens, tail):
            return tail.start, tail.end if tail.capacity <= LONGEST_WITH_EXPIRY else first.end
        return None

    def expiries(self) -> Iterator[Span]:
        """Expiry dates: named so, or a month and a year."""
        for date in _DATE.finditer(self.text):
            run = self.run_from.get(date.start())
            if run:  # what goes on behind the date is most likely the code
                yield date.start(), run.end if run.capacity <= LONGEST_WITH_EXPIRY else date.end()
        for index, token in enumerate(self.tokens):
            if token.text in EXPIRY_WORDS:
                found = self._expiry_after(index + 1)
                if found:
                    yield found

    def _expiry_after(self, at: int) -> Span | None:
        start = None
        for index in range(at, min(at + REACH, len(self.tokens))):
            token = self.tokens[index]
            if token.text in MONTH_WORDS:
                start = token.start
            elif index in self.run_at:
                run = self.run_at[index]
                return (
                    (start if start is not None else token.start, run.end) if run.capacity <= LONGEST_EXPIRY else None
                )
            elif token.text not in BESIDE_CODES and token.text not in EXPIRY_WORDS:
                return None
        return None

    def bare_codes(self, place: int) -> Iterator[Span]:
        """Numbers of three or four digits after a card number that ends at `place`, if nothing says that they are
        something else."""
        for run in self.runs:
            before = self.tokens[run.parts[0].token - 1].text if run.parts[0].token else ""
            if run.start >= place and before not in AMOUNT_WORDS | OTHER_WORDS and self.is_code(run):
                yield run.start, run.end

    def is_code(self, run: Run) -> bool:
        """Three or four digits, and no money."""
        if is_money(self.text, self.tokens, run):
            return False
        return run.capacity in CODE_DIGITS or (run.spoken and CODE_DIGITS[0] <= run.capacity <= LONGEST_SPOKEN)

    def is_expiry(self, run: Run) -> bool:
        written = self.text[run.start : run.end]
        return bool(_DATE.fullmatch(written) or _BARE_DATE.fullmatch(written))


def is_money(text: str, tokens: Sequence[Token], run: Run) -> bool:
    """Whether a currency stands beside a number."""
    before = text[max(0, run.start - 3) : run.start].rstrip()[-1:]
    after = text[run.end : run.end + 3].lstrip()[:1]
    following = run.parts[-1].token + 1
    named = following < len(tokens) and tokens[following].text in MONEY_WORDS
    return named or before in _SIGNS or after in _SIGNS
