"""Requests to an edge byte by byte, and what they leave behind."""

from __future__ import annotations

import re
import socket
from contextlib import suppress

import httpx
from sqlalchemy import inspect, text

from billing.database import SessionFactory


class Sender:
    """One connection, kept open as long as the edge keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send(self, request: bytes, *, again: bool = True) -> int:
        """The status of the answer. `again`: the connection can be used for the next one."""
        for _ in range(2):  # a kept connection may have been closed since the last answer
            kept = self._socket is not None
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
            try:
                answer = self._exchange(self._socket, request)
            except (BrokenPipeError, ConnectionResetError):
                answer = b""
            if not again:
                self.close()
            if answer:
                return int(answer[9:12])
            self.close()
            if not kept:
                break
        raise AssertionError(f"no answer to {request[:300]!r}")

    def _exchange(self, connection: socket.socket, request: bytes) -> bytes:
        with suppress(BrokenPipeError, ConnectionResetError):  # answered before it was read; the answer is still there
            connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = connection.recv(65_536)
            if not part:
                return answer
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(body) < int(length[1]) and (part := connection.recv(65_536)):
            body += part
        if re.search(rb"(?i)connection: close", head):
            self.close()
        return answer

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def rows(sessions: SessionFactory) -> dict[str, int]:
    """How many rows every table holds."""
    with sessions() as session:
        names = inspect(session.connection()).get_table_names()
        return {name: session.scalar(text(f"select count(*) from {name}")) or 0 for name in names}


def counted(port: int) -> list[str]:
    """The names of all time series."""
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text.splitlines()
    return [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
