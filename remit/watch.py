"""Watches a stack come up: who is healthy, and who will never be."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

import httpx

from remit.errors import CannotStart
from remit.model import last_line
from remit.plan import Plan
from remit.supervisor import states

HEALTHY_WITHIN_S = 120
STARTS_TO_GIVE_UP = 3  # a program started this often before the stack was healthy will not come up
# `/readyz` of the edge answers for the database, the bot and the action server too.
HEALTH = {"edge": "/readyz", "bot": "/webhooks/remit/health", "sandbox": "/healthz"}


class Watch:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._pids: dict[str, set[int]] = defaultdict(set)

    def until(self, true: Callable[[], bool]) -> None:
        """Waits for it. Raises CannotStart when a program keeps ending, or it takes too long."""
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while not true():
            self.look()
            if time.monotonic() > deadline:
                raise CannotStart(f"not healthy after {HEALTHY_WITHIN_S} s; the logs are in {self._plan.var}/log")
            time.sleep(0.1)

    def look(self) -> None:
        """Raises CannotStart when a program has been started too often."""
        for name, info in states(self._plan.sockets).items():
            self._pids[name].add(info["pid"])  # 0 between two tries
            if len(self._pids[name] - {0}) >= STARTS_TO_GIVE_UP:
                log = self._plan.var / "log" / f"{name}.log"
                raise CannotStart(f"{name} keeps ending: {last_line(log)} ({log})")

    def all_healthy(self) -> bool:
        now = states(self._plan.sockets)
        if any(now[name]["statename"] != "RUNNING" for name in self._plan.processes):
            return False
        return all(self.healthy(name) for name in self._plan.processes if name in HEALTH)

    def healthy(self, name: str) -> bool:
        try:
            return httpx.get(self._plan.url_of(name) + HEALTH[name], timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False
