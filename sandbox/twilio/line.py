"""The line to the service: form fields, signed over the public address as Twilio signs them.

Repeated once when nobody takes the call, as Twilio does unless told otherwise; 15 seconds for an answer.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

import httpx
from twilio.request_validator import RequestValidator

from sandbox.bank.events import Mode, Post
from sandbox.config import TwilioAccount
from sandbox.twilio.wire import Wire

TIMEOUT_S = 15.0
RETRIEVAL_FAILURE = 11200  # https://www.twilio.com/docs/api/errors/11200


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None where no answer came, and `error` Twilio's code where it was none to be used."""

    status: int | None
    ms: int
    content: bytes = b""
    error: int | None = None


@dataclass(frozen=True)
class Line:
    """How texts and status callbacks travel at the moment, and what they travel over."""

    texts: Post = field(default_factory=Post)
    callbacks: Post = field(default_factory=Post)
    wire: Wire = field(default_factory=Wire)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=TIMEOUT_S, trust_env=False))

    def calm(self) -> None:
        self.texts.mode = self.callbacks.mode = Mode()
        self.wire.forget()

    def post(self, account: TwilioAccount, url: str, form: dict[str, str]) -> Answer:
        """Posts `form` to the public address `url`, by the short way where the service is on this machine."""
        signature = RequestValidator(account.auth_token).compute_signature(url, form)
        headers = {
            "X-Twilio-Signature": signature,
            # The same for every try at telling the same.
            "I-Twilio-Idempotency-Token": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{url} {sorted(form.items())}")),
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
        }
        where, begun = account.on_this_machine(url), time.monotonic()
        try:
            try:
                answer = self.client.post(where, data=form, headers=headers)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                answer = self.client.post(where, data=form, headers=headers)
        except httpx.HTTPError:
            self.wire.note(url, form, None, _ms_since(begun))
            return Answer(None, _ms_since(begun), error=RETRIEVAL_FAILURE)
        self.wire.note(url, form, answer.status_code, _ms_since(begun))
        error = None if answer.is_success else RETRIEVAL_FAILURE
        return Answer(answer.status_code, _ms_since(begun), answer.content, error)


def _ms_since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
