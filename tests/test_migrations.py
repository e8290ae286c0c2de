"""The migrations make what the models say, on one line of history."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import assistant.models
import assistant.texts.models  # noqa: F401
import billing.models  # noqa: F401
from billing.database import Base
from remit.migrate import alembic_config


def test_there_is_one_head() -> None:
    script = ScriptDirectory.from_config(alembic_config("unused"))
    assert len(script.get_heads()) == 1


def _ours(name: str | None, kind: str, parents: object) -> bool:
    return not (kind == "table" and (name or "").startswith(("procrastinate_", "alembic_")))


def test_migrations_make_what_the_models_say(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _ours})
        assert compare_metadata(context, Base.metadata) == []
