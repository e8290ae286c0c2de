"""One process, one thread a request: enough for a sandbox, and small."""

from __future__ import annotations

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler


class QuietHandler(WSGIRequestHandler):
    """Logs no requests: their addresses can hold secrets of pages, and their bodies card numbers."""

    timeout = 60  # seconds that a silent client may hold a thread

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def version_string(self) -> str:
        return "sandbox"


class Server(ThreadedWSGIServer):
    daemon_threads = True  # a hanging answer must not keep the process alive


def make_server(app: Flask, port: int) -> Server:
    """Listens on loopback only."""
    return Server("127.0.0.1", port, app, handler=QuietHandler)
