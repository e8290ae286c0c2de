"""Counting requests: within the rate, over it, and by many threads at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits.storage import MemoryStorage

from webhook.rates import Rates


def test_what_is_over_the_rate_is_told_how_long_to_wait() -> None:
    rates = Rates("memory://")
    assert [rates.over("what", "who", 2) > 0 for _ in range(3)] == [False, False, True]
    assert 0 < rates.over("what", "who", 2) <= 61
    assert rates.over("what", "somebody else", 2) == 0


def test_many_threads_at_once_fail_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage makes a timer with the first count after a pause and then starts "its" timer, whosever that is."""

    def slowly(storage: MemoryStorage, timer: threading.Timer) -> None:
        storage.__dict__["timer"] = timer
        time.sleep(0.005)

    monkeypatch.setattr(MemoryStorage, "timer", property(lambda s: s.__dict__["timer"], slowly), raising=False)
    rates, start = Rates("memory://"), threading.Barrier(8)
    first = rates._limiter.storage.timer
    first.cancel()  # the pause is over
    first.join()

    def one(number: int) -> int:
        start.wait()
        return rates.over("what", "who", 1000)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(8))) == [0] * 8
