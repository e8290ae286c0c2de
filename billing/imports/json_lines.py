"""On which line of a JSON text a value stands: Python's parser does not say, so it is looked up when one is wrong."""

from __future__ import annotations

import re
from collections.abc import Set

Path = tuple[str | int, ...]

_PIECE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]|\n|[^\s\[\]{},:"]+')


def lines_of(text: str, wanted: Set[Path]) -> dict[Path, int]:
    """The first line of the value at each path of a valid JSON text; a path that is not there gets its parent's."""
    found: dict[Path, int] = {(): 1}
    asked_for = {path[:length] for path in wanted for length in range(len(path) + 1)}
    line = 1
    path: list[str | int] = []  # of the value that comes next
    in_object: list[bool] = []
    expect_key = False
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece == "\n":
            line += 1
        elif piece == ",":
            expect_key = in_object[-1]
            if not expect_key:
                path[-1] = int(path[-1]) + 1
        elif piece in "]}":
            in_object.pop()
            path.pop()
            expect_key = False
        elif expect_key and piece != ":":
            path[-1] = piece[1:-1]
            expect_key = False
        elif piece != ":":
            if (here := tuple(path)) in asked_for:
                found.setdefault(here, line)
            if piece in "[{":
                in_object.append(piece == "{")
                path.append("" if piece == "{" else 0)
                expect_key = piece == "{"
    return {path: _nearest(found, path) for path in wanted}


def _nearest(found: dict[Path, int], path: Path) -> int:
    while path not in found:
        path = path[:-1]
    return found[path]
