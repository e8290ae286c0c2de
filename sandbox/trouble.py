"""Answers that go wrong on their way, for the test cards that have them."""

from __future__ import annotations

import socket
import struct
import time

from flask import Response, request

LINGER_NONE = struct.pack("ii", 1, 0)  # on, 0 seconds: closing sends a reset instead of a goodbye


def cut_connection() -> Response:
    """Resets the connection under the request; what is returned goes nowhere."""
    line = request.environ.get("werkzeug.socket")
    if isinstance(line, socket.socket):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        line.shutdown(socket.SHUT_RDWR)
    return Response(status=204)


def spoil(kind: str, hang_s: float) -> Response:
    """`kind` as in bank/cards.py. The work is done and committed; only its answer suffers."""
    if kind == "charges_then_hangs":
        time.sleep(hang_s)
        return cut_connection()
    if kind == "charges_then_resets":
        return cut_connection()
    return Response("<html>Bad gateway, but 200</html>", 200, content_type="application/json")
