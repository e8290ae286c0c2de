"""Ports for the servers of tests."""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from socket import socket

# Below those that the kernel hands out by itself: a port of that range may be some connection's before its server
# starts. And each worker of a run has a range of its own, for the same reason.
FIRST, EACH, RANGES = 12_000, 2_500, 8


def free_block(count: int) -> int:
    """The first of so many neighbouring free ports."""
    start = FIRST + EACH * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % RANGES)
    for _ in range(200):
        first = random.randrange(start, start + EACH - count)
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise RuntimeError(f"no {count} neighbouring ports are free")


def free_port() -> int:
    return free_block(1)
