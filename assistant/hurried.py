"""Slips of hurried thumbs in the few words that stand for all or half of a bill: "evrything", "hlaf", "toutt".

Only such words are put right, and only to ask the amount reader once more: a corrected word can never become a number.
"""

from __future__ import annotations

import re

from assistant.folding import fold

WORDS = ("everything", "everythin", "half", "full", "total", "entire", "whole", "balance", "amount", "overdue",
         "oldest", "moitie", "totalite", "solde", "complet", "entier", "montant")  # fmt: skip
# Too short for a rule, and too often written.
SHORT = {"al": "all", "alll": "all", "evr": "everything", "haf": "half", "hlf": "half", "tt": "tout", "toutt": "tout",
         "toute": "tout", "toutte": "tout", "tou": "tout", "moitier": "moitie", "moiter": "moitie"}  # fmt: skip
SHORTEST = 4
FAR = 8  # from this length on two slips are forgiven
_TOKEN = re.compile(r"[a-z]+")
_ALL_THERE_IS = frozenset({"all", "tout"})  # need company: "all" and "tout" mean much else inside a sentence
FEW_WORDS = 4


def without_slips(text: str) -> str | None:
    """The folded text with those words put right; None where there is nothing to put right."""
    folded = fold(text).text
    few = len(folded.split()) <= FEW_WORDS

    def right(found: re.Match[str]) -> str:
        word = found[0]
        if word in SHORT and (few or SHORT[word] not in _ALL_THERE_IS):
            return SHORT[word]
        if len(word) < SHORTEST or word in WORDS:
            return word
        slips = 2 if len(word) >= FAR else 1
        near = [known for known in WORDS if known[0] == word[0] and _distance(word, known, slips) <= slips]
        return near[0] if near else word

    corrected = _TOKEN.sub(right, folded)
    return corrected if corrected != folded else None


def _distance(one: str, other: str, most: int) -> int:
    """Letters added, lost, changed or swapped with their neighbour; more than `most` may come out as anything above."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, previous, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
    return row[-1]
