"""One shape for every error: {"error": {"code", "message", "request_id"}}; the message says what to do.

The sentences are in the catalogue (`error_<code>`), in the caller's language. No answer ever holds a stack trace.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import psycopg
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from assistant.buttons import ButtonRefused
from assistant.dialogue.errors import TurnRefused
from assistant.identity import IdentityRefused
from assistant.wording import say
from billing.errors import EventRefused
from webhook.edge import edge
from webhook.log import log
from webhook.page_policy import page_headers

# Every code that a client can see. `error_<code>` in domain.yml is its sentence; a test compares the two.
STATUS_OF: Mapping[str, int] = {
    "bad_json": 400,
    "bad_field": 422,
    "bad_signature": 400,
    "bad_request": 400,
    "unauthorized": 401,
    "token_refused": 401,
    "token_expired": 401,
    "token_used": 401,
    "session_unknown": 401,
    "session_expired": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "button_unknown": 404,
    "button_expired": 410,
    "document_unknown": 404,
    "document_expired": 410,
    "link_unknown": 404,
    "link_expired": 410,
    "link_spent": 410,
    "message_id_reused": 409,
    "quote_replaced": 409,
    "quote_expired": 409,
    "quote_outdated": 409,
    "payment_under_way": 409,
    "too_large": 413,
    "json_only": 415,
    "message_empty": 422,
    "message_too_long": 422,
    "amount_unreadable": 422,
    "amount_not_positive": 422,
    "amount_too_large": 422,
    "address_wrong": 422,
    "too_many_requests": 429,
    "too_many_tries": 429,
    "too_many_turns": 429,
    "internal": 500,
    "sandbox_down": 502,
    "gateway_down": 503,
    "busy": 503,
    "database_down": 503,
    "streams_full": 503,
}

RETRY_AFTER_S = {"busy": 2, "database_down": 5, "streams_full": 10, "too_many_turns": 2}
_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "json_only"}
# Whatever else SQLAlchemy wraps is a bug of ours; these mean that there is no database to talk to, or none free.
_DATABASE_DOWN = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError)


class Refused(Exception):
    """A request that is answered with an error.

    `values` fill the code's sentence, or `sentence` says it already; `fields` name what was wrong in a form, `extra`
    goes beside the error.
    """

    def __init__(
        self,
        code: str,
        *,
        sentence: str | None = None,
        retry_after_s: int | None = None,
        fields: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        **values: object,
    ) -> None:
        super().__init__(code)
        self.code, self.sentence, self.values = code, sentence, values
        self.retry_after_s = retry_after_s or RETRY_AFTER_S.get(code)
        self.fields, self.extra = fields, extra


def register_errors(app: Flask) -> None:
    app.register_error_handler(Refused, answer_refusal)
    app.register_error_handler(TurnRefused, lambda error: answer_refusal(Refused(error.code, **error.values)))
    app.register_error_handler(IdentityRefused, lambda error: answer_refusal(Refused(error.code)))
    app.register_error_handler(ButtonRefused, lambda error: answer_refusal(Refused(error.code)))
    app.register_error_handler(EventRefused, lambda _: answer_refusal(Refused("bad_signature")))
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unexpected)


def answer_refusal(error: Refused) -> Response:
    status = STATUS_OF[error.code]
    edge().metrics.refused.labels(error.code).inc()
    sentence = error.sentence or say(f"error_{error.code}", _language(), "page", **error.values)
    if _wants_page():
        response = make_response(_page(sentence), status)
        response.headers.update(page_headers(edge().settings, g.nonce))
    else:
        detail: dict[str, Any] = {"code": error.code, "message": sentence, "request_id": g.request_id}
        if error.fields:
            detail["fields"] = dict(error.fields)
        response = make_response(jsonify({"error": detail, **(error.extra or {})}), status)
    if error.retry_after_s:
        response.headers["Retry-After"] = str(error.retry_after_s)
    if status == 401:  # noqa: PLR2004
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _page(sentence: str) -> str:
    settings, g.nonce = edge().settings, secrets.token_urlsafe(16)
    return render_template(
        "error.html",
        nonce=g.nonce,
        language=_language(),
        company=settings.company_name,
        contact=settings.company_contact,
        sentence=sentence,
        request_id=g.request_id,
    )


def _answer_http(error: HTTPException) -> Response:
    status = error.code or 500
    code = _CODE_OF_STATUS.get(status, "bad_request" if status < 500 else "internal")  # noqa: PLR2004
    response = answer_refusal(Refused(code))
    if status == 405 and isinstance(getattr(error, "valid_methods", None), (list, tuple, set)):  # noqa: PLR2004
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
    return response


def _answer_unexpected(error: Exception) -> Response:
    if is_database_down(error):
        log.error("database_down", request_id=g.request_id, error=type(error).__name__)
        return answer_refusal(Refused("database_down"))
    log.error("unexpected", request_id=g.request_id, exc_info=error)
    return answer_refusal(Refused("internal"))


def is_database_down(error: BaseException) -> bool:
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, _DATABASE_DOWN)


def _language() -> str:
    language = g.get("language") or request.accept_languages.best_match(["en", "fr"]) or "en"
    return str(language)


def _wants_page() -> bool:
    """Someone who opened a link with a browser reads a page, everything else reads JSON."""
    if request.method not in ("GET", "HEAD") or request.path.startswith("/api/"):
        return False
    return request.accept_mimetypes.best_match(["application/json", "text/html"], "application/json") == "text/html"
