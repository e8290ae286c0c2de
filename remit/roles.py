"""Roles of the embedded server: the service owns the database; bot and sandbox see their own schema only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import psycopg
from psycopg import sql

from remit.plan import DATABASE
from remit.postgres import EmbeddedPostgres

_ROLES = {"remit": "REMIT_DB_PASSWORD", "remit_bot": "BOT_DB_PASSWORD", "remit_sandbox": "SANDBOX_DB_PASSWORD"}
_SCHEMAS = {"bot": "remit_bot", "sandbox": "remit_sandbox"}


def wait_for_postgres(postgres: EmbeddedPostgres, secrets: Mapping[str, str], gave_up: Callable[[], None]) -> None:
    """Returns when the server takes connections; `gave_up` is asked between tries and may raise."""
    url = postgres.url("postgres", secrets["POSTGRES_PASSWORD"], "postgres")
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise SystemExit(
                    f"The passwords in secrets.env do not fit the database in {postgres.folder}:"
                    " put the old file back, or start over with RESET=1 (all data there is lost)"
                ) from None
            gave_up()
            time.sleep(0.05)


def make_roles(postgres: EmbeddedPostgres, secrets: Mapping[str, str]) -> None:
    """Database, roles and schemas as this version wants them; nothing changes where they are so already."""
    superuser = secrets["POSTGRES_PASSWORD"]
    with psycopg.connect(postgres.url("postgres", superuser, "postgres"), autocommit=True) as connection:
        have = {row[0] for row in connection.execute("select rolname from pg_roles")}
        for role, password in _ROLES.items():
            verb = "alter" if role in have else "create"
            statement = sql.SQL("{} role {} login password {}")
            connection.execute(statement.format(sql.SQL(verb), sql.Identifier(role), secrets[password]))
        if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("create database {} owner remit").format(sql.Identifier(DATABASE)))
    with psycopg.connect(postgres.url("postgres", superuser, DATABASE)) as connection:
        connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(DATABASE)))
        for schema, role in _SCHEMAS.items():
            names = {"schema": sql.Identifier(schema), "role": sql.Identifier(role), "db": sql.Identifier(DATABASE)}
            for grant in (
                "grant connect on database {db} to {role}",
                "create schema if not exists {schema} authorization {role}",
                "alter role {role} in database {db} set search_path = {schema}",
            ):
                connection.execute(sql.SQL(grant).format(**names))
