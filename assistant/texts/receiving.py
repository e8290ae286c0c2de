"""A text message as it comes in: cleaned, stored once, obeyed at once where it says STOP, and handed to the worker."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from assistant.models import ChatSession
from assistant.opt_out import is_opted_out, keyword_of, record_consent, wants_back_in
from assistant.redact import TAIL_CHARS, redact
from assistant.texts.models import TextConsent, TextReceived
from billing import outbox
from billing.config import Settings
from billing.quotes import open_quote, void_open_quote

LOOKED_BACK = 4  # messages, for a card number typed in pieces
LOOKED_BACK_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class IncomingText:
    """What the carrier says of a text. `told_by_carrier`: it has itself answered the STOP, START or HELP in it."""

    sid: str
    phone: str
    to: str
    body: str
    media: int = 0
    is_group: bool = False
    told_by_carrier: bool = False


def receive_text(session: Session, incoming: IncomingText, now: datetime, *, settings: Settings) -> int | None:
    """Stores the text and defers its answer, in the caller's transaction. None for one that was stored before.

    Card numbers are gone before anything is written. A STOP takes effect with the commit: nothing is texted any more,
    and no quote of this phone can be paid.
    """
    said = redact(_printable(incoming.body), before=_said_before(session, incoming.phone, now))
    keyword = keyword_of(said.text)
    if keyword is None and wants_back_in(said.text) and is_opted_out(session, incoming.phone):
        keyword = "start"
    text_id: int | None = session.scalar(
        insert(TextReceived)
        .values(
            sid=incoming.sid,
            phone=incoming.phone,
            to=incoming.to,
            body=said.text,
            card_removed=said.removed,
            media=incoming.media,
            is_group=incoming.is_group,
            told_by_carrier=incoming.told_by_carrier,
            keyword=keyword,
            received_at=now,
        )
        .on_conflict_do_nothing(index_elements=["sid"])
        .returning(TextReceived.id)
    )
    if text_id is None:
        return None
    _note_consent(session, incoming.phone, keyword, said.text, now)
    if keyword == "stop":
        _void_quotes(session, incoming.phone, now)
    if settings.can_text:
        outbox.defer(session, "answer_text", lock=f"texts-from:{incoming.phone}", text_id=text_id)
    return text_id


def _printable(body: str) -> str:
    """PostgreSQL stores no null character, and line breaks mean nothing in a text."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") else c for c in body).strip()


def _said_before(session: Session, phone: str, now: datetime) -> str:
    latest = select(TextReceived.body).where(
        TextReceived.phone == phone, TextReceived.received_at > now - LOOKED_BACK_FOR
    )
    before = list(session.scalars(latest.order_by(TextReceived.id.desc()).limit(LOOKED_BACK)))
    return "\n".join(reversed(before))[-TAIL_CHARS:]


def _note_consent(session: Session, phone: str, keyword: str | None, words: str, now: datetime) -> None:
    """Who writes first wants an answer; a STOP takes that back, a START gives it again."""
    if keyword in ("stop", "start"):
        source = "keyword" if len(words.split()) <= 2 else "sentence"  # noqa: PLR2004  "OPT OUT" is one too
        record_consent(session, phone, "out" if keyword == "stop" else "in", source, words, now)
    elif session.scalar(select(TextConsent.id).where(TextConsent.phone == phone).limit(1)) is None:
        record_consent(session, phone, "in", "wrote_first", words, now)


def _void_quotes(session: Session, phone: str, now: datetime) -> None:
    chats = select(ChatSession.sender, ChatSession.account_id).where(
        ChatSession.channel == "sms", ChatSession.phone == phone, ChatSession.expires_at > now
    )
    for sender, account_id in session.execute(chats.order_by(ChatSession.account_id)).all():
        quote = open_quote(session, account_id, now)
        if quote is not None and quote.sender == sender:
            void_open_quote(session, account_id, cause="opted_out", actor=f"sms:{sender}", now=now)
