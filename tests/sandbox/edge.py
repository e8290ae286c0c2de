"""Something that takes Twilio's webhooks as the service would, and answers what a test wants."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

AUTH_TOKEN = "auth-token-of-twilio-in-tests"
EMPTY = b"<?xml version='1.0' encoding='UTF-8'?><Response/>"


@dataclass(frozen=True)
class Posted:
    path: str
    form: dict[str, str]
    headers: dict[str, str]

    def is_signed_for(self, public_url: str) -> bool:
        validator = RequestValidator(AUTH_TOKEN)
        return bool(validator.validate(public_url + self.path, self.form, self.headers["X-Twilio-Signature"]))


class Edge:
    """`answers`: status and body of the coming answers, then 200 and an empty `<Response/>`."""

    def __init__(self) -> None:
        self.posted: queue.Queue[Posted] = queue.Queue()
        self.answers: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        edge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(parse_qsl(body, keep_blank_values=True))
                edge.posted.put(Posted(self.path, form, dict(self.headers.items())))
                status, answer = (200, EMPTY) if edge.answers.empty() else edge.answers.get()
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def next(self, timeout_s: float = 10) -> Posted:
        return self.posted.get(timeout=timeout_s)

    def nothing_more(self, within_s: float = 0.5) -> bool:
        try:
            self.next(within_s)
        except queue.Empty:
            return True
        return False

    def forget(self) -> None:
        while not self.posted.empty():
            self.posted.get()
        while not self.answers.empty():
            self.answers.get()


@contextmanager
def running_edge() -> Iterator[Edge]:
    edge = Edge()
    thread = threading.Thread(target=edge.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield edge
    edge.server.shutdown()
    thread.join()
    edge.server.server_close()
