"""Quotes: what will happen, said before it does. At most one is open per account, and only a quote makes a charge."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from billing import audit
from billing.accounts import lock_account, position, top_user
from billing.allocation import Share, plan
from billing.allocations import open_invoices
from billing.config import Settings
from billing.errors import AmountNotPositive, AmountTooLarge, MethodNotUsable, NotFound, PaymentUnderWay
from billing.models import PaymentMethod, Quote
from billing.money import Money
from billing.payment_records import payment_under_way
from billing.reply_codes import reply_code

LINK_CHANNELS = frozenset({"sms", "page"})  # read later than a chat or a call: the longer time


def check_amount(amount: Money, settings: Settings) -> None:
    """Raises AmountNotPositive or AmountTooLarge; fractions of a cent never become Money in the first place."""
    if amount.minor <= 0:
        raise AmountNotPositive(str(amount))
    if amount.minor > settings.max_payment_minor:
        raise AmountTooLarge(settings.max_payment_minor, amount.currency)


def quote_payment(
    session: Session,
    *,
    settings: Settings,
    account_id: int,
    amount: Money,
    method_id: int | None,
    channel: str,
    sender: str | None,
    portal_user_id: int | None,
    now: datetime,
    invoice_id: int | None = None,
    billing_email: str | None = None,
) -> Quote:
    """Makes the account's open quote, in place of the one it may have had.

    `method_id` None means a card that is still to be entered on the secure page. `invoice_id` puts one invoice before
    the oldest. Raises AmountRefused, MethodNotUsable, PaymentUnderWay, NotFound.
    """
    account = lock_account(session, account_id)
    if under_way := payment_under_way(session, account_id):
        raise PaymentUnderWay(under_way.id)
    check_amount(amount, settings)
    if amount.currency != account.currency:
        raise MethodNotUsable(method_id or 0, f"the account is billed in {account.currency}")
    method = _usable_method(session, account_id, method_id, now) if method_id is not None else None
    shares, excess = preview(session, account_id, amount, invoice_id, now)
    code = _reply_code(session, account_id, amount, method, now) if channel == "sms" else None
    close_open_quote(session, account_id, state="replaced")
    ttl_s = settings.quote_ttl_link_s if channel in LINK_CHANNELS else settings.quote_ttl_chat_s
    quote = Quote(
        id=uuid.uuid4(),
        account_id=account_id,
        currency=amount.currency,
        amount_minor=amount.minor,
        method_id=method_id,
        invoice_id=invoice_id,
        allocation=as_rows(shares),
        credit_minor=excess.minor,
        billing_email=billing_email or (method and method.billing_email) or top_user(session, account_id).email,
        channel=channel,
        sender=sender,
        portal_user_id=portal_user_id,
        reply_code=code,
        expires_at=now + timedelta(seconds=ttl_s),
        created_at=now,
        state="open",
    )
    session.add(quote)
    session.flush()
    return quote


def _reply_code(session: Session, account_id: int, amount: Money, method: PaymentMethod | None, now: datetime) -> str:
    owed = position(session, account_id, now.date()).outstanding
    open_amounts = [invoice.open for invoice in open_invoices(session, account_id)]
    ending = method.last4 if method is not None else ""
    return reply_code(session, account_id, amounts=[amount, owed, *open_amounts], card_ending=ending, now=now)


def _usable_method(session: Session, account_id: int, method_id: int, now: datetime) -> PaymentMethod:
    method = session.get(PaymentMethod, method_id)
    if method is None or method.account_id != account_id:
        raise NotFound("payment method", method_id)
    if method.state != "active":
        raise MethodNotUsable(method_id, method.state)
    if expired(method, now):
        raise MethodNotUsable(method_id, "expired")
    return method


def expired(method: PaymentMethod, now: datetime) -> bool:
    """A card is good to the end of its month."""
    if method.exp_year is None or method.exp_month is None:
        return False
    return (method.exp_year, method.exp_month) < (now.year, now.month)


def preview(
    session: Session, account_id: int, amount: Money, invoice_id: int | None, now: datetime
) -> tuple[list[Share], Money]:
    """What `amount` would pay if it settled now, and what of it would become credit."""
    credit = position(session, account_id, now.date()).credit
    planned = plan(amount, credit, open_invoices(session, account_id), first=invoice_id)
    return planned.payment_shares, planned.excess


def as_rows(shares: Sequence[Share]) -> list[dict[str, Any]]:
    return [
        {"invoice_id": s.invoice_id, "number": s.number, "amount_minor": s.amount.minor, "left_minor": s.left.minor}
        for s in shares
    ]


def shares_of(quote: Quote) -> list[Share]:
    """The allocation that was previewed in the quote."""
    return [
        Share(
            row["invoice_id"],
            row["number"],
            Money(row["amount_minor"], quote.currency),
            Money(row["left_minor"], quote.currency),
        )
        for row in quote.allocation
    ]


def get_quote(session: Session, quote_id: uuid.UUID | str) -> Quote:
    try:
        quote = session.get(Quote, quote_id if isinstance(quote_id, uuid.UUID) else uuid.UUID(quote_id))
    except ValueError:
        quote = None
    if quote is None:
        raise NotFound("quote", quote_id)
    return quote


def mark_delivered(session: Session, quote_id: uuid.UUID, said: str, now: datetime) -> None:
    """Keeps what the customer was told, word for word. Only a delivered quote can be agreed to."""
    session.execute(update(Quote).where(Quote.id == quote_id).values(said=said, delivered_at=now))


def open_quote(session: Session, account_id: int, now: datetime) -> Quote | None:
    """The account's open quote, unless its time is over."""
    return session.scalars(
        select(Quote).where(Quote.account_id == account_id, Quote.state == "open", Quote.expires_at > now)
    ).one_or_none()


def last_delivered(session: Session, sender: str) -> Quote | None:
    """The quote that this conversation heard last, whatever became of it: what a typed yes means."""
    return session.scalars(
        select(Quote)
        .where(Quote.sender == sender, Quote.delivered_at.is_not(None))
        .order_by(Quote.delivered_at.desc(), Quote.created_at.desc())
        .limit(1)
    ).one_or_none()


def close_open_quote(session: Session, account_id: int, *, state: str) -> None:
    session.execute(
        update(Quote).where(Quote.account_id == account_id, Quote.state == "open").values(state=state),
        execution_options={"synchronize_session": "fetch"},
    )


def void_open_quote(session: Session, account_id: int, *, cause: str, actor: str, now: datetime) -> None:
    """The customer changed their mind: nothing can be charged any more without a new quote."""
    lock_account(session, account_id)
    if quote := open_quote(session, account_id, now):
        audit.record(
            session,
            actor=actor,
            cause=cause,
            entity="quote",
            entity_id=quote.id,
            now=now,
            before={"state": "open"},
            after={"state": "void"},
        )
    close_open_quote(session, account_id, state="void")


def expire_quotes(session: Session, now: datetime) -> int:
    """Closes what nobody answered in time. Returns how many."""
    result = session.execute(
        update(Quote).where(Quote.state == "open", Quote.expires_at <= now).values(state="expired").returning(Quote.id)
    )
    return len(result.all())
