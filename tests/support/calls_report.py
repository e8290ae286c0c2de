"""Every prompt that a run of the calls spoke, with how long it takes to say: var/calls-report.html."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from assistant.calls.plan import Plan

LONGEST_S = 12.0
WORD_S = {"en": 0.32, "fr": 0.295}  # espeak-ng at 175 words a minute, sums and digits included


def spoken_s(words: str, language: str) -> float:
    """How long `words` take to say, about."""
    return round(len(words.split()) * WORD_S[language], 1)


def prompts_of(plans: Iterable[Plan]) -> set[tuple[str, str]]:
    """Every breath of the plans, with its language."""
    return {(words, plan.language) for plan in plans for words in (*plan.says, *plan.asks)}


def write_report(prompts: set[tuple[str, str]], file: Path) -> str:
    """Writes the page, longest first; returns the summary that heads it."""
    told = sorted(((spoken_s(words, language), words, language) for words, language in prompts), reverse=True)
    summary = f"{len(told)} prompts; the longest takes {told[0][0]} s, half of them {told[len(told) // 2][0]} s or less"
    rows = "".join(f"<tr><td>{s}<td>{language}<td>{escape(words)}" for s, words, language in told)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_PAGE.format(summary=escape(summary), rows=rows))
    return summary


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Prompts of the calls</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }}
table {{ border-collapse: collapse }}
td, th {{ border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left; vertical-align: top }}
</style>
<h1>Prompts of the calls</h1><p>{summary}
<table><tr><th>Seconds<th>Language<th>Prompt{rows}</table>
"""
