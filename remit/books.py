"""`remit verify` and `remit import FILE`: do the books hold, and what comes into them from outside."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from billing.config import Settings
from billing.errors import ImportRefused
from billing.imports import ImportReport, import_file
from billing.invariants import INVARIANTS
from billing.verify import verify
from remit.connect import books
from remit.errors import CommandFailed

ROWS_SHOWN = 20  # of a violation; more say nothing new
PROBLEMS_SHOWN = 50


def verify_books(settings: Settings) -> int:
    """Prints every invariant that does not hold, with the rows; the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    with books(settings) as sessions, sessions() as session:
        violations = verify(session)
    for violation in violations:
        more = len(violation.rows) - ROWS_SHOWN
        rows = ", ".join(violation.rows[:ROWS_SHOWN]) + (f" and {more} more" if more > 0 else "")
        console.print(f"✗ {violation.invariant}  {violation.detail}\n    {rows}", markup=False)
    if violations:
        console.print(f"{len(violations)} of {len(INVARIANTS)} checks failed.")
        return 1
    console.print(f"✓ All {len(INVARIANTS)} checks hold.")
    return 0


def import_books(settings: Settings, file: Path) -> None:
    """Imports a file wholly or not at all. Raises CommandFailed with everything that is wrong, by line."""
    console = Console(highlight=False, soft_wrap=True)
    now = datetime.now(ZoneInfo(settings.time_zone))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        shown = Progress(*columns, console=console, disable=not console.is_terminal)
        with books(settings) as sessions, shown as progress:
            task = progress.add_task(file.name, total=None)
            report = import_file(
                sessions,
                file,
                today=now.date(),
                now=now,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
    except ImportRefused as refused:
        raise CommandFailed(problems(file, refused)) from None
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror or error}") from None
    _show(console, report)


def problems(file: Path, refused: ImportRefused) -> str:
    lines = [f"  {file}:{line}: {problem}" for line, problem in refused.problems[:PROBLEMS_SHOWN]]
    if (more := len(refused.problems) - PROBLEMS_SHOWN) > 0:
        lines.append(f"  and {more} more")
    return f"{refused}:\n" + "\n".join(lines)


def _show(console: Console, report: ImportReport) -> None:
    table = Table("", "new", "updated", "unchanged", box=None)
    for kind, count in report.counts.items():
        table.add_row(kind.replace("_", " "), str(count.new), str(count.updated), str(count.unchanged))
    console.print(table)
    if not report.changed_anything:
        console.print("Everything was there already: nothing changed.")
