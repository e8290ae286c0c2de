"""Tables of the text messages: received, sent, the choices a text offered, who wants none, one-time codes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from billing.database import Base, Timestamp

SENT_STATES = ("queued", "sending", "sent", "delivered", "undelivered", "failed", "withheld")


class TextReceived(Base):
    """A text message as it came, card numbers taken out. Stored once per MessageSid before it is acknowledged."""

    __tablename__ = "texts_received"
    __table_args__ = (Index("ix_texts_received_phone", "phone", "id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    sid: Mapped[str] = mapped_column(Text, unique=True)
    phone: Mapped[str] = mapped_column(Text)  # whose it is, E.164; a short code as it is
    to: Mapped[str] = mapped_column(Text)  # the number of ours that was written to
    body: Mapped[str] = mapped_column(Text)
    card_removed: Mapped[bool] = mapped_column(server_default=text("false"))
    media: Mapped[int] = mapped_column(server_default="0")  # pictures and the like, which nobody looks at
    is_group: Mapped[bool] = mapped_column(server_default=text("false"))
    told_by_carrier: Mapped[bool] = mapped_column(server_default=text("false"))  # Twilio has answered a STOP or HELP
    keyword: Mapped[str | None] = mapped_column(Text)  # stop | start | help, seen when it came
    received_at: Mapped[datetime] = mapped_column(Timestamp)
    handled_at: Mapped[datetime | None] = mapped_column(Timestamp)
    outcome: Mapped[str | None] = mapped_column(Text)  # what was done about it, for the operator


class TextSent(Base):
    """A text message of ours and what became of it. A code's text is made when it goes out and never stored."""

    __tablename__ = "texts_sent"
    __table_args__ = (
        CheckConstraint(f"state in ({', '.join(repr(s) for s in SENT_STATES)})", name="state"),
        CheckConstraint("(body is null) = (code_id is not null)", name="code_is_not_kept"),
        Index("ix_texts_sent_phone", "phone", "id"),
        Index("ix_texts_sent_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    phone: Mapped[str] = mapped_column(Text)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    portal_user_id: Mapped[int | None] = mapped_column(ForeignKey("portal_users.id"))
    kind: Mapped[str] = mapped_column(Text)  # answer | result | code | too_many
    body: Mapped[str | None] = mapped_column(Text)
    code_id: Mapped[int | None] = mapped_column(ForeignKey("one_time_codes.id"))
    answers: Mapped[int | None] = mapped_column(ForeignKey("texts_received.id"), index=True)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    key: Mapped[str | None] = mapped_column(Text, unique=True)  # what is told once only carries a key
    despite_opt_out: Mapped[bool] = mapped_column(server_default=text("false"))  # the one confirmation of a STOP
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    withheld_because: Mapped[str | None] = mapped_column(Text)  # opted_out | country | limit_of_phone | limit_of_all
    sid: Mapped[str | None] = mapped_column(Text, unique=True)
    error_code: Mapped[int | None]
    tries: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    sending_at: Mapped[datetime | None] = mapped_column(Timestamp)  # of the latest try, before it was begun
    settled_at: Mapped[datetime | None] = mapped_column(Timestamp)


class TextChoice(Base):
    """What a reply to one text means: "1" a button, "27" the yes to its quote, at the account list a portal user."""

    __tablename__ = "text_choices"
    __table_args__ = (CheckConstraint("(button_id is null) <> (portal_user_id is null)", name="means_one_thing"),)

    text_id: Mapped[int] = mapped_column(ForeignKey("texts_sent.id"), primary_key=True)
    reply: Mapped[str] = mapped_column(Text, primary_key=True)
    button_id: Mapped[str | None] = mapped_column(ForeignKey("issued_buttons.id"))
    portal_user_id: Mapped[int | None] = mapped_column(ForeignKey("portal_users.id"))


class TextConsent(Base):
    """Who wants texts and who does not: every change is a row, the newest one holds."""

    __tablename__ = "text_consents"
    __table_args__ = (
        CheckConstraint("state in ('in', 'out')", name="state"),
        Index("ix_text_consents_phone", "phone", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    phone: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)  # wrote_first | keyword | sentence | carrier
    words: Mapped[str] = mapped_column(Text)  # what was written, or what the carrier said
    at: Mapped[datetime] = mapped_column(Timestamp)


class OneTimeCode(Base):
    """Proof that a phone is in its owner's hands. The code itself is computed from the id, never stored."""

    __tablename__ = "one_time_codes"
    __table_args__ = (
        CheckConstraint("sent_by in ('sms', 'email', 'verify')", name="sent_by"),
        UniqueConstraint("resumes"),
        Index("ix_one_time_codes_phone", "phone", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    phone: Mapped[str] = mapped_column(Text)
    sent_by: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(server_default="0")
    resumes: Mapped[int | None] = mapped_column(ForeignKey("texts_received.id"))  # what is answered once it is proved
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)
    used_at: Mapped[datetime | None] = mapped_column(Timestamp)
