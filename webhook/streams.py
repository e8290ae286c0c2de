"""Event streams: what arrives outside a turn, written to a table first, sent as server-sent events.

One thread a process LISTENs and wakes the streams that a notification concerns; a stream always reads the table from
the last event it sent, so that nothing is lost when the notification is.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

import psycopg
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from assistant.delivery.push import CHANNEL
from assistant.models import ChatEvent, ChatSession
from billing.context import Context
from webhook.errors import Refused
from webhook.log import log
from webhook.metrics import Metrics

STREAMS_PER_CONVERSATION = 6  # a browser opens no more to one host
RECONNECT_S = 1.0
LISTEN_WAIT_S = 2.0  # how long the listener waits before it looks whether it should end
LISTENER = "remit-edge-listener"  # its name in pg_stat_activity
AT_ONCE = 200  # events read from the table in one go


class Stream:
    """One client's stream. Its own thread reads and writes; others only wake it."""

    def __init__(self, sender: str) -> None:
        self.sender = sender
        self.wake = threading.Event()
        self.ended = False


class Streams:
    def __init__(self, context: Context, metrics: Metrics) -> None:
        self._context, self._metrics = context, metrics
        self._streams: dict[str, set[Stream]] = defaultdict(set)
        self._count = 0
        self._lock = threading.Lock()
        self._listener: threading.Thread | None = None
        self._closing = threading.Event()

    def open(self, sender: str) -> Stream:
        """Takes a place among the streams. Raises Refused: streams_full, too_many_requests."""
        with self._lock:
            if self._count >= self._context.settings.stream_limit or self._closing.is_set():
                raise Refused("streams_full")
            if len(self._streams[sender]) >= STREAMS_PER_CONVERSATION:
                raise Refused("too_many_requests", retry_after_s=5)
            stream = Stream(sender)
            self._streams[sender].add(stream)
            self._count += 1
            self._metrics.streams.set(self._count)
            if self._listener is None:  # not before: a server may fork after the app is made
                self._listener = threading.Thread(target=self._listen, name="chat-events", daemon=True)
                self._listener.start()
        return stream

    def leave(self, stream: Stream) -> None:
        with self._lock:
            others = self._streams.get(stream.sender, set())
            if stream in others:
                others.discard(stream)
                self._count -= 1
            if not others:
                self._streams.pop(stream.sender, None)
            self._metrics.streams.set(self._count)

    def run(self, stream: Stream, last_id: int) -> Iterator[str]:
        """Events after `last_id`, then those that come; a comment when nothing does, which is how a departed client
        is noticed. Ends with the session, whose streams do not keep it alive."""
        try:
            yield "retry: 2000\n\n"
            while not stream.ended:
                stream.wake.clear()
                for event in self._after(stream.sender, last_id):
                    last_id = event.id
                    yield as_text(event)
                    self._metrics.events_sent.inc()
                if stream.wake.wait(self._context.settings.stream_heartbeat_s):
                    continue
                if self._over(stream.sender):
                    yield "event: session_expired\ndata: {}\n\n"
                    return
                yield ": still here\n\n"
        except SQLAlchemyError as error:  # the client comes back with the last id it saw, and so may the database
            log.warning("stream_ended", error=type(error).__name__)
        finally:
            self.leave(stream)

    def close(self) -> None:
        """Ends all streams; their clients come back with the id of the last event they saw."""
        self._closing.set()
        self._wake(None, end=True)

    def _after(self, sender: str, last_id: int) -> list[ChatEvent]:
        with self._context.sessions() as session:
            return list(
                session.scalars(
                    select(ChatEvent)
                    .where(ChatEvent.sender == sender, ChatEvent.id > last_id)
                    .order_by(ChatEvent.id)
                    .limit(AT_ONCE)
                )
            )

    def _over(self, sender: str) -> bool:
        with self._context.sessions() as session:
            expires_at: datetime | None = session.scalar(
                select(ChatSession.expires_at).where(ChatSession.sender == sender)
            )
        return expires_at is None or expires_at <= self._context.now()

    # ------------------------------------------------------------------------------------------ the listener

    def _listen(self) -> None:
        engine: Engine = self._context.sessions.kw["bind"]
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._closing.is_set():
            try:
                with psycopg.connect(url, autocommit=True, application_name=LISTENER) as connection:
                    connection.execute(f"listen {CHANNEL}")
                    self._wake(None)  # what was notified while nobody listened is in the table
                    while not self._closing.is_set():
                        self._hear(connection)
            except psycopg.Error as error:
                log.warning("listener_lost", error=type(error).__name__)
                self._closing.wait(RECONNECT_S)

    def _hear(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        ids = [int(n.payload) for n in connection.notifies(timeout=LISTEN_WAIT_S, stop_after=1)]
        if not ids:
            connection.execute("select 1")  # a dead connection says so here, not never
            return
        for (sender,) in connection.execute("select distinct sender from chat_events where id = any(%s)", (ids,)):
            self._wake(str(sender))

    def _wake(self, sender: str | None, *, end: bool = False) -> None:
        with self._lock:
            groups = self._streams.values() if sender is None else [self._streams.get(sender, set())]
            chosen = [stream for group in groups for stream in group]
        for stream in chosen:
            stream.ended = stream.ended or end
            stream.wake.set()


def as_text(event: ChatEvent) -> str:
    """The event on the wire; JSON in ASCII keeps every kind of line break inside one `data:` line."""
    return f"id: {event.id}\nevent: {event.kind}\ndata: {json.dumps(event.payload)}\n\n"
