"""The operator's queue: what the machine must not decide alone, one open row per matter."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing.models import OperatorItem


def add(
    session: Session, kind: str, detail: str, now: datetime, payment_id: int | None = None, event_id: int | None = None
) -> None:
    """Files a matter; the same one is not filed twice while it is open."""
    session.execute(
        insert(OperatorItem)
        .values(kind=kind, detail=detail, opened_at=now, payment_id=payment_id, event_id=event_id)
        .on_conflict_do_nothing()
    )


def open_items(session: Session) -> list[OperatorItem]:
    """What waits for a person, oldest first."""
    return list(
        session.scalars(select(OperatorItem).where(OperatorItem.resolved_at.is_(None)).order_by(OperatorItem.id))
    )
