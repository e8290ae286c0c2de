"""The double's HTTP side: authenticates, checks, does the work once per idempotency key, answers, or fails as asked."""

from __future__ import annotations

import copy
import json
import secrets
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support.stripe import intents, lists, routes, script
from tests.support.stripe.checks import Checks, Deviation
from tests.support.stripe.control import VERBS, Control
from tests.support.stripe.errors import Cut, Object, StripeFailure, invalid
from tests.support.stripe.intents import Done
from tests.support.stripe.keys import Keys
from tests.support.stripe.store import Store
from tests.support.stripe.webhooks import Post

LARGEST_BODY = 256 * 1024
LINGER_NONE = struct.pack("ii", 1, 0)  # on, 0 seconds: closing sends a reset instead of a goodbye
BROKEN: Object = {"error": {"type": "api_error", "message": "An error occurred on our side."}}


class StripeDouble:
    """`secret_key` and `publishable_key` are what it takes; `account` the only connected account that it knows."""

    def __init__(
        self,
        port: int = 0,
        *,
        secret_key: str = "sk_test_51Northwind0000000000",
        publishable_key: str = "pk_test_51Northwind0000000000",
        webhook_url: str | None = None,
        webhook_secrets: tuple[str, ...] = ("whsec_northwind_test_secret_0001",),
        account: str | None = None,
        hang_s: float = 2.0,
    ) -> None:
        self.secret_key, self.publishable_key, self.account = secret_key, publishable_key, account
        self.hang_s = hang_s
        self.checks, self.keys, self.post = Checks(), Keys(), Post(webhook_url, list(webhook_secrets))
        self.store = Store(on_event=self._event_made, account=account)
        self.control = Control(self.store, self.post, self.checks)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.double = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        self.post.start()
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.post.stop()

    def _event_made(self, event: Object) -> None:
        self.checks.event(event)
        self.post.take(event)

    # ------------------------------------------------------------------------------------------------- one request

    def answer(self, method: str, path: str, text: str, headers: Any) -> tuple[int, Object, str | None]:
        """Status, body, and what goes wrong on the way back. Raises Cut."""
        try:
            self._authenticate(headers)
            found = routes.find(method, path)
            if found is None:
                raise self.checks.deviates(f"{method.upper()} {path}", ["no such address"])
            route, ids = found
            asked = self.checks.request(route, text, headers)
        except StripeFailure as failure:
            return failure.status, failure.body, None
        except Deviation as deviation:
            return 400, invalid(f"NOT STRIPE'S API: {deviation}", "parameter_unknown").body, None
        fault = self.control.fault_for(method, path)
        if fault == "cut":
            raise Cut
        if fault == "too_many":
            return 429, {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many."}}, None
        names = [unquote(id_) for id_ in ids]
        try:
            return self._once(route, names, asked, headers.get("Idempotency-Key"), path, fault)
        except Deviation as deviation:
            return 500, {"error": {"type": "api_error", "message": f"THE DOUBLE IS WRONG: {deviation}"}}, None

    def _authenticate(self, headers: Any) -> None:
        kind, _, key = headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not key:
            raise StripeFailure(401, "invalid_request_error", "You did not provide an API key.")
        if key != self.secret_key:
            raise StripeFailure(401, "invalid_request_error", f"Invalid API Key provided: {key[:8]}***")
        if headers.get("Stripe-Account") != self.account:
            message = f"The provided key does not have access to account '{headers.get('Stripe-Account')}'."
            raise StripeFailure(403, "invalid_request_error", message, "account_invalid")

    def _once(
        self, route: routes.Route, ids: list[str], asked: Object, key: str | None, path: str, fault: str | None
    ) -> tuple[int, Object, str | None]:
        """The work, or what it came to under this key before; a failure of the server is kept like anything else."""
        if route.method != "post" or not key:
            status, body, trouble = self._work(route, ids, asked, key)
            return status, body, fault or trouble
        request = json.dumps([path, asked], sort_keys=True)
        try:
            with self.keys.claimed(key, request) as kept:
                if kept is not None:
                    return *kept, fault
                status, body, trouble = self._work(route, ids, asked, key)
                trouble = fault or trouble
                kept_status, kept_body = (500, BROKEN) if trouble == "fails" else (status, body)
                self.keys.keep(key, request, kept_status, kept_body)
                return status, body, trouble
        except StripeFailure as failure:
            self.checks.answer(route, failure.status, failure.body, [])
            return failure.status, failure.body, None

    def _work(
        self, route: routes.Route, ids: list[str], asked: Object, key: str | None
    ) -> tuple[int, Object, str | None]:
        if route.path.endswith("/{pi}/confirm"):
            time.sleep(intents.slowness(self.store, ids[0], asked))
        with self.store.lock:
            self.store.request = {"id": "req_" + secrets.token_hex(7), "idempotency_key": key}
            try:
                done = route.work(self.store, ids, asked)
                told, trouble = (done.body, done.trouble) if isinstance(done, Done) else (done, None)
                body, expanded = lists.expanded(self.store, told, asked.get("expand", []))
                self.checks.answer(route, 200, told, expanded)
                return 200, body, trouble
            except StripeFailure as failure:
                body = copy.deepcopy(failure.body)
                self.checks.answer(route, failure.status, body, [])
                return failure.status, body, None
            finally:
                self.store.request = {"id": None, "idempotency_key": None}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    double: StripeDouble

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are none of ours; an error of our own is answered 500 and remembered."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        self._handle("get")

    def do_POST(self) -> None:
        self._handle("post")

    def do_DELETE(self) -> None:
        self._handle("delete")

    def do_OPTIONS(self) -> None:
        self._send(204, b"")

    def _handle(self, method: str) -> None:
        double, parts = self.server.double, urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(min(length, LARGEST_BODY)).decode("utf-8", "replace") if length else ""
        try:
            if parts.path.startswith(("/control/", "/js/")):
                status, body, trouble = self._beside(method, parts.path, text or parts.query)
            else:
                sent = text if method == "post" else parts.query
                status, body, trouble = double.answer(method, parts.path, sent, self.headers)
        except Cut:
            return self._reset()
        except Exception as error:  # noqa: BLE001 whatever the double gets wrong must not look like a lost answer
            double.checks.deviates(f"{method.upper()} {parts.path}", [f"the double broke: {error!r}"])
            status, body, trouble = (
                500,
                {"error": {"type": "api_error", "message": f"THE DOUBLE BROKE: {error!r}"}},
                None,
            )
        return self._deliver(status, body, trouble)

    def _beside(self, method: str, path: str, text: str) -> tuple[int, Any, None]:
        """Control and script: JSON, or a query."""
        double, (_, area, rest) = self.server.double, path.split("/", 2)
        asked = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
        try:
            if area == "js":
                with double.store.lock:
                    return 200, script.answer(double.store, method, rest, asked), None
            if rest not in VERBS:
                return 404, {"error": f"verbs: {', '.join(VERBS)}"}, None
            return 200, {"result": getattr(double.control, rest)(**asked)}, None
        except StripeFailure as failure:
            return failure.status, failure.body, None

    def _deliver(self, status: int, body: Any, trouble: str | None) -> None:
        if trouble == "hangs":
            time.sleep(self.server.double.hang_s)
        if trouble in ("hangs", "resets"):
            return self._reset()
        if trouble == "fails":
            status, body = 500, BROKEN
        return self._send(status, b"<html>Bad gateway, but 200</html>" if trouble == "garbles" else _json(body))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", "req_" + secrets.token_hex(7))
        if self.path.startswith("/js/"):
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "content-type, authorization")
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        self.connection.shutdown(socket.SHUT_RDWR)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(timestamp, usegmt=True)

    def log_message(self, *_: Any) -> None:
        pass


def _json(body: Any) -> bytes:
    return json.dumps(body, indent=2).encode()


@contextmanager
def running_double(**settings: Any) -> Iterator[StripeDouble]:
    """A double on a free port until the block ends, which no deviation may have come about in.

    `settings` as of StripeDouble. Whoever sends something wrong on purpose takes it out of `checks.deviations`.
    """
    double = StripeDouble(**settings)
    double.start()
    try:
        yield double
    finally:
        double.stop()
    told = "\n".join(double.checks.deviations)
    assert not told, f"not as Stripe describes its API:\n{told}"
