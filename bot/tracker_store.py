"""Conversations in PostgreSQL, in the table that Rasa's own SQL store uses: one statement to read a session, one to
write a turn.

Rasa's store counts all events of the sender before every write, takes three round trips through an ORM, makes no
index for the question it asks (44 ms grow to 258 ms at 1,040 events) and, wrapped by the agent, answers from memory
when the database is gone. This one makes its table and indexes itself and raises: a turn that cannot be stored has
not happened.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from typing import Any

import psycopg2
from psycopg2.extras import execute_values
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker

from bot.settings import require

logger = logging.getLogger(__name__)

# Several bots may start at once; whoever holds this lock makes the table. An arbitrary number, only used here.
SCHEMA_LOCK = 7_364_801

SCHEMA = """
create table if not exists events (
    id bigserial primary key,
    sender_id varchar(255) not null,
    type_name varchar(255) not null,
    "timestamp" double precision,
    intent_name varchar(255),
    action_name varchar(255),
    data text
);
create index if not exists events_of_sender on events (sender_id, id);
create index if not exists session_starts_of_sender on events (sender_id, id) where type_name = 'session_started';
"""

# The latest session: everything from its start on, in the order in which it was written.
READ_SESSION = """
select data from events where sender_id = %(sender)s and id >= coalesce(
    (select max(id) from events where sender_id = %(sender)s and type_name = 'session_started'), 0)
order by id
"""
READ_ALL = "select data from events where sender_id = %(sender)s order by id"
WRITE = 'insert into events (sender_id, type_name, "timestamp", intent_name, action_name, data) values %s'


class StoreUnavailable(Exception):
    """The conversation cannot be read or written; nothing of the turn is kept."""


class PostgresTrackerStore(TrackerStore):
    """`host` is the database's URL (the endpoint's `url`); the role's search_path names the schema.

    One connection, used from the event loop: a statement takes well under a millisecond on the same machine, and a
    pool with threads made turns slower.
    """

    def __init__(
        self,
        domain: Domain | None = None,
        host: str | None = None,
        event_broker: Any = None,
        start_timeout_s: float = 30.0,
        **_: Any,
    ) -> None:
        self._url = require("BOT_DATABASE_URL", host)
        self._connection: Any = None
        super().__init__(domain, event_broker)
        self._prepare(start_timeout_s)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """Returns the sender's latest session, or None for a stranger."""
        return self._read(READ_SESSION, sender_id)

    async def retrieve_full_tracker(self, conversation_id: str) -> DialogueStateTracker | None:
        return self._read(READ_ALL, conversation_id)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Appends the events that came since the tracker was read.

        Raises:
            StoreUnavailable: it is not certain that the events were written.
        """
        events = list(tracker.events)
        new = events[getattr(tracker, "stored_events", 0) :]
        if not new:
            return
        rows = [_row(tracker.sender_id, event) for event in new]
        try:
            with self._cursor() as cursor:
                execute_values(cursor, WRITE, rows, page_size=len(rows))
        except psycopg2.Error as error:
            self._disconnect()
            raise StoreUnavailable("cannot write the conversation") from error
        tracker.stored_events = len(events)

    async def keys(self) -> Iterable[str]:
        with self._cursor() as cursor:
            cursor.execute("select distinct sender_id from events")
            return [sender for (sender,) in cursor.fetchall()]

    def check(self) -> None:
        """Asks the database for a sign of life.

        Raises:
            StoreUnavailable: it does not answer, or our table is not there.
        """
        self._fetch("select 1 from events limit 1", {})

    def close(self) -> None:
        self._disconnect()

    def _read(self, query: str, sender_id: str) -> DialogueStateTracker | None:
        rows = self._fetch(query, {"sender": sender_id})
        if not rows:
            return None
        events = [json.loads(data) for (data,) in rows]
        tracker = DialogueStateTracker.from_dict(sender_id, events, self.domain.slots)
        tracker.stored_events = len(tracker.events)
        return tracker

    def _fetch(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Runs a read; a connection that died since the last turn (database restarted) is replaced once."""
        for last_try in (False, True):
            try:
                with self._cursor() as cursor:
                    cursor.execute(query, values)
                    return list(cursor.fetchall())
            except psycopg2.Error as error:
                self._disconnect()
                if last_try:
                    raise StoreUnavailable("cannot read the conversation") from error
        raise AssertionError("unreachable")

    def _cursor(self) -> Any:
        if self._connection is None or self._connection.closed:
            # A lost turn of a conversation is asked again; money is recorded elsewhere. So a turn does not wait for
            # the disk.
            options = "-c statement_timeout=3000 -c synchronous_commit=off"
            self._connection = psycopg2.connect(self._url, connect_timeout=3, options=options)
            self._connection.autocommit = True
        return self._connection.cursor()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.closed:
            connection.close()

    def _prepare(self, timeout_s: float) -> None:
        """Makes table and indexes; waits up to `timeout_s` for a database that is still starting."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with self._cursor() as cursor:
                    cursor.execute("begin; select pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
                    cursor.execute(SCHEMA)
                    cursor.execute("commit")
                return
            except psycopg2.OperationalError as error:
                self._disconnect()
                if time.monotonic() > deadline:
                    raise StoreUnavailable(f"no answer from the database for {timeout_s:.0f} s: {error}") from error
                logger.warning("Waiting for the database: %s", str(error).strip())
                time.sleep(0.5)


def _row(sender_id: str, event: Event) -> tuple[Any, ...]:
    data = event.as_dict()
    intent = data.get("parse_data", {}).get("intent", {}).get("name")
    return sender_id, event.type_name, data.get("timestamp"), intent, data.get("name"), json.dumps(data)
