"""Credit: the customer's money that no invoice has taken yet. Lots, used oldest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import any_, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT
from sqlalchemy.orm import Session

from billing import ledger
from billing.models import Credit, Payment
from billing.money import Money


@dataclass(frozen=True, slots=True)
class CreditDraft:
    """Goodwill of `amount` (> 0) that the billing system granted at `at`."""

    account_id: int
    external_id: str
    amount: Money
    reason: str
    at: datetime


def grant_credit(
    session: Session, *, account_id: int, external_id: str, amount: Money, reason: str, now: datetime
) -> Credit:
    """Books goodwill of `amount` (> 0) from the billing system."""
    (lot_id,) = grant_credits(session, [CreditDraft(account_id, external_id, amount, reason, now)], now=now)
    return session.get_one(Credit, lot_id)


def grant_credits(session: Session, drafts: Sequence[CreditDraft], *, now: datetime) -> list[int]:
    """The same for any number, in a few statements; the lots' ids in the order of `drafts`."""
    if not drafts:
        return []
    ids = session.scalars(
        insert(Credit).returning(Credit.id, sort_by_parameter_order=True),
        [
            {
                "account_id": draft.account_id,
                "currency": draft.amount.currency,
                "external_id": draft.external_id,
                "amount_minor": draft.amount.minor,
                "remaining_minor": draft.amount.minor,
                "reason": draft.reason,
                "created_at": draft.at,
            }
            for draft in drafts
        ],
    ).all()
    postings = [
        ledger.Posting(
            "credit_granted",
            draft.account_id,
            [ledger.debit("goodwill", draft.amount), ledger.credit("customer_credit", draft.amount)],
        )
        for draft in drafts
    ]
    ledger.post_many(session, postings, now=now)
    return list(ids)


def lot_of_payment(payment: Payment, amount: Money, *, now: datetime) -> Credit:
    """What no invoice took of a payment, as a lot that is not written yet."""
    return Credit(
        account_id=payment.account_id,
        currency=amount.currency,
        payment_id=payment.id,
        amount_minor=amount.minor,
        remaining_minor=amount.minor,
        reason=payment.reference,
        created_at=now,
    )


def lots_with_money(session: Session, account_ids: Collection[int]) -> dict[int, list[Credit]]:
    """By account; locked, oldest first."""
    lots: dict[int, list[Credit]] = {}
    found = session.scalars(
        select(Credit)
        .where(Credit.account_id == any_(literal(list(account_ids), ARRAY(BIGINT))), Credit.remaining_minor > 0)
        .order_by(Credit.id)
        .with_for_update()
    )
    for lot in found:
        lots.setdefault(lot.account_id, []).append(lot)
    return lots
