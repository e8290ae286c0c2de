"""How well the trained classifier understands: one page from the held-out sentences of data/heldout.yml."""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot import inputs
from bot.components.intent import AFFIRM, FALLBACK, IntentModel
from bot.settings import ROOT

HELD_OUT = ROOT / "data" / "heldout.yml"
OUTPUT = ROOT / "var" / "nlu-report.html"
OUT_OF_SCOPE = "out_of_scope"  # also what `nlu_fallback` counts as: both end in the same kind of answer
WORST = 50
BINS = 10
# "oui" and "ok" alone tell no language; these words do, well enough for a table.
FRENCH = frozenset(
    """
    je j tu vous le la les des du un une mon ma mes pas est c qu que qui pour avec sur oui non merci bonjour payer
    facture carte solde moi svp et en au de l d s il ca quand combien pourquoi comment quel quelle
    """.split()  # noqa: SIM905  (a list literal would be a page long)
)


@dataclass(frozen=True)
class Row:
    """One sentence: what it means, what it was taken to mean, and how sure the classifier was of its best guess."""

    text: str
    wanted: str
    found: str
    guess: str
    sure: float
    lead: float

    @property
    def right(self) -> bool:
        return self.found == self.wanted

    @property
    def french(self) -> bool:
        words = self.text.lower().replace("'", " ").replace("-", " ").split()
        return not self.text.isascii() or sum(word in FRENCH for word in words) * 2 >= len(words)


def read_rows(classifier: IntentModel) -> list[Row]:
    rows = []
    for wanted, texts in yaml.safe_load(HELD_OUT.read_text("utf-8")).items():
        for text in texts:
            reading = classifier.read(text)
            ranking = [*reading.ranking, (reading.intent, reading.confidence), ("", 0.0)]
            (guess, sure), (_, second) = ranking[:2]
            found = OUT_OF_SCOPE if reading.intent == FALLBACK else reading.intent
            rows.append(Row(text, wanted, found, guess, sure, sure - second))
    return rows


def write(classifier: IntentModel) -> Path:
    """Writes the page and returns where it is."""
    rows = read_rows(classifier)
    parts = [_head(rows), _figures(rows), _calibration(rows), _intents(rows), _matrix(rows), _worst(rows), "</main>"]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text("\n".join(parts), "utf-8")
    return OUTPUT


def summary(rows: list[Row]) -> dict[str, float]:
    """Shares from 0 to 1, and two counts that should be next to nothing."""
    inside = [row for row in rows if row.wanted != OUT_OF_SCOPE]
    outside = [row for row in rows if row.wanted == OUT_OF_SCOPE]
    return {
        "sentences": len(rows),
        "understood": _share([row.right for row in inside]),
        "taken for something else": _share([not row.right and row.found != OUT_OF_SCOPE for row in inside]),
        "asked again": _share([row.found == OUT_OF_SCOPE for row in inside]),
        "out of scope caught": _share([row.right for row in outside]),
        "pay from out of scope": sum(row.found == "pay" for row in outside),
        "affirm from anything else": sum(row.found == AFFIRM and not row.right for row in rows),
    }


def _share(flags: list[bool]) -> float:
    return sum(flags) / len(flags) if flags else 0.0


