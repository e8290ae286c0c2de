"""Every text that a run of the conversations sent, as a page to read: var/texts-report.html."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

LONGEST = 3  # segments; a text with more is no text any more


@dataclass(frozen=True)
class Sent:
    """One text as it left us. `segments` and `encoding` are the telephone's count, not ours."""

    body: str
    segments: int
    encoding: str
    scenario: str


def write_report(texts: Sequence[Sent], file: Path) -> str:
    """Writes the page, longest first; returns the summary that heads it."""
    counts = Counter(text.segments for text in texts)
    shares = ", ".join(f"{count} of {size} segment{'s' if size > 1 else ''}" for size, count in sorted(counts.items()))
    encodings = ", ".join(f"{count} in {name}" for name, count in Counter(t.encoding for t in texts).most_common())
    summary = f"{len(texts)} texts: {shares}; {encodings}"
    rows = "".join(
        f"<tr><td>{text.segments}<td>{escape(text.encoding)}<td>{len(text.body)}"
        f"<td class=body>{escape(text.body)}<td>{escape(text.scenario)}"
        for text in sorted(set(texts), key=lambda text: (-text.segments, -len(text.body), text.body))
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_PAGE.format(summary=escape(summary), rows=rows))
    return summary


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Texts of the conversations</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }}
table {{ border-collapse: collapse }}
td, th {{ border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left; vertical-align: top }}
.body {{ white-space: pre-wrap }}
</style>
<h1>Texts of the conversations</h1><p>{summary}
<table><tr><th>Segments<th>Encoding<th>Characters<th>Text<th>Scenario{rows}</table>
"""
