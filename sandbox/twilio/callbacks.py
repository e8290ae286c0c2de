"""Carries the steps of texts out when they are due: changes the status, and tells the service of it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg

from sandbox.config import TwilioAccount
from sandbox.database import Database, Row, one, run
from sandbox.twilio.line import TIMEOUT_S, Line
from sandbox.twilio.texts import API_VERSION

log = logging.getLogger(__name__)
IDLE_S = 30.0
AT_ONCE = 4

TAKE = """
delete from text_steps
where id = (
    select id from text_steps where state = 'waiting' and due_at <= now()
    order by due_at, id limit 1 for update skip locked
)
returning *
"""
CHANGE = """
update texts set status = %s, error_code = %s, updated_at = now(), sent_at = coalesce(sent_at, now()) where id = %s
"""
NEXT_DUE = """
select extract(epoch from min(due_at) - now())::float as wait_s from text_steps where state = 'waiting'
"""


class Callbacks:
    def __init__(self, database: Database, line: Line, account: TwilioAccount) -> None:
        self._database, self._line, self._account = database, line, account
        self._stopping = threading.Event()
        self._workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="callback")
        self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._line.callbacks.bell.set()
        self._thread.join(TIMEOUT_S)
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                wait_s = self._round()
            except psycopg.Error as error:
                log.warning("status callbacks wait for the database: %s", type(error).__name__)
                wait_s = 1.0
            self._line.callbacks.bell.wait(wait_s)
            self._line.callbacks.bell.clear()

    def _round(self) -> float:
        """Does everything that is due; returns the seconds until something is."""
        while not self._stopping.is_set():
            with self._database.transaction() as tx:
                step = one(tx, TAKE)
                if step is None:
                    row = one(tx, NEXT_DUE)
                    return IDLE_S if row is None or row["wait_s"] is None else min(max(row["wait_s"], 0.0), IDLE_S)
                if step["kind"] == "change":
                    if step["status"] != "queued":  # it is that already
                        run(tx, CHANGE, step["status"], step["error_code"], step["text_id"])
                    continue
                text = one(tx, "select * from texts where id = %s", step["text_id"])
            if text is not None:
                self._workers.submit(self._tell, text, step)
        return 0.0

    def _tell(self, text: Row, step: Row) -> None:
        form = {
            "AccountSid": self._account.sid,
            "ApiVersion": API_VERSION,
            "From": text["other"],
            "MessageSid": text["sid"],
            "MessageStatus": step["status"],
            "SmsSid": text["sid"],
            "SmsStatus": step["status"],
            "To": text["phone"],
        }
        if text["messaging_service_sid"]:
            form["MessagingServiceSid"] = text["messaging_service_sid"]
        if step["error_code"]:
            form["ErrorCode"] = str(step["error_code"])
        answer = self._line.post(self._account, text["status_callback"], form)
        if answer.error:
            log.info("status %s of %s: %s", step["status"], text["sid"], answer.status or "no answer")
