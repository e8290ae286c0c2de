"""What the bank answers when it says no to a request. A decline is not among them: it is a payment's state."""

from __future__ import annotations

from typing import Any


class BankError(Exception):
    """Becomes an HTTP answer `{"error": {type, code, message, payment?}}`; nothing of the request is carried out."""

    def __init__(self, status: int, code: str, message: str, payment: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.payment = status, code, message, payment

    def body(self) -> dict[str, Any]:
        return error_body("invalid_request", self.code, self.message, self.payment)


def error_body(type_: str, code: str, message: str, payment: dict[str, Any] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"type": type_, "code": code, "message": message}
    if payment is not None:
        error["payment"] = payment
    return {"error": error}


def missing(what: str, id: object) -> BankError:
    return BankError(404, "resource_missing", f"No such {what}: {id}")


def invalid(message: str) -> BankError:
    return BankError(400, "parameter_invalid", message)


class ConnectionCut(Exception):
    """The request dies on the wire, before anything is done (a test card)."""
