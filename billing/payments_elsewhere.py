"""Payments that never went through us (a bank transfer, a cheque): told by the import, booked like ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from billing import audit
from billing.booking import MoneyIn, book_money
from billing.models import Payment
from billing.money import Money
from billing.payment_states import SUCCEEDED

GATEWAY = "elsewhere"


@dataclass(frozen=True, slots=True)
class PaymentDraft:
    """`amount` (> 0) that the account paid at `at`; the billing system's id is also its reference."""

    account_id: int
    external_id: str
    amount: Money
    at: datetime


def record_payments(session: Session, drafts: Sequence[PaymentDraft], *, actor: str, now: datetime) -> None:
    """Books payments of locked accounts, in the order of `drafts`: oldest invoice first, the rest becomes credit."""
    payments = [
        Payment(
            reference=draft.external_id,
            account_id=draft.account_id,
            external_id=draft.external_id,
            currency=draft.amount.currency,
            amount_minor=draft.amount.minor,
            state=SUCCEEDED,
            gateway=GATEWAY,
            channel=GATEWAY,
            created_at=draft.at,
            decided_at=draft.at,
        )
        for draft in drafts
    ]
    session.add_all(payments)
    session.flush()
    for payment in payments:
        audit.record(
            session,
            actor=actor,
            cause="paid_elsewhere",
            entity="payment",
            entity_id=payment.id,
            now=now,
            after={"state": SUCCEEDED, "amount_minor": payment.amount_minor},
        )
    arrivals = [MoneyIn(payment, draft.amount) for payment, draft in zip(payments, drafts, strict=True)]
    book_money(session, arrivals, source="elsewhere", now=now)
