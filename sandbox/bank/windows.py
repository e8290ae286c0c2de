"""What was made in a period, oldest first, a page at a time: how a merchant compares books and finds lost events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.bank.errors import invalid, missing
from sandbox.database import Row, Transaction, all_of, one

LARGEST_PAGE = 100
LAST_SECOND = 253_402_300_799  # of the year 9999


@dataclass(frozen=True, slots=True)
class Window:
    """[since, until) in whole seconds since 1970, as everything here tells its time; `after`: an id to go on behind."""

    since: int
    until: int
    after: str | None
    limit: int

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> Window | None:
        """`since`, `until`, `after`, `limit` of a request; None for one that asks for no period."""
        if "since" not in query and "until" not in query:
            return None
        limit = _whole(query.get("limit", str(LARGEST_PAGE)), "limit")
        if not 1 <= limit <= LARGEST_PAGE:
            raise invalid(f"limit: 1 to {LARGEST_PAGE}")
        since, until = _whole(query.get("since", "0"), "since"), _whole(query.get("until", str(LAST_SECOND)), "until")
        return cls(since, until, query.get("after"), limit)

    def rows(self, tx: Transaction, table: Literal["payments", "events"]) -> tuple[list[Row], bool]:
        """The page, and whether there is more behind it."""
        behind = 0
        if self.after is not None:
            last = one(tx, f"select seq from {table} where id = %s", self.after)  # noqa: S608 one of two names
            if last is None:
                raise missing(table.removesuffix("s"), self.after)
            behind = last["seq"]
        query = (
            f"select * from {table} where created_at >= to_timestamp(%s) and created_at < to_timestamp(%s)"  # noqa: S608
            " and seq > %s order by seq limit %s"
        )
        found = all_of(tx, query, self.since, self.until, behind, self.limit + 1)
        return found[: self.limit], len(found) > self.limit


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_SECOND):
        raise invalid(f"{name}: a whole number, seconds since 1970 for times")
    return int(text)
