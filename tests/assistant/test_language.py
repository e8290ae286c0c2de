from __future__ import annotations

import pytest

from assistant.language import written_in


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("what do I owe", "en"), ("can you show me my balance", "en"), ("I want to pay my bill", "en"),
        ("all of it", "en"), ("the visa please", "en"),
        ("bonjour je veux payer ma facture", "fr"), ("c'est quoi mon solde", "fr"), ("l'autre carte", "fr"),
        ("JE VEUX PAYER", "fr"), ("quand est-ce que c'est dû", "fr"), ("mon solde svp", "fr"), ("jveux payer", "fr"),
        ("je voudrais parler à quelqu'un", "fr"),
    ],
)  # fmt: skip
def test_clear_words_tell_the_language(said: str, language: str) -> None:
    assert written_in(said) == language


@pytest.mark.parametrize(
    "said",
    ["", "oui", "yes", "non", "ok", "50", "visa 4242", "pay", "total", "je veux payer my bill", "ok merci", "👍"],
)
def test_short_or_mixed_words_tell_nothing(said: str) -> None:
    assert written_in(said) is None
