"""The list of messages of Twilio's API: its filters, and its pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sandbox.database import Transaction, all_of
from sandbox.twilio import texts
from sandbox.twilio.errors import TwilioError

USUAL_PAGE, LARGEST_PAGE = 50, 1000
DATE_CHARS = len("2026-11-27")
ENDS = {
    "From": "case when direction = 'inbound' then phone else other end",
    "To": "case when direction = 'inbound' then other else phone end",
}
SENT = "coalesce(sent_at, created_at)"


def search(tx: Transaction, account_sid: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The page that `To`, `From`, `DateSent`, `DateSent<`, `DateSent>`, `PageSize`, `PageToken` ask for, newest first.

    Codes that Verify sent are no messages of the account's. Raises TwilioError.
    """
    size = min(_whole(query, "PageSize", USUAL_PAGE), LARGEST_PAGE)
    number = _whole(query, "Page", 0)
    conditions, values = _conditions(query)
    where = " and ".join(["direction <> 'outbound-verify'", *conditions])
    rows = all_of(tx, f"select * from texts where {where} order by id desc limit %s", *values, size + 1)  # noqa: S608
    shown, more = rows[:size], len(rows) > size
    path = f"/{texts.API_VERSION}/Accounts/{account_sid}/Messages.json"

    def uri(page: int, token: str | None = None) -> str:
        asked = {k: v for k, v in query.items() if k not in ("Page", "PageSize", "PageToken")}
        behind = {"PageToken": token} if token else {}
        return f"{path}?{urlencode({**asked, 'PageSize': size, 'Page': page, **behind})}"

    return {
        "messages": [texts.as_resource(row, account_sid) for row in shown],
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(len(shown) - 1, 0),
        "uri": uri(number, query.get("PageToken")),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, f"PA{shown[-1]['sid']}") if more else None,
        "previous_page_uri": None,
    }


def _conditions(query: Mapping[str, str]) -> tuple[list[str], list[object]]:
    """Dates without a time of day mean whole days, in UTC; both bounds are inclusive."""
    conditions: list[str] = []
    values: list[object] = []

    def also(condition: str, value: object) -> None:
        conditions.append(condition)
        values.append(value)

    for name, end in ENDS.items():
        if name in query:
            also(f"{end} = %s", query[name])
    if "DateSent" in query:
        day = _moment(query["DateSent"]).replace(hour=0, minute=0, second=0)
        also(f"{SENT} >= %s", day)
        also(f"{SENT} < %s", day + timedelta(days=1))
    if "DateSent>" in query:
        also(f"{SENT} >= %s", _moment(query["DateSent>"]))
    if "DateSent<" in query:
        text = query["DateSent<"]
        also(f"{SENT} < %s", _moment(text) + (timedelta(days=1) if len(text) == DATE_CHARS else timedelta(seconds=1)))
    if "PageToken" in query:
        also("id < (select id from texts where sid = %s)", query["PageToken"].removeprefix("PA"))
    return conditions, values


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TwilioError(400, 20001, f"DateSent: {text} is no date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or (name == "PageSize" and int(text) < 1):
        raise TwilioError(400, 20001, f"{name}: not a whole number")
    return int(text)
