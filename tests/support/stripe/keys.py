"""Idempotency keys (docs.stripe.com/api/idempotent_requests).

The first result of a key is given again, errors and 500s included, once its work has begun: a request that fails
validation leaves no trace. Other parameters under a used key: 400. The same key at the same time: 409.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.stripe.errors import Object, StripeFailure

LONGEST = 255


@dataclass
class Keys:
    _kept: dict[str, tuple[str, int, Object]] = field(default_factory=dict)
    _asked: dict[str, str] = field(default_factory=dict)  # under way
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def claimed(self, key: str, request: str) -> Iterator[tuple[int, Object] | None]:
        """Yields the kept result, or None where the work is still to be done; keeps other requests of the key out."""
        if len(key) > LONGEST:
            raise StripeFailure(400, "idempotency_error", f"Idempotency keys have at most {LONGEST} characters.")
        with self._lock:
            if key in self._asked:
                raise StripeFailure(
                    409,
                    "idempotency_error",
                    f"There is currently another in-progress request using this Idempotent Key ({key}).",
                    "idempotency_key_in_use",
                )
            kept = self._kept.get(key)
            if kept is not None and kept[0] != request:
                raise StripeFailure(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters they were first used with."
                    f" Try using a key other than '{key}' if you meant to execute a different request.",
                )
            self._asked[key] = request
        try:
            yield None if kept is None else (kept[1], kept[2])
        finally:
            with self._lock:
                del self._asked[key]

    def keep(self, key: str, request: str, status: int, body: Object) -> None:
        self._kept[key] = (request, status, body)
