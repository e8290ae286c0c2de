"""One seed from its beginning to its end, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

from billing.database import Base, SessionFactory
from tests.simulation.checks import violations
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Story:
    seed: int
    wrong: list[str]
    log: list[str]

    def __str__(self) -> str:
        again = f"SEED={self.seed} .venv/bin/python -m pytest tests/simulation -k one_story"
        return "\n".join([f"seed {self.seed} (again: {again})", *self.wrong, "", "What happened:", *self.log])


def tell(sessions: SessionFactory, seed: int, about: str | None = None) -> Story:
    """Runs the seed's world on an emptied database."""
    _empty(sessions)
    world = World(seed, sessions, about)
    wrong: list[str] = []
    try:
        world.populate()
        world.storm()
        world.calm_down()
        if not world.converge():
            wrong.append("not everything is decided in the end")
        wrong += violations(world)
    except Exception as error:  # noqa: BLE001  (a world that breaks down is what is looked for)
        wrong.append(f"the world broke down: {type(error).__name__}: {error}")
    return Story(seed, wrong, world.log)


def tell_until_wrong(database_url: str, seeds: Iterable[int]) -> Story | None:
    """The first story with something wrong in it. In a function of its own, for processes of their own."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        sessions = sessionmaker(engine, expire_on_commit=False)
        return next((story for seed in seeds if (story := tell(sessions, seed)).wrong), None)
    finally:
        engine.dispose()


def _empty(sessions: SessionFactory) -> None:
    """Faster than another database; triggers and foreign keys have no say in it."""
    with sessions.begin() as session:
        session.execute(text("set local session_replication_role = replica"))
        for table in (*Base.metadata.tables, "procrastinate_jobs", "procrastinate_events"):
            session.execute(text(f"delete from {table}"))
