"""The sandbox bank's events: verified, stored once, answered. What they mean is worked out behind."""

from __future__ import annotations

from flask import Blueprint, request

from billing.inbox import receive_event
from webhook.edge import edge
from webhook.guards import gateway_signature, guarded

blueprint = Blueprint("sandbox_events", __name__)

LARGEST_EVENT = 262_144  # bytes; an event is about 2,000


@blueprint.post("/webhooks/sandbox")
@guarded(
    who=gateway_signature,
    summary="Signed events of the sandbox bank",
    max_body=LARGEST_EVENT,
    answers={200: None},
    refusals=("bad_signature",),
)
def receive() -> tuple[str, int]:
    shared = edge()
    event = shared.context.gateway.verify_event(request.get_data(), dict(request.headers))
    with shared.context.sessions.begin() as session:
        new = receive_event(session, shared.context.gateway.name, event, shared.context.now())
    shared.metrics.events_received.labels(shared.context.gateway.name, "new" if new else "repeated").inc()
    return "", 200
