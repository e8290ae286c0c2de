"""Who is calling: the account number and its PIN prove it. Caller ID only says whose name to use, among an account's.

A wrong PIN, an account without one and an account that there is not get the same answer in the same time.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from assistant.calls.models import Call, RefusedPin
from assistant.models import ChatSession
from assistant.wording import LANGUAGES
from billing.config import Settings
from billing.models import Account, PortalUser
from billing.pins import is_pin

TRIES = 3  # of a call
LIMITS = ((RefusedPin.account_number, 6), (RefusedPin.phone, 12))  # within WINDOW, over all calls
WINDOW = timedelta(hours=1)


def proved_user(session: Session, call: Call, pin: str, now: datetime) -> int | None:
    """The id of the portal user whom account number and PIN prove; None, and a try noted, where they do not match."""
    number = call.account_number or ""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"PIN of {number}", 0))))
    account = session.scalars(select(Account).where(Account.number == number)).one_or_none()
    matches = is_pin(account.pin_hash if account is not None else None, pin)
    user = _speaker(session, account.id, call.phone) if account is not None else None
    if matches and user is not None and not _too_many(session, call, now):
        return user
    session.add(RefusedPin(account_number=number, phone=call.phone, at=now))
    return None


def _too_many(session: Session, call: Call, now: datetime) -> bool:
    values = {"account_number": call.account_number or "", "phone": call.phone}
    return any(
        session.execute(
            select(func.count())
            .select_from(RefusedPin)
            .where(column == values[column.key], RefusedPin.at > now - WINDOW)
        ).scalar_one()
        >= most
        for column, most in LIMITS
    )


def _speaker(session: Session, account_id: int, phone: str) -> int | None:
    """Of the account's portal users the one whose phone this is, else the first on Manage Users."""
    found = select(PortalUser.id).where(PortalUser.account_id == account_id)
    return session.scalar(found.order_by((PortalUser.phone == phone).desc().nulls_last(), PortalUser.position).limit(1))


def language_of_caller(session: Session, phone: str) -> str:
    """In which a caller is greeted who chooses none."""
    known = select(PortalUser.language).where(PortalUser.phone == phone)
    language = session.scalar(known.order_by(PortalUser.account_id, PortalUser.position).limit(1))
    return language if language in LANGUAGES else "en"


def open_call_session(session: Session, call: Call, user_id: int, now: datetime, *, settings: Settings) -> str:
    """The conversation of a caller who is known now; its sender. Texts about it go to the number on file."""
    user = session.get_one(PortalUser, user_id)
    opened = ChatSession(
        sender=f"s_{secrets.token_urlsafe(18)}",
        # Nobody holds a bearer token of it: a call is known by its signature and its CallSid.
        token_hash=hashlib.sha256(secrets.token_bytes(32)).hexdigest(),
        account_id=user.account_id,
        portal_user_id=user.id,
        channel="voice",
        language=call.language,
        phone=user.phone,
        address=call.phone,
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(seconds=settings.chat_session_ttl_s),
    )
    session.add(opened)
    session.flush()
    return opened.sender
