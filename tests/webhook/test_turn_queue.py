"""Turns of a conversation go one at a time, in order, over several processes; nothing that dies blocks for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from datetime import timedelta
from itertools import pairwise
from typing import Any

from flask import Flask
from sqlalchemy import func, select, text, update
from werkzeug.test import TestResponse

from assistant.dialogue.turn_queue import LONGEST_QUEUE
from assistant.models import ChatTurn
from billing.database import SessionFactory
from tests.support.customers import until
from tests.support.fake_bot import FakeBot, Thinking, says
from tests.webhook.conftest import Customer, RunningClock, answer_of, at, error_of


def slow(bot: FakeBot, seconds: float) -> None:
    bot.answer = thinking = Thinking(seconds)
    thinking.over()


def send_in_order(
    senders: list[Customer], texts: list[str], bot: FakeBot, sessions: SessionFactory
) -> list[dict[str, Any]]:
    """Each is sent when the one before has its place in the queue, and none is answered before all have."""
    bot.answer = thinking = Thinking(0.1)
    with ThreadPoolExecutor(len(texts)) as pool:
        futures: list[Future[TestResponse]] = []
        try:
            for sender, said in zip(senders, texts, strict=True):
                futures.append(pool.submit(sender.send, id=said, text=said))
                until(lambda: turns(sessions) == len(futures), 60, lambda: f"{turns(sessions)} of {len(futures)} wait")
        finally:
            thinking.over()
        return [answer_of(future.result()) for future in futures]


def turns(sessions: SessionFactory) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(ChatTurn)) or 0


def test_two_turns_of_one_sender_keep_their_order(maya: Customer, bot: FakeBot, sessions: SessionFactory) -> None:
    answers = send_in_order([maya] * 3, ["one", "two", "three"], bot, sessions)
    assert bot.texts == ["one", "two", "three"]
    assert [a["messages"][0]["text"] for a in answers] == ["You said one", "You said two", "You said three"]
    assert_one_at_a_time(bot)


def assert_one_at_a_time(bot: FakeBot) -> None:
    spans = sorted((began, ended) for _, began, ended in bot.spans)
    for (_, ended), (began, _) in pairwise(spans):
        assert began >= ended


def test_order_holds_over_two_edge_processes(
    maya: Customer, bot: FakeBot, make_app: Callable[..., Flask], sessions: SessionFactory
) -> None:
    other = at(make_app(), maya)
    send_in_order([maya, other, maya, other], ["one", "two", "three", "four"], bot, sessions)
    assert bot.texts == ["one", "two", "three", "four"]
    assert_one_at_a_time(bot)


def test_conversations_do_not_wait_for_each_other(sign_in: Callable[..., Customer], bot: FakeBot) -> None:
    together = threading.Barrier(3, timeout=15)

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        together.wait()
        return says("all here")

    bot.answer = answer
    customers = [sign_in() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(c.send, id="m", text="hi") for c in customers]:
            assert answer_of(future.result())["messages"][0]["text"] == "all here"


def test_repeat_in_flight_waits_and_answers_the_same(
    maya: Customer, bot: FakeBot, make_app: Callable[..., Flask]
) -> None:
    bot.answer = thinking = Thinking()
    other = at(make_app(), maya)
    with ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(maya.send, id="same", text="same")]
        until(lambda: bot.texts == ["same"], 60, lambda: "the bot was not asked")
        sent += [pool.submit(sender.send, id="same", text="same") for sender in (maya, other)]
        wait(sent, 0.3)  # none is answered so soon
        thinking.over()
        answers = [answer_of(future.result()) for future in sent]
    assert bot.texts == ["same"]
    assert answers[0] == answers[1] == answers[2]


def test_simultaneous_repeats_are_asked_once(maya: Customer, bot: FakeBot, make_app: Callable[..., Flask]) -> None:
    slow(bot, 0.1)
    senders = [maya, at(make_app(), maya)] * 4
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda sender: answer_of(sender.send(id="m", text="yes")), senders))
    assert bot.texts == ["yes"]
    assert all(answer == answers[0] for answer in answers)


def test_queue_of_one_conversation_is_short(maya: Customer, bot: FakeBot) -> None:
    bot.answer = thinking = Thinking()
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(maya.send, id=f"m{n}", text=f"m{n}") for n in range(8)]
        answered = as_completed(sent, 60)
        refused = [error_of(next(answered).result()) for _ in range(8 - LONGEST_QUEUE)]
        thinking.over()
        assert refused == [(429, "too_many_turns")] * len(refused)
        assert [future.result().status_code for future in sent].count(200) == LONGEST_QUEUE


def test_turn_that_was_refused_can_be_sent_again(
    make_app: Callable[..., Flask], sign_in: Callable[..., Customer], bot: FakeBot
) -> None:
    app = make_app(turn_limit=1)
    one, other = sign_in(client=app.test_client()), sign_in(client=app.test_client())
    bot.answer = thinking = Thinking()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.send, id="a", text="first")
        until(lambda: bot.texts == ["first"], 60, lambda: "the bot was not asked")
        busy = other.send(id="b", text="second")
        assert error_of(busy) == (503, "busy")
        assert int(busy.headers["Retry-After"]) > 0
        thinking.over()
        answer_of(first.result())
    assert answer_of(other.send(id="b", text="second"))["messages"][0]["text"] == "You said second"


def test_turn_of_an_edge_that_died_blocks_only_for_its_lease(
    maya: Customer, hasty: Customer, sessions: SessionFactory, clock: RunningClock
) -> None:
    maya.says("before")
    with sessions.begin() as session:  # as if the process had been killed before it stored the answer
        session.execute(text("update chat_turns set answer = null, answered_at = null"))
    assert error_of(hasty.send(id="next", text="next")) == (503, "busy")
    clock.forward(seconds=30)
    assert maya.says("later")["messages"][0]["text"] == "You said later"


def test_turn_of_an_edge_that_died_is_taken_up_by_its_repeat(
    maya: Customer, bot: FakeBot, sessions: SessionFactory, clock: RunningClock
) -> None:
    answer_of(maya.send(id="lost", text="pay"))
    with sessions.begin() as session:
        session.execute(text("update chat_turns set answer = null, answered_at = null"))
    clock.forward(seconds=30)
    assert answer_of(maya.send(id="lost", text="pay"))["messages"][0]["text"] == "You said pay"
    assert bot.texts == ["pay", "pay"]


def test_no_connection_is_held_while_the_bot_thinks(maya: Customer, bot: FakeBot, sessions: SessionFactory) -> None:
    open_transactions = []

    def look(_: dict[str, Any]) -> dict[str, Any]:
        with sessions() as session:
            open_transactions.append(
                session.scalar(
                    text(
                        "select count(*) from pg_stat_activity where datname = current_database()"
                        " and pid <> pg_backend_pid() and state like 'idle in transaction%'"
                    )
                )
            )
            open_transactions.append(session.scalar(text("select count(*) from pg_locks where locktype = 'advisory'")))
        return says("hm")

    bot.answer = look
    maya.says("think")
    assert open_transactions == [0, 0]


def test_waiting_turn_is_no_stale_turn(maya: Customer, sessions: SessionFactory, clock: RunningClock) -> None:
    """A turn's lease runs from when it goes ahead, not from when it queued up."""
    maya.says("one")
    with sessions.begin() as session:
        session.execute(update(ChatTurn).values(answered_at=None, started_at=clock() - timedelta(seconds=27.8)))
    maya.says("two")  # waits until the first one's lease of 28 s is over
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(ChatTurn)) == 2
