"""What arrives outside a turn reaches every stream of its conversation, in order, also after a break."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from assistant.delivery.push import push
from assistant.models import ChatEvent
from billing.database import SessionFactory
from tests.support.customers import until
from tests.support.fake_bot import FakeBot
from tests.webhook.conftest import Customer, RunningClock, error_of
from webhook.streams import LISTENER


class Reader:
    """Reads one event stream in a thread of its own, as a browser does."""

    def __init__(self, response: TestResponse) -> None:
        assert response.status_code == 200, response.get_data(as_text=True)
        assert response.mimetype == "text/event-stream"
        self.response = response
        self.blocks: list[str] = []
        self.done = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for chunk in self.response.iter_encoded():
            self.blocks += [block for block in chunk.decode().split("\n\n") if block]
            if self._stop:
                break
        self.done.set()

    def leave(self) -> None:
        """Goes away, which a server notices at its next write."""
        self._stop = True
        self._thread.join(60)
        self.response.close()

    @property
    def events(self) -> list[tuple[int, str, Any]]:
        found = []
        for block in list(self.blocks):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if "id" in fields:
                found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
        return found

    def wait_for(self, count: int, seconds: float = 60) -> list[tuple[int, str, Any]]:
        deadline = time.monotonic() + seconds
        while len(self.events) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.events

    def texts(self, count: int) -> list[str]:
        return [payload["text"] for _, _, payload in self.wait_for(count)]


Open = Callable[..., Reader]


@pytest.fixture
def listen() -> Iterator[Open]:
    readers: list[Reader] = []

    def open_stream(customer: Customer, last_id: int | None = None, client: FlaskClient | None = None) -> Reader:
        headers = customer.headers | ({"Last-Event-ID": str(last_id)} if last_id is not None else {})
        reader = Reader((client or customer.client).get("/api/chat/events", headers=headers))
        readers.append(reader)
        return reader

    yield open_stream
    for reader in readers:
        reader.leave()


@pytest.fixture
def sender(maya: Customer, bot: FakeBot) -> str:
    maya.says("hello")
    return str(bot.turns[-1]["sender"])


def tell(sessions: SessionFactory, sender: str, said: str, **more: Any) -> int | None:
    with sessions.begin() as session:
        return push(session, sender, "message", {"text": said}, **more)


def test_event_reaches_an_open_stream_at_once(
    maya: Customer, sender: str, sessions: SessionFactory, listen: Open, make_app: Callable[..., Flask]
) -> None:
    """Long before it looks by itself."""
    app = make_app(stream_heartbeat_s=1000)
    stream = listen(maya, client=app.test_client())
    until(lambda: listeners(sessions) == 1, 60, lambda: "nobody listens")
    tell(sessions, sender, "paid")
    assert stream.texts(1) == ["paid"]
    app.extensions["remit"].streams.close()


def listeners(sessions: SessionFactory) -> int:
    query = (
        "select count(*) from pg_stat_activity where application_name = :name and datname = current_database()"
        " and state = 'idle' and query ilike 'listen%'"
    )
    with sessions() as session:
        return int(session.execute(text(query), {"name": LISTENER}).scalar_one())


def test_every_stream_of_the_conversation_hears_it_and_no_other(
    maya: Customer, sign_in: Callable[..., Customer], sender: str, sessions: SessionFactory, listen: Open
) -> None:
    mine, mine_too, foreign = listen(maya), listen(maya), listen(sign_in())
    tell(sessions, sender, "paid")
    assert mine.texts(1) == mine_too.texts(1) == ["paid"]
    assert foreign.wait_for(1, seconds=0.3) == []


def test_stream_of_another_process_hears_it_too(
    maya: Customer, sender: str, sessions: SessionFactory, listen: Open, make_app: Callable[..., Flask]
) -> None:
    stream = listen(maya, client=make_app().test_client())
    tell(sessions, sender, "paid")
    assert stream.texts(1) == ["paid"]


def test_break_is_made_good_from_the_last_event_seen(
    maya: Customer, sender: str, sessions: SessionFactory, listen: Open
) -> None:
    ids = [tell(sessions, sender, said) for said in ("one", "two", "three")]
    assert listen(maya, last_id=ids[0]).texts(2) == ["two", "three"]
    assert listen(maya, last_id=ids[2]).wait_for(1, seconds=0.3) == []


def test_stream_without_a_last_event_begins_at_the_beginning(
    maya: Customer, sender: str, sessions: SessionFactory, listen: Open
) -> None:
    tell(sessions, sender, "before you came")
    assert listen(maya).texts(1) == ["before you came"]


def test_long_replay_comes_whole_and_in_order(
    maya: Customer, sender: str, sessions: SessionFactory, listen: Open
) -> None:
    with sessions.begin() as session:
        for n in range(450):
            push(session, sender, "message", {"text": str(n)})
    assert listen(maya).texts(450) == [str(n) for n in range(450)]


def test_events_pushed_at_once_keep_the_order_of_their_ids(
    maya: Customer, sender: str, sessions: SessionFactory, listen: Open
) -> None:
    """A stream that has sent 11 never asks for 10 again, so 10 must have been committed before."""
    stream = listen(maya)

    def one(n: int) -> None:
        with sessions.begin() as session:
            push(session, sender, "message", {"text": str(n)})
            time.sleep(0.002 * (n % 5))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(60)))
    events = stream.wait_for(60)
    assert len(events) == 60
    assert [e[0] for e in events] == sorted(e[0] for e in events)


def test_rolled_back_push_is_never_heard(maya: Customer, sender: str, sessions: SessionFactory, listen: Open) -> None:
    stream = listen(maya)
    with sessions() as session:
        push(session, sender, "message", {"text": "never"})
        session.rollback()
    tell(sessions, sender, "really")
    assert stream.texts(1) == ["really"]


def test_push_with_a_key_arrives_once(maya: Customer, sender: str, sessions: SessionFactory, listen: Open) -> None:
    assert tell(sessions, sender, "paid", key="payment:1:succeeded") is not None
    assert tell(sessions, sender, "paid", key="payment:1:succeeded") is None
    assert len(listen(maya).wait_for(2, seconds=0.3)) == 1


def test_buttons_of_a_pushed_message_work(
    maya: Customer, sender: str, sessions: SessionFactory, listen: Open, bot: FakeBot
) -> None:
    with sessions.begin() as session:
        buttons = [{"title": "Try again", "intent": "pay", "data": {"method": "7"}}]
        push(session, sender, "message", {"text": "Declined.", "buttons": buttons})
    ((_, kind, message),) = listen(maya).wait_for(1)
    assert kind == "message"
    assert set(message["buttons"][0]) == {"id", "title"}
    maya.presses(message["buttons"][0]["id"])
    assert bot.turns[-1]["button"] == {"intent": "pay", "data": {"method": "7"}}


def test_line_breaks_stay_inside_one_event(maya: Customer, sender: str, sessions: SessionFactory, listen: Open) -> None:
    tell(sessions, sender, "one\n\nid: 99\ndata: two\u2028three")
    assert listen(maya).texts(1) == ["one\n\nid: 99\ndata: two\u2028three"]


def test_quiet_stream_has_a_heartbeat(maya: Customer, listen: Open) -> None:
    stream = listen(maya)
    until(lambda: sum(block.startswith(":") for block in stream.blocks) >= 2, 60, lambda: f"{stream.blocks}")
    assert stream.response.headers["X-Accel-Buffering"] == "no"


def test_stream_needs_a_session(client: FlaskClient) -> None:
    assert error_of(client.get("/api/chat/events")) == (401, "unauthorized")
    headers = {"Authorization": "Bearer nobody"}
    assert error_of(client.get("/api/chat/events", headers=headers)) == (401, "session_unknown")


@pytest.mark.parametrize("last_id", ["-1", "1.5", "x", "9" * 30, "9" * 19, "１"])
def test_odd_last_event_id_is_refused(maya: Customer, last_id: str) -> None:
    headers = maya.headers | {"Last-Event-ID": last_id.encode().decode("latin-1")}
    assert error_of(maya.client.get("/api/chat/events", headers=headers)) == (422, "bad_field")


def test_stream_ends_with_its_session(maya: Customer, listen: Open, clock: RunningClock) -> None:
    stream = listen(maya)
    clock.forward(minutes=31)
    assert stream.done.wait(60)
    assert stream.blocks[-1].startswith("event: session_expired")


def test_places_are_limited_and_given_back(
    make_app: Callable[..., Flask], sign_in: Callable[..., Customer], listen: Open
) -> None:
    app = make_app(stream_limit=2)
    one, other = sign_in(client=app.test_client()), sign_in(client=app.test_client())
    first, _ = listen(one), listen(one)
    full = other.client.get("/api/chat/events", headers=other.headers)
    assert error_of(full) == (503, "streams_full")
    assert int(full.headers["Retry-After"]) > 0
    first.leave()
    listen(other)


def test_one_conversation_cannot_take_all_places(maya: Customer, listen: Open) -> None:
    streams = [listen(maya) for _ in range(6)]
    response = maya.client.get("/api/chat/events", headers=maya.headers)
    assert error_of(response) == (429, "too_many_requests")
    assert len(streams) == 6


def test_listener_comes_back_after_the_database_dropped_it(
    maya: Customer, sender: str, sessions: SessionFactory, listen: Open
) -> None:
    stream = listen(maya)
    tell(sessions, sender, "one")
    assert stream.texts(1) == ["one"]
    drop = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = :name and datname = current_database()"
    )
    with sessions.begin() as session:
        assert session.execute(text(drop), {"name": LISTENER}).all()
    tell(sessions, sender, "two")
    assert stream.texts(2) == ["one", "two"]


def test_closing_the_edge_ends_its_streams(app: Flask, maya: Customer, listen: Open) -> None:
    stream = listen(maya)
    app.extensions["remit"].streams.close()
    assert stream.done.wait(60)
    assert error_of(maya.client.get("/api/chat/events", headers=maya.headers)) == (503, "streams_full")


def test_event_is_written_before_it_is_told(sender: str, sessions: SessionFactory) -> None:
    event_id = tell(sessions, sender, "paid")
    with sessions() as session:
        assert session.get_one(ChatEvent, event_id).payload["text"] == "paid"
