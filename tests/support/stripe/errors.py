"""What goes wrong at Stripe: answers with an `error`, and connections that end without one."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
UNEXPECTED_STATE = "payment_intent_unexpected_state"


class StripeFailure(Exception):
    """An answer of 4xx or 5xx. `more` are further keys of the error: param, decline_code, payment_intent…"""

    def __init__(self, status: int, type: str, message: str, code: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.error: Object = {"type": type, "message": message, **({"code": code} if code else {}), **more}

    @property
    def body(self) -> Object:
        return {"error": self.error}


class Cut(Exception):
    """The connection dies before anything was done."""


def invalid(message: str, code: str | None = None, **more: Any) -> StripeFailure:
    return StripeFailure(400, "invalid_request_error", message, code, **more)


def missing(kind: str, id_: str, *, in_path: bool = True, param: str = "id") -> StripeFailure:
    """No such object. 404 for the one that the address names, 400 for one among the parameters."""
    message = f"No such {kind}: '{id_}'"
    return StripeFailure(404 if in_path else 400, "invalid_request_error", message, "resource_missing", param=param)
