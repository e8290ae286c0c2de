"""An empty database for a sandbox: it makes its own tables."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from remit.postgres import EmbeddedPostgres
from tests.conftest import PASSWORD


@contextmanager
def empty_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    name = f"sandbox_{secrets.token_hex(4)}"
    with psycopg.connect(postgres.url("postgres", PASSWORD, "postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield postgres.url("postgres", PASSWORD, name)
        connection.execute(f"drop database {name} with (force)")
