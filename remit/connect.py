"""A command's own connection to the books, closed when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from billing.config import Settings
from billing.context import Context, make_gateway
from billing.database import SessionFactory, make_engine, make_session_factory


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings.database_url, pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def books(settings: Settings) -> Iterator[SessionFactory]:
    with database(settings) as engine:
        yield make_session_factory(engine)


@contextmanager
def books_and_gateway(settings: Settings) -> Iterator[Context]:
    """SystemExit when no gateway is configured."""
    with books(settings) as sessions:
        yield Context(sessions, make_gateway(settings), settings)
