"""Plays the billing portal: signs the short-lived token with which a signed-in customer opens the chat."""

from __future__ import annotations

import secrets
import time

import jwt

from sandbox.demo.people import Person

LIFE_S = 300


def portal_token(person: Person, secret: str) -> str:
    """HS256; the claims that the service expects of the portal (docs/sandbox.md)."""
    now = int(time.time())
    claims = {
        "iss": "portal",
        "aud": "remit",
        "sub": person.external_id,
        "account": person.account_number,
        "iat": now,
        "exp": now + LIFE_S,
        "jti": secrets.token_urlsafe(16),
    }
    return jwt.encode(claims, secret, algorithm="HS256")
