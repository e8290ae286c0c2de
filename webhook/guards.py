"""One guard per route: who may call it, how often, with how large a body of what shape. Without one no app starts.

The guard of a route is checked before its code runs, in one order: room, size, rate of the address, who, rate of the
caller, shape of the body. `openapi.py` writes its document from the same declarations.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Flask, Response, g, request
from pydantic import BaseModel, ValidationError
from twilio.request_validator import RequestValidator

from assistant.identity import IdentityRefused, principal_of_token
from webhook.edge import Edge, edge
from webhook.errors import Refused
from webhook.log import log

View = TypeVar("View", bound=Callable[..., Any])
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LONGEST_TOKEN = 4096
LONGEST_FIELD_NAME = 60  # of a field that we name in an error


@dataclass(frozen=True)
class Guard:
    """`who` raises unless the caller may pass; it is also what `openapi.py` names as the route's security."""

    who: Callable[[], None]
    summary: str
    body: type[BaseModel] | None = None  # JSON of this shape, parsed into g.body
    max_body: int = 0  # bytes
    too_large: str = "too_large"  # the code that more than that is refused with
    answers: Mapping[int, type[BaseModel] | str | None] = field(default_factory=dict)  # status: model or media type
    refusals: tuple[str, ...] = ()  # codes besides those that follow from the guard itself


def guarded(**declared: Any) -> Callable[[View], View]:
    """Declares the guard of a view function."""

    def declare(view: View) -> View:
        view.guard = Guard(**declared)  # type: ignore[attr-defined]
        return view

    return declare


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    return getattr(app.view_functions[endpoint], "guard", None)


# ------------------------------------------------------------------------------------------------------- who


def anyone() -> None:
    """Public. Only the rate of the address holds."""


def chat_session() -> None:
    """The bearer token of a chat session; whose it is goes into g.principal."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise Refused("unauthorized")
    shared = edge()
    with shared.context.sessions() as session:
        try:
            g.principal = principal_of_token(session, token, shared.context.now())
        except IdentityRefused:
            _count_address(shared, "stranger", shared.settings.requests_per_minute // 10)
            raise
    g.language = g.principal.language


def chat_messages() -> None:
    """A chat session within its rate of messages."""
    chat_session()
    _count(edge(), "messages", g.principal.sender, edge().settings.chat_messages_per_minute)


def portal_token() -> None:
    """A portal token in the body, which the route itself verifies: here only the address is held to a rate."""
    _count_address(edge(), "sessions", edge().settings.requests_per_minute)


def pay_link() -> None:
    """The secret in the page's address, which the route looks up. Guessing is slow, and other sites cannot post."""
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refused("forbidden")
    _count_address(edge(), "pay_page", edge().settings.requests_per_minute)


def document_link() -> None:
    """The signed address of a document, which the route reads. Guessing is slow."""
    _count_address(edge(), "documents", edge().settings.requests_per_minute)


def account_reader() -> None:
    """The bearer token of a chat session, within the rate of a page that looks every few seconds."""
    chat_session()
    _count(edge(), "account", g.principal.sender, edge().settings.requests_per_minute)


def gateway_signature() -> None:
    """The gateway's signature, which the adapter verifies over the raw body. No rate: a gateway must never be shed."""


def twilio_signature() -> None:
    """Twilio's signature over our public address and every field of the form.

    The address is the configured one: what the request says of its host is the sender's to choose. An empty token
    would believe everybody, so the settings refuse it. No rate: what is signed is Twilio's.
    """
    shared, signature = edge(), request.headers.get("X-Twilio-Signature", "")
    if request.mimetype != "application/x-www-form-urlencoded" or not signature.isascii():
        raise Refused("bad_signature")
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    address = f"{shared.settings.public_url.rstrip('/')}{request.path}{query}"
    believed = (RequestValidator(token) for token in shared.settings.twilio_auth_tokens)
    if not any(validator.validate(address, request.form, signature) for validator in believed):
        raise Refused("bad_signature")
    account = shared.settings.twilio_account_sid
    if account and request.form.get("AccountSid") != account:
        raise Refused("bad_signature")


