"""Gateway against ledger over a period, and the events that never came. Repeating it, whole or in part, is harmless.

    per hour:  payments made there → each against the books (payment_comparison.py)
               payments made here → those that the gateway did not list
               events made there → what went back; those that never arrived are received as hints
    per day:   one row in `comparisons`, so that an interrupted run goes on where it was

Nothing is booked here: what the gateway says goes through settlement and inbox, like everything that it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.context import Context
from billing.differences import Difference
from billing.errors import GONE, GatewayRejected
from billing.gateways.base import GatewayEvent, GatewayPayment
from billing.inbox import receive_event
from billing.models import Attempt, Comparison, EventReceived, Payment
from billing.payment_comparison import compare_page, compare_returned, not_at_gateway

PAGE = 100  # what Stripe gives at once, and what is looked up here at once
SLICE = timedelta(hours=1)  # what is held in memory: the ids of one slice's payments
DAY = timedelta(days=1)
UNDER_WAY = timedelta(seconds=15)  # an event this young may be on its way to us
DAILY_LAG = timedelta(hours=1)  # the daily run leaves out what polling and late deliveries are still busy with
EVENTS_KEPT = timedelta(days=29)  # Stripe lists events of 30 days; before, every payment is asked for its refunds
SHOWN = 200  # of each list in a report; more are counted, and in the operator's queue
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MissedEvent:
    id: str
    type: str
    object_id: str | None
    made_at: datetime | None


@dataclass
class Report:
    """What one run saw. The lists are cut at SHOWN; the counts are not."""

    gateway: str
    since: datetime
    until: datetime
    payments: int = 0  # each counted once, by whichever side it was found
    difference_count: int = 0
    events: int = 0
    missed_count: int = 0
    differences: list[Difference] = field(default_factory=list)
    missed: list[MissedEvent] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.difference_count and not self.missed_count

    def add(self, differences: Iterable[Difference]) -> None:
        for difference in differences:
            if difference in self.differences:  # two events of one payment
                continue
            self.difference_count += 1
            if len(self.differences) < SHOWN:
                self.differences.append(difference)


def compare(
    context: Context, since: datetime, until: datetime, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Compares what either side made in [since, until). `progress` hears of hours done and hours in all.

    Raises GatewayError when the gateway does not answer; the days before stand in `comparisons`.
    """
    # Gateways tell their times in whole seconds.
    since, until = since.replace(microsecond=0), min(until, context.now())
    report = Report(context.gateway.name, since, until)
    slices = list(_split(since, until, SLICE))
    day = Report(context.gateway.name, since, until)
    for done, (begin, end) in enumerate(slices, 1):
        _compare_slice(context, report, day, begin, end)
        if end == until or end - day.since >= DAY:
            _record(context, day, end)
            _merge(report, day)
            day = Report(context.gateway.name, end, until)
        if progress is not None:
            progress(done, len(slices))
    return report


def compare_when_due(context: Context) -> Report | None:
    """The daily run: what has not been compared yet, up to an hour ago, once that is a day or more. None: not yet."""
    until = context.now() - DAILY_LAG
    with context.sessions() as session:
        since = _compared_until(session, context.gateway.name, until)
    if since is None or until - since < DAY:
        return None
    return compare(context, since, until)


def _compared_until(session: Session, gateway: str, until: datetime) -> datetime | None:
    """Up to when there are no gaps, of the days whose events are still kept. None: this gateway has no history here.

    A gateway's account may be older than our use of it: what was before our first payment or event is not ours.
    """
    first_payment = session.scalar(select(func.min(Payment.created_at)).where(Payment.gateway == gateway))
    first_event = session.scalar(select(func.min(EventReceived.received_at)).where(EventReceived.gateway == gateway))
    began = min(filter(None, (first_payment, first_event)), default=None)
    if began is None:
        return None
    covered = max(began, until - EVENTS_KEPT)
    rows = session.execute(
        select(Comparison.since, Comparison.until)
        .where(Comparison.gateway == gateway, Comparison.until > covered)
        .order_by(Comparison.since)
    )
    for row in rows:
        if row.since <= covered:
            covered = max(covered, row.until)
    return covered


