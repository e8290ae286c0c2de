"""The sandbox's own tables: plain SQL over a small pool, in the schema `sandbox`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

SCHEMA = Path(__file__).with_name("schema.sql")
START_LOCK = 7_233_100  # advisory: two starts at once must not both make the tables
# Children before parents.
TABLES = (
    *("text_steps", "texts", "phones", "verifications"),
    *("mails", "deliveries", "events", "idempotency_keys", "plans", "disputes", "refunds"),
    *("payments", "methods", "tokens", "customers"),
)

Transaction = Connection[DictRow]
Row = dict[str, Any]


class Database:
    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self._pool: ConnectionPool[Transaction] = ConnectionPool(
            url,
            min_size=1,
            max_size=pool_size,
            kwargs={"row_factory": dict_row, "options": "-c search_path=sandbox"},
            check=ConnectionPool.check_connection,
            open=True,
        )

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commits at the end of the block, rolls back when it raises."""
        with self._pool.connection(timeout=10) as connection:
            yield connection

    def create_tables(self) -> None:
        with self.transaction() as tx:
            tx.execute("select pg_advisory_xact_lock(%s)", [START_LOCK])
            # `create schema if not exists` asks for the right to create one even where it is there already.
            if not tx.execute("select 1 from pg_namespace where nspname = 'sandbox'").fetchone():
                tx.execute("create schema sandbox")
            schema = SCHEMA.read_text("utf-8")
            digest = hashlib.sha256(schema.encode()).hexdigest()
            if _made_by(tx) != digest:
                tx.execute(f"drop table if exists made_by, {', '.join(TABLES)} cascade")
                tx.execute(schema)
                tx.execute("insert into made_by (digest) values (%s)", [digest])

    def wipe(self, tx: Transaction) -> None:
        """Deletes rather than truncates: whoever reads meanwhile waits for nothing and is in nobody's way."""
        for table in TABLES:
            tx.execute(f"delete from {table}")  # noqa: S608 our own names


def _made_by(tx: Transaction) -> str | None:
    """Which version of schema.sql made the tables; None for none, or one that did not say."""
    if tx.execute("select to_regclass('sandbox.made_by') as made").fetchone() == {"made": None}:
        return None
    row = tx.execute("select digest from made_by").fetchone()
    return None if row is None else str(row["digest"])


def one(tx: Transaction, query: str, *values: object) -> Row | None:
    """The first row of `query`, or None."""
    return tx.execute(query, values).fetchone()


def all_of(tx: Transaction, query: str, *values: object) -> list[Row]:
    return tx.execute(query, values).fetchall()


def run(tx: Transaction, query: str, *values: object) -> None:
    tx.execute(query, values)
