"""The way into Twilio's API: account and token by HTTP basic auth, and the trouble that a phone makes of it."""

from __future__ import annotations

import hmac
import time

from flask import Response, request

from sandbox.box import box
from sandbox.config import TwilioAccount
from sandbox.database import Row
from sandbox.trouble import cut_connection
from sandbox.twilio.errors import TwilioError, not_found


def account() -> TwilioAccount:
    """Ours: these routes exist only where it is configured."""
    ours = box().settings.twilio
    assert ours is not None
    return ours


def authenticate() -> None:
    """Before every request. Raises TwilioError."""
    ours, given = account(), request.authorization
    sid = (given.username if given else "") or ""
    token = (given.password if given else "") or ""
    is_known = hmac.compare_digest(sid.encode(), ours.sid.encode())
    if not is_known or not hmac.compare_digest(token.encode(), ours.auth_token.encode()):
        raise TwilioError(401, 20003, "Authenticate")
    if (request.view_args or {}).get("account_sid", ours.sid) != ours.sid:
        raise not_found(request.path)


def refuse_when_down(phone: Row) -> None:
    if phone["api_down"]:
        raise TwilioError(503, 20503, "Service Unavailable")


def lose_when_hanging(phone: Row, answer: tuple[Response, int]) -> tuple[Response, int]:
    """The answer, or for a phone whose texts hang: nothing for a long time, and then a cut connection."""
    if not phone["send_hangs"]:
        return answer
    time.sleep(box().settings.hang_s)
    return cut_connection(), 204
