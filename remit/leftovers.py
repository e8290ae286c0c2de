"""What a stack that died without stopping left behind: processes of ours without a supervisor."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

GRACE_S = 8.0


def end_leftovers(var: Path) -> int:
    """Ends processes of an earlier stack on `var`, gently, then not; returns how many. Call it with the lock held.

    They end by themselves when their supervisor dies (remit/child.py), but may still be at it.
    PostgreSQL is not among them: it overwrites its environment and is found by its pid file (remit/postgres.py).
    """
    found = _processes_of(var)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in _processes_of(var):
            _signal(pid, sign)
        deadline = time.monotonic() + GRACE_S
        while _processes_of(var) and time.monotonic() < deadline:
            time.sleep(0.05)
    return len(found)


def _processes_of(var: Path) -> list[int]:
    mark = f"REMIT_STACK={var}".encode()
    return [int(p.name) for p in Path("/proc").glob("[0-9]*") if mark in _environment(p) and int(p.name) != os.getpid()]


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile, or is another user's
        return []


def _signal(pid: int, sign: signal.Signals) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def taken_ports(ports: dict[int, str], host: str = "127.0.0.1") -> list[int]:
    """Those of `ports` at which another program listens."""
    taken = []
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no listener
            try:
                probe.bind((host, port))
            except OSError:
                taken.append(port)
    return taken
