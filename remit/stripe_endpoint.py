"""Do Stripe's events reach us? The webhook endpoint, what it is subscribed to, its secret, and the newest event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from billing import stripe_settings
from billing.gateways.stripe import API_VERSION, EVENT_TYPES
from remit.stripe_asking import Asking, Line, Setup

ON_ITS_WAY_S = 60  # a younger event may still arrive
LISTEN = "stripe listen --forward-to {url}"


def check_endpoint(asking: Asking, setup: Setup, arrived: Callable[[str], bool] | None) -> Iterator[Line]:
    """`arrived` knows whether an event of that id is in the books; None where there are no books to look into."""
    yield from _endpoint(asking, setup)
    yield _signing_secret(setup)
    if arrived is not None:
        yield _newest_event(asking, arrived)


def _endpoint(asking: Asking, setup: Setup) -> Iterator[Line]:
    list_ = asking.platform.webhook_endpoints.list
    listed = asking.ask_list("webhook endpoint", lambda: list_({"limit": 100}), permission="Webhook endpoints")
    if isinstance(listed, Line):
        yield listed
        return
    ours = [found for found in listed if str(found.get("url")).rstrip("/") == setup.events_url]
    enabled = [found for found in ours if found.get("status") == "enabled"]
    if not ours:
        yield _no_endpoint(setup)
    elif not enabled:
        found = f"{ours[0].get('id')} for {setup.events_url} is disabled"
        yield Line("wrong", "webhook endpoint", found, "enable it: Dashboard → Developers → Webhooks")
    elif len(enabled) > 1:
        found = f"{len(enabled)} for {setup.events_url}: each event arrives that often, with as many secrets"
        yield Line(
            "wrong", "webhook endpoint", found, f"delete all but one of {', '.join(str(e.get('id')) for e in enabled)}"
        )
    else:
        yield Line("ok", "webhook endpoint", f"{enabled[0].get('id')} for {setup.events_url}, enabled")
    if len(enabled) == 1:
        yield _subscribed(enabled[0])
        yield _endpoint_version(enabled[0])


def _no_endpoint(setup: Setup) -> Line:
    host = urlsplit(setup.public_url).hostname or ""
    if not setup.live and host in ("localhost", "127.0.0.1", "::1"):
        found = f"none, and Stripe cannot reach {setup.events_url}"
        return Line("warning", "webhook endpoint", found, f"run: {LISTEN.format(url=setup.events_url)}")
    next_ = f"Dashboard → Developers → Webhooks → add {setup.events_url}, then set STRIPE_WEBHOOK_SECRET to its secret"
    return Line("wrong", "webhook endpoint", f"none for {setup.events_url}", next_)


def _subscribed(endpoint: Mapping[str, Any]) -> Line:
    on = set(endpoint.get("enabled_events") or ())
    missing = [] if "*" in on else [type_ for type_ in EVENT_TYPES if type_ not in on]
    if missing:
        found = f"{len(missing)} of {len(EVENT_TYPES)} missing: {', '.join(missing)}"
        return Line("wrong", "its events", found, f"add them to {endpoint.get('id')}")
    return Line("ok", "its events", "all of them" if "*" in on else f"all {len(EVENT_TYPES)} that are needed")


def _endpoint_version(endpoint: Mapping[str, Any]) -> Line:
    version = endpoint.get("api_version")
    if version == API_VERSION:
        return Line("ok", "its API version", API_VERSION)
    found = f"{version or 'the default of the account'}; ours is {API_VERSION}"
    next_ = "nothing is lost, every object is retrieved anew; an endpoint of our version saves that"
    return Line("warning", "its API version", found, next_)


def _signing_secret(setup: Setup) -> Line:
    """Nobody but Stripe knows whose it is: Stripe tells an endpoint's secret once, when it is made."""
    if len(stripe_settings.webhook_secrets(setup.webhook_secret)) > 1:
        next_ = "once Stripe has expired the old one, leave only the new one (docs/stripe.md)"
        return Line("warning", "signing secret", "two of them: a rotation is under way", next_)
    return Line("ok", "signing secret", "one, of the right shape")


def _newest_event(asking: Asking, arrived: Callable[[str], bool]) -> Line:
    """The proof of all of it together: address, subscription and secret."""
    made_before = int(asking.now()) - ON_ITS_WAY_S
    listed = asking.ask_list(
        "newest event",
        lambda: asking.v1.events.list({"types": list(EVENT_TYPES), "created": {"lte": made_before}, "limit": 1}),
        permission="Events",
    )
    if isinstance(listed, Line):
        return listed
    if not listed:
        return Line("ok", "newest event", "Stripe has made none yet: pay once, and look again after a minute")
    event = listed[0]
    found = f"{event.get('id')}, {event.get('type')}"
    if arrived(str(event.get("id"))):
        return Line("ok", "newest event", f"{found}, has arrived")
    next_ = "Dashboard → Developers → Webhooks shows our answer (400: wrong secret); then `remit compare`"
    return Line("warning", "newest event", f"{found}, has not arrived", next_)
