"""Decides what a sentence says about the amount: the storyline of the package.

text → tokens → quantities → mentions (context.py) and shares (relative.py) → corrections and refusals → one reading
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.amounts.context import Mention, Surroundings
from assistant.amounts.english import ENGLISH
from assistant.amounts.french import FRENCH
from assistant.amounts.quantities import Item, find_quantities
from assistant.amounts.readings import Ambiguous, AmountReading, Exact, NoAmount, Relative
from assistant.amounts.relative import PATTERNS, Share, Skeleton, find_shares, skeleton
from assistant.amounts.tokens import tokenize

LEXICONS = {"en": ENGLISH, "fr": FRENCH}
LONGEST_TEXT = 1_000  # characters; what follows them is no answer to "how much"
_INVOICE = re.compile(r"(?<![a-z0-9])(inv[a-z]{0,4}[-_ ]?#?\d{3,10})(?![a-z0-9])", re.IGNORECASE)


def read_amount(text: str, language: str) -> AmountReading:
    """What `text` says as an answer to "how much?", in "en" or "fr" (others are read as English).

    Where nothing is found the other language is tried as well, since people switch; decimal signs stay those of
    `language`. Nothing is rounded or converted, and no limit is applied: see readings.py. Takes under a millisecond.
    """
    text = text[:LONGEST_TEXT]
    first = "fr" if language.startswith("fr") else "en"
    reading = _Reading(text, first).decide()
    if isinstance(reading, NoAmount):
        other = "en" if first == "fr" else "fr"
        return _Reading(text, other, decimal_comma=LEXICONS[first].decimal_comma).decide()
    return reading


def named_invoice(text: str) -> str | None:
    """The number of the one invoice that `text` names, as "INV-1002"; None for none or several."""
    found = {re.sub(r"[-_ #]+", "", number).upper() for number in _INVOICE.findall(text)}
    if len(found) != 1:
        return None
    letters, digits = re.fullmatch(r"([A-Z]+)(\d+)", found.pop()).groups()  # type: ignore[union-attr]
    return f"INV-{digits}" if letters.startswith("INV") else None


@dataclass(frozen=True, slots=True)
class _Claim:
    """A mention or a share that still stands, in the order of the sentence."""

    position: int
    meaning: Mention | Share


class _Reading:
    def __init__(self, text: str, language: str, *, decimal_comma: bool | None = None) -> None:
        lexicon = LEXICONS[language]
        if decimal_comma is not None and decimal_comma != lexicon.decimal_comma:
            lexicon = replace(lexicon, decimal_comma=decimal_comma)
        self.lexicon, self.patterns = lexicon, PATTERNS[language]
        self.items: Sequence[Item] = find_quantities(tokenize(text, lexicon), lexicon)
        self.around = Surroundings(self.items, lexicon)
        self.bones: Skeleton = skeleton(self.items)

    def decide(self) -> AmountReading:
        mentions = self.around.mentions()
        shares = find_shares(self.bones, self.patterns)
        subtraction = self._subtraction(mentions, shares)
        if subtraction:
            return subtraction
        halved = self.bones.sees(self.patterns.half_of)
        if halved and len(mentions) == 1 and not mentions[0].negated and len(mentions[0].quantity.values) == 1:
            return Exact(mentions[0].quantity.values[0] / 2, mentions[0].quantity.currency)
        claims = self._standing(mentions, [share for share in shares if not self._refused(share)])
        return self._one_of(claims, mentions)

    def _subtraction(self, mentions: Sequence[Mention], shares: Sequence[Share]) -> AmountReading | None:
        """ "all of it except 20", "leave 20 on it", "20 less than the full amount" """
        if len(mentions) != 1 or len(mentions[0].quantity.values) != 1:
            return None
        taken = mentions[0].quantity.values[0]
        full = any(share.base == "full" and not self._refused(share) for share in shares)
        before = self.bones.text[: self.bones.starts[mentions[0].position]].rstrip()
        words = before.split(" ")
        while words and words[-1] in self.lexicon.transparent and not self.patterns.except_words.fullmatch(words[-1]):
            words.pop()
        tail = " ".join(words[-2:]), words[-1] if words else ""
        excepted = full and any(self.patterns.except_words.fullmatch(part) for part in tail)
        if excepted or self.bones.sees(self.patterns.leave) or self.bones.sees(self.patterns.short_of):
            return Relative("full_minus", abs(taken)) if taken else Relative("full")
        return None

    def _refused(self, share: Share) -> bool:
        """ "not all of it", "I can't pay the full amount", "instead of half" """
        return self.around.negated(share.position)

    def _standing(self, mentions: Sequence[Mention], shares: Sequence[Share]) -> list[_Claim]:
        """Mentions and shares, less what was corrected, told of, or is the whole of which another is the part."""
        claims = sorted(
            [_Claim(m.position, m) for m in mentions] + [_Claim(s.position, s) for s in shares],
            key=lambda c: c.position,
        )
        standing: list[_Claim] = []
        for claim in claims:
            if standing and self._corrects(standing[-1], claim):
                standing = []
            if standing and self._is_whole_of(standing[-1], claim):
                continue
            standing.append(claim)
        offered = [c for c in standing if isinstance(c.meaning, Share) or not c.meaning.stated]
        return offered or standing

    def _corrects(self, earlier: _Claim, later: _Claim) -> bool:
        end = earlier.meaning.end - 1 if isinstance(earlier.meaning, Share) else earlier.position
        refused = isinstance(later.meaning, Mention) and later.meaning.negated
        return not refused and self.around.phrase_between(end, later.position, self.lexicon.corrections)

    def _is_whole_of(self, part: _Claim, whole: _Claim) -> bool:
        """The 452.10 of "50 of the 452.10"."""
        if isinstance(part.meaning, Share) or isinstance(whole.meaning, Share):
            return False
        between = [self.around.word(at) for at in range(part.position + 1, whole.position)]
        joined = any(word in self.lexicon.of or word in ("off", "from", "sur", "des", "du") for word in between)
        return joined and all(word in self.lexicon.parts_of for word in between)

    def _one_of(self, claims: Sequence[_Claim], mentions: Sequence[Mention]) -> AmountReading:
        exact = [c.meaning for c in claims if isinstance(c.meaning, Mention) and not c.meaning.negated]
        shares = [c.meaning for c in claims if isinstance(c.meaning, Share)]
        if exact:
            either = shares and self._either_or(exact, shares)
            return self._exact(exact, asked=bool(either))
        split = [m.quantity.parts[1] for m in mentions if m.negated and m.quantity.parts]
        if split:  # "not fifty forty" may be 50 refused and 40 wanted
            return Ambiguous(tuple(split))
        return self._relative(shares)

    def _either_or(self, exact: Sequence[Mention], shares: Sequence[Share]) -> bool:
        places = sorted([m.position for m in exact] + [s.position for s in shares])
        return any(self.around.word(at) in self.lexicon.alternatives for at in range(places[0], places[-1]))

    def _exact(self, mentions: Sequence[Mention], *, asked: bool) -> AmountReading:
        values = list(dict.fromkeys(value for mention in mentions for value in mention.quantity.values))
        currencies = {mention.quantity.currency for mention in mentions if mention.quantity.money}
        if len(values) == 1 and len(currencies) <= 1 and not asked and not any(m.vague for m in mentions):
            return Exact(values[0], next(iter(currencies), None))
        return Ambiguous(tuple(values))

    def _relative(self, shares: Sequence[Share]) -> AmountReading:
        bases = {share.base for share in shares}
        if len(bases) > 1:
            bases.discard("full")  # "all the overdue invoices", "half of the full amount"
            if self._either_or([], shares) and len(shares) > 1:
                return NoAmount()
        if len(bases) != 1:
            return NoAmount()
        return Relative(bases.pop())
