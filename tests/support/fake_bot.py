"""A dialogue engine over real HTTP, for tests of the edge: says what it is told to, or fails as engines do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], Any]


def says(
    *texts: str, buttons: list[dict[str, Any]] | None = None, card: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An answer of the engine's; buttons and card belong to the last message."""
    messages = [{"text": text, "buttons": [], "card": None} for text in texts]
    messages[-1] |= {"buttons": buttons or [], "card": card}
    return {"messages": messages}


class Thinking:
    """An engine that thinks until it is told to answer, and then for `more_s`."""

    def __init__(self, more_s: float = 0.0) -> None:
        self._more_s, self._over = more_s, threading.Event()

    def __call__(self, turn: dict[str, Any]) -> dict[str, Any]:
        self._over.wait(100)
        time.sleep(self._more_s)
        return says(f"You said {turn['text']}")

    def over(self) -> None:
        self._over.set()


class FakeBot:
    """`answer` maps a turn to its answer: a dict (JSON), bytes (raw), an int (status) or None (hangs up).

    `turns` lists what arrived, `spans` when each was at work: (text, began, ended).
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.answer: Answer = lambda turn: says(f"You said {turn['text']}")
        self.healthy = True
        self.turns: list[dict[str, Any]] = []
        self.spans: list[tuple[str, float, float]] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.bot = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def texts(self) -> list[str]:
        return [turn["text"] for turn in self.turns]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    bot: FakeBot

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The edge hangs up on a late answer: nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet: two would wait 40 ms for each other's acknowledgement
    server: _Server

    def do_GET(self) -> None:
        self._send(200 if self.server.bot.healthy else 503, b"{}")

    def do_POST(self) -> None:
        bot = self.server.bot
        turn = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {bot.token}" or self.path != "/webhooks/remit/turn":
            return self._send(401, b"{}")
        bot.turns.append(turn)
        began = time.monotonic()
        answer = bot.answer(turn)
        bot.spans.append((turn["text"], began, time.monotonic()))
        if answer is None:
            self.close_connection = True
            return None
        if isinstance(answer, int):
            return self._send(answer, b"{}")
        return self._send(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
