"""Misspells training examples the way hurried thumbs do, so that the classifier has seen it before customers do it."""

from __future__ import annotations

import random

# The key to the right on the row of a keyboard, or to the left at its end.
NEIGHBOUR = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wertyuiopoasdfghjkkzxcvbnn", strict=True))
SHORTEST = 4


def misspell(text: str, seed: int) -> str:
    """Changes one word of a normalized sentence: two letters swapped, one lost, one doubled, or the next key hit.

    The same text and seed give the same misspelling. Returns the text as it is when its chosen word is too short or
    holds a digit.
    """
    rng = random.Random(f"{seed}:{text}")  # noqa: S311 (reproducible, not secret)
    words = text.split()
    place = rng.randrange(len(words))
    word = words[place]
    if len(word) < SHORTEST or not word.isalpha():
        return text
    at = rng.randrange(1, len(word) - 1)
    head, letter, tail = word[:at], word[at], word[at + 1 :]
    words[place] = rng.choice(
        [
            head + tail[0] + letter + tail[1:],
            head + tail,
            head + letter + letter + tail,
            head + NEIGHBOUR.get(letter, letter) + tail,
        ]
    )
    return " ".join(words)
