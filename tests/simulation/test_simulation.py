"""The payment protocol in a storm of lost answers, deaths, repeats and races.

pytest tests/simulation                         60 stories, and every planted bug is noticed
SEEDS=1000 pytest tests/simulation -k storm     the long form, on all cores
SEED=17 pytest tests/simulation -k one_story    one story again, with what happened in it
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from billing.database import SessionFactory, make_engine, make_session_factory
from tests.simulation.mutants import MUTANTS
from tests.simulation.story import tell, tell_until_wrong

SEEDS = int(os.environ.get("SEEDS", "12"))
IN_ONE_PROCESS = 100  # above it, starting more of them pays
PATIENCE = 300  # stories in which a planted bug has to be noticed


@pytest.mark.timeout(60 + 2 * SEEDS)
def test_the_protocol_survives_every_storm(database_url: str, another_database: Callable[[], str]) -> None:
    count = (os.cpu_count() or 1) if SEEDS > IN_ONE_PROCESS else 1
    if count == 1:
        wrong = [tell_until_wrong(database_url, range(SEEDS))]
    else:
        databases = [another_database() for _ in range(count)]
        shares = [range(start, SEEDS, count) for start in range(count)]
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as processes:
            wrong = list(processes.map(tell_until_wrong, databases, shares))
    for story in wrong:
        assert story is None, str(story)


@pytest.mark.skipif("SEED" not in os.environ, reason="tells the story of SEED")
def test_one_story(sessions: SessionFactory) -> None:
    story = tell(sessions, int(os.environ["SEED"]))
    print(story)  # noqa: T201
    assert not story.wrong


def test_the_same_seed_is_the_same_story(another_database: Callable[[], str]) -> None:
    stories = []
    for _ in range(2):
        engine = make_engine(another_database())
        log = tell(make_session_factory(engine), 3).log
        stories.append([re.sub(r"[0-9a-f-]{36}", "a quote", line) for line in log])  # their ids are truly random
        engine.dispose()
    assert stories[0] == stories[1]
    assert len(stories[0]) > 10


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_noticed(sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plant, about = MUTANTS[name]
    plant(monkeypatch, sessions)
    for seed in range(PATIENCE):
        if story := tell(sessions, seed, about).wrong:
            assert not any("TypeError" in line for line in story), f"{name} no longer fits what it replaces: {story}"
            print(f"{name}: seed {seed}: {story[0]}")  # noqa: T201  (with -s: how soon, and by what)
            return
    pytest.fail(f"{name}: not noticed in {PATIENCE} stories")
