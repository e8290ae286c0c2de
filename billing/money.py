"""Amounts of money: integers in minor units with their currency, never floats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal

from babel.numbers import get_currency_precision

from billing.errors import AmountNotWhole, CurrencyMismatch

MOST_DECIMALS = 4  # of any currency (CLF, UYW)
MOST_DIGITS = 100  # 1E+999999999 is a Decimal, too; as an int it would not fit into this machine


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units (cents for CAD) of `currency` (ISO 4217). May be negative: a balance can be a credit.

    Arithmetic and comparison across currencies raise CurrencyMismatch; there is no conversion anywhere.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:  # bool and float are both wrong here
            raise TypeError(f"minor units are an int, not {type(self.minor).__name__}")

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    @classmethod
    def from_decimal(cls, amount: Decimal, currency: str) -> Money:
        """`amount` in major units. Raises AmountNotWhole for fractions of a minor unit: nothing is rounded."""
        if not amount.is_finite() or abs(amount.adjusted()) > MOST_DIGITS:
            raise AmountNotWhole(amount, currency)
        exact = Context(prec=len(amount.as_tuple().digits) + MOST_DECIMALS)  # the usual one rounds to 28 digits
        minor = amount.scaleb(get_currency_precision(currency), exact)
        if minor != minor.to_integral_value(context=exact):
            raise AmountNotWhole(amount, currency)
        return cls(int(minor), currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units."""
        return Decimal(self.minor).scaleb(-get_currency_precision(self.currency))

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other).minor

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other).minor

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other).minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise CurrencyMismatch(self.currency, other.currency)
        return other


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of `amounts`, zero of `currency` for none."""
    result = Money.zero(currency)
    for amount in amounts:
        result = result + amount
    return result
