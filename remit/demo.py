"""The demo's data: there at the first start, and back to exactly that while the stack runs (`remit demo reset`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import psycopg
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker

import assistant.calls.models
import assistant.models
import assistant.texts.models  # noqa: F401 these fill the metadata, so that their tables are wiped too
from billing.config import Settings
from billing.context import Context
from billing.database import Base
from billing.errors import GatewayError
from billing.imports import import_file
from billing.methods import sync_methods
from billing.models import Account
from remit.connect import books_and_gateway, database
from remit.errors import DemoRefused
from remit.folders import ROOT

DEMO_FILE = ROOT / "sandbox" / "demo" / "northwind.json"
METHODS_FILE = DEMO_FILE.with_name("methods.json")
SANDBOX_PATIENCE_S = 30
TRIES = 5


def has_accounts(database_url: str) -> bool:
    with psycopg.connect(database_url) as connection:
        return connection.execute("select 1 from accounts limit 1").fetchone() is not None


def reset_demo(settings: Settings, file: Path = DEMO_FILE) -> None:
    """Puts accounts, bank, mail and phones back to the demo's beginning. Raises DemoRefused unless the sandbox is on.

    Our tables change in one transaction; the bank follows, and its saved cards are taken over last. Run it again
    where it was interrupted: it begins from nothing each time.
    """
    if not settings.sandbox_enabled:
        raise DemoRefused("demo commands work with the sandbox only (SANDBOX_ENABLED), and it is off: nothing was done")
    today = datetime.now(ZoneInfo(settings.time_zone)).date()
    with database(settings) as engine, engine.connect() as connection:
        _again_after_deadlock(lambda: _wipe_and_import(connection, file, today))
    _reset_bank(settings)
    with books_and_gateway(settings) as context:
        if settings.stripe_secret_key:
            _save_cards_at_stripe(context)
        _take_methods_over(context)


def _wipe_and_import(connection: Connection, file: Path, today: date) -> None:
    with connection.begin():
        _wipe(connection)
        # Sessions that join the transaction: what the importer commits is a savepoint of it.
        sessions = sessionmaker(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        import_file(sessions, file, today=today, now=datetime.now(UTC))


def _again_after_deadlock(work: Callable[[], None]) -> None:
    """A turn in the middle of its transaction may hold what we want and want what we hold; PostgreSQL picks a loser."""
    for _ in range(TRIES - 1):
        try:
            work()
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.DeadlockDetected):
                raise
        else:
            return
    work()


def _wipe(connection: Connection) -> None:
    """Empties our tables, the append-only ones too: this is the one place where their triggers are put aside."""
    names = [table.name for table in Base.metadata.sorted_tables]
    connection.execute(text(f"lock table {', '.join(names)} in access exclusive mode"))
    for name in names:
        connection.execute(text(f"alter table {name} disable trigger user"))
    connection.execute(text(f"truncate {', '.join(names)} restart identity"))
    for name in names:
        connection.execute(text(f"alter table {name} enable trigger user"))
    connection.execute(text("delete from procrastinate_jobs where status in ('todo', 'failed', 'succeeded')"))


def _reset_bank(settings: Settings) -> None:
    try:
        answer = httpx.post(
            f"{settings.sandbox_url}/demo/internal/reset",
            headers={"Authorization": f"Bearer {settings.sandbox_secret_key}"},
            timeout=SANDBOX_PATIENCE_S,
            trust_env=False,
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise DemoRefused(f"the accounts are reset, but the sandbox bank did not follow ({error}); try again") from None


def _save_cards_at_stripe(context: Context) -> None:
    import stripe  # noqa: PLC0415  (only where it takes the money)

    from billing.gateways.stripe import StripeGateway  # noqa: PLC0415
    from remit.stripe_demo import save_test_cards  # noqa: PLC0415

    if isinstance(context.gateway, StripeGateway):
        try:
            save_test_cards(context, context.gateway, METHODS_FILE)
        except (stripe.StripeError, GatewayError) as error:
            raise DemoRefused(f"the accounts are reset, but not their cards at Stripe: {error}") from None


def _take_methods_over(context: Context) -> None:
    with context.sessions() as session:
        account_ids = session.scalars(select(Account.id).order_by(Account.id)).all()
    for account_id in account_ids:
        sync_methods(context, account_id)
