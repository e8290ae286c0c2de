"""`remit operator …`: what waits for a person, all that is known about it, and the decision."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from billing import stripe_settings
from billing.config import Settings
from billing.models import Payment
from billing.money import Money
from billing.operator import DECISIONS, Decision, ItemView, list_items, resolve_item, show_item
from billing.refunds import refund_payment
from remit.connect import books, books_and_gateway
from remit.errors import CommandFailed

TIME = "%Y-%m-%d %H:%M:%S"


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def who() -> str:
    """The operator, as the audit trail names them: the one signed in to this machine."""
    return getpass.getuser()


def list_open(settings: Settings) -> None:
    console = _console()
    with books(settings) as sessions, sessions() as session:
        items = list_items(session)
        references = {
            payment.id: payment.reference
            for payment in session.scalars(select(Payment).where(Payment.id.in_([i.payment_id for i in items])))
        }
    if not items:
        console.print("Nothing waits for a person.")
        return
    table = Table("item", "what", "payment", "since", "detail", box=None)
    for item in items:
        payment = references.get(item.payment_id or 0, "–")
        table.add_row(str(item.id), item.kind, payment, item.opened_at.strftime(TIME), item.detail)
    console.print(table)


def show(settings: Settings, item_id: int) -> None:
    console = _console()
    with books_and_gateway(settings) as context:
        view = show_item(context, item_id)
    for line in _lines(view, settings):
        console.print(line, markup=False)


def _lines(view: ItemView, settings: Settings) -> Iterator[str]:
    item, payment = view.item, view.payment
    yield f"Item {item.id}: {item.kind}, since {item.opened_at:{TIME}}"
    yield f"  {item.detail}"
    if item.resolved_at:
        yield f"  resolved {item.resolved_at:{TIME}} by {item.resolved_by}: {item.resolution}"
    if payment:
        yield f"Payment {payment.reference}: {payment.state}, {payment.amount}, account {payment.account_id}"
        yield f"  by {payment.channel}, since {payment.created_at:{TIME}}, checked {payment.checks} times"
        captured = Money(payment.captured_minor, payment.currency)
        yield f"  captured {captured}" + (f", decline code {payment.decline_code}" if payment.decline_code else "")
    for attempt in view.attempts:
        at_gateway = attempt.gateway_object_id or "no gateway object"
        yield f"Attempt {attempt.number}: {at_gateway}, answer {attempt.answer or 'none'}"
    if view.at_gateway:
        seen = view.at_gateway
        declined = f", decline code {seen.decline_code}" if seen.decline_code else ""
        yield f"At the gateway now: {seen.status}, captured {seen.captured or 'nothing'}{declined}"
    for link in _dashboard(view, settings):
        yield f"Dashboard: {link}"
    if view.gateway_error:
        yield f"At the gateway now: unknown ({view.gateway_error})"
    if view.consent:
        consent = view.consent
        yield f"Consent {consent.at:{TIME}} by {consent.channel}: “{consent.said}” – “{consent.answered}”"
    for refund in view.refunds:
        yield f"Refund {refund.id}: {refund.state}, {Money(refund.amount_minor, refund.currency)}"
    for dispute in view.disputes:
        what = f"{'Return' if dispute.is_return else 'Dispute'} {dispute.gateway_object_id}: {dispute.state}"
        amount, held = Money(dispute.amount_minor, dispute.currency), Money(dispute.held_minor, dispute.currency)
        lost = Money(dispute.lost_minor, dispute.currency)
        yield f"{what}, {amount}, held {held}, lost {lost}, reason {dispute.reason or 'none'}"
    if view.event:
        yield f"Event {view.event.event_id}: {view.event.type}, {view.event.outcome or 'not handled'}"
    for row in view.trail:
        before, after = (row.before or {}).get("state", ""), (row.after or {}).get("state", "")
        yield f"  {row.at:{TIME}}  {row.actor}  {row.cause}  {before} → {after}"


def _dashboard(view: ItemView, settings: Settings) -> Iterator[str]:
    """Where a person sees a payment at Stripe; the sandbox bank has no such page."""
    ids = [attempt.gateway_object_id for attempt in view.attempts if view.payment and view.payment.gateway == "stripe"]
    if view.event and view.event.gateway == "stripe":
        ids.append(view.event.object_id)
    mode = "" if stripe_settings.is_live(settings.stripe_secret_key) else "test/"
    account = f"{settings.stripe_account}/" if settings.stripe_account else ""
    for id_ in dict.fromkeys(ids):
        if id_ is not None and id_.startswith("pi_"):
            yield f"https://dashboard.stripe.com/{account}{mode}payments/{id_}"


def resolve(settings: Settings, item_id: int, decision: str, note: str) -> None:
    """Raises DecisionRefused, GatewayError, CommandFailed."""
    chosen = next((known for known in DECISIONS if known == decision), None)
    if chosen is None:
        raise CommandFailed(f"a decision is one of {', '.join(DECISIONS)}, not {decision}")
    _resolve(settings, item_id, chosen, note)


def _resolve(settings: Settings, item_id: int, decision: Decision, note: str) -> None:
    with books_and_gateway(settings) as context:
        item = resolve_item(context, item_id, operator=who(), decision=decision, note=note)
    console = _console()
    if item.resolved_at:
        console.print(f"Item {item.id} is resolved: {item.resolution}", markup=False)
    else:
        console.print(f"The gateway has not decided either: item {item.id} stays open.")


def refund(settings: Settings, reference: str, amount: str, *, write_off: bool, request_id: str | None) -> None:
    """Raises RefundRefused, CommandFailed and what `refund_payment` raises."""
    with books_and_gateway(settings) as context:
        with context.sessions() as session:
            payment = session.scalar(select(Payment).where(Payment.reference == reference.upper()))
        if payment is None:
            raise CommandFailed(f"no payment {reference}")
        done = refund_payment(
            context,
            payment.id,
            _money(amount, payment.currency),
            operator=who(),
            reopen_invoices=not write_off,
            request_id=request_id,
        )
    given = Money(done.amount_minor, payment.currency)
    _console().print(f"Refund {done.id} of {given} on payment {payment.reference}: {done.state}")


def _money(amount: str, currency: str) -> Money:
    try:
        return Money.from_decimal(Decimal(amount), currency)
    except InvalidOperation:
        raise CommandFailed(f"{amount} is no amount; write it like 12.50") from None
