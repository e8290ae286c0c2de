"""Tables of the conversation: sessions, turns, buttons, what was pushed, and tickets for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing.database import Base, Timestamp


class ChatSession(Base):
    """Ties an opaque sender id, the only thing the dialogue engine sees, to who was signed in when it was issued."""

    __tablename__ = "chat_sessions"
    __table_args__ = (CheckConstraint("channel in ('chat', 'sms', 'voice')", name="channel"),)

    sender: Mapped[str] = mapped_column(Text, primary_key=True)
    token_hash: Mapped[str] = mapped_column(Text, unique=True)  # of the bearer token that the client holds
    portal_jti: Mapped[str | None] = mapped_column(Text, unique=True)  # a portal token opens one session, once
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    portal_user_id: Mapped[int] = mapped_column(ForeignKey("portal_users.id"))
    channel: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text, index=True)  # of a conversation by text, E.164
    address: Mapped[str | None] = mapped_column(Text)  # the network address that opened it
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    last_seen_at: Mapped[datetime] = mapped_column(Timestamp)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)


class ChatTurn(Base):
    """One turn: what was said (cleaned), what was answered. A repeated message id finds its answer here."""

    __tablename__ = "chat_turns"
    __table_args__ = (UniqueConstraint("sender", "message_id"), Index("ix_chat_turns_sender", "sender", "id"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    sender: Mapped[str] = mapped_column(ForeignKey("chat_sessions.sender"))
    message_id: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # null while the turn is under way
    started_at: Mapped[datetime] = mapped_column(Timestamp)
    answered_at: Mapped[datetime | None] = mapped_column(Timestamp)


class IssuedButton(Base):
    """A button that the server put on the screen. The client sends its id back; what it means stays here."""

    __tablename__ = "issued_buttons"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    sender: Mapped[str] = mapped_column(ForeignKey("chat_sessions.sender"), index=True)
    title: Mapped[str] = mapped_column(Text)
    intent: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    issued_at: Mapped[datetime] = mapped_column(Timestamp)
    used_at: Mapped[datetime | None] = mapped_column(Timestamp)


class ChatEvent(Base):
    """What reaches a conversation outside a turn; its id is the `id:` of the event stream."""

    __tablename__ = "chat_events"
    __table_args__ = (UniqueConstraint("sender", "key"), Index("ix_chat_events_sender", "sender", "id"))

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    sender: Mapped[str] = mapped_column(ForeignKey("chat_sessions.sender"))
    kind: Mapped[str] = mapped_column(Text)  # message | payment
    key: Mapped[str | None] = mapped_column(Text)  # what is told once only carries a key of its own
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class Ticket(Base):
    """A conversation handed to a person, with the state it was in."""

    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    portal_user_id: Mapped[int | None] = mapped_column(ForeignKey("portal_users.id"))
    channel: Mapped[str] = mapped_column(Text)
    sender: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    resolved_at: Mapped[datetime | None] = mapped_column(Timestamp)
