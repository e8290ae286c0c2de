"""One turn of a conversation at a time, in order of arrival, over any number of processes.

The stored turn is the place in the queue: rows of one sender are inserted under the session's row lock, so their ids
commit in order, and a turn goes ahead when no earlier one of its sender is unanswered. No lock and no connection is
held while the bot thinks. A process that dies in mid-turn blocks its sender only for the lease.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from assistant.dialogue.errors import TurnRefused
from assistant.identity import keep_alive
from assistant.models import ChatTurn
from billing.context import Context

LONGEST_QUEUE = 5  # unanswered turns of one conversation
POLL_S = 0.1  # for turns that another process answers; those of this one are signalled
LEASE_SLACK_S = 8.0  # beyond the bot's deadline: storing the answer, and a slow database

# Every turn runs these: built once, and on the table, since the mapper has nothing to add.
_turns = cast("Table", ChatTurn.__table__)
_STORE = (
    insert(_turns)
    .values({name: bindparam(name) for name in ("sender", "message_id", "said", "started_at")})
    .on_conflict_do_nothing()
    .returning(_turns.c.id)
)
_ANSWER = (
    update(_turns)
    .where(_turns.c.id == bindparam("turn"))
    .values(answer=bindparam("the_answer"), answered_at=bindparam("now"))
)
_UNDER_WAY = select(func.count()).where(
    _turns.c.sender == bindparam("sender"),
    _turns.c.id < bindparam("before"),
    _turns.c.answered_at.is_(None),
    _turns.c.started_at >= bindparam("since"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A stored turn. `ours`: this request answers it; otherwise it repeats one that has been or is being answered."""

    turn_id: int
    ours: bool
    alone: bool  # nothing of this sender was under way, so it may go ahead at once
    answer: dict[str, Any] | None


class TurnQueue:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._patience_s = context.settings.turn_timeout_s + 1
        self._lease = timedelta(seconds=context.settings.turn_timeout_s + LEASE_SLACK_S)
        self._answered = threading.Condition()

    def enter(self, session: Session, sender: str, message_id: str, said: str, now: datetime) -> Place:
        """Stores the turn and keeps the session alive, in the caller's transaction.

        Raises TurnRefused: message_id_reused (for other words), too_many_turns.
        """
        settings = self._context.settings
        keep_alive(session, sender, now, ttl_s=settings.chat_session_ttl_s)  # also the lock that keeps ids in order
        turn_id = self._store(session, sender, message_id, said, now)
        if turn_id is None:
            known = session.scalars(
                select(ChatTurn).where(ChatTurn.sender == sender, ChatTurn.message_id == message_id)
            ).one()
            if known.said != said:
                raise TurnRefused("message_id_reused")
            if known.answer is not None or known.started_at >= now - self._lease:
                return Place(known.id, ours=False, alone=False, answer=known.answer)
            session.delete(known)  # whoever was answering it is gone: it is taken up again, at the end of the queue
            session.flush()
            turn_id = self._store(session, sender, message_id, said, now) or 0
        earlier = self._under_way(session, sender, now, before=turn_id)
        if earlier >= LONGEST_QUEUE:
            raise TurnRefused("too_many_turns")
        return Place(turn_id, ours=True, alone=earlier == 0, answer=None)

    def _store(self, session: Session, sender: str, message_id: str, said: str, now: datetime) -> int | None:
        """The new turn's id; None if this message id had a turn already."""
        turn = {"sender": sender, "message_id": message_id, "said": said, "started_at": now}
        return cast("int | None", session.scalar(_STORE, turn))

    def wait_for_turn(self, sender: str, place: Place) -> None:
        """Returns when every earlier turn of the sender is answered. Raises TurnRefused(busy) and forgets the turn."""

        def first() -> bool:
            with self._context.sessions.begin() as session:
                now = self._context.now()
                if self._under_way(session, sender, now, before=place.turn_id):
                    return False
                session.execute(update(ChatTurn).where(ChatTurn.id == place.turn_id).values(started_at=now))
                return True

        if not place.alone and not self._wait(first):
            self.forget(place)
            raise TurnRefused("busy")

    def wait_for_answer(self, place: Place) -> dict[str, Any]:
        """The answer of a repeat whose first request is still at work. Raises TurnRefused(busy) in the end."""
        found: list[dict[str, Any]] = [] if place.answer is None else [place.answer]

        def answered() -> bool:
            with self._context.sessions() as session:
                answer = session.scalar(select(ChatTurn.answer).where(ChatTurn.id == place.turn_id))
            found.extend([] if answer is None else [answer])
            return bool(found)

        if not found and not self._wait(answered):
            raise TurnRefused("busy")
        return found[0]

    def answer(self, session: Session, place: Place, answer: dict[str, Any], now: datetime) -> None:
        session.execute(_ANSWER, {"turn": place.turn_id, "the_answer": answer, "now": now})

    def forget(self, place: Place) -> None:
        """A turn that came to nothing: the same message id can be sent again."""
        with self._context.sessions.begin() as session:
            session.execute(delete(ChatTurn).where(ChatTurn.id == place.turn_id, ChatTurn.answered_at.is_(None)))
        self.signal()

    def signal(self) -> None:
        """Wakes the requests of this process that wait for an answer to be stored."""
        with self._answered:
            self._answered.notify_all()

    def _wait(self, done: Any) -> bool:
        deadline = time.monotonic() + self._patience_s
        while not done():
            if time.monotonic() > deadline:
                return False
            with self._answered:
                self._answered.wait(POLL_S)
        return True

    def _under_way(self, session: Session, sender: str, now: datetime, *, before: int) -> int:
        """How many earlier turns of the sender are being answered, or wait for it."""
        asked = {"sender": sender, "before": before, "since": now - self._lease}
        return session.scalar(_UNDER_WAY, asked) or 0
