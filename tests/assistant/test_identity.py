"""Who is speaking cannot be forged, borrowed, or kept for longer than it was given."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.identity import (
    IdentityRefused,
    PortalIdentity,
    keep_alive,
    open_chat_session,
    principal_of_sender,
    principal_of_token,
    set_language,
    verify_portal_token,
)
from assistant.models import ChatSession
from billing.database import SessionFactory
from billing.models import Account
from tests.billing.builders import NOW, a_user, an_account, some_settings

SETTINGS = some_settings()
ISSUED = int(NOW.timestamp())


def a_token(*, key: str = SETTINGS.portal_signing_secret, drop: str = "", **claims: Any) -> str:
    whole = {
        **{"iss": "portal", "aud": "remit", "sub": "user-7", "account": "100200", "jti": "one"},
        **{"iat": ISSUED, "exp": ISSUED + 300, **claims},
    }
    whole.pop(drop, None)
    return jwt.encode(whole, key, algorithm="HS256")


def refusal(token: str) -> str:
    with pytest.raises(IdentityRefused) as refused:
        verify_portal_token(token, SETTINGS, NOW)
    return refused.value.code


def test_genuine_token_names_user_and_account() -> None:
    assert verify_portal_token(a_token(), SETTINGS, NOW) == PortalIdentity("user-7", "100200", "one")


def test_token_is_good_to_its_last_second_and_a_fast_clock_is_forgiven() -> None:
    verify_portal_token(a_token(), SETTINGS, NOW + timedelta(seconds=299))
    verify_portal_token(a_token(), SETTINGS, NOW - timedelta(seconds=29))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "account", "iat", "exp", "jti"])
def test_missing_claim_is_refused(name: str) -> None:
    assert refusal(a_token(drop=name)) == "token_refused"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody"},
        {"aud": "another-service"},
        {"aud": []},
        {"sub": 7},
        {"sub": ""},
        {"sub": "x" * 201},
        {"sub": "user-7\x00"},
        {"account": None},
        {"account": ["100200"]},
        {"jti": ""},
        {"jti": {}},
        {"exp": ISSUED + 301},
        {"exp": ISSUED},
        {"exp": "soon"},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": 10**40},
        {"iat": ISSUED + 60, "exp": ISSUED + 120},
        {"iat": float("nan")},
        {"nbf": ISSUED + 60},
        {"nbf": "later"},
    ],
)
def test_wrong_claim_is_refused(claims: dict[str, Any]) -> None:
    assert refusal(a_token(**claims)) == "token_refused"


def test_expired_token_says_so() -> None:
    assert refusal(a_token(iat=ISSUED - 301, exp=ISSUED - 1)) == "token_expired"


def test_other_key_is_refused() -> None:
    assert refusal(a_token(key="x" * 40)) == "token_refused"


def test_unsigned_token_is_refused() -> None:
    parts = [{"alg": "none", "typ": "JWT"}, jwt.decode(a_token(), options={"verify_signature": False})]
    forged = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."
    assert refusal(forged) == "token_refused"


def test_other_algorithm_is_refused() -> None:
    claims = jwt.decode(a_token(), options={"verify_signature": False})
    strong_key = SETTINGS.portal_signing_secret * 3
    assert refusal(jwt.encode(claims, strong_key, algorithm="HS512")) == "token_refused"


@given(st.text(max_size=60) | st.from_regex(r"[\w-]{1,20}\.[\w-]{1,20}\.[\w-]{0,20}", fullmatch=True))
def test_no_text_is_a_token(token: str) -> None:
    assert refusal(token) == "token_refused"


def test_changed_payload_is_refused() -> None:
    head, payload, signature = a_token().split(".")
    other = a_token(account="100300").split(".")[1]
    assert payload != other
    assert refusal(f"{head}.{other}.{signature}") == "token_refused"


# ------------------------------------------------------------------------------------------------------ sessions


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    with sessions.begin() as session:
        account = an_account(session, number="100200", language="fr")
        a_user(session, account, external_id="user-7")
    return account


IDENTITY = PortalIdentity("user-7", "100200", "one")


def opened(sessions: SessionFactory, identity: PortalIdentity = IDENTITY) -> tuple[ChatSession, str]:
    with sessions.begin() as session:
        return open_chat_session(session, identity, NOW, ttl_s=1800)


def test_session_ties_an_opaque_sender_to_the_account(sessions: SessionFactory, account: Account) -> None:
    chat, token = opened(sessions)
    with sessions() as session:
        by_token = principal_of_token(session, token, NOW)
        assert by_token == principal_of_sender(session, chat.sender, NOW)
    assert (by_token.account_id, by_token.language, by_token.channel) == (account.id, "fr", "chat")
    assert "100200" not in chat.sender
    assert "user" not in chat.sender


def test_bearer_token_is_not_kept(sessions: SessionFactory, account: Account) -> None:
    chat, token = opened(sessions)
    assert token not in (chat.token_hash, chat.sender)
    assert len(token) >= 43  # 256 bits


def test_portal_token_opens_one_session(sessions: SessionFactory, account: Account) -> None:
    opened(sessions)
    with pytest.raises(IdentityRefused) as refused:
        opened(sessions)
    assert refused.value.code == "token_used"


@pytest.mark.parametrize("identity", [PortalIdentity("user-8", "100200", "a"), PortalIdentity("user-7", "1", "a")])
def test_user_of_another_account_is_refused(
    sessions: SessionFactory, account: Account, identity: PortalIdentity
) -> None:
    with pytest.raises(IdentityRefused) as refused:
        opened(sessions, identity)
    assert refused.value.code == "token_refused"


def test_session_ends_unless_it_is_kept_alive(sessions: SessionFactory, account: Account) -> None:
    chat, token = opened(sessions)
    later = NOW + timedelta(seconds=1800)
    with sessions.begin() as session:
        keep_alive(session, chat.sender, NOW + timedelta(seconds=1), ttl_s=1800)
    with sessions() as session:
        principal_of_token(session, token, later)
        with pytest.raises(IdentityRefused) as refused:
            principal_of_sender(session, chat.sender, later + timedelta(seconds=1))
    assert refused.value.code == "session_expired"


@pytest.mark.parametrize("token", ["", "x", "\ud800", "é" * 100])
def test_unknown_bearer_is_refused(sessions: SessionFactory, token: str) -> None:
    with sessions() as session, pytest.raises(IdentityRefused) as refused:
        principal_of_token(session, token, NOW)
    assert refused.value.code == "session_unknown"


def test_language_can_be_changed(sessions: SessionFactory, account: Account) -> None:
    chat, token = opened(sessions)
    with sessions.begin() as session:
        set_language(session, chat.sender, "en")
    with sessions() as session:
        assert principal_of_token(session, token, NOW).language == "en"
