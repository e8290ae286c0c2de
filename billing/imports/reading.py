"""From bytes to raw records with the line they stand on. JSON is a tree of accounts; CSV has one record a row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from billing.imports.json_lines import Path, lines_of

KINDS = ("account", "portal_user", "invoice", "credit", "payment")
_LISTS = {"portal_users": "portal_user", "invoices": "invoice", "credits": "credit", "payments": "payment"}

Place = int | Path  # a line of a CSV, a path in a JSON


@dataclass(frozen=True, slots=True)
class Problem:
    """`field` names the part of the record that is wrong, if it is one."""

    place: Place
    text: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it was written. `account` is the number of the account that it belongs to."""

    kind: str
    place: Place
    account: object
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    records: list[Raw]
    problems: list[Problem]
    locate: Callable[[Sequence[Problem]], list[int]]  # the line of each problem


class Unreadable(Exception):
    """The file as a whole makes no sense; `line` is where it stops making any."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line, self.text = line, text


def read_source(data: bytes, *, is_csv: bool) -> Source:
    """Raises Unreadable for what is not UTF-8, empty, or neither JSON nor CSV."""
    text = _decode(data)
    if not text.strip():
        raise Unreadable(1, "the file is empty")
    return _read_csv(text) if is_csv else _read_json(text)


def _decode(data: bytes) -> str:
    """UTF-8, with or without the mark that spreadsheets put in front."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8") from None


# ------------------------------------------------------------------------------------------------------------- JSON


class _Repeating(dict[str, Any]):
    """An object with a key that stands in it twice: which one was meant?"""

    key: str = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    keys = [key for key, _ in pairs]
    repeating = _Repeating(found)
    repeating.key = next(key for key in keys if keys.count(key) > 1)
    return repeating


def _number(text: str) -> Decimal:
    """Numbers become Decimal: a float would round, and int() refuses very long ones with an error of its own."""
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what Decimal holds: larger than any amount may be
        return Decimal("-Infinity" if text.startswith("-") else "Infinity")


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _read_json(text: str) -> Source:
    try:
        tree = json.loads(
            text, object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_no_such_number
        )
    except json.JSONDecodeError as error:
        raise Unreadable(error.lineno, f"this is not JSON: {error.msg} (column {error.colno})") from None
    except RecursionError:
        raise Unreadable(1, "this is nested too deeply to be an import file") from None
    except ValueError as error:
        raise Unreadable(1, f"this is not JSON: {error}") from None
    if not isinstance(tree, dict) or set(tree) != {"accounts"} or not isinstance(tree["accounts"], list):
        raise Unreadable(1, 'the file must be an object with one key, {"accounts": […]}')
    problems: list[Problem] = []
    records = list(_walk(tree["accounts"], problems))

    def locate(wanted: Sequence[Problem]) -> list[int]:
        paths = [_path_of(problem) for problem in wanted]
        lines = lines_of(text, set(paths))
        return [lines[path] for path in paths]

    return Source(records, problems, locate)


def _path_of(problem: Problem) -> Path:
    place = problem.place if isinstance(problem.place, tuple) else ()
    return (*place, problem.field) if problem.field is not None else place


def _walk(accounts: list[Any], problems: list[Problem]) -> Iterator[Raw]:
    for index, account in enumerate(accounts):
        place: Path = ("accounts", index)
        if not _usable(account, place, problems):
            continue
        number = account.get("number")
        yield Raw("account", place, number, {key: value for key, value in account.items() if key not in _LISTS})
        for key, kind in _LISTS.items():
            entries = account.get(key, [])
            if not isinstance(entries, list):
                problems.append(Problem(place, f"{key} must be a list", key))
                continue
            for position, entry in enumerate(entries):
                entry_place = (*place, key, position)
                if _usable(entry, entry_place, problems):
                    yield Raw(kind, entry_place, number, entry)


def _usable(entry: object, place: Path, problems: list[Problem]) -> bool:
    if not isinstance(entry, dict):
        problems.append(Problem(place, "this must be an object, {…}"))
        return False
    if isinstance(entry, _Repeating):
        problems.append(Problem(place, f"the key {entry.key!r} stands here twice"))
    return True


# -------------------------------------------------------------------------------------------------------------- CSV

# Columns by kind; a cell of any other column must be empty in such a row.
_ADDRESS_COLUMNS = {
    f"address_{part}": part for part in ("name", "line1", "line2", "city", "region", "postal_code", "country")
}
_COLUMNS: dict[str, frozenset[str]] = {
    "account": frozenset({"number", "name", "currency", "language", "pin", *_ADDRESS_COLUMNS}),
    "portal_user": frozenset({"external_id", "position", "name", "email", "phone", "language", "notifications"}),
    "invoice": frozenset({"external_id", "number", "total", "issued_on", "due_on"}),
    "credit": frozenset({"external_id", "amount", "reason", "on"}),
    "payment": frozenset({"external_id", "amount", "on"}),
}
_ALL_COLUMNS = frozenset({"type", "account"}).union(*_COLUMNS.values())


def _read_csv(text: str) -> Source:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    problems: list[Problem] = []
    records: list[Raw] = []
    try:
        header = [name.strip() for name in next(rows)]
        _check_header(header)
        start = rows.line_num + 1
        for cells in rows:
            if any(cell.strip() for cell in cells):
                record = _record_of(header, cells, start, problems)
                records.extend([record] if record else [])
            start = rows.line_num + 1
    except csv.Error as error:
        raise Unreadable(rows.line_num, f"this is not CSV: {error}") from None
    return Source(records, problems, lambda wanted: [p.place if isinstance(p.place, int) else 1 for p in wanted])


def _check_header(header: list[str]) -> None:
    if "type" not in header:
        raise Unreadable(1, f"the first line must name the columns, `type` among them; found {', '.join(header)}")
    if unknown := [name for name in header if name not in _ALL_COLUMNS]:
        raise Unreadable(
            1, f"unknown column(s) {', '.join(repr(n) for n in unknown)}; known are {_names(_ALL_COLUMNS)}"
        )
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise Unreadable(1, f"column(s) {', '.join(repeated)} named twice")


def _record_of(header: list[str], cells: list[str], line: int, problems: list[Problem]) -> Raw | None:
    if len(cells) > len(header):
        problems.append(Problem(line, f"{len(cells)} cells under {len(header)} columns"))
        return None
    filled = {name: cell for name, cell in zip(header, cells, strict=False) if cell.strip()}
    kind = filled.pop("type", "").strip()
    if kind not in KINDS:
        problems.append(Problem(line, f"type {kind!r} is unknown; it is one of {', '.join(KINDS)}"))
        return None
    account = filled.pop("account", None)
    if kind == "account":
        account = filled.setdefault("number", account or "")
    if wrong := [name for name in filled if name not in _COLUMNS[kind]]:
        problems.append(Problem(line, f"{', '.join(wrong)}: no such column in a row of type {kind}"))
        return None
    address = {part: filled.pop(column) for column, part in _ADDRESS_COLUMNS.items() if column in filled}
    return Raw(kind, line, account, filled | ({"billing_address": address} if address else {}))


def _names(columns: Iterable[str]) -> str:
    return ", ".join(sorted(columns))
