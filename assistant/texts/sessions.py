"""Whose phone it is, and whether that was proved: the number on file identifies, a one-time code opens a session."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.identity import Principal, principal_of_sender
from assistant.models import ChatSession
from assistant.wording import LANGUAGES
from billing.models import PortalUser


def users_of_phone(session: Session, phone: str) -> list[PortalUser]:
    """One portal user an account, the first on its Manage Users page, in a lasting order."""
    found = session.scalars(
        select(PortalUser).where(PortalUser.phone == phone).order_by(PortalUser.account_id, PortalUser.position)
    )
    first: dict[int, PortalUser] = {}
    for user in found:
        first.setdefault(user.account_id, user)
    return list(first.values())


def present_principal(session: Session, phone: str, now: datetime) -> Principal | None:
    """Who is texting, if a session of this phone is open. A number that left the portal user's row ends it."""
    sender = session.scalar(
        select(ChatSession.sender)
        .join(PortalUser, PortalUser.id == ChatSession.portal_user_id)
        .where(
            ChatSession.channel == "sms",
            ChatSession.phone == phone,
            ChatSession.expires_at > now,
            PortalUser.phone == phone,
        )
        .order_by(ChatSession.created_at.desc())
        .limit(1)
    )
    return principal_of_sender(session, sender, now) if sender is not None else None


def open_text_session(
    session: Session, user: PortalUser, phone: str, now: datetime, *, ttl_s: int, language: str
) -> Principal:
    """A new conversation by text, for a phone that was proved. One phone has one at a time: older ones end."""
    for earlier in session.scalars(
        select(ChatSession).where(
            ChatSession.channel == "sms", ChatSession.phone == phone, ChatSession.expires_at > now
        )
    ):
        earlier.expires_at = now
    opened = ChatSession(
        sender=f"s_{secrets.token_urlsafe(18)}",
        # Nobody holds a bearer token of it: a text is known by its signature and its number.
        token_hash=hashlib.sha256(secrets.token_bytes(32)).hexdigest(),
        account_id=user.account_id,
        portal_user_id=user.id,
        channel="sms",
        language=language,
        phone=phone,
        address=phone,
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(seconds=ttl_s),
    )
    session.add(opened)
    session.flush()
    return principal_of_sender(session, opened.sender, now)


def language_of(users: Sequence[PortalUser]) -> str | None:
    """Of whoever may be texting, before it is known who is."""
    return next((user.language for user in users if user.language in LANGUAGES), None)