def _split(since: datetime, until: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        end = min(since + step, until)
        yield since, end
        since = end


def _compare_slice(context: Context, whole: Report, report: Report, since: datetime, until: datetime) -> None:
    thorough = since < context.now() - EVENTS_KEPT
    compared: set[str] = set()
    for page in _pages(context.gateway.list_payments(since, until)):
        compared |= {seen.id for seen in page}
        report.payments += len(page)
        report.add(compare_page(context, page, thorough=thorough))
    for gateway_id, seen in _unlisted(context, since, until, compared):
        if isinstance(seen, GatewayRejected):
            report.payments += 1
            report.add(not_at_gateway(context, gateway_id, seen))
        elif seen.created_at is None or not whole.since <= seen.created_at < whole.until:
            report.payments += 1
            report.add(compare_page(context, [seen], thorough=thorough))
    _compare_events(context, report, since, until, compared)


def _compare_events(context: Context, report: Report, since: datetime, until: datetime, compared: set[str]) -> None:
    """Receives what never arrived; a late delivery of the same event then does nothing. Events that concern nothing
    of ours are left out: the gateway lists them, but need not send them.

    What went back of payments of any age is told by the slice's events, and looked at before a worker has them.
    """
    for page in _pages(context.gateway.list_events(since, min(until, context.now() - UNDER_WAY))):
        ours = [event for event in page if event.subject != "other"]
        report.events += len(ours)
        returned = {e.object_id for e in ours if e.subject in ("refund", "dispute") and e.object_id is not None}
        for gateway_id in sorted(returned - compared):
            report.add(compare_returned(context, gateway_id))
        compared |= returned
        for event in _receive_missing(context, ours):
            report.missed_count += 1
            if len(report.missed) < SHOWN:
                report.missed.append(MissedEvent(event.id, event.type, event.object_id, event.created_at))


def _receive_missing(context: Context, events: list[GatewayEvent]) -> list[GatewayEvent]:
    gateway, now = context.gateway.name, context.now()
    with context.sessions.begin() as session:
        known = set(
            session.scalars(
                select(EventReceived.event_id).where(
                    EventReceived.gateway == gateway, EventReceived.event_id.in_([event.id for event in events])
                )
            )
        )
        return [e for e in events if e.id not in known and receive_event(session, gateway, e, now)]


def _unlisted(
    context: Context, since: datetime, until: datetime, listed: set[str]
) -> Iterator[tuple[str, GatewayPayment | GatewayRejected]]:
    """Payments made here of which the gateway's list said nothing, as the gateway knows them, or why it does not.

    Most of them were made at the edge of the slice: by the gateway's clock they belong to its neighbour.
    """
    last = 0
    while page := _our_page(context, since, until, last):
        last = page[-1][0]
        for _, gateway_id in page:
            if gateway_id not in listed:
                try:
                    yield gateway_id, context.gateway.retrieve_payment(gateway_id)
                except GatewayRejected as error:
                    if error.code != GONE:  # no answer to the question whether it is there
                        raise
                    yield gateway_id, error


def _our_page(context: Context, since: datetime, until: datetime, after: int) -> list[tuple[int, str]]:
    """Payment id and gateway's id of the next payments that have an object there, by our clock."""
    with context.sessions() as session:
        rows = session.execute(
            select(Payment.id, Attempt.gateway_object_id)
            .join(Attempt, Attempt.payment_id == Payment.id)
            .where(
                Payment.gateway == context.gateway.name,
                Payment.created_at >= since,
                Payment.created_at < until,
                Payment.id > after,
                Attempt.gateway_object_id.is_not(None),
            )
            .order_by(Payment.id)
            .limit(PAGE)
        )
        return [(row.id, row.gateway_object_id) for row in rows]


def _pages(things: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(things)
    while page := list(islice(remaining, PAGE)):
        yield page


def _record(context: Context, day: Report, until: datetime) -> None:
    with context.sessions.begin() as session:
        session.add(
            Comparison(
                gateway=day.gateway,
                since=day.since,
                until=until,
                payments=day.payments,
                differences=day.difference_count,
                events=day.events,
                events_missed=day.missed_count,
                at=context.now(),
            )
        )


def _merge(report: Report, day: Report) -> None:
    report.payments += day.payments
    report.events += day.events
    report.difference_count += day.difference_count
    report.missed_count += day.missed_count
    report.differences += day.differences[: SHOWN - len(report.differences)]
    report.missed += day.missed[: SHOWN - len(report.missed)]
