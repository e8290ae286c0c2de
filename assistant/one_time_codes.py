"""One-time codes: proof that whoever writes from a number also reads what is sent to it.

A code is computed from its row's id with our own key (HOTP, RFC 4226), so it stands nowhere. It lives ten minutes,
takes five tries, and a new one replaces it. What is wrong about a try is never said: wrong, too late, never sent and
used up look alike.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta

import pyotp
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from assistant.delivery.twilio_api import NotReached, TwilioApi, twilio_api
from assistant.language import written_in
from assistant.opt_out import is_opted_out
from assistant.texts.models import OneTimeCode, TextReceived
from assistant.texts.outgoing import language_of_phone, queue_text
from assistant.texts.phones import may_be_texted
from billing import notices, outbox
from billing.config import Settings
from billing.context import Context
from billing.models import PortalUser

LIFE = timedelta(minutes=10)
TRIES = 5
LIMITS = ((3, timedelta(minutes=15)), (10, timedelta(days=1)))  # codes for one number


def request_code(
    session: Session,
    *,
    context: Context,
    phone: str,
    users: Sequence[PortalUser],
    resumes: int | None,
    now: datetime,
) -> OneTimeCode | None:
    """A new code for `phone`, on its way when the transaction commits; None when there were too many already.

    It goes to the number itself; by mail to everybody the number belongs to if it changed lately, since then holding
    it proves nothing yet; or Twilio Verify sends one of its own. `users`: whoever the number belongs to, at least one.
    `resumes`: the text that is answered once it is proved, and whose language the code is sent in.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"code for {phone}", 0))))
    if any(_sent_since(session, phone, now - span) >= most for most, span in LIMITS):
        return None
    session.execute(
        update(OneTimeCode).where(OneTimeCode.phone == phone, OneTimeCode.expires_at > now).values(expires_at=now)
    )
    sent_by = _way(context.settings, users, now)
    code = OneTimeCode(phone=phone, sent_by=sent_by, resumes=resumes, created_at=now, expires_at=now + LIFE)
    session.add(code)
    session.flush()
    if sent_by == "sms":
        queue_text(session, settings=context.settings, phone=phone, kind="code", now=now, code_id=code.id,
                   portal_user_id=users[0].id, account_id=users[0].account_id, answers=resumes)  # fmt: skip
    elif sent_by == "verify":
        outbox.defer(session, "start_verification", code_id=code.id)
    else:
        _mail(session, users, code, now)
    return code


def _way(settings: Settings, users: Sequence[PortalUser], now: datetime) -> str:
    since = now - timedelta(days=settings.phone_change_days)
    if any(user.phone_changed_at is not None and user.phone_changed_at > since for user in users):
        return "email"
    return "verify" if settings.twilio_verify_service_sid else "sms"


def _mail(session: Session, users: Sequence[PortalUser], code: OneTimeCode, now: datetime) -> None:
    """The letter computes the code when it is written, as the text would."""
    for user in {user.email.casefold(): user for user in users}.values():
        notices.queue(
            session,
            account_id=user.account_id,
            payment_id=None,
            kind="text_code",
            recipient=user.email,
            language=user.language,
            now=now,
            detail={"code_id": code.id},
        )


def _sent_since(session: Session, phone: str, since: datetime) -> int:
    sent = select(func.count()).where(OneTimeCode.phone == phone, OneTimeCode.created_at > since)
    return session.scalar(sent) or 0


def start_verification(context: Context, api: TwilioApi, code_id: int) -> None:
    """Has Verify send a code of its own; one that has run out meanwhile is not worth a text. Raises TwilioError."""
    with context.sessions() as session:
        code = session.get_one(OneTimeCode, code_id)
        over = code.used_at is not None or code.expires_at <= context.now()
        if over or is_opted_out(session, code.phone) or not may_be_texted(code.phone, context.settings):
            return
        language = language_of_code(session, code)
    api.start_verification(code.phone, language)


def language_of_code(session: Session, code: OneTimeCode) -> str:
    """Of the words that were to be answered, else of whoever the number belongs to."""
    asked = session.get(TextReceived, code.resumes) if code.resumes is not None else None
    return (written_in(asked.body) if asked is not None else None) or language_of_phone(session, code.phone)


def digits_of(code_id: int, settings: Settings) -> str:
    """The six digits of a code of ours."""
    return _hotp(settings).at(code_id)


def _hotp(settings: Settings) -> pyotp.HOTP:
    return pyotp.HOTP(base64.b32encode(settings.one_time_code_secret.encode()).decode())


def check_code(context: Context, phone: str, typed: str, now: datetime) -> OneTimeCode | None:
    """The code that `typed` proves, used up by it; None whatever is wrong. Raises TwilioError if Verify has no answer.

    The try is counted and committed before anything is compared, so that guesses at the same time cannot be more.
    """
    with context.sessions.begin() as session:
        newest = select(OneTimeCode).where(OneTimeCode.phone == phone).order_by(OneTimeCode.id.desc()).limit(1)
        code = session.scalars(newest.with_for_update()).one_or_none()
        if code is None or code.used_at is not None or code.expires_at <= now or code.tries >= TRIES:
            return None
        code.tries += 1
    if code.sent_by == "verify":
        right = _ask_verify(context, code, typed)
    else:
        right = _hotp(context.settings).verify(typed, code.id)
    return _use(context, code.id, now) if right else None


def _ask_verify(context: Context, code: OneTimeCode, typed: str) -> bool:
    try:
        return twilio_api(context.settings).check_verification(code.phone, typed)
    except NotReached:  # nobody has looked at it: that was no try
        with context.sessions.begin() as session:
            session.execute(update(OneTimeCode).where(OneTimeCode.id == code.id).values(tries=OneTimeCode.tries - 1))
        raise


def _use(context: Context, code_id: int, now: datetime) -> OneTimeCode | None:
    """Once: of two right answers at the same time, one. Nor is it used when a new code has replaced it meanwhile."""
    with context.sessions.begin() as session:
        good = (OneTimeCode.id == code_id, OneTimeCode.used_at.is_(None), OneTimeCode.expires_at > now)
        used = update(OneTimeCode).where(*good).values(used_at=now)
        return session.scalars(used.returning(OneTimeCode)).one_or_none()
