from __future__ import annotations

import pytest

from assistant.consent import is_clear_yes


@pytest.mark.parametrize(
    "said",
    [
        "yes", "Yes please", "YES!!", "yep, do it", "ok", "okay go ahead", "sure", "why not", "no problem, pay it",
        "y", "that would be yes", "i'd like that", "oui", "oui, s'il vous plaît", "d'accord", "allez-y",
        "c’est bon", "pourquoi pas", "pay it now", "absolutely", "go for it 👍",
    ],
)  # fmt: skip
def test_a_clear_yes_passes(said: str) -> None:
    assert is_clear_yes(said)


@pytest.mark.parametrize(
    "said",
    [
        "yes but make it 50", "yes if it is the visa", "maybe", "i guess", "i guess so", "yes?", "yes, wait",
        "yes later", "not sure", "yes unless it is late", "i think so", "probably", "yes, only the oldest one",
        "yes tomorrow", "👍", "1", "452.10", "", "…", "oui mais", "oui si c'est la visa", "peut-être",
        "je crois que oui", "oui, plus tard", "pas sûr", "oui, l'autre carte", "yes to half", "ok what is the fee",
        "yes, no, wait",
    ],
)  # fmt: skip
def test_anything_that_hedges_does_not(said: str) -> None:
    assert not is_clear_yes(said)
