"""Alembic's entry: the tables of billing and assistant, at DATABASE_URL."""

from __future__ import annotations

from alembic import context

import assistant.calls.models
import assistant.models
import assistant.texts.models
import billing.models
from billing.database import Base, make_engine

config = context.config
_MODULES = (
    assistant.calls.models,
    assistant.models,
    assistant.texts.models,
    billing.models,
)  # importing them fills the metadata


def run() -> None:
    engine = make_engine(config.attributes["database_url"])
    with engine.begin() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
