"""The supervisor process: supervisord on `deploy/supervisord.conf`, started, asked and stopped by `remit up`."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from remit.child import end_with_parent
from remit.errors import NotRunning
from remit.folders import ROOT

STOP_S = 90  # the sum of the patience in the supervisor file, and some


class SupervisorDied(Exception):
    pass


def ask(sockets: Path, method: str, *arguments: object) -> Any:
    """One call to the supervisor (its XML-RPC, on a socket that only our own user may open). Raises NotRunning."""
    transport = SupervisorTransport(serverurl=f"unix://{sockets / 'supervisor.sock'}")  # type: ignore[no-untyped-call]
    try:
        with ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)
    except Fault as fault:
        if fault.faultCode == Faults.SHUTDOWN_STATE:
            raise NotRunning("Remit is stopping just now") from None
        raise


def states(sockets: Path) -> dict[str, dict[str, Any]]:
    """By program: `statename`, `pid` (0: none), …"""
    return {info["name"]: info for info in ask(sockets, "getAllProcessInfo")}


def stop_program(sockets: Path, name: str) -> None:
    """Returns when it has ended; it stays down until it is started."""
    try:
        ask(sockets, "stopProcess", name)
    except Fault as fault:
        if fault.faultCode != Faults.NOT_RUNNING:
            raise


def start_program(sockets: Path, name: str) -> None:
    ask(sockets, "startProcess", name, False)


class Supervisor:
    def __init__(self, process: subprocess.Popen[bytes], sockets: Path) -> None:
        self._process = process
        self.sockets = sockets

    @classmethod
    def start(cls, file: Path, environment: Mapping[str, str], lock: int) -> Supervisor:
        """Starts supervisord with nothing under it yet. It inherits `lock` and ends when this thread does."""
        process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(file)],
            cwd=ROOT,
            env=dict(environment),
            pass_fds=[lock],
            start_new_session=True,  # Ctrl-C is ours to pass on, in our order
            preexec_fn=lambda: end_with_parent(signal.SIGTERM),  # noqa: PLW1509 before any thread
        )
        supervisor = cls(process, Path(environment["REMIT_SOCKETS"]))
        supervisor._wait_until_it_answers()
        return supervisor

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            if self.has_ended() or time.monotonic() > deadline:
                raise SupervisorDied("the supervisor did not start; see log/supervisord.log")
            try:
                ask(self.sockets, "getState")
                return
            except OSError:
                time.sleep(0.05)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """Ends everything in the order of the file, PostgreSQL last."""
        if self.has_ended():
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its children end with it (remit/child.py)
            self._process.wait()
