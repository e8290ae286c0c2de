"""`remit compare`: gateway against books over a period, on one screen."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from billing.comparison import SHOWN, MissedEvent, Report, compare
from billing.config import Settings
from billing.differences import Difference
from remit.connect import books_and_gateway
from remit.errors import CommandFailed

TIME = "%Y-%m-%d %H:%M"
ROWS_SHOWN = 20  # of each kind of line; all of them are in the JSON and in the operator's queue


def compare_books(settings: Settings, since: datetime | None, until: datetime | None, *, as_json: bool) -> int:
    """Prints what differs; the exit code is 1 when anything does. Times without a zone are the company's.

    Raises CommandFailed for a period that is none, GatewayError when the gateway does not answer.
    """
    zone = ZoneInfo(settings.time_zone)
    end = _in(zone, until) or datetime.now(UTC)
    begin = _in(zone, since) or end - timedelta(days=1)
    if begin >= min(end, datetime.now(UTC)):
        raise CommandFailed(f"no time lies between {begin:{TIME}} and {end:{TIME}} that is over already")
    report = _compare(settings, begin, end)
    if as_json:
        sys.stdout.write(json.dumps(_as_json(report), ensure_ascii=False, indent=2) + "\n")
    else:
        _show(Console(highlight=False), report, zone)
    return 0 if report.agrees else 1


def _in(zone: ZoneInfo, moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=zone) if moment is not None and moment.tzinfo is None else moment


def _compare(settings: Settings, since: datetime, until: datetime) -> Report:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with books_and_gateway(settings) as context, shown as progress:
        task = progress.add_task(f"Comparing with {context.gateway.name}", total=None)
        return compare(context, since, until, lambda done, total: progress.update(task, completed=done, total=total))


def _as_json(report: Report) -> dict[str, object]:
    def written(event: MissedEvent) -> dict[str, str | None]:
        return {**asdict(event), "made_at": event.made_at.isoformat() if event.made_at else None}

    return {
        "gateway": report.gateway,
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "agrees": report.agrees,
        "payments": report.payments,
        "differences": {"count": report.difference_count, "first": [asdict(d) for d in report.differences]},
        "events": report.events,
        "events_missed": {"count": report.missed_count, "first": [written(event) for event in report.missed]},
    }


def _show(console: Console, report: Report, zone: ZoneInfo) -> None:
    period = f"{report.since.astimezone(zone):{TIME}} to {report.until.astimezone(zone):{TIME}} ({zone})"
    console.print(f"[bold]{report.gateway}[/bold] against the books, {period}\n")
    sums = Table.grid(padding=(0, 2))
    sums.add_column(justify="right")
    sums.add_row(str(report.payments), _plural(report.payments, "payment") + " compared")
    sums.add_row(_if_any(report.difference_count), _plural(report.difference_count, "difference"))
    sums.add_row(str(report.events), _plural(report.events, "event") + " compared")
    sums.add_row(_if_any(report.missed_count), _plural(report.missed_count, "event") + " missed, received now")
    console.print(sums)
    for difference in report.differences[:ROWS_SHOWN]:
        _difference(console, difference)
    _more(console, report.difference_count, "difference")
    for event in report.missed[:ROWS_SHOWN]:
        _event(console, event, zone)
    _more(console, report.missed_count, "event")
    console.print()
    console.print(_verdict(report), markup=False)


def _difference(console: Console, row: Difference) -> None:
    """Two lines, so that a terminal of 80 columns keeps ids whole and they can be copied."""
    console.print(f"\n[bold]{row.kind}[/bold]  {row.payment or 'of nobody known'}  {row.gateway_id}", soft_wrap=True)
    console.print(Text(f"  {row.detail} → {row.done}"))


def _event(console: Console, row: MissedEvent, zone: ZoneInfo) -> None:
    made = f", made {row.made_at.astimezone(zone):{TIME}}" if row.made_at else ""
    console.print(f"\n[bold]event missed[/bold]  {row.type}  {row.id}", soft_wrap=True)
    console.print(Text(f"  about {row.object_id or 'nothing named'}{made} → received"))


def _if_any(count: int) -> str:
    return f"[yellow]{count}[/yellow]" if count else "0"


def _more(console: Console, count: int, what: str) -> None:
    if (more := count - ROWS_SHOWN) > 0:
        console.print(f"\nand {more} more {_plural(more, what)}: --json has the first {SHOWN}")


def _verdict(report: Report) -> str:
    if report.agrees:
        return "✓ Gateway and books agree."
    asks = [d for d in report.differences if d.for_operator]
    if asks:
        return "✗ Some of it is yours to decide: `remit operator list`, docs/operator.md says what to do."
    if report.missed_count:
        return "✗ It is repaired. Events were lost on their way: is the webhook endpoint in order? `remit stripe check`"
    return "✗ It is repaired; nothing is left to decide."


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
