"""The whole stack as `make demo` runs it, for tests: on free ports, in a folder of its own, with hooks for faults."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from remit.keys import read_env_file
from remit.postgres import socket_folder
from remit.supervisor import ask, start_program, states, stop_program
from tests.support.ports import free_block
from tests.support.scratch import scratch_folder
from webhook.health import KEPT_S

PORTS = 5  # an edge and its neighbours (remit/plan.py)
STARTS_WITHIN_S = 180  # training included


@dataclass(frozen=True)
class TestStack:
    __test__ = False

    process: subprocess.Popen[str]
    var: Path
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        return read_env_file(self.var / "run" / "settings.env")

    # -------------------------------------------------------------------------------------------------- faults

    def stop(self, name: str) -> None:
        """The process is stopped and stays down."""
        stop_program(self._sockets, name)

    def start(self, name: str) -> None:
        """And up again, ready for turns."""
        start_program(self._sockets, name)
        self.wait_until_ready()

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        os.kill(int(states(self._sockets)[name]["pid"]), signal.SIGKILL)

    def is_running(self, name: str) -> bool:
        return states(self._sockets)[name]["statename"] == "RUNNING"

    def freeze(self, name: str) -> None:
        """It holds still, as a process without CPU does: connections open, no answers."""
        ask(self._sockets, "signalProcess", name, "STOP")

    def thaw(self, name: str) -> None:
        ask(self._sockets, "signalProcess", name, "CONT")

    def wait_until_ready(self, within_s: float = 120) -> None:
        deadline = time.monotonic() + within_s
        time.sleep(KEPT_S + 0.1)  # what /readyz said before something was stopped is kept for so long
        while not self.is_ready():
            assert time.monotonic() < deadline, f"not ready after {within_s} s; logs in {self.var}/log"
            time.sleep(0.1)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/readyz", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    @property
    def _sockets(self) -> Path:
        return socket_folder(self.var / "run")


@contextlib.contextmanager
def running_stack(settings: Mapping[str, str], *, port: int | None = None, demo: bool = True) -> Iterator[TestStack]:
    """`remit up --demo` with these settings besides the usual ones, stopped and swept away afterwards."""
    var, port = scratch_folder("remit-stack-"), port or free_block(PORTS)
    ours = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH"}
    environment = {name: value for name, value in os.environ.items() if name in ours}
    with (var / "up.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "remit", "up", *(["--demo"] if demo else []), "--tied", "--port", str(port)],
            env=environment | {"REMIT_VAR": str(var), "CI": "true"} | dict(settings),
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
    stack = TestStack(process, var, port)
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while "Ctrl-C" not in (said := (var / "up.log").read_text()):
            assert process.poll() is None and time.monotonic() < deadline, f"the stack did not start:\n{said}"
            time.sleep(0.2)
        yield stack
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(100)
        if not os.environ.get("KEEP_VAR"):
            shutil.rmtree(var)
