from __future__ import annotations

import pytest

from actions.language import _named


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("english please", "en"), ("en français s'il vous plaît", "fr"), ("parlez-vous anglais?", "en"),
        ("do you speak french", "fr"), ("I don't speak French", "en"), ("je ne parle pas anglais", "fr"),
        ("je ne comprends pas le français, english please", "en"), ("I only speak English", "en"),
        ("french or english", None), ("another language", None),
    ],
)  # fmt: skip
def test_the_language_that_is_asked_for_is_heard(said: str, language: str | None) -> None:
    assert _named(said) == language