# ------------------------------------------------------------------------------------------------------ the page

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:0;color:#1c2430;background:#fff}main{max-width:1200px;margin:2rem auto;
padding:0 1rem}h1{margin:0 0 .2rem}h2{margin:2.2rem 0 .6rem}table{border-collapse:collapse}td,th{padding:.2rem .55rem;
text-align:right;border-bottom:1px solid #e4e8ee}td:first-child,th:first-child{text-align:left}.matrix td,.matrix th
{padding:.1rem .3rem;font-size:11px;border:1px solid #eef1f5}.matrix th.up{writing-mode:vertical-rl;text-align:left}
.left td,.left th{text-align:left}.muted{color:#647084}.scroll{overflow-x:auto}svg text{font:12px system-ui,sans-serif}
@media(prefers-color-scheme:dark){body{background:#12161c;color:#e4e9f0}td,th{border-color:#2a323d}
.matrix td,.matrix th{border-color:#222a34}.muted{color:#93a0b4}}
"""


def _head(rows: list[Row]) -> str:
    model = html.escape(inputs.model_path().name)
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>How well it understands</title>"
        f"<style>{STYLE}</style><main><h1>How well it understands</h1>"
        f"<p class='muted'>{len(rows)} sentences of data/heldout.yml, never trained on; model {model}.</p>"
    )


def _figures(rows: list[Row]) -> str:
    parts = {
        "all": rows,
        "English": [row for row in rows if not row.french],
        "French": [row for row in rows if row.french],
    }
    figures = {name: summary(part) for name, part in parts.items()}
    head = "".join(f"<th>{name}</th>" for name in figures)
    lines = "".join(
        f"<tr><td>{what}</td>" + "".join(f"<td>{_written(found[what])}</td>" for found in figures.values()) + "</tr>"
        for what in figures["all"]
    )
    return f"<table><tr><th></th>{head}</tr>{lines}</table>"


def _written(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{100 * value:.1f} %"


def _calibration(rows: list[Row]) -> str:
    """How often the best guess is right, by how sure the classifier was of it; the area of a dot is how many."""
    dots, width = [], 1 / BINS
    for place in range(BINS):
        part = [row for row in rows if place * width <= row.sure < (place + 1) * width or (place, row.sure) == (9, 1.0)]
        if part:
            sure = sum(row.sure for row in part) / len(part)
            right = _share([row.guess == row.wanted for row in part])
            radius = 2 + (len(part) / len(rows)) ** 0.5 * 18
            title = f"{len(part)} sentences: {100 * sure:.0f} % sure, {100 * right:.0f} % right"
            dots.append((40 + 300 * sure, 320 - 300 * right, radius, title))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in dots)
    circles = "".join(
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{r:.1f}' fill='#2f6fde' fill-opacity='.55'>"
        f"<title>{title}</title></circle>"
        for x, y, r, title in dots
    )
    return (
        "<h2>Calibration</h2><p class='muted'>On the dashed line the classifier is as sure as it is right; above it, "
        "it is more often right than it says.</p><svg width='380' height='360' role='img' aria-label='calibration'>"
        "<rect x='40' y='20' width='300' height='300' fill='none' stroke='#9aa6b8'/>"
        "<line x1='40' y1='320' x2='340' y2='20' stroke='#9aa6b8' stroke-dasharray='4'/>"
        f"<polyline points='{line}' fill='none' stroke='#2f6fde'/>{circles}"
        "<text x='150' y='350' fill='currentColor'>how sure</text>"
        "<text x='14' y='190' fill='currentColor' transform='rotate(-90 14 190)'>how often right</text></svg>"
    )


def _intents(rows: list[Row]) -> str:
    lines = []
    for intent in sorted({row.wanted for row in rows}):
        wanted = [row for row in rows if row.wanted == intent]
        found = [row for row in rows if row.found == intent]
        right = sum(row.right for row in wanted)
        precision, recall = right / len(found) if found else 0.0, right / len(wanted)
        mean = 2 * precision * recall / (precision + recall) if right else 0.0
        missed = Counter(row.found for row in wanted if not row.right).most_common(3)
        told = ", ".join(f"{name} {count}" for name, count in missed)
        lines.append(
            f"<tr><td>{intent}</td><td>{len(wanted)}</td><td>{100 * precision:.0f}</td><td>{100 * recall:.0f}</td>"
            f"<td>{100 * mean:.0f}</td><td style='text-align:left'>{told}</td></tr>"
        )
    head = "<tr><th>intent</th><th>sentences</th><th>precision</th><th>recall</th><th>F1</th><th>taken for</th></tr>"
    return f"<h2>By intent</h2><table>{head}{''.join(lines)}</table>"


def _matrix(rows: list[Row]) -> str:
    names = sorted({row.wanted for row in rows} | {row.found for row in rows})
    counts = Counter((row.wanted, row.found) for row in rows)
    totals = Counter(row.wanted for row in rows)
    head = "".join(f"<th class='up'>{name}</th>" for name in names)
    lines = "".join(
        f"<tr><th>{wanted}</th>"
        + "".join(_cell(counts[wanted, found], totals[wanted], wanted, found) for found in names)
        + "</tr>"
        for wanted in names
    )  # fmt: skip
    return (
        "<h2>Confusion</h2><p class='muted'>A line is what was meant, a column what it was taken for.</p>"
        f"<div class='scroll'><table class='matrix'><tr><th></th>{head}</tr>{lines}</table></div>"
    )


def _cell(count: int, total: int, wanted: str, found: str) -> str:
    if not count:
        return "<td></td>"
    colour = "47,158,94" if wanted == found else "214,69,65"
    strength = 0.15 + 0.7 * count / max(total, 1)
    return f"<td style='background:rgba({colour},{strength:.2f})' title='{wanted} as {found}'>{count}</td>"


def _worst(rows: list[Row]) -> str:
    """What is wrong, the surest first; then what was right by the narrowest lead."""
    wrong = sorted((row for row in rows if not row.right), key=lambda row: (row.found == OUT_OF_SCOPE, -row.sure))
    narrow = sorted((row for row in rows if row.right), key=lambda row: row.lead)
    lines = "".join(
        f"<tr><td>{html.escape(row.text)}</td><td>{row.wanted}</td><td>{row.found}</td>"
        f"<td>{row.guess} {row.sure:.2f}</td><td>{row.lead:.2f}</td></tr>"
        for row in [*wrong, *narrow][:WORST]
    )
    head = "<tr><th>sentence</th><th>meant</th><th>taken for</th><th>best guess</th><th>lead</th></tr>"
    return f"<h2>The worst {WORST}</h2><table class='left'>{head}{lines}</table>"