def operations() -> None:
    """The monitoring system: by its token or, while none is set, from this machine and not through a proxy."""
    expected = edge().settings.metrics_token
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if expected:
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected.encode()):
            raise Refused("unauthorized")
    elif request.remote_addr not in ("127.0.0.1", "::1") or "X-Forwarded-For" in request.headers:
        raise Refused("forbidden")


def sandbox_visitor() -> None:
    """Anyone, while the sandbox is on: its pages hold demo data only."""
    _count_address(edge(), "demo", 2 * edge().settings.requests_per_minute)


def _count_address(shared: Edge, what: str, per_minute: int) -> None:
    _count(shared, what, request.remote_addr or "unknown", max(1, per_minute))


def _count(shared: Edge, what: str, who: str, per_minute: int) -> None:
    if wait_s := shared.rates.over(what, who, per_minute):
        raise Refused("too_many_requests", retry_after_s=wait_s)


# ------------------------------------------------------------------------------------------------- enforcement


class Room:
    """How many requests are at work. Beyond the limit they are turned away at once instead of queueing up."""

    def __init__(self, limit: int) -> None:
        self._free = threading.BoundedSemaphore(limit)

    def enter(self) -> None:
        if not self._free.acquire(blocking=False):
            raise Refused("busy")
        g.in_room = True

    def leave(self) -> None:
        if g.pop("in_room", False):
            self._free.release()


def register_guards(app: Flask, settings_request_limit: int) -> None:
    """Puts every route behind its guard. Raises when a route has none: an unguarded route must not go live."""
    unguarded = [rule.rule for rule in app.url_map.iter_rules() if guard_of(app, rule.endpoint) is None]
    if unguarded:
        raise RuntimeError(f"routes without a guard: {', '.join(sorted(unguarded))}")
    room = Room(settings_request_limit)

    @app.before_request
    def check() -> None:
        g.request_id, g.started = secrets.token_hex(8), time.perf_counter()
        if request.endpoint is None:
            return  # no such route: the error handler says so
        guard = guard_of(app, request.endpoint)
        assert guard is not None  # checked above
        if guard.who not in (gateway_signature, twilio_signature, operations):
            room.enter()
        request.max_content_length = guard.max_body
        if (request.content_length or 0) > guard.max_body:
            raise Refused(guard.too_large)
        guard.who()
        if guard.body is not None and request.method != "GET":
            g.body = parse_body(guard.body)

    @app.after_request
    def account_for(response: Response) -> Response:
        return _account_for(response)

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        room.leave()


def parse_body(model: type[BaseModel]) -> BaseModel:
    """The request's JSON in `model`'s shape. Raises Refused with the name of the first wrong field, never its value."""
    if request.mimetype != "application/json":
        raise Refused("json_only")
    sent = request.get_data(cache=False)
    if request.content_length is None and len(sent) >= (request.max_content_length or 0):
        raise Refused("too_large")  # without a length it was read up to the limit, not to its end
    try:
        return model.model_validate_json(sent)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise Refused("bad_json") from None
        name = ".".join(str(part) for part in first["loc"]) or "body"
        shown = "".join(c for c in name if c.isprintable())[:LONGEST_FIELD_NAME]
        raise Refused("bad_field", field=shown) from None


def _account_for(response: Response) -> Response:
    took_s = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else "(none)"  # the rule, not the path: paths can hold a secret
    method = request.method if request.method in METHODS else "other"  # a caller may invent as many as they like
    edge().metrics.requests.labels(route, method, response.status_code).observe(took_s)
    log.info(
        "request",
        request_id=g.request_id,
        route=route,
        method=request.method,
        status=response.status_code,
        ms=round(took_s * 1000, 1),
    )
    response.headers["X-Request-ID"] = g.request_id
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
