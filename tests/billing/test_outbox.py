"""Jobs of one lock, run by a real worker: one after the other, also while one of them is tried again."""

from __future__ import annotations

import asyncio
import time

import pytest
from procrastinate import Blueprint, RetryStrategy

from billing.database import SessionFactory
from billing.outbox import defer, worker_app


@pytest.mark.parametrize("tries", [1, 2])
def test_a_job_that_is_tried_again_keeps_those_behind_it_waiting(
    sessions: SessionFactory, database_url: str, tries: int
) -> None:
    ran: list[str] = []
    tasks = Blueprint()

    @tasks.task(name="note", retry=RetryStrategy(max_attempts=5, wait=1))
    def note(what: str, fails: int) -> None:
        ran.append(what)
        if ran.count(what) <= fails:
            raise RuntimeError(what)

    app = worker_app(database_url)
    app.add_tasks_from(tasks, namespace="")

    async def work() -> None:
        async with app.open_async():
            await app.run_worker_async(wait=False, concurrency=4, install_signal_handlers=False)

    with sessions.begin() as session:
        defer(session, "note", lock="one", what="first", fails=tries)
        defer(session, "note", lock="one", what="second", fails=0)
        defer(session, "note", lock="other", what="elsewhere", fails=0)
        defer(session, "note", what="without a lock", fails=0)
    asyncio.run(work())
    assert sorted(ran) == ["elsewhere", "first", "without a lock"]
    while "second" not in ran:
        time.sleep(0.2)
        asyncio.run(work())
    assert [what for what in ran if what in ("first", "second")] == ["first"] * (tries + 1) + ["second"]


def test_jobs_of_one_lock_run_in_the_order_in_which_they_were_queued(
    sessions: SessionFactory, database_url: str
) -> None:
    ran: list[int] = []
    tasks = Blueprint()

    @tasks.task(name="note")
    def note(number: int) -> None:
        time.sleep(0.05 if number == 0 else 0)
        ran.append(number)

    app = worker_app(database_url)
    app.add_tasks_from(tasks, namespace="")

    async def work() -> None:
        async with app.open_async():
            await app.run_worker_async(wait=False, concurrency=4, install_signal_handlers=False)

    for number in range(8):
        with sessions.begin() as session:
            defer(session, "note", lock="one", number=number)
    while len(ran) < 8:
        asyncio.run(work())
    assert ran == list(range(8))
