"""The running stack, as seen from outside: who holds the lock, at which address, with which settings."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from remit.errors import CommandFailed, NotRunning
from remit.folders import var_folder
from remit.keys import read_env_file, write_private
from remit.postgres import command_line


class AlreadyRunning(CommandFailed):
    def __init__(self, stack: RunningStack | None) -> None:
        where = f"pid {stack.pid}, {stack.address}" if stack else "it is just starting or stopping"
        super().__init__(f"Remit is already running here ({where}). Nothing was changed.")


@dataclass(frozen=True)
class RunningStack:
    pid: int
    address: str


def take_lock(var: Path) -> int:
    """The file descriptor of the lock that one stack per folder holds. Raises AlreadyRunning.

    The supervisor inherits it, so that the lock outlives a killed `remit up` exactly as long as the supervisor does.
    """
    lock = _open_lock(var)
    deadline = time.monotonic() + 1  # a command beside us may be looking whether we run
    while not _locked(lock, fcntl.LOCK_EX):
        stack = described(var)
        if stack and not command_line(stack.pid):
            deadline = max(deadline, time.monotonic() + 0.5)  # `remit up` was killed, its supervisor is stopping
        if time.monotonic() > deadline:
            os.close(lock)
            raise AlreadyRunning(stack)
        time.sleep(0.05)
    os.set_inheritable(lock, True)
    return lock


def _open_lock(var: Path) -> int:
    return os.open(var / "run" / "lock", os.O_RDWR | os.O_CREAT, 0o600)


def _locked(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_running(var: Path) -> bool:
    lock = _open_lock(var)
    try:
        return not _locked(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def describe(var: Path, stack: RunningStack, settings: dict[str, str]) -> None:
    """Leaves word of the stack for commands run beside it."""
    write_private(var / "run" / "settings.env", "".join(f"{name}={value}\n" for name, value in settings.items()))
    write_private(var / "run" / "stack.json", json.dumps(asdict(stack)))


def described(var: Path) -> RunningStack | None:
    path = var / "run" / "stack.json"
    return RunningStack(**json.loads(path.read_text())) if path.exists() else None


def forget(var: Path) -> None:
    (var / "run" / "stack.json").unlink(missing_ok=True)
    (var / "run" / "settings.env").unlink(missing_ok=True)


def use_running_settings() -> None:
    """Gives this process the settings of the stack running beside it, unless the environment names a database.

    Raises NotRunning.
    """
    if "DATABASE_URL" in os.environ:
        return
    var = var_folder()
    if not is_running(var) or not described(var):
        raise NotRunning("Remit is not running here: start it with `make demo`, or set DATABASE_URL")
    for name, value in read_env_file(var / "run" / "settings.env").items():
        os.environ.setdefault(name, value)


def address_of_edge(elsewhere: str) -> str:
    """Where the edge of the stack beside us listens; `elsewhere` if none runs here."""
    stack = described(var_folder())
    return stack.address if stack else elsewhere
