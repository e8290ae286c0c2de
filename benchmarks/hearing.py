"""`make hearing`: calls in which an amount is said, heard badly, read and weighed; what the guard saves and costs.

The noise knows nothing of the guard's table of confusions: words are taken for others by how alike their sounds are,
and words are lost, doubled, or written as others that sound the same. Prints a table, or JSON with `--json`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from math import exp
from random import Random

from rich.console import Console
from rich.progress import track
from rich.table import Table

from assistant.amounts import Ambiguous, Exact, NoAmount, Relative, read_amount
from assistant.hearing import Believed, Bill, ways_to_say, weigh

# The sounds of the words that amounts are made of, a letter a sound (IPA without its rarer letters).
ENGLISH = {
    **{"one": "wʌn", "two": "tu", "three": "θri", "four": "fɔr", "five": "faɪv", "six": "sɪks", "seven": "sɛvən"},
    **{"eight": "eɪt", "nine": "naɪn", "ten": "tɛn", "eleven": "ɪlɛvən", "twelve": "twɛlv", "thirteen": "θɜrtin"},
    **{"fourteen": "fɔrtin", "fifteen": "fɪftin", "sixteen": "sɪkstin", "seventeen": "sɛvəntin"},
    **{"eighteen": "eɪtin", "nineteen": "naɪntin", "twenty": "twɛnti", "thirty": "θɜrti", "forty": "fɔrti"},
    **{"fifty": "fɪfti", "sixty": "sɪksti", "seventy": "sɛvənti", "eighty": "eɪti", "ninety": "naɪnti"},
    **{"hundred": "hʌndrəd", "thousand": "θaʊzənd"},
}
FRENCH = {
    **{"un": "œ̃", "deux": "dø", "trois": "tʁwa", "quatre": "katʁ", "cinq": "sɛ̃k", "six": "sis", "sept": "sɛt"},
    **{"huit": "ɥit", "neuf": "nœf", "dix": "dis", "onze": "ɔ̃z", "douze": "duz", "treize": "tʁɛz"},
    **{"quatorze": "katɔʁz", "quinze": "kɛ̃z", "seize": "sɛz", "vingt": "vɛ̃t", "vingts": "vɛ̃", "trente": "tʁɑ̃t"},
    **{"quarante": "kaʁɑ̃t", "cinquante": "sɛ̃kɑ̃t", "soixante": "swasɑ̃t", "cent": "sɑ̃", "mille": "mil"},
}
HOMOPHONES = {
    "en": {"two": ["to", "too"], "four": ["for"], "eight": ["ate"], "one": ["won"], "ten": ["tin"]},
    "fr": {"cent": ["sans", "cents"], "dix": ["dis"], "six": ["si"], "sept": ["cette"], "deux": ["de"], "un": ["hein"]},
}
FRAMES = {
    "en": ("{}", "{}", "pay {}", "uh {} please", "i want to pay {}", "make it {}", "can i pay {} today", "just {}"),
    "fr": ("{}", "{}", "payer {}", "euh {} s'il vous plaît", "je voudrais payer {}", "mettez {}", "juste {}"),
}
SOUNDS = {"en": ENGLISH, "fr": FRENCH}
SHARPNESS = 1.6  # how fast the chance of a confusion falls with the distance of two sounds


@dataclass(frozen=True, slots=True)
class Line:
    """Chances per word on a telephone line."""

    name: str
    confused: float
    lost: float
    homophone: float


LINES = (Line("good", 0.005, 0.002, 0.01), Line("usual", 0.02, 0.008, 0.02), Line("bad", 0.06, 0.03, 0.05))


@dataclass(frozen=True, slots=True)
class Call:
    meant: Decimal
    bill: Bill
    transcript: str
    confidence: float


def calls(rng: Random, language: str, line: Line, count: int) -> Iterator[Call]:
    for _ in range(count):
        bill = _bill(rng)
        meant = _meant(rng, bill)
        said = rng.choice(FRAMES[language]).format(rng.choice(ways_to_say(meant, language)))
        heard = noisy(rng, said, language, line)
        certain = 14 if heard == said else 6  # recognisers know, a little, when they are wrong
        yield Call(meant, bill, _written(rng, heard, language), rng.betavariate(certain, 2))


def noisy(rng: Random, said: str, language: str, line: Line) -> str:
    """`said` as a recogniser may have understood it."""
    heard: list[str] = []
    for word in said.split():
        luck = rng.random()
        if luck < line.lost:
            continue
        if luck < line.lost + line.confused and word in SOUNDS[language]:
            others, chances = _alike(word, language)
            heard.append(rng.choices(others, chances)[0])
        elif rng.random() < line.homophone and word in HOMOPHONES[language]:
            heard.append(rng.choice(HOMOPHONES[language][word]))
        else:
            heard.append(word)
    return " ".join(heard)


@cache
def _alike(word: str, language: str) -> tuple[list[str], list[float]]:
    sounds = SOUNDS[language]
    others = [other for other in sounds if other != word]
    return others, [exp(-SHARPNESS * _distance(sounds[word], sounds[other])) for other in others]


def _distance(one: str, other: str) -> int:
    """Levenshtein's, in sounds."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _written(rng: Random, heard: str, language: str) -> str:
    """Half of the time in figures, as recognisers like to write what they take for an amount."""
    reading = read_amount(heard, language)
    if not isinstance(reading, Exact) or rng.random() < 1 / 2:
        return heard
    figures = f"{reading.value:.2f}" if reading.value % 1 else str(reading.value)
    if language == "fr":
        figures = figures.replace(".", ",")
    point_lost = reading.value % 1 and rng.random() < 1 / 30
    return (
        figures.replace(".", "").replace(",", "")
        if point_lost
        else f"{figures} $"
        if language == "fr"
        else f"${figures}"
    )


