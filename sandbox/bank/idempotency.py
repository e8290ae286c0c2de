"""Idempotency keys: the first answer is kept with the change it tells of, in one transaction, and given again.

Another request under a used key is an error; the same one while the first is under way is a conflict (409).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from sandbox.bank.errors import BankError
from sandbox.database import Database, Transaction, one, run

LONGEST_KEY = 255


@dataclass(frozen=True)
class Answer:
    """`trouble`: what happens to the answer on its way back, after everything is committed (a test card)."""

    status: int
    body: dict[str, Any]
    trouble: str | None = None
    replayed: bool = False


@dataclass
class KeysUnderWay:
    """The sandbox is one process, so that a set is enough."""

    _keys: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:
        with self._lock:
            if key in self._keys:
                raise BankError(409, "idempotency_key_in_use", "A request with this key is under way.")
            self._keys.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(key)


def fingerprint(method: str, path: str, params: object) -> str:
    asked = json.dumps([method, path, params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(asked.encode()).hexdigest()


def answer_once(
    database: Database,
    under_way: KeysUnderWay,
    key: str | None,
    request: str,
    work: Callable[[Transaction], Answer],
    before: Callable[[], None] = lambda: None,
) -> Answer:
    """Carries `work` out in a transaction, once per key. `before` (a slow bank, a cut line) runs outside of it."""
    if not key:
        before()
        with database.transaction() as tx:
            return work(tx)
    if len(key) > LONGEST_KEY:
        raise BankError(400, "idempotency_error", f"Idempotency keys have at most {LONGEST_KEY} characters.")
    with under_way.claim(key):
        kept = _kept(database, key, request)
        if kept is not None:
            return kept
        before()
        with database.transaction() as tx:
            answer = work(tx)
            run(
                tx,
                "insert into idempotency_keys (key, request, status, body) values (%s, %s, %s, %s)",
                *(key, request, answer.status, Jsonb(answer.body)),
            )
        return answer


def _kept(database: Database, key: str, request: str) -> Answer | None:
    with database.transaction() as tx:
        row = one(tx, "select request, status, body from idempotency_keys where key = %s", key)
    if row is None:
        return None
    if row["request"] != request:
        raise BankError(400, "idempotency_error", "This key was used with another request.")
    return Answer(row["status"], row["body"], replayed=True)
