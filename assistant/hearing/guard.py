"""Was it heard right? A heard amount is weighed against its acoustic neighbours, with what this customer would pay.

Bayes in one line: of all amounts that could have been said, how much of the belief is left for the one that was heard?
What is known of the customer's bill speaks for some of them, the recogniser's confidence for the words themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from assistant.amounts import Ambiguous, AmountReading, Exact, NoAmount
from assistant.hearing.neighbours import neighbours

LARGEST_DOUBT = 0.05  # share of the belief that other amounts may have before it is asked (docs/hearing.md)
LEAST_CONFIDENCE = 0.4  # of the recogniser; below it nothing is believed, whatever it says
UNKNOWN_CONFIDENCE = 0.85  # where the recogniser does not tell
BEST, WORST = 0.02, 0.5  # how often a word is misheard at the highest and the lowest confidence
MOST_CANDIDATES = 3

# What customers pay: mostly what they owe, often a part of it that has a name, else round sums.
OWED, NAMED, FREE = 0.55, 0.15, 0.3
ROUND = ((100, 1 / 15), (50, 1 / 25), (10, 1 / 60), (5, 1 / 150), (1, 1 / 1_500))  # multiples of, in major units
WITH_CENTS = 1 / 100_000
TOO_MUCH = 0.05  # more than is owed is paid by few


@dataclass(frozen=True, slots=True)
class Bill:
    """What the customer may have in mind, major units: what is owed, and sums with a name (past due, one invoice)."""

    owed: Decimal
    named: Sequence[Decimal] = ()


@dataclass(frozen=True, slots=True)
class Believed:
    """Heard right, as far as that can be known; the quote is read back and confirmed by a key all the same."""

    reading: AmountReading


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Ask for the keypad. `candidates`: what it could have been, the likeliest first, the heard one among them."""

    candidates: tuple[Decimal, ...]


Verdict = Believed | Doubtful


def weigh(reading: AmountReading, *, confidence: float | None, language: str, bill: Bill) -> Verdict:
    """Whether to believe what was read from a spoken answer. `confidence` is the recogniser's, 0…1.

    No amount at all is believed to be none: asking again is not the guard's business.
    """
    if isinstance(reading, NoAmount):
        return Believed(reading)
    sure = UNKNOWN_CONFIDENCE if confidence is None else confidence
    if isinstance(reading, Ambiguous):
        return Doubtful(reading.candidates[:MOST_CANDIDATES])
    if not isinstance(reading, Exact):  # "all of it" sounds like no other share
        return Doubtful((bill.owed,)) if sure < LEAST_CONFIDENCE else Believed(reading)
    belief = _belief(reading.value, sure, language, bill)
    heard = belief.pop(reading.value)
    doubt = sum(belief.values()) / (heard + sum(belief.values()))
    if sure >= LEAST_CONFIDENCE and doubt <= LARGEST_DOUBT:
        return Believed(reading)
    rivals = sorted(belief, key=lambda value: -belief[value])[: MOST_CANDIDATES - 1]
    shown = {value: belief[value] for value in rivals if belief[value] > heard * LARGEST_DOUBT} | {reading.value: heard}
    return Doubtful(tuple(sorted(shown, key=lambda value: -shown[value])))


def _belief(heard: Decimal, sure: float, language: str, bill: Bill) -> dict[Decimal, float]:
    """Weight of every amount that may have been said, the heard one first; not normalised."""
    misheard = min(max(1 - sure, BEST), WORST)
    belief = {heard: prior(heard, bill) * (1 - misheard)}
    for other, readily in neighbours(heard, language).items():
        belief[other] = prior(other, bill) * misheard * readily
    return belief


def prior(amount: Decimal, bill: Bill) -> float:
    """How likely this customer is to say this amount, before anything was heard."""
    weight = FREE * next((share for step, share in ROUND if amount % step == 0), WITH_CENTS)
    if bill.owed and amount > bill.owed:
        weight *= TOO_MUCH
    if amount == bill.owed:
        weight += OWED
    if amount in bill.named:
        weight += NAMED / len(bill.named)
    return weight
