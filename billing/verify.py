"""Do the books hold? Every invariant that they can show, asked of the whole of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.invariants import INVARIANTS


@dataclass(frozen=True, slots=True)
class Violation:
    """`rows` are the rows that break the invariant, each as `table:id`, in order."""

    invariant: str  # its number in docs/reliability.md
    detail: str
    rows: list[str]


def verify(session: Session) -> list[Violation]:
    """Empty when all is well. Reads only; each invariant is one statement, which sees one moment of live books."""
    violations = []
    for invariant in INVARIANTS:
        rows = session.scalars(text(invariant.sql)).all()
        if rows:
            violations.append(Violation(invariant.number, invariant.says, sorted(rows, key=_by_table_and_id)))
    return violations


def _by_table_and_id(row: str) -> tuple[str, int, str]:
    table, _, key = row.partition(":")
    return table, int(key) if key.isdecimal() else 0, key
