"""What Twilio's API answers when it says no: https://www.twilio.com/docs/api/errors"""

from __future__ import annotations

from typing import Any


class TwilioError(Exception):
    """Becomes an HTTP answer `{code, message, more_info, status}`, as Twilio's client expects it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def body(self) -> dict[str, Any]:
        more_info = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": self.message, "more_info": more_info, "status": self.status}


def not_found(uri: str) -> TwilioError:
    return TwilioError(404, 20404, f"The requested resource {uri} was not found")


OPTED_OUT = 21610


def opted_out() -> TwilioError:
    return TwilioError(400, OPTED_OUT, "Attempt to send to unsubscribed recipient")
