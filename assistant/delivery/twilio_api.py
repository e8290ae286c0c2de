"""Twilio's API, as much of it as we need. The only module that knows its client.

TwilioError
├── TextRefused    for good; `code` is Twilio's (21610: they said STOP; 21211, 21614: no mobile number; 21408: a region)
├── NotReached     certainly not sent: nobody took the call, our token is not taken, or they ask us to come back later
└── OutcomeUnknown the request left, and no answer came that says what became of it
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from billing.config import Settings
from billing.gateways.http import NeverSent, NoAnswer, Wire, is_loopback

TIMEOUT_S = 10.0  # of one request in all
OPTED_OUT = 21610  # https://www.twilio.com/docs/api/errors/21610
# No answer of these says anything about the text: a wrong token is the operator's to mend, a limit of theirs passes.
COME_BACK = frozenset((401, 403, 429))
FIRST_OF_TEXTS = 21_000  # codes below are about the account and the API, not about one text
SERVER_ERROR = 500
# What Verify says of a code that proves nothing: https://www.twilio.com/docs/api/errors/60202
NO_SUCH_VERIFICATION, BAD_CODE, TOO_MANY_CHECKS = 20404, 60200, 60202
LOOKED_THROUGH = 50  # of the latest texts to one number
NOT_ON_ITS_WAY = frozenset(("failed", "undelivered", "canceled"))
_SILENT = logging.getLogger(__name__)  # of the client's own words, which could hold a customer's
_SILENT.disabled = True


class TwilioError(Exception):
    pass


class TextRefused(TwilioError):
    def __init__(self, code: int) -> None:
        super().__init__(f"Twilio refused with {code}")
        self.code = code


class NotReached(TwilioError):
    pass


class OutcomeUnknown(TwilioError):
    pass


@cache
def twilio_api(settings: Settings) -> TwilioApi:
    """The one of this process."""
    return TwilioApi(settings)


class TwilioApi:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(
            settings.twilio_account_sid,
            settings.twilio_auth_tokens[0],
            http_client=_OverOurWire(settings.twilio_api_base),
        )

    def send(self, to: str, body: str, status_callback: str) -> str:
        """The sid of the text, which Twilio has taken. Raises TwilioError."""
        service, number = self._settings.twilio_messaging_service_sid, self._settings.twilio_from_number
        source = {"messaging_service_sid": service} if service else {"from_": number}
        with _errors():
            sent = self._client.messages.create(to=to, body=body, status_callback=status_callback, **source)
            return _sid(sent.sid)

    def find_sent(self, to: str, body: str, since: datetime, *, but_not: Collection[str] = ()) -> str | None:
        """The sid of a text that was taken though its answer never came; None if there is none. Raises TwilioError.

        `but_not`: sids of other texts of ours, since two can say the same. Those that failed are not looked for: they
        may be sent again. Twilio's own filter goes by whole days of sending, and a text in its queue has none yet; so
        the latest ones are looked through here.
        """
        try:
            with _errors():
                for text in self._client.messages.list(to=to, limit=LOOKED_THROUGH):
                    known = text.sid in but_not or str(text.status) in NOT_ON_ITS_WAY
                    ours = str(text.body).endswith(body)  # a trial account puts words of its own before ours
                    if ours and not known and (text.date_created is None or text.date_created >= since):
                        return _sid(text.sid)
        except TextRefused as refused:
            raise OutcomeUnknown(str(refused)) from None
        return None

    def start_verification(self, to: str, language: str = "en") -> None:
        """Verify texts a code of its own to the number; repeated, the same code again. Raises TwilioError."""
        with _errors():
            self._verify().verifications.create(to=to, channel="sms", locale=language)

    def check_verification(self, to: str, code: str) -> bool:
        """Is it the code that Verify sent last? One that has run out is unknown there. Raises TwilioError."""
        try:
            with _errors():
                checked = self._verify().verification_checks.create(to=to, code=code)
                return bool(checked.status == "approved")
        except TextRefused as refused:
            if refused.code in (NO_SUCH_VERIFICATION, BAD_CODE, TOO_MANY_CHECKS):
                return False
            raise

    def _verify(self) -> Any:
        return self._client.verify.v2.services(self._settings.twilio_verify_service_sid)


def _sid(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no sid")
    return value


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except NeverSent as error:
        raise NotReached(str(error)) from None
    except NoAnswer as error:
        raise OutcomeUnknown(str(error)) from None
    except (TwilioRestException, TwilioServiceException) as error:
        # 21610 and its like come with 400; a 403 about this very text has a code of that kind too.
        about_the_text = error.code is not None and error.code >= FIRST_OF_TEXTS
        if error.status in COME_BACK and not about_the_text:
            raise NotReached(f"HTTP {error.status}, error {error.code}") from None
        if error.status >= SERVER_ERROR:
            raise OutcomeUnknown(f"HTTP {error.status}") from None
        raise TextRefused(int(error.code or error.status)) from None
    # An answer of 2xx that is no answer.
    except (TwilioException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutcomeUnknown(type(error).__name__) from None


class _OverOurWire(HttpClient):
    """The client's requests over the wire that the gateways use: one deadline, and a certain "never sent".

    `base` stands in for every host of Twilio's, their paths kept.
    """

    def __init__(self, base: str) -> None:
        super().__init__(_SILENT, is_async=False, timeout=TIMEOUT_S)
        # A proxy named in the environment is for the world outside, not for a stand-in on this machine.
        self._base = base.rstrip("/")
        self._wire = Wire(trust_env=not is_loopback(urlsplit(base).hostname or ""))

    def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,  # noqa: ARG002  (Twilio's API redirects nobody)
    ) -> Response:
        if self._base:
            parsed = urlsplit(uri)
            uri = f"{self._base}{parsed.path}" + (f"?{parsed.query}" if parsed.query else "")
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        if data is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self._wire.send(
            method,
            uri,
            timeout or TIMEOUT_S,
            headers=sent,
            content=urlencode(data, doseq=True).encode() if data is not None else None,
            params={name: str(value) for name, value in params.items()} if params else None,
        )
        return Response(answer.status, answer.content.decode("utf-8", "replace"), answer.headers)
