"""Work for later, committed with the change that asks for it. The only module that knows the job engine.

Jobs are deferred by name; worker/tasks.py says what they do. Every one can run twice: money depends on none of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from sqlalchemy.orm import Session

_deferring = App(connector=SyncPsycopgConnector())  # never opened: every job rides on the caller's own connection


def defer(
    session: Session,
    task: str,
    *,
    at: datetime | None = None,
    priority: int = 0,
    lock: str | None = None,
    **arguments: str | int | None,
) -> None:
    """Queues `task` in the session's transaction (a rollback takes it along), to run now or at `at`.

    Jobs of one `lock` run one after the other, in the order in which they were queued; one that is tried again keeps
    those behind it waiting.
    """
    session.flush()
    connection = cast("psycopg.Connection[object]", session.connection().connection.driver_connection)
    job = _deferring.configure_task(task, schedule_at=at, priority=priority, lock=lock, connection=connection)
    job.defer(**arguments)


def defer_sql(task: str, *, at: str, priority: str, **arguments: str) -> str:
    """The same inside a statement of the caller's: an SQL expression, made of SQL expressions."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in arguments.items())
    job = f"row('default', '{task}', {priority}, null, null, jsonb_build_object({pairs}), {at})"
    return f"procrastinate_defer_jobs_v1(array[{job}::procrastinate_job_to_defer_v1])"


def worker_app(database_url: str) -> App:
    """The engine for the worker process, on a connection pool of its own."""
    return App(connector=PsycopgConnector(conninfo=database_url), import_paths=["worker.tasks"])
