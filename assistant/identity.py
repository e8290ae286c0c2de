"""Who is speaking: the portal vouches for a person once, the edge issues an opaque sender, everything else asks here.

Nothing that a customer types can change the answer: the dialogue engine knows only the sender, and the sender's account
stands in our own table.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import jwt
from sqlalchemy import Table, bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from assistant.models import ChatSession
from billing.config import Settings
from billing.models import Account, PortalUser

ISSUER = "portal"
AUDIENCE = "remit"
LONGEST_LIFE_S = 300  # a portal token travels once from page to frame; minutes are plenty
CLOCK_SKEW_S = 30  # portal and edge keep their own clocks
LONGEST_CLAIM = 200


# Every turn runs these, so they are built once.
_BY_TOKEN = select(ChatSession).where(ChatSession.token_hash == bindparam("token_hash"))
_sessions = cast("Table", ChatSession.__table__)
_KEEP_ALIVE = (
    update(_sessions)
    .where(_sessions.c.sender == bindparam("of"))
    .values(last_seen_at=bindparam("now"), expires_at=bindparam("until"))
)


class IdentityRefused(Exception):
    """`code` says why: token_refused, token_expired, token_used, session_unknown or session_expired."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class PortalIdentity:
    """What a verified portal token says: one portal user, signed in for one account."""

    external_id: str
    account_number: str
    jti: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is speaking, for whom, where and in what language. `address`: the network address that opened the session."""

    account_id: int
    portal_user_id: int
    sender: str
    channel: str
    language: str
    address: str | None = None


def verify_portal_token(token: str, settings: Settings, now: datetime) -> PortalIdentity:
    """Checks the HS256 token with which the billing portal vouches for a signed-in user.

    Claims: iss "portal", aud "remit", sub (the portal user's external id), account (its number), iat, exp (at most
    5 minutes later), jti. Raises IdentityRefused; the message is for logs and holds nothing of the token.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            settings.portal_signing_secret,
            algorithms=["HS256"],  # a list of ours: never what the token's header asks for
            issuer=ISSUER,
            audience=AUDIENCE,
            options={
                "require": ["iss", "aud", "sub", "iat", "exp", "jti"],
                "verify_exp": False,  # checked below against the caller's clock
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise IdentityRefused("token_refused", type(error).__name__) from None
    _check_times(claims, now)
    names = [claims.get(name) for name in ("sub", "account", "jti")]
    if not all(isinstance(name, str) and 0 < len(name) <= LONGEST_CLAIM and name.isprintable() for name in names):
        raise IdentityRefused("token_refused", "sub, account and jti must be short texts")
    return PortalIdentity(*[str(name) for name in names])


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    issued, expires, not_before = claims["iat"], claims["exp"], claims.get("nbf", claims["iat"])
    if not all(type(at) in (int, float) for at in (issued, expires, not_before)):
        raise IdentityRefused("token_refused", "iat, exp and nbf must be numbers")
    moment = now.astimezone(UTC).timestamp()
    # Written so that NaN, which compares false with everything, is refused too.
    if not 0 < expires - issued <= LONGEST_LIFE_S:
        raise IdentityRefused("token_refused", f"lives longer than {LONGEST_LIFE_S} s")
    if not (issued <= moment + CLOCK_SKEW_S and not_before <= moment + CLOCK_SKEW_S):
        raise IdentityRefused("token_refused", "issued in the future")
    if not moment < expires:
        raise IdentityRefused("token_expired", "expired")


def open_chat_session(
    session: Session,
    identity: PortalIdentity,
    now: datetime,
    *,
    ttl_s: int,
    channel: str = "chat",
    address: str | None = None,
) -> tuple[ChatSession, str]:
    """Starts a conversation and returns it with its bearer token, which is kept only as a hash.

    A portal token opens one session: a second one with the same jti is refused (`token_used`). `address` is the network
    address that asks for it: payments of this conversation count against it.
    """
    found = session.execute(
        select(PortalUser, Account)
        .join(Account, PortalUser.account_id == Account.id)
        .where(PortalUser.external_id == identity.external_id, Account.number == identity.account_number)
    ).one_or_none()
    if found is None:
        raise IdentityRefused("token_refused", "no such portal user of that account")
    user: PortalUser = found[0]
    token = secrets.token_urlsafe(32)
    opened = ChatSession(
        sender=f"s_{secrets.token_urlsafe(18)}",
        token_hash=_hashed(token),
        portal_jti=identity.jti,
        account_id=user.account_id,
        portal_user_id=user.id,
        channel=channel,
        language=user.language if user.language in ("en", "fr") else "en",
        address=address,
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(seconds=ttl_s),
    )
    try:
        with session.begin_nested():
            session.add(opened)
    except IntegrityError as error:
        if "portal_jti" not in str(error.orig):
            raise
        raise IdentityRefused("token_used", "this portal token has opened a session already") from None
    return opened, token


def principal_of_token(session: Session, token: str, now: datetime) -> Principal:
    """The holder of a chat session's bearer token. Raises IdentityRefused."""
    return _principal(session.scalar(_BY_TOKEN, {"token_hash": _hashed(token)}), now)


def principal_of_sender(session: Session, sender: str, now: datetime) -> Principal:
    """The person behind the opaque sender of a turn. Raises IdentityRefused."""
    return _principal(session.get(ChatSession, sender), now)


def keep_alive(session: Session, sender: str, now: datetime, *, ttl_s: int) -> None:
    """A turn keeps its conversation open for another `ttl_s`. Locks the session's row to the end of the transaction."""
    session.execute(_KEEP_ALIVE, {"of": sender, "now": now, "until": now + timedelta(seconds=ttl_s)})


def set_language(session: Session, sender: str, language: str) -> None:
    """The customer asked to go on in the other language."""
    session.execute(update(ChatSession).where(ChatSession.sender == sender).values(language=language))


def _principal(found: ChatSession | None, now: datetime) -> Principal:
    if found is None:
        raise IdentityRefused("session_unknown", "no such session")
    if found.expires_at <= now:
        raise IdentityRefused("session_expired", "the session is over")
    return Principal(found.account_id, found.portal_user_id, found.sender, found.channel, found.language, found.address)


def _hashed(token: str) -> str:
    """Enough for a token of 256 random bits: there is nothing to guess, so nothing to slow down."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def open_conversations(session: Session, sender: str, now: datetime) -> list[ChatSession]:
    """The conversation `sender`, and the others that the same person has open for the same account: a second tab."""
    known = session.get(ChatSession, sender)
    if known is None:
        return []
    same_person = (ChatSession.account_id == known.account_id, ChatSession.portal_user_id == known.portal_user_id)
    return list(
        session.scalars(
            select(ChatSession)
            .where(*same_person, or_(ChatSession.sender == sender, ChatSession.expires_at > now))
            .order_by(ChatSession.sender)  # one order of the locks that a push takes
        )
    )
