"""The one way to the database: an engine, sessions, and a base for the tables."""

from __future__ import annotations

import select
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Engine, MetaData, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import DateTime

SessionFactory = sessionmaker[Session]


class Base(DeclarativeBase):
    # Ids and minor units outgrow 32 bits, so every integer has 64.
    type_annotation_map: ClassVar[dict[Any, Any]] = {int: BigInteger}
    # Named constraints, so that a migration can drop what another one made.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


Timestamp = DateTime(timezone=True)


def make_engine(database_url: str, *, pool_size: int = 10, **more: Any) -> Engine:
    """An engine on psycopg 3. `database_url` is a plain `postgresql://` URL; its unix-socket form works too."""
    url = database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, pool_size=pool_size, max_overflow=10, hide_parameters=True, **more)
    event.listen(engine, "checkout", _refuse_dead_connection)
    return engine


def make_statement_engine(sessions: SessionFactory, *, pool_size: int = 10) -> Engine:
    """To the database of `sessions`, for single statements that are each a transaction by themselves.

    In autocommit for good, connections need neither BEGIN and COMMIT nor a change of mode on their way in and out.
    """
    url = sessions.kw["bind"].url.render_as_string(hide_password=False)
    return make_engine(url, pool_size=pool_size, isolation_level="AUTOCOMMIT", pool_reset_on_return=None)


def _refuse_dead_connection(connection: Any, _record: object, _proxy: object) -> None:
    """What `pool_pre_ping` is for, without its round trip: a server that went away has left its goodbye on the socket.

    Raises DisconnectionError, upon which the pool replaces this connection and every older one.
    """
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError("PostgreSQL closed this connection")


def make_session_factory(engine: Engine) -> SessionFactory:
    return sessionmaker(engine, expire_on_commit=False)
