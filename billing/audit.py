"""Who changed what: one row per state change, in the transaction of the change (invariant 25)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from billing.models import Audit


def record(
    session: Session,
    *,
    actor: str,
    cause: str,
    entity: str,
    entity_id: object,
    now: datetime,
    channel: str | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """`actor` is `portal_user:7`, `gateway:sandbox`, `operator:ana` or `system:<job>`."""
    session.add(
        Audit(
            at=now,
            actor=actor,
            channel=channel,
            cause=cause,
            entity=entity,
            entity_id=str(entity_id),
            before=before,
            after=after,
        )
    )
