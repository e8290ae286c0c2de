"""Delivers events over HTTP, signed; repeats what was not taken, with growing pauses. At least once, in no order."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg

from sandbox.bank import debits
from sandbox.bank.events import Post
from sandbox.database import Database, Row, one, run

log = logging.getLogger(__name__)

# Seconds before the second, third … try; about a day in all, as with real ones.
PAUSES_S = (0.5, 1, 2, 5, 15, 60, 300, *(900,) * 4, *(3600,) * 23)
LEASE_S = 30  # a delivery that was begun and not finished (a crash) is begun again after this
TIMEOUT_S = 10.0
IDLE_S = 30.0
AT_ONCE = 4

CLAIM = """
update deliveries set tries = tries + 1, due_at = now() + %s * interval '1 second'
where id = (
    select id from deliveries where state = 'waiting' and due_at <= now()
    order by due_at, id limit 1 for update skip locked
)
returning id, event_id, tries
"""
NEXT_DUE = """
select extract(epoch from min(due_at) - now())::float as wait_s from deliveries where state = 'waiting'
"""
FINISH = """
update deliveries set state = %s, last_answer = %s, due_at = now() + %s * interval '1 second',
    delivered_at = case when %s = 'delivered' then now() end
where id = %s
"""


def sign(body: bytes, secret: str, at: int) -> str:
    """`t=…,v1=…`: HMAC-SHA256 of `t.body`, hexadecimal, as Stripe signs."""
    return f"t={at},v1={hmac.new(secret.encode(), b'%d.' % at + body, hashlib.sha256).hexdigest()}"


class Delivery:
    def __init__(self, database: Database, post: Post, url: str, secret: str) -> None:
        self._database, self._post, self._url, self._secret = database, post, url, secret
        self._stopping = threading.Event()
        self._free = threading.Semaphore(AT_ONCE)
        self._client = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
        self._workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="delivery")
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        """What an earlier process was about to repeat, or had begun, is due at once."""
        with self._database.transaction() as tx:
            run(tx, "update deliveries set due_at = now() where state = 'waiting' and tries > 0")
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._post.bell.set()
        self._thread.join(TIMEOUT_S)
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                wait_s = min(debits.carry_out_due(self._database, self._post), self._round())
            except psycopg.Error as error:
                log.warning("delivery of events waits for the database: %s", type(error).__name__)
                wait_s = 1.0
            self._post.bell.wait(wait_s)
            self._post.bell.clear()

    def _round(self) -> float:
        """Hands out everything that is due; returns the seconds until something is."""
        while not self._stopping.is_set():
            self._free.acquire()
            claimed = self._claim()
            if claimed is None:
                self._free.release()
                break
            self._workers.submit(self._deliver, claimed)
        with self._database.transaction() as tx:
            row = one(tx, NEXT_DUE)
        # Clamped here: PostgreSQL's greatest() takes the null of an empty table for 0, and the loop would spin.
        return IDLE_S if row is None or row["wait_s"] is None else min(max(row["wait_s"], 0.0), IDLE_S)

    def _claim(self) -> Row | None:
        with self._database.transaction() as tx:
            claimed = one(tx, CLAIM, LEASE_S)
            if claimed is None:
                return None
            event = one(tx, "select type, body from events where id = %s", claimed["event_id"])
        return claimed | (event or {})

    def _deliver(self, delivery: Row) -> None:
        try:
            answer = self._send(delivery)
            taken = answer.startswith("2")  # HTTP 2xx
            pause_s = 0.0 if taken else self._pause(delivery["tries"])
            state = "delivered" if taken else "waiting" if pause_s else "abandoned"
            with self._database.transaction() as tx:
                run(tx, FINISH, state, answer, pause_s, state, delivery["id"])
            if not taken:
                log.info("event %s (%s): %s, try %d", delivery["event_id"], delivery["type"], answer, delivery["tries"])
                self._post.bell.set()  # the next due time is another one now
        except psycopg.Error as error:
            log.warning("event %s: its lease runs out: %s", delivery["event_id"], type(error).__name__)
        finally:
            self._free.release()

    def _send(self, delivery: Row) -> str:
        """The status of the answer, or the name of what happened instead."""
        body = delivery["body"].encode()
        signature = sign(body, self._secret, int(time.time()))
        headers = {"Content-Type": "application/json", "Sandbox-Signature": signature}
        try:
            return str(self._client.post(self._url, content=body, headers=headers).status_code)
        except httpx.HTTPError as error:
            return type(error).__name__

    @staticmethod
    def _pause(tries: int) -> float:
        return float(PAUSES_S[tries - 1]) if tries <= len(PAUSES_S) else 0.0
