"""`python -m worker`: runs jobs until told to stop, and stops by itself when it can no longer hear of new ones."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import psycopg
from procrastinate import App
from procrastinate.exceptions import ConnectorException

from billing.config import get_settings
from billing.outbox import worker_app
from worker.tasks import CONCURRENCY, context, tasks

log = logging.getLogger("worker")
STALLED_AFTER_S = 30.0  # no heartbeat for so long: the worker that had the job is dead
LOOK_S = 0.5  # a NOTIFY wakes us at once for a new job; nothing tells of a lock that got free
NICENESS = 5  # whoever waits for an answer goes first, where the cores are few
PULSE_S = 2.0  # between two looks at whether PostgreSQL is still there


async def run() -> int:
    os.nice(NICENESS)
    settings = get_settings()
    app = worker_app(settings.database_url)
    app.add_tasks_from(tasks, namespace="")
    context()
    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=CONCURRENCY,
                fetch_job_polling_interval=LOOK_S,
                delete_jobs="successful",
                shutdown_graceful_timeout=5,
                stalled_worker_timeout=STALLED_AFTER_S,
            )
        )
        helpers = [asyncio.create_task(watch(settings.database_url)), asyncio.create_task(revive(app))]
        done, _ = await asyncio.wait([worker, *helpers], return_when=asyncio.FIRST_COMPLETED)
        for task in helpers:
            task.cancel()
        if worker in done:
            await worker
            return 0
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
        return 1


async def watch(database_url: str) -> None:
    """Returns when PostgreSQL was lost: the job engine would go on without hearing its NOTIFYs, and say nothing."""
    try:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            while True:
                await connection.execute("select 1")
                await asyncio.sleep(PULSE_S)
    except psycopg.OperationalError as error:
        log.error("lost the database, starting anew: %s", error)


async def revive(app: App) -> None:
    """Gives the jobs of dead workers to living ones."""
    while True:
        try:
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
                await app.job_manager.retry_job(job)
        except ConnectorException as error:
            log.warning("cannot look for stalled jobs: %s", error)
        await asyncio.sleep(STALLED_AFTER_S / 2)


if __name__ == "__main__":
    logging.basicConfig(level=get_settings().log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Arguments of jobs and addresses of objects are nobody's at INFO.
    for chatty in ("procrastinate", "httpx", "stripe"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    sys.exit(asyncio.run(run()))
