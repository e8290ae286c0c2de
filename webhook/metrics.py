"""What the edge counts. One registry per app: one worker process, and tests make many apps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from assistant.dialogue.turns import Watch
from billing import velocity
from billing.database import SessionFactory
from billing.gateways.base import GatewayEvent
from webhook.log import log

# Seconds. A turn should take tens of milliseconds and may take twelve seconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 12)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "remit_edge_request_seconds",
            "Requests by route, method and status; the time to the first byte for streams.",
            ["route", "method", "status"],
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self.turns = Counter("remit_edge_turns", "Turns by how they ended.", ["result"], registry=self.registry)
        self.bot_seconds = Histogram(
            "remit_edge_bot_seconds", "Turns at the bot.", registry=self.registry, buckets=_BUCKETS
        )
        self.turns_at_bot = Gauge("remit_edge_turns_at_bot", "Turns at the bot now.", registry=self.registry)
        self.streams = Gauge("remit_edge_streams", "Open event streams.", registry=self.registry)
        self.events_sent = Counter("remit_edge_events_sent", "Events written to streams.", registry=self.registry)
        self.events_received = Counter(
            "remit_edge_gateway_events",
            "Verified gateway events: new or repeated. The types that nothing is done about are counted as `other`.",
            ["gateway", "type", "result"],
            registry=self.registry,
        )
        self.texts = Counter(
            "remit_edge_texts_received", "Text messages: new, or repeated.", ["result"], registry=self.registry
        )
        self.payments = Counter(
            "remit_edge_page_payments", "Payments from the secure page by result.", ["result"], registry=self.registry
        )
        self.refused = Counter("remit_edge_refused", "Refused requests by code.", ["code"], registry=self.registry)

    def event_received(self, gateway: str, event: GatewayEvent, *, new: bool) -> None:
        type_ = event.type if event.subject != "other" else "other"
        self.events_received.labels(gateway, type_, "new" if new else "repeated").inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)


class TurnsCounted(Watch):
    """Counts the turns of this edge, and logs those that the bot did not answer."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @contextmanager
    def at_bot(self) -> Iterator[None]:
        started = time.perf_counter()
        with self._metrics.turns_at_bot.track_inprogress():
            yield
        self._metrics.bot_seconds.observe(time.perf_counter() - started)

    def ended(self, result: str, turn_id: int) -> None:
        self._metrics.turns.labels(result).inc()
        if result.startswith("bot_"):
            log.warning("bot_failed", result=result.removeprefix("bot_"), turn=turn_id)


class TriesRefused(Collector):
    """What every door refused since the beginning. It stands in the books, where the action server's counts are too."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions

    def describe(self) -> list[CounterMetricFamily]:
        """So that registering asks no database."""
        return [self._family()]

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = self._family()
        try:
            with self._sessions() as session:
                for limit, channel, count in velocity.refused_so_far(session):
                    family.add_metric([limit, channel], count)
        except SQLAlchemyError as error:  # the other figures are wanted all the more while the database is down
            log.warning("metrics_without_database", error=type(error).__name__)
            return
        yield family

    def _family(self) -> CounterMetricFamily:
        says = "Payments refused as card testing before any bank was asked, by limit and channel."
        return CounterMetricFamily("remit_tries_refused", says, labels=["limit", "channel"])
