"""What the edge counts. One registry per app: one worker process, and tests make many apps."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
            "remit_edge_gateway_events", "Gateway events by result.", ["gateway", "result"], registry=self.registry
        )
        self.payments = Counter(
            "remit_edge_page_payments", "Payments from the secure page by result.", ["result"], registry=self.registry
        )
        self.refused = Counter("remit_edge_refused", "Refused requests by code.", ["code"], registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)
