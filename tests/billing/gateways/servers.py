"""A server that says what a test wrote down, one reply a connection, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


def reply(status: int, body: Any, *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", "Content-Type: application/json", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass
class Scripted:
    """The last reply is given again and again; an empty one hangs up."""

    replies: Sequence[bytes]
    pause_s: float = 0.0  # between two bytes
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # "POST /path", headers in lower case

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            with line:
                try:
                    self._note(line.recv(65536).decode())
                    said = self.replies[min(len(self.asked), len(self.replies)) - 1]
                    for start in range(0, len(said), 1 if self.pause_s else len(said) or 1):
                        line.sendall(said[start : start + 1] if self.pause_s else said)
                        time.sleep(self.pause_s)
                except OSError:
                    continue  # the client had enough

    def _note(self, request: str) -> None:
        first, *lines = request.partition("\r\n\r\n")[0].split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.asked.append((first.rpartition(" ")[0], headers))


@contextmanager
def scripted(*replies: bytes, pause_s: float = 0.0) -> Iterator[Scripted]:
    server = Scripted(replies, pause_s)
    try:
        yield server
    finally:
        server.stop()
