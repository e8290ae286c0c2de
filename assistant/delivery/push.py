"""Push: what reaches a conversation outside a turn. Written to a table first; the row's id is the event's id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from assistant.buttons import issue_buttons
from assistant.models import ChatEvent

CHANNEL = "chat_events"  # of PostgreSQL's NOTIFY; its payload is an event's id and nothing private


def push(session: Session, sender: str, kind: str, payload: Mapping[str, Any], *, key: str | None = None) -> int | None:
    """Writes an event for the conversation `sender` and wakes its streams when the transaction commits.

    kind "message": payload {text, buttons: [{title, intent, data}], card}; buttons get server-side ids here.
    kind "payment": payload as in the state of a turn's answer. With a `key` the event is written once per conversation,
    however often the job that pushes it runs. Returns the event's id, None if the key was there already.
    """
    # One conversation's events commit in the order of their ids, or a stream that has seen 11 would never ask for 10.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{CHANNEL}:{sender}", 0))))
    if key is not None and session.scalar(select(ChatEvent.id).where(ChatEvent.sender == sender, ChatEvent.key == key)):
        return None
    body = dict(payload)
    if kind == "message":
        body = issue_buttons(session, sender, [payload], datetime.now(UTC))[0]
    event_id = session.scalar(
        insert(ChatEvent).values(sender=sender, kind=kind, payload=body, key=key).returning(ChatEvent.id)
    )
    session.execute(select(func.pg_notify(CHANNEL, str(event_id))))
    return event_id
