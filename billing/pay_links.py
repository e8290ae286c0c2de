"""Addresses of the secure page. Only a hash is stored; a link is spent at Pay, since previews open links too."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing.models import PayLink

TOKEN_BYTES = 24  # 192 bits: not to be guessed in the 15 minutes that a link lives


def create_pay_link(
    session: Session,
    *,
    account_id: int,
    portal_user_id: int | None,
    sender: str | None,
    channel: str,
    language: str,
    purpose: str,
    now: datetime,
    ttl_s: int,
    quote_id: uuid.UUID | None = None,
    method_id: int | None = None,
) -> str:
    """Returns the token, which exists nowhere else.

    `purpose`: `pay` (with a quote), `edit_method` (with a method), or `bank_step` (with the quote of a payment that
    waits for the customer). `ttl_s`: seconds.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        PayLink(
            token_hash=_hash(token),
            account_id=account_id,
            portal_user_id=portal_user_id,
            sender=sender,
            channel=channel,
            language=language,
            purpose=purpose,
            quote_id=quote_id,
            method_id=method_id,
            expires_at=now + timedelta(seconds=ttl_s),
            created_at=now,
        )
    )
    session.flush()
    return token


def pay_url(public_url: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/pay/{token}"


def look_up_pay_link(session: Session, token: str) -> PayLink | None:
    """The link whatever became of it, so that its page can say what did."""
    return session.scalars(select(PayLink).where(PayLink.token_hash == _hash(token))).one_or_none()


def spend_pay_link(session: Session, link_id: int, now: datetime) -> bool:
    """True for exactly one caller."""
    spent = session.execute(
        update(PayLink)
        .where(PayLink.id == link_id, PayLink.spent_at.is_(None))
        .values(spent_at=now)
        .returning(PayLink.id)
    )
    return spent.one_or_none() is not None


def give_back_pay_link(session: Session, link_id: int) -> None:
    """What the link was spent for did not even begin (its quote was out of date): it stays good."""
    session.execute(update(PayLink).where(PayLink.id == link_id).values(spent_at=None))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
