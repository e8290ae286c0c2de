"""Rates: who may ask how often. Counted in memory, or in Redis when several edges share the counts."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, nullcontext

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from webhook.log import log


class Rates:
    def __init__(self, url: str) -> None:
        storage = storage_from_string(url, wrap_exceptions=True)
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        # Two threads that count in memory at once may start its clean-up timer twice, which raises (limits 5.6).
        in_memory = isinstance(storage, MemoryStorage)
        self._one_at_a_time: AbstractContextManager[object] = threading.Lock() if in_memory else nullcontext()

    def over(self, what: str, who: str, per_minute: int) -> int:
        """Counts one. 0 when it is within the rate, otherwise the seconds after which to try again."""
        item = RateLimitItemPerMinute(per_minute, namespace="remit")
        try:
            with self._one_at_a_time:
                if self._limiter.hit(item, what, who):
                    return 0
            stats = self._limiter.get_window_stats(item, what, who)
        except StorageError as error:  # a lost counter must not lose a payment: limits are a courtesy, not a lock
            log.warning("rate_storage_down", error=type(error.storage_error).__name__)
            return 0
        return max(1, int(stats.reset_time - time.time()) + 1)
