"""Addresses that open one document without a sign-in, for a few minutes: for a mail, a text, a chat and a table row.

Nothing is stored: the address says what it opens and until when, and is signed. Whoever has it may open it, as often as
they like (mail programs and chats open links for previews); a bearer token in an address would open the whole account.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from assistant.wording import LANGUAGES
from billing.config import Settings

LIFE_S = 900  # as long as the other links that we send
Kind = Literal["receipt", "invoice"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FIELDS = struct.Struct(">BBQI")  # kind, language, id of payment or invoice, end in seconds since 1970
_TAG_BYTES = 16  # 128 bits of HMAC-SHA256
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class DocumentLink:
    kind: Kind
    id: int  # of the payment, or of the invoice
    language: str
    expires_at: datetime


def document_url(settings: Settings, link: DocumentLink) -> str:
    packed = _FIELDS.pack(
        KINDS.index(link.kind), LANGUAGES.index(link.language), link.id, int(link.expires_at.timestamp())
    )
    token = urlsafe_b64encode(packed + _tag(settings, packed)).rstrip(b"=").decode()
    return f"{settings.public_url.rstrip('/')}/documents/{token}"


def link_until(now: datetime) -> datetime:
    """When a link that is made now ends, to the second that it can hold."""
    return now.replace(microsecond=0) + timedelta(seconds=LIFE_S)


def read_document_token(settings: Settings, token: str) -> DocumentLink | None:
    """What the token opens, over or not; None for one that we did not sign."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4)) if len(token) <= _LONGEST and token.isascii() else b""
    except (NotBase64, ValueError):
        return None
    packed, tag = raw[: _FIELDS.size], raw[_FIELDS.size :]
    if len(packed) != _FIELDS.size or not hmac.compare_digest(tag, _tag(settings, packed)):
        return None
    kind, language, identity, until = _FIELDS.unpack(packed)
    return DocumentLink(KINDS[kind], identity, LANGUAGES[language], datetime.fromtimestamp(until, UTC))


def _tag(settings: Settings, packed: bytes) -> bytes:
    """The key comes from the portal's: whoever holds that can sign in as anybody already, so it opens nothing new."""
    key = hmac.digest(settings.portal_signing_secret.encode(), b"remit documents", hashlib.sha256)
    return hmac.digest(key, packed, hashlib.sha256)[:_TAG_BYTES]
