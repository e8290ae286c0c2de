"""`remit demo reset` empties whatever there is: a table that it does not know would keep all others from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psycopg

KNOWN = "import json, remit.demo; from billing.database import Base; print(json.dumps(sorted(Base.metadata.tables)))"


def test_a_reset_in_a_process_of_its_own_knows_every_table(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = {name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")}
    environment = {"PATH": os.environ["PATH"]}
    told = subprocess.run([sys.executable, "-c", KNOWN], env=environment, capture_output=True, text=True, check=True)
    known = set(json.loads(told.stdout))
    assert {name for name in tables if not name.startswith(("procrastinate_", "alembic_"))} == known
