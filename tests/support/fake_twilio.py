"""As much of Twilio's two APIs as sending texts and checking codes needs, over real HTTP, with a memory."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from billing.config import Settings
from tests.billing.builders import SECRET, some_settings

ACCOUNT, SERVICE, TOKEN = f"AC{'0' * 32}", f"VA{'0' * 32}", "token-of-the-tests-alone"


@dataclass
class FakeTwilio:
    """`answers`: what happens to the next requests for a text: "lost" (taken, no answer), "broken" (taken, a 500),
    "garbage" (taken, no JSON) or (HTTP status, Twilio's error code); nothing: taken.
    """

    url: str = ""
    answers: list[str | tuple[int, int]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)  # everything that was taken, the latest last
    callbacks: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    auth: set[str] = field(default_factory=set)
    lists_nothing: bool = False
    verifications: list[dict[str, str]] = field(default_factory=list)
    right_code: str = "271828"
    check_answers: list[tuple[int, int]] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def bodies(self) -> list[str]:
        return [message["body"] for message in self.messages]

    def take(self, form: dict[str, str]) -> dict[str, Any]:
        message = {
            "sid": f"SM{len(self.messages) + 1:032x}",
            "to": form["To"],
            "from": form.get("From"),
            "body": form["Body"],
            "status": "queued",
            "direction": "outbound-api",
            "date_created": format_datetime(self.now),
            "date_sent": None,
        }
        self.messages.append(message)
        self.callbacks.append(form["StatusCallback"])
        return message


@contextmanager
def fake_twilio() -> Iterator[FakeTwilio]:
    twilio = FakeTwilio()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._note()
            form = dict(
                parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
            )
            if self.path.endswith("/Messages.json"):
                self._send(form)
            elif self.path.endswith("/Verifications"):
                twilio.verifications.append(form)
                self._json(201, {"sid": "VE1", "status": "pending"})
            elif self.path.endswith("/VerificationCheck") and twilio.check_answers:
                status, code = twilio.check_answers.pop(0)
                self._json(status, {"status": status, "code": code, "message": "no"})
            elif self.path.endswith("/VerificationCheck"):
                right = form["Code"] == twilio.right_code
                self._json(201, {"sid": "VE1", "status": "approved" if right else "pending"})
            else:
                self._json(404, {"status": 404, "code": 20404, "message": "not here"})

        def do_GET(self) -> None:
            self._note()
            to = parse_qs(urlsplit(self.path).query)["To"][0]
            found = [] if twilio.lists_nothing else [m for m in reversed(twilio.messages) if m["to"] == to]
            self._json(200, {"messages": found, "page": 0, "page_size": 50, "next_page_uri": None})

        def _send(self, form: dict[str, str]) -> None:
            answer = twilio.answers.pop(0) if twilio.answers else None
            if isinstance(answer, tuple):
                status, code = answer
                self._json(status, {"status": status, "code": code, "message": "no"})
                return
            message = twilio.take(form)
            if answer == "lost":
                self.close_connection = True
            elif answer == "broken":
                self._json(500, {"status": 500, "code": 20500, "message": "trouble"})
            elif answer == "garbage":
                self._raw(201, b"<html>")
            else:
                self._json(201, message)

        def _note(self) -> None:
            twilio.paths.append(urlsplit(self.path).path)
            twilio.auth.add(base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode())

        def _json(self, status: int, payload: dict[str, Any]) -> None:
            self._raw(status, json.dumps(payload).encode())

        def _raw(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    twilio.url = f"http://127.0.0.1:{server.server_port}/twilio"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield twilio
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def text_settings(twilio: FakeTwilio | None = None, **changes: Any) -> Settings:
    """Settings with which texts can be sent, to the double if there is one."""
    values: dict[str, Any] = {
        "twilio_auth_token": TOKEN,
        "twilio_account_sid": ACCOUNT,
        "twilio_from_number": "+15145550100",
        "twilio_api_base": twilio.url if twilio is not None else "http://127.0.0.1:1/twilio",
        "one_time_code_secret": f"{SECRET}-codes",
    }
    return some_settings(**(values | changes))
