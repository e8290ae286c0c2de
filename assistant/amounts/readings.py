"""What a sentence can mean as an amount: one number, a share of what is owed, several things, or nothing.

Readings are facts about the words alone. Whether zero, a negative, a fraction of a cent or a large sum may be paid is
for billing to say, with its own sentence; which currency the account has is for the caller to compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Base = Literal["full", "half", "past_due", "full_minus", "oldest_invoice"]


@dataclass(frozen=True, slots=True)
class Exact:
    """One number, in major units ("42,50" is Decimal("42.50")). May be zero, negative, or finer than a cent.

    `currency` is an ISO 4217 code only where one was named beyond "dollars" or "$" ("20 euros", "USD 20", "20 dollars
    canadiens"). Nothing is converted: a code other than the account's is to be asked about.
    """

    value: Decimal
    currency: str | None = None

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Relative:
    """An amount that depends on what is owed. `minus` (major units, above zero) belongs to `full_minus` alone."""

    base: Base
    minus: Decimal = Decimal(0)

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Words that fit several amounts, or an amount in unclear relation to another ("20 more"): ask.

    `candidates` are what could be offered, in the order heard, none twice. There may be one only ("over 50").
    """

    candidates: tuple[Decimal, ...]

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True, slots=True)
class NoAmount:
    """Nothing that may be taken for an amount."""

    def __str__(self) -> str:
        return "none"


AmountReading = Exact | Relative | Ambiguous | NoAmount
