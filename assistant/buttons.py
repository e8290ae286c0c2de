"""Buttons are server-side ids: what one means stays in our table, and a client can only send its id back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from assistant.models import IssuedButton

_ISSUE = text("""
    insert into issued_buttons (id, sender, title, intent, data, issued_at)
    select id, :sender, title, intent, data, :now
      from jsonb_to_recordset(:rows) as r (id text, title text, intent text, data jsonb)
""").bindparams(bindparam("rows", type_=JSONB))


class ButtonRefused(Exception):
    """`code`: button_unknown (never issued to this conversation) or button_expired."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def issue_buttons(
    session: Session, sender: str, messages: Iterable[Mapping[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    """Messages as a client may see them: text, card, and buttons as {id, title} in place of intent and data.

    One statement, however many buttons there are.
    """
    rows: list[dict[str, Any]] = []
    seen: list[dict[str, Any]] = []
    for message in messages:
        buttons = []
        for button in message.get("buttons") or []:
            row = {
                "id": f"b_{secrets.token_urlsafe(12)}",
                "title": button["title"],
                "intent": button["intent"],
                "data": button.get("data") or {},
            }
            rows.append(row)
            buttons.append({"id": row["id"], "title": row["title"]})
        seen.append({"text": message.get("text") or "", "buttons": buttons, "card": message.get("card")})
    if rows:
        session.execute(_ISSUE, {"rows": rows, "sender": sender, "now": now})
    return seen


def resolve_button(session: Session, sender: str, button_id: str, now: datetime, *, ttl_s: int) -> IssuedButton:
    """The button that was issued to this very conversation. Raises ButtonRefused; a foreign id is an unknown one."""
    button = session.scalar(select(IssuedButton).where(IssuedButton.id == button_id, IssuedButton.sender == sender))
    if button is None:
        raise ButtonRefused("button_unknown")
    if button.issued_at + timedelta(seconds=ttl_s) <= now:
        raise ButtonRefused("button_expired")
    return button
