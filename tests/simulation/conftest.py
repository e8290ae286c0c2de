"""Databases for as many processes as there are."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import psycopg
import pytest

from remit.postgres import EmbeddedPostgres
from tests.conftest import PASSWORD


@pytest.fixture
def another_database(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[Callable[[], str]]:
    """Makes one more copy of the migrated database each time; all are dropped afterwards."""
    names: list[str] = []
    with psycopg.connect(postgres.url("postgres", PASSWORD, "postgres"), autocommit=True) as connection:

        def make() -> str:
            names.append(f"sim_{secrets.token_hex(4)}")
            connection.execute(f"create database {names[-1]} template {migrated_template} strategy file_copy")
            return postgres.url("postgres", PASSWORD, names[-1])

        yield make
        for name in names:
            connection.execute(f"drop database {name} with (force)")