def _bill(rng: Random) -> Bill:
    invoices = [Decimal(rng.randint(2_000, 25_000)) / 100 for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))]
    return Bill(sum(invoices, Decimal(0)), tuple(invoices) if len(invoices) > 1 else ())


def _meant(rng: Random, bill: Bill) -> Decimal:
    """Two in five pay what they owe and say it in figures; the rest a named sum, a round one, or any."""
    luck = rng.random()
    if luck < 0.4:
        return bill.owed
    if luck < 0.5 and bill.named:
        return rng.choice(bill.named)
    if luck < 0.9:
        step = rng.choice((100, 50, 20, 10, 10, 5, 5, 1))
        return Decimal(step * rng.randint(1, max(1, min(int(bill.owed) // step, 20))))
    return Decimal(rng.randint(500, max(600, int(bill.owed * 100)))) / 100


def measure(language: str, line: Line, count: int, seed: int) -> dict[str, float]:
    """Per 1,000 calls. A wrong amount is one that would be quoted: the caller still hears it before the key."""
    happened: Counter[str] = Counter()
    for call in calls(Random(seed), language, line, count):
        reading = read_amount(call.transcript, language)
        if isinstance(reading, NoAmount | Ambiguous | Relative):
            happened["asked_again"] += 1
            continue
        right = reading.value == call.meant
        happened["wrong_without"] += not right
        verdict = weigh(reading, confidence=call.confidence, language=language, bill=call.bill)
        if isinstance(verdict, Believed):
            happened["wrong_with"] += not right
        else:
            happened["questions"] += 1
            happened["needless"] += right
    names = ("asked_again", "wrong_without", "wrong_with", "questions", "needless")
    return {name: round(1_000 * happened[name] / count, 1) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5_000, help="per language and line (5000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    cases = [(language, line) for language in ("en", "fr") for line in LINES]
    progress = track(cases, "Calling", console=Console(stderr=True), transient=True)
    rows = [
        {"language": language, "line": line.name, **measure(language, line, asked.calls, asked.seed)}
        for language, line in progress
    ]
    if asked.json:
        json.dump({"calls": asked.calls, "seed": asked.seed, "per_1000_calls": rows}, sys.stdout, indent=2)
        return
    table = Table(title=f"Per 1,000 calls ({asked.calls} calls a row)")
    for heading in ("language", "line", "not read: asked again", "wrong amount, no guard", "wrong amount, guard"):
        table.add_column(heading, justify="left" if heading in ("language", "line") else "right")
    table.add_column("extra questions", justify="right")
    table.add_column("of these needless", justify="right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
