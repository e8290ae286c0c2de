"""Starts one supervised process: it dies with its supervisor and sees no settings but its own.

Run as `python -IS remit/child.py NAME SIGNAL COMMAND…`: the standard library only, so that it costs milliseconds,
and it is replaced by the command. `SIGNAL` is what the process gets when its supervisor is gone.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent(sign: signal.Signals) -> None:
    """The kernel sends this process `sign` when its parent dies (only Linux can; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sign))


def main(name: str, signal_name: str, command: list[str]) -> None:
    run = Path(os.environ["REMIT_VAR"]) / "run"
    end_with_parent(signal.Signals[signal_name])
    if os.getppid() != int((run / "supervisord.pid").read_text()):
        sys.exit(0)  # the supervisor died before the line above took effect
    environment: dict[str, str] = json.loads((run / "env" / f"{name}.json").read_text())
    os.execve(command[0], command, environment)  # noqa: S606 the command is the supervisor file's own


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
