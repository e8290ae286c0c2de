"""Events: written in the transaction of what they tell, delivered afterwards (delivery.py)."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.bank.errors import invalid
from sandbox.bank.ids import new_id
from sandbox.database import Transaction, all_of, run

MOST = {"repeat": 20, "lose": 1.0, "delay_s": 3600.0, "shuffle_s": 3600.0}


@dataclass(frozen=True)
class Mode:
    """How badly the events of the future travel. `lose` is a probability, the times are seconds."""

    repeat: int = 0  # extra deliveries of every event
    lose: float = 0.0
    delay_s: float = 0.0
    shuffle_s: float = 0.0  # every delivery waits a random part of this on top
    hold: bool = False  # until released, in the order asked for then


@dataclass
class Post:
    """The mode of the moment, and the bell that wakes the delivery."""

    bell: threading.Event = field(default_factory=threading.Event)
    mode: Mode = field(default_factory=Mode)
    chance: random.Random = field(default_factory=random.Random)

    def set_mode(self, wanted: dict[str, Any]) -> Mode:
        """Raises BankError for what is no mode. `seed` makes losses and shuffles repeatable."""
        wanted = dict(wanted)
        seed = wanted.pop("seed", None)
        values: dict[str, Any] = {}
        for name, value in wanted.items():
            if name == "hold" and isinstance(value, bool):
                values[name] = value
                continue
            numbers = int if name == "repeat" else (int, float)
            if isinstance(value, bool) or not isinstance(value, numbers) or not 0 <= value <= MOST.get(name, -1):
                raise invalid(f"{name}: not a mode of delivery, or out of its bounds")
            values[name] = value
        if seed is not None:
            self.chance.seed(str(seed))
        self.mode = replace(Mode(), **values)
        return self.mode


def record(tx: Transaction, post: Post, type_: str, object_: dict[str, Any], payment_id: str | None) -> str:
    """Writes the event and its deliveries. The caller rings `post.bell` after its commit."""
    event_id = new_id("evt")
    event = {"id": event_id, "object": "event", "type": type_, "created": int(time.time()), "data": {"object": object_}}
    body = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    run(
        tx,
        "insert into events (id, type, payment_id, body) values (%s, %s, %s, %s)",
        *(event_id, type_, payment_id, body),
    )
    for _ in range(1 + post.mode.repeat):
        _schedule(tx, post, event_id)
    return event_id


def repeat(tx: Transaction, event_id: str, times: int) -> None:
    """Delivers an event again, at once, whatever the mode."""
    for _ in range(times):
        run(tx, "insert into deliveries (event_id, state, due_at) values (%s, 'waiting', now())", event_id)


def release(tx: Transaction, post: Post, order: str, seed: object) -> int:
    """Lets the held deliveries go, one after the other, in `order`: in_order, reverse or shuffle."""
    held = [row["id"] for row in all_of(tx, "select id from deliveries where state = 'held' order by id for update")]
    if order == "reverse":
        held.reverse()
    elif order == "shuffle":
        (random.Random(str(seed)) if seed is not None else post.chance).shuffle(held)  # noqa: S311 not for secrets
    elif order != "in_order":
        raise invalid("order: in_order, reverse or shuffle")
    for place, delivery_id in enumerate(held):
        run(
            tx,
            "update deliveries set state = 'waiting', due_at = now() + %s * interval '1 second' where id = %s",
            *(place * 0.05, delivery_id),  # far enough apart to arrive in this order
        )
    return len(held)


def _schedule(tx: Transaction, post: Post, event_id: str) -> None:
    mode = post.mode
    state = "lost" if post.chance.random() < mode.lose else "held" if mode.hold else "waiting"
    wait_s = mode.delay_s + post.chance.random() * mode.shuffle_s
    run(
        tx,
        "insert into deliveries (event_id, state, due_at) values (%s, %s, now() + %s * interval '1 second')",
        *(event_id, state, wait_s),
    )
