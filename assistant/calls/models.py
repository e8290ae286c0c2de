"""Tables of the calls: each call with where it stands, each step with what was heard and answered, tries at a PIN."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing.database import Base, Timestamp

STAGES = ("language", "account", "pin", "talk", "amount", "over")


class Call(Base):
    """A call, from its first request to its end. `number` of the newest step; `plan` and `menu` are what it asked."""

    __tablename__ = "calls"
    __table_args__ = (
        CheckConstraint(f"stage in ({', '.join(repr(stage) for stage in STAGES)})", name="stage"),
        CheckConstraint("stage not in ('talk', 'amount') or sender is not null", name="who_talks_is_known"),
        Index("ix_calls_sender", "sender"),
    )

    sid: Mapped[str] = mapped_column(Text, primary_key=True)
    phone: Mapped[str] = mapped_column(Text)  # what caller ID says: it identifies and proves nothing
    language: Mapped[str] = mapped_column(Text)
    stage: Mapped[str] = mapped_column(Text)
    account_number: Mapped[str | None] = mapped_column(Text)  # as keyed in, whether or not there is such an account
    sender: Mapped[str | None] = mapped_column(ForeignKey("chat_sessions.sender"))
    number: Mapped[int] = mapped_column(server_default="0")
    refused: Mapped[int] = mapped_column(server_default="0")  # account and PIN that did not match
    silent: Mapped[int] = mapped_column(server_default="0")  # times in a row that nothing came
    missed: Mapped[int] = mapped_column(server_default="0")  # times in a row that it could not be used
    plan: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    menu: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    page: Mapped[int] = mapped_column(server_default="0")  # of the menu
    wants_text: Mapped[bool] = mapped_column(server_default=text("false"))  # of what a pending payment comes to
    started_at: Mapped[datetime] = mapped_column(Timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(Timestamp)


class CallStep(Base):
    """One request of Twilio's about a call: stored before it is answered, so that a repeat gets the same answer."""

    __tablename__ = "call_steps"

    call_sid: Mapped[str] = mapped_column(ForeignKey("calls.sid"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    heard: Mapped[dict[str, Any]] = mapped_column(JSONB)  # without card numbers; never a PIN
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # the plan; null while it is being made
    received_at: Mapped[datetime] = mapped_column(Timestamp)
    answered_at: Mapped[datetime | None] = mapped_column(Timestamp)


class RefusedPin(Base):
    """A try that did not match: what holds back guessing, whichever of the two was wrong."""

    __tablename__ = "refused_pins"
    __table_args__ = (
        Index("ix_refused_pins_account_number", "account_number", "at"),
        Index("ix_refused_pins_phone", "phone", "at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    account_number: Mapped[str] = mapped_column(Text)
    phone: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Timestamp)
