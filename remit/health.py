"""`remit health`: every process of the running stack with its state, pid and memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from remit.errors import NotRunning
from remit.postgres import socket_folder
from remit.running import described, is_running
from remit.supervisor import states


@dataclass(frozen=True)
class ProcessHealth:
    name: str
    state: str
    pid: int
    resident_bytes: int  # of the process and everything it started


def processes(var: Path) -> list[ProcessHealth]:
    """Raises NotRunning. `resident_bytes` is 0 where there is no /proc."""
    stack = described(var)
    if stack is None or not is_running(var):
        raise NotRunning("Remit is not running here: start it with `make demo`")
    sockets = socket_folder(var / "run")
    wanted = {name: info for name, info in states(sockets).items() if info["start"]}  # ever started
    supervisor = int((var / "run" / "supervisord.pid").read_text())
    ours = [("remit up", "RUNNING", stack.pid), ("supervisor", "RUNNING", supervisor)]
    ours += [(name, str(info["statename"]), int(info["pid"])) for name, info in wanted.items()]
    tops = {pid for _, _, pid in ours}
    return [ProcessHealth(name, state, pid, resident(pid, tops)) for name, state, pid in ours]


def resident(pid: int, others: set[int]) -> int:
    """Bytes in memory (PSS) of a process and its descendants, without those of `others`.

    What processes share is counted in parts, so that the sum is what the machine really holds: PostgreSQL's processes
    have one pool between them.
    """
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*"):
        if parent := _parent(entry):
            children[parent].append(int(entry.name))
    waiting, total = [pid], 0
    while waiting:
        current = waiting.pop()
        total += _pss(current)
        waiting += [child for child in children[current] if child not in others]
    return total


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it ended meanwhile
        return None


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def show_health(var: Path, address: str) -> int:
    """Prints it; the exit code is 0 when everything runs and the edge says it is ready."""
    found = processes(var)
    table = Table("process", "state", "pid", "memory", box=None)
    for process in found:
        table.add_row(process.name, process.state.lower(), str(process.pid or "–"), _mb(process.resident_bytes))
    table.add_row("all", "", "", _mb(sum(process.resident_bytes for process in found)))
    console = Console(highlight=False)
    console.print(table)
    try:
        readiness = httpx.get(f"{address}/readyz", timeout=10, trust_env=False).json()
    except (httpx.HTTPError, ValueError) as error:
        console.print(f"{address}/readyz: {error}", soft_wrap=True)
        return 1
    console.print(f"{address}/readyz: {readiness['status']} {readiness.get('checks', '')}", soft_wrap=True)
    return 0 if readiness["status"] == "ready" and all(p.state == "RUNNING" for p in found) else 1


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
