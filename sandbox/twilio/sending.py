"""A text on its way to a phone: queued, sent, delivered or not, and what is told of each step."""

from __future__ import annotations

import random
from dataclasses import replace

from sandbox.bank.events import Mode, Post
from sandbox.database import Row, Transaction, all_of, run
from sandbox.twilio import phones, texts
from sandbox.twilio.errors import OPTED_OUT

SENT_AFTER_S, DELIVERED_AFTER_S = 0.1, 0.25
RELEASED_APART_S = 0.05  # far enough apart to arrive in this order


def send(tx: Transaction, callbacks: Post, text: texts.Text) -> Row:
    """Writes the text and its steps down. The caller rings `callbacks.bell` after its commit."""
    added = texts.add(tx, text)
    fails_with = phones.behaviour(tx, text.phone)["fails_with"]
    last = "delivered" if fails_with is None else "undelivered"
    for status, after_s, error_code in (
        ("queued", 0.0, None),
        ("sent", SENT_AFTER_S, None),
        (last, DELIVERED_AFTER_S, fails_with),
    ):
        _plan(tx, added["id"], status, error_code, "change", after_s)
        if text.status_callback:
            _plan_callbacks(tx, callbacks, added["id"], status, error_code, after_s)
    return added


def reply(tx: Transaction, callbacks: Post, text: texts.Text) -> None:
    """As `send`, for an answer of TwiML: nobody is there to hear that the phone wants no texts."""
    if phones.behaviour(tx, text.phone)["opted_out"]:
        texts.add(tx, replace(text, status="failed", error_code=OPTED_OUT))
    else:
        send(tx, callbacks, text)


def release(tx: Transaction, chance: random.Random, order: str) -> int:
    """Lets the held callbacks go, one after the other, in `order`."""
    held = [row["id"] for row in all_of(tx, "select id from text_steps where state = 'held' order by id for update")]
    for place, step_id in enumerate(in_order(held, order, chance)):
        run(
            tx,
            "update text_steps set state = 'waiting', due_at = now() + %s * interval '1 second' where id = %s",
            *(place * RELEASED_APART_S, step_id),
        )
    return len(held)


def in_order(held: list[int], order: str, chance: random.Random) -> list[int]:
    """`order` is in_order, reverse or shuffle."""
    if order == "shuffle":
        return chance.sample(held, len(held))
    return held[::-1] if order == "reverse" else held


def _plan_callbacks(
    tx: Transaction, callbacks: Post, text_id: int, status: str, error_code: int | None, after_s: float
) -> None:
    mode: Mode = callbacks.mode
    for _ in range(1 + mode.repeat):
        if callbacks.chance.random() < mode.lose:
            continue
        wait_s = after_s + mode.delay_s + callbacks.chance.random() * mode.shuffle_s
        _plan(tx, text_id, status, error_code, "callback", wait_s, state="held" if mode.hold else "waiting")


def _plan(
    tx: Transaction,
    text_id: int,
    status: str,
    error_code: int | None,
    kind: str,
    after_s: float,
    state: str = "waiting",
) -> None:
    run(
        tx,
        "insert into text_steps (text_id, kind, status, error_code, state, due_at)"
        " values (%s, %s, %s, %s, %s, now() + %s * interval '1 second')",
        *(text_id, kind, status, error_code, state, after_s),
    )
