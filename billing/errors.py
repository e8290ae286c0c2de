"""What can go wrong with money. A decline is a result, not an error; broken machinery is.

BillingError
├── MoneyError
│   ├── CurrencyMismatch
│   └── AmountNotWhole            fractions of a cent
├── AmountRefused                 an amount that no quote may have
│   ├── AmountNotPositive
│   └── AmountTooLarge
├── NotFound                      account, method, quote, payment (or not this account's)
├── MethodNotUsable               removed, expired, or of another account
├── PaymentUnderWay               one payment of this account is not decided yet
├── TooManyTries                  refused cards, or one new card after the other: `.limit`, `.until`
├── QuoteRefused                  a yes that must not charge
│   ├── QuoteNotOpen              replaced, void, or consumed: see `.state`, `.payment_id`
│   ├── QuoteExpired
│   └── QuoteOutdated             amount, method or invoices changed since it was heard
├── RefundRefused                 more than is left of the capture, or another refund is not decided yet
├── DecisionRefused               an operator's decision that the gateway or the books contradict
├── UndeclaredTransition          a bug: the state table has no such edge
├── ImportRefused                 a file from the billing system with errors, line by line
└── GatewayError
    ├── GatewayUnreachable        the request never reached the gateway: nothing happened there
    ├── OutcomeUnknown            it may have: ask before anything else is done
    ├── GatewayRejected           the gateway understood and said no to the request itself (our bug or set-up)
    └── EventRefused              a webhook that must not be believed
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal


class BillingError(Exception):
    """Root of everything that billing raises on purpose."""


class MoneyError(BillingError):
    pass


class CurrencyMismatch(MoneyError):
    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got = expected, got


class AmountNotWhole(MoneyError):
    def __init__(self, amount: Decimal, currency: str) -> None:
        super().__init__(f"{amount} {currency} is no whole number of minor units")
        self.amount, self.currency = amount, currency


class AmountRefused(BillingError):
    pass


class AmountNotPositive(AmountRefused):
    pass


class AmountTooLarge(AmountRefused):
    def __init__(self, limit_minor: int, currency: str) -> None:
        super().__init__(f"more than {limit_minor} minor units of {currency} at once")
        self.limit_minor, self.currency = limit_minor, currency


class NotFound(BillingError):
    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"no {what} {key}")
        self.what, self.key = what, key


class MethodNotUsable(BillingError):
    def __init__(self, method_id: int, why: str) -> None:
        super().__init__(f"payment method {method_id}: {why}")
        self.method_id, self.why = method_id, why


class PaymentUnderWay(BillingError):
    def __init__(self, payment_id: int) -> None:
        super().__init__(f"payment {payment_id} is not decided yet")
        self.payment_id = payment_id


class TooManyTries(BillingError):
    """Nothing was charged, and the quote is as it was. `limit`: account, session, address or card; `until`: when the
    same can be tried again. Not a bank's decline, and never to be worded as one.
    """

    def __init__(self, limit: str, until: datetime) -> None:
        super().__init__(f"too many tries of this {limit}, until {until:%Y-%m-%d %H:%M %Z}")
        self.limit, self.until = limit, until


class QuoteRefused(BillingError):
    def __init__(self, quote_id: str, why: str) -> None:
        super().__init__(f"quote {quote_id}: {why}")
        self.quote_id = quote_id


class QuoteNotOpen(QuoteRefused):
    def __init__(self, quote_id: str, state: str, payment_id: int | None) -> None:
        super().__init__(quote_id, state)
        self.state, self.payment_id = state, payment_id


class QuoteExpired(QuoteRefused):
    def __init__(self, quote_id: str) -> None:
        super().__init__(quote_id, "expired")


class QuoteOutdated(QuoteRefused):
    def __init__(self, quote_id: str, what: str) -> None:
        super().__init__(quote_id, f"{what} changed since it was made")
        self.what = what


class UndeclaredTransition(BillingError):
    def __init__(self, payment_id: int, before: str, after: str) -> None:
        super().__init__(f"payment {payment_id}: {before} → {after} is not in the table")
        self.payment_id, self.before, self.after = payment_id, before, after


class RefundRefused(BillingError):
    def __init__(self, payment_id: int, why: str) -> None:
        super().__init__(f"payment {payment_id}: {why}")
        self.payment_id, self.why = payment_id, why


class DecisionRefused(BillingError):
    def __init__(self, item_id: int, why: str) -> None:
        super().__init__(f"item {item_id}: {why}")
        self.item_id, self.why = item_id, why


class ImportRefused(BillingError):
    """`problems` are (line number, what is wrong with it); nothing of the file was imported."""

    def __init__(self, problems: Sequence[tuple[int, str]]) -> None:
        super().__init__(f"{len(problems)} problem(s), nothing imported")
        self.problems = list(problems)


class GatewayError(BillingError):
    pass


class GatewayUnreachable(GatewayError):
    pass


class OutcomeUnknown(GatewayError):
    pass


GONE = "resource_missing"  # the code of an object that a gateway does not have


class GatewayRejected(GatewayError):
    """`status` is the HTTP status of the refusal where there was one; 404: the gateway has no such thing."""

    def __init__(self, message: str, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class EventRefused(GatewayError):
    pass
