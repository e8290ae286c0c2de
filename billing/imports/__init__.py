"""The way in for a billing system: one file, one transaction, the same file twice changes nothing.

    bytes → raw records (reading) → typed ones (records) → against the books (comparing) → into them (writing)

docs/import-format.md describes the two formats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import func, select

from billing.database import SessionFactory
from billing.errors import ImportRefused
from billing.imports.comparing import compare
from billing.imports.reading import Problem, Source, Unreadable, read_source
from billing.imports.records import read_records
from billing.imports.writing import Counts, ImportReport, Writer

__all__ = ["Counts", "ImportReport", "import_file"]

_ONE_AT_A_TIME = 7_235_001  # key of the advisory lock that imports take, so that two of them never interleave


def import_file(
    session_factory: SessionFactory,
    path: Path,
    *,
    today: date,
    now: datetime,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Imports a JSON or (by its ending) CSV file, wholly or not at all.

    `today` is what relative dates count from; `progress` hears (records done, records in all). Raises ImportRefused
    with every problem and its line, and OSError when the file cannot be read.
    """
    try:
        source = read_source(path.read_bytes(), is_csv=path.suffix.lower() == ".csv")
    except Unreadable as unreadable:
        raise ImportRefused([(unreadable.line, unreadable.text)]) from None
    problems = list(source.problems)
    records = read_records(source.records, today, problems)
    with session_factory.begin() as session:
        session.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
        found = compare(session, records)
        if problems := [*problems, *found.problems]:
            raise ImportRefused(_with_lines(source, problems))
        session.expunge_all()
        return Writer(session, found, now, progress or (lambda _done, _all: None), len(records)).write()


def _with_lines(source: Source, problems: Sequence[Problem]) -> list[tuple[int, str]]:
    lines = source.locate(problems)
    return sorted(zip(lines, (problem.text for problem in problems), strict=True))
