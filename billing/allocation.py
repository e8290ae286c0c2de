"""Who gets the money: oldest unpaid invoice first. Pure functions over values; the database goes around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from billing.money import Money


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    id: int
    number: str
    due_on: date
    open: Money


@dataclass(frozen=True, slots=True)
class Share:
    """What one invoice takes of an amount, and what it leaves open afterwards."""

    invoice_id: int
    number: str
    amount: Money
    left: Money


@dataclass(frozen=True, slots=True)
class Plan:
    """How a payment and the account's credit meet the open invoices; `excess` becomes new credit."""

    credit_shares: list[Share]
    payment_shares: list[Share]
    excess: Money


def allocate_oldest_first(
    amount: Money, invoices: Sequence[OpenInvoice], first: int | None = None
) -> tuple[list[Share], Money]:
    """Spreads `amount` (≥ 0) over `invoices`, the one with id `first` before all others, then by due date and id.

    Returns the shares in that order and what no invoice could take. An unknown `first` is as good as none.
    """
    shares: list[Share] = []
    rest = amount
    for invoice in sorted(invoices, key=lambda i: (i.id != first, i.due_on, i.id)):
        if not rest:
            break
        taken = min(rest, invoice.open)
        if taken:
            shares.append(Share(invoice.id, invoice.number, taken, invoice.open - taken))
            rest = rest - taken
    return shares, rest


def plan(amount: Money, credit: Money, invoices: Sequence[OpenInvoice], first: int | None = None) -> Plan:
    """A payment of `amount` on an account that also holds `credit`.

    A named invoice takes from the payment first; then the credit, older money, goes oldest first; then the rest of
    the payment. So an account that pays its outstanding balance is even, whatever it held in credit.
    """
    named = [i for i in invoices if i.id == first]
    named_shares, rest = allocate_oldest_first(amount, named)
    credit_shares, _ = allocate_oldest_first(credit, _after(invoices, named_shares))
    open_now = _after(_after(invoices, named_shares), credit_shares)
    rest_shares, excess = allocate_oldest_first(rest, open_now)
    return Plan(credit_shares, [*named_shares, *rest_shares], excess)


def _after(invoices: Iterable[OpenInvoice], shares: Iterable[Share]) -> list[OpenInvoice]:
    left = {share.invoice_id: share.left for share in shares}
    return [OpenInvoice(i.id, i.number, i.due_on, left.get(i.id, i.open)) for i in invoices]
