"""Rows for tests, with defaults: say only what the test is about.

account = an_account(session)
an_invoice(session, account, "200.00", due_days=-60)
context = a_context(sessions, FakeGateway())
payment = pay(context, account, "50.00")
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing import credits, invoices, quotes
from billing.accounts import position, top_user, usable_methods
from billing.config import Settings
from billing.context import Context
from billing.database import SessionFactory
from billing.gateways.base import Gateway
from billing.models import Account, Credit, Invoice, Payment, PaymentMethod, PortalUser, Quote
from billing.money import Money
from billing.payments import ConsentGiven, NewMethod, start_payment
from tests.support.fake_gateway import FakeGateway

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
TODAY = NOW.date()
SECRET = "a-secret-of-the-tests-alone"

_serial = itertools.count(1)


@dataclass
class Clock:
    """A clock that stands still until it is moved; give it to `a_context(…, now=clock)`."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **timedelta_arguments: float) -> datetime:
        """`clock.forward(minutes=5)`"""
        self.at += timedelta(**timedelta_arguments)
        return self.at


def cad(amount: str) -> Money:
    """`cad("12.34")`"""
    return Money.from_decimal(Decimal(amount), "CAD")


def some_settings(**changes: Any) -> Settings:
    """Settings that name no real place; `database_url` is not used by code that is handed its sessions."""
    values: dict[str, Any] = {
        "database_url": "postgresql://nobody@nowhere.invalid/none",
        "bot_token": f"{SECRET}-bot",
        "actions_token": f"{SECRET}-actions",
        "portal_signing_secret": f"{SECRET}-portal",
        "sandbox_enabled": True,
        "sandbox_secret_key": f"{SECRET}-sandbox",
        "sandbox_webhook_secret": f"{SECRET}-events",
    }
    return Settings(**(values | changes))


def a_context(
    sessions: SessionFactory,
    gateway: Gateway | None = None,
    *,
    now: Callable[[], datetime] | None = None,
    settings: Settings | None = None,
) -> Context:
    return Context(sessions, gateway or FakeGateway(), settings or some_settings(), now or Clock())


def an_account(
    session: Session,
    *,
    number: str | None = None,
    name: str = "Maya Tremblay",
    currency: str = "CAD",
    language: str = "en",
    users: int = 1,
    method: bool = True,
) -> Account:
    """An account with `users` portal users (notifications on) and, unless told otherwise, one saved Visa."""
    serial = next(_serial)
    account = Account(
        number=number or f"A-{serial}",
        name=name,
        currency=currency,
        language=language,
        billing_address={"name": name, "line1": "1 Main St", "city": "Ottawa", "postal_code": "K1A 0A1"},
    )
    session.add(account)
    session.flush()
    for _ in range(users):
        a_user(session, account)
    if method:
        a_method(session, account)
    return account


def a_user(
    session: Session,
    account: Account,
    *,
    email: str | None = None,
    name: str = "Maya Tremblay",
    phone: str | None = None,
    language: str | None = None,
    notifications: bool = True,
    external_id: str | None = None,
) -> PortalUser:
    """One more portal user, below those that the account has."""
    serial = next(_serial)
    last = session.scalar(select(func.max(PortalUser.position)).where(PortalUser.account_id == account.id))
    user = PortalUser(
        account_id=account.id,
        external_id=external_id or f"user-{serial}",
        position=(last or 0) + 1,
        name=name,
        email=email or f"user{serial}@northwind.example",
        phone=phone,
        language=language or account.language,
        notifications=notifications,
    )
    session.add(user)
    session.flush()
    return user


def an_invoice(
    session: Session,
    account: Account,
    total: str = "100.00",
    *,
    due_days: int = 0,
    due_on: date | None = None,
    number: str | None = None,
    external_id: str | None = None,
    now: datetime = NOW,
) -> Invoice:
    """Issued properly, through the ledger; due `due_days` after TODAY (negative: past due)."""
    serial = next(_serial)
    due = due_on or TODAY + timedelta(days=due_days)
    return invoices.issue_invoice(
        session,
        account_id=account.id,
        external_id=external_id or f"inv-{serial}",
        number=number or f"INV-{serial}",
        total=Money.from_decimal(Decimal(total), account.currency),
        issued_on=due - timedelta(days=21),
        due_on=due,
        now=now,
    )


def a_credit(
    session: Session, account: Account, amount: str = "35.00", *, reason: str = "Goodwill", now: datetime = NOW
) -> Credit:
    """Granted by the billing system; not applied to open invoices by itself."""
    return credits.grant_credit(
        session,
        account_id=account.id,
        external_id=f"credit-{next(_serial)}",
        amount=Money.from_decimal(Decimal(amount), account.currency),
        reason=reason,
        now=now,
    )


def a_method(
    session: Session,
    account: Account,
    *,
    kind: str = "card",
    brand: str = "visa",
    last4: str = "4242",
    reference: str | None = None,
    gateway: str = "fake",
    state: str = "active",
    exp: tuple[int, int] | None = (12, 2031),
    billing_email: str | None = None,
) -> PaymentMethod:
    """Saved; `reference` is the token under which the gateway charges it."""
    month, year = exp if exp is not None and kind == "card" else (None, None)
    method = PaymentMethod(
        account_id=account.id,
        gateway=gateway,
        gateway_reference=reference or f"pm_{next(_serial)}",
        kind=kind,
        brand=brand,
        last4=last4,
        exp_month=month,
        exp_year=year,
        billing_email=billing_email,
        state=state,
    )
    session.add(method)
    session.flush()
    return method


def a_quote(
    session: Session,
    account: Account,
    amount: str | None = None,
    *,
    method: PaymentMethod | None = None,
    new_card: bool = False,
    channel: str = "chat",
    sender: str | None = "sender-1",
    invoice: Invoice | None = None,
    settings: Settings | None = None,
    now: datetime = NOW,
) -> Quote:
    """The account's open quote, delivered; for what is outstanding and on its first saved method, unless told."""
    if method is None and not new_card:
        method = usable_methods(session, account.id, "fake")[0]
    whole = position(session, account.id, now.date()).outstanding
    quote = quotes.quote_payment(
        session,
        settings=settings or some_settings(),
        account_id=account.id,
        amount=Money.from_decimal(Decimal(amount), account.currency) if amount is not None else whole,
        method_id=method.id if method is not None else None,
        channel=channel,
        sender=sender,
        portal_user_id=top_user(session, account.id).id,
        invoice_id=invoice.id if invoice is not None else None,
        now=now,
    )
    quotes.mark_delivered(session, quote.id, f"I will charge {quote.amount}. Is that right?", now)
    return quote


def a_consent(
    *, channel: str = "chat", sender: str | None = "sender-1", user: PortalUser | None = None
) -> ConsentGiven:
    return ConsentGiven(
        said="I will charge that. Is that right?",
        answered="yes",
        channel=channel,
        sender=sender,
        portal_user_id=user.id if user is not None else None,
    )


def pay(
    context: Context,
    account: Account,
    amount: str | None = None,
    *,
    method: PaymentMethod | None = None,
    new_method: NewMethod | None = None,
    invoice: Invoice | None = None,
    channel: str = "chat",
) -> Payment:
    """Quote and yes in one go: the payment in whatever state the gateway's behaviour led to."""
    with context.sessions.begin() as session:
        quote = a_quote(
            session,
            account,
            amount,
            method=method,
            new_card=new_method is not None,
            invoice=invoice,
            channel=channel,
            settings=context.settings,
            now=context.now(),
        )
        user = top_user(session, account.id)
    return start_payment(context, quote.id, a_consent(channel=channel, user=user), new_method)
