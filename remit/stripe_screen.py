"""`remit stripe check`: the lines of stripe_check.py on one screen, or as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from functools import partial

import psycopg
from rich.console import Console
from rich.table import Table
from rich.text import Text

from remit.errors import NotRunning
from remit.running import use_running_settings
from remit.stripe_asking import Line, Mark, Setup
from remit.stripe_check import check_stripe

SIGNS: dict[Mark, tuple[str, str]] = {
    "ok": ("✓ ok", "green"),
    "warning": ("! warning", "yellow"),
    "wrong": ("✗ wrong", "bold red"),
}


def show_check(*, as_json: bool) -> int:
    """Prints it; the exit code is 1 when anything is wrong. Without a stack running here the environment is checked."""
    with suppress(NotRunning):  # before the first start they stand in the environment
        use_running_settings()
    url = os.environ.get("DATABASE_URL")
    lines = list(check_stripe(Setup.from_environment(os.environ), partial(has_arrived, url) if url else None))
    if as_json:
        told = {"worst": worst(lines), "lines": [asdict(line) for line in lines]}
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    else:
        show(Console(highlight=False), lines)
    return 1 if worst(lines) == "wrong" else 0


def has_arrived(database_url: str, event_id: str) -> bool:
    with psycopg.connect(database_url) as books:
        query = "select 1 from events_received where gateway = 'stripe' and event_id = %s"
        return books.execute(query, [event_id]).fetchone() is not None


def worst(lines: Iterable[Line]) -> Mark:
    marks = {line.mark for line in lines}
    return "wrong" if "wrong" in marks else "warning" if "warning" in marks else "ok"


def show(console: Console, lines: list[Line]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        sign, style = SIGNS[line.mark]
        found = Text(line.found)
        if line.next:
            found.append(f"\n→ {line.next}", style="bold")
        table.add_row(Text(sign, style=style), line.what, found)
    console.print(table)
    console.print()
    console.print(_verdict(lines), markup=False)


def _verdict(lines: list[Line]) -> str:
    count = {mark: sum(line.mark == mark for line in lines) for mark in SIGNS}
    if count["wrong"]:
        return f"✗ {count['wrong']} wrong, {count['warning']} to look at, {count['ok']} right."
    if count["warning"]:
        return f"! Nothing is wrong; {count['warning']} to look at, {count['ok']} right."
    return f"✓ All {count['ok']} are right."
