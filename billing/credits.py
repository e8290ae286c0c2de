"""Credit: the customer's money that no invoice has taken yet. Lots, used oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from billing import allocations, ledger
from billing.allocation import Share, allocate_oldest_first
from billing.models import Credit
from billing.money import Money, total


def grant_credit(
    session: Session, *, account_id: int, external_id: str, amount: Money, reason: str, now: datetime
) -> Credit:
    """Books goodwill of `amount` (> 0) from the billing system."""
    lot = Credit(
        account_id=account_id,
        currency=amount.currency,
        external_id=external_id,
        amount_minor=amount.minor,
        remaining_minor=amount.minor,
        reason=reason,
        created_at=now,
    )
    session.add(lot)
    session.flush()
    entries = [ledger.debit("goodwill", amount), ledger.credit("customer_credit", amount)]
    ledger.post(session, kind="credit_granted", account_id=account_id, entries=entries, now=now)
    return lot


def lots_with_money(session: Session, account_id: int) -> list[Credit]:
    """Locked, oldest first."""
    return list(
        session.scalars(
            select(Credit)
            .where(Credit.account_id == account_id, Credit.remaining_minor > 0)
            .order_by(Credit.id)
            .with_for_update()
        )
    )


def apply_to_open_invoices(session: Session, account_id: int, *, now: datetime) -> None:
    """Lets the account's credit pay its open invoices, oldest first. Nothing to do is one statement."""
    lots = lots_with_money(session, account_id)
    if not lots:
        return
    invoices = allocations.lock_open_invoices(session, account_id)
    credit = total((Money(lot.remaining_minor, lot.currency) for lot in lots), lots[0].currency)
    shares, _ = allocate_oldest_first(credit, invoices)
    use_credit(session, account_id, lots, shares, now=now)


_USE_LOTS = text("""
    update credits c set remaining_minor = c.remaining_minor - u.amount
      from unnest(cast(:ids as bigint[]), cast(:amounts as bigint[])) as u(id, amount)
     where c.id = u.id
""")
# What a payment could not allocate when it came is allocated now: invariant 5 moves along.
_MOVE_PAYMENTS = text("""
    update payments p set unapplied_minor = p.unapplied_minor - u.amount, allocated_minor = p.allocated_minor + u.amount
      from (select c.payment_id, sum(u.amount) as amount
              from unnest(cast(:ids as bigint[]), cast(:amounts as bigint[])) as u(id, amount)
              join credits c on c.id = u.id where c.payment_id is not null group by c.payment_id) u
     where p.id = u.payment_id
""")


def use_credit(
    session: Session, account_id: int, lots: Sequence[Credit], shares: Sequence[Share], *, now: datetime
) -> None:
    """Books `shares` (what open invoices take) against `lots`, in a number of statements that does not grow."""
    if not shares:
        return
    pieces = _pair(lots, shares)
    spent = total((share.amount for share in shares), shares[0].amount.currency)
    transaction_id = ledger.post(
        session,
        kind="credit_applied",
        account_id=account_id,
        entries=[
            ledger.debit("customer_credit", spent),
            *(ledger.credit("receivable", share.amount, share.invoice_id) for share in shares),
        ],
        now=now,
    )
    used: dict[int, int] = {}
    for lot, _, amount in pieces:
        used[lot.id] = used.get(lot.id, 0) + amount
    session.execute(_USE_LOTS, {"ids": list(used), "amounts": list(used.values())})
    session.execute(_MOVE_PAYMENTS, {"ids": list(used), "amounts": list(used.values())})
    rows = [allocations.Row(share.invoice_id, amount, lot.payment_id, lot.id) for lot, share, amount in pieces]
    allocations.write(session, account_id, spent.currency, transaction_id, rows, now=now)
    session.expire_all()


def _pair(lots: Sequence[Credit], shares: Sequence[Share]) -> list[tuple[Credit, Share, int]]:
    """Which lot pays how many minor units of which share, both in order."""
    pieces: list[tuple[Credit, Share, int]] = []
    queue = [(lot, lot.remaining_minor) for lot in lots]
    for share in shares:
        need = share.amount.minor
        while need:
            lot, remaining = queue[0]
            amount = min(need, remaining)
            pieces.append((lot, share, amount))
            need -= amount
            if remaining == amount:
                queue.pop(0)
            else:
                queue[0] = (lot, remaining - amount)
    return pieces
