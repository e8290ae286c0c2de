"""Our whole stack for a measurement, in a folder of its own: the same `remit up` that customers get."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import jwt
import psutil

from remit.folders import ROOT
from remit.keys import read_env_file

UNLIMITED = "1000000"  # per minute: the limits are for customers, not for clocks


def free_port(neighbours: int = 5) -> int:
    """A port whose next `neighbours` are free as well."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port + neighbours < 65_000 and all(_is_free(port + n) for n in range(neighbours)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Stack:
    """A running stack: its address, its settings, and the processes that it consists of."""

    def __init__(self, var: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.var, self.port, self.process = var, port, process
        self.ready_s = 0.0

    @property
    def settings(self) -> dict[str, str]:
        return dict(read_env_file(self.var / "run" / "settings.env"))

    def portal_token(self, user: str = "u-maya", account: str = "100200") -> str:
        """Signed in as a portal user of the demo data."""
        now = int(time.time())
        claims = {"iss": "portal", "aud": "remit", "sub": user, "account": account, "jti": secrets.token_hex(16)}
        return jwt.encode(claims | {"iat": now, "exp": now + 120}, self.settings["PORTAL_SIGNING_SECRET"], "HS256")

    def resident_mb(self) -> dict[str, float]:
        """Proportional set size of every process below `remit up`, in MB: shared pages are counted once."""
        sizes: dict[str, float] = {}
        for process in [self._own(), *self._own().children(recursive=True)]:
            name = _program(process)
            sizes[name] = round(sizes.get(name, 0) + process.memory_full_info().pss / 2**20, 1)
        return sizes

    def _own(self) -> psutil.Process:
        return psutil.Process(self.process.pid)


_PROGRAMS = ("webhook", "actions", "worker", "sandbox", "supervisord", "postgres", "bot")


def _program(process: psutil.Process) -> str:
    line = " ".join(process.cmdline()) or process.name()
    return next((name for name in _PROGRAMS if f"{name}" in line.replace(str(ROOT), "")), "remit up")


@contextmanager
def running(
    var: Path, *, port: int | None = None, demo: bool = True, settings: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Starts the stack, waits until it is healthy, and ends it with all its processes.

    `demo`: with demo data and sandbox; without, it begins with empty books. `settings` go into its environment.
    """
    port = port or free_port()
    environment = os.environ | {
        "REMIT_VAR": str(var),
        "CHAT_MESSAGES_PER_MINUTE": UNLIMITED,
        "CHAT_SESSIONS_PER_MINUTE": UNLIMITED,
        **(settings or {}),
    }
    kind = "--demo" if demo else "--reset"
    command = [sys.executable, "-m", "remit", "up", kind, "--tied", "--port", str(port)]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    stack = Stack(var, port, process)
    try:
        _wait_until_ready(stack)
        stack.ready_s = round(time.monotonic() - began, 1)
        yield stack
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_until_ready(stack: Stack) -> None:
    deadline = time.monotonic() + 300
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{stack.port}/readyz", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if stack.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the stack did not come up: see `make demo`") from None
            time.sleep(0.2)
