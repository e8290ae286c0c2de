"""What an operation that talks to a gateway needs, in one object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from billing.config import Settings
from billing.database import SessionFactory, make_engine, make_session_factory
from billing.gateways.base import Gateway


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Context:
    sessions: SessionFactory
    gateway: Gateway
    settings: Settings
    now: Callable[[], datetime] = _utc_now


def make_gateway(settings: Settings) -> Gateway:
    """Stripe where its keys are set, else the sandbox bank where it is on. SystemExit: there is no silent default."""
    if settings.stripe_secret_key:
        from billing.gateways.stripe import StripeGateway  # noqa: PLC0415  (only what is configured is loaded)

        return StripeGateway.from_settings(settings)
    if not settings.sandbox_enabled:
        raise SystemExit(
            "no gateway is configured: set STRIPE_SECRET_KEY, STRIPE_PUBLISHABLE_KEY and STRIPE_WEBHOOK_SECRET, "
            "or SANDBOX_ENABLED=1 for the sandbox bank (docs/settings.md)"
        )
    from billing.gateways.sandbox import SandboxGateway  # noqa: PLC0415  (only what is configured is loaded)

    return SandboxGateway.from_settings(settings)


def make_context(settings: Settings, *, pool_size: int = 10) -> Context:
    engine = make_engine(settings.database_url, pool_size=pool_size)
    return Context(make_session_factory(engine), make_gateway(settings), settings)
