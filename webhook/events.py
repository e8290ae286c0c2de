"""A gateway's events: verified, stored once, answered. What they mean is worked out behind.

One address per gateway, `/webhooks/<gateway>`, and only the configured gateway has one. Whatever is wrong with a
delivery is answered 400 and leaves nothing but a count; without a database it is answered 503, and comes again.
"""

from __future__ import annotations

from flask import Blueprint, request

from billing.errors import EventRefused
from billing.inbox import receive_event
from webhook.edge import edge
from webhook.guards import gateway_signature, guarded

LARGEST_EVENT = 262_144  # bytes; an event is about 2,000


def routes_of(gateway: str) -> Blueprint:
    blueprint = Blueprint("events", __name__)
    blueprint.post(f"/webhooks/{gateway}")(receive)
    return blueprint


@guarded(
    who=gateway_signature,
    summary="Signed events of the gateway",
    max_body=LARGEST_EVENT,
    too_large="bad_request",
    answers={200: None},
    refusals=("bad_signature", "bad_request"),
)
def receive() -> tuple[str, int]:
    shared = edge()
    gateway = shared.context.gateway
    event = gateway.verify_event(_delivered(), dict(request.headers))
    with shared.statements.connect() as connection:
        new = receive_event(connection, gateway.name, event, shared.context.now())
    shared.metrics.event_received(gateway.name, event, new=new)
    return "", 200


def _delivered() -> bytes:
    """The bytes that were signed. Gateways say how long a delivery is, and that it is JSON, if they say anything."""
    if request.content_length is None:
        raise EventRefused("a body without a length")
    if request.mimetype not in ("application/json", ""):
        raise EventRefused("not JSON")
    return request.get_data(cache=False)
