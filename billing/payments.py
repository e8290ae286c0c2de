"""The story of a payment: started under a quote, asked of the gateway, settled, in three commits.

    begin (commit 1) → close an earlier decline → create at the gateway (commit 2) → confirm → settlement (commit 3)

No transaction is open while the gateway thinks. A lost create cannot have charged; only a confirm can be unknown.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from billing import audit, closing, quotes, velocity
from billing.accounts import customer_of, get_account, lock_account, remember_customer
from billing.config import Settings
from billing.context import Context
from billing.errors import (
    GatewayError,
    GatewayRejected,
    GatewayUnreachable,
    MethodNotUsable,
    OutcomeUnknown,
    PaymentUnderWay,
    QuoteExpired,
    QuoteNotOpen,
    QuoteOutdated,
    QuoteRefused,
    TooManyTries,
)
from billing.gateways.base import BillingDetails, ChargeOrder, GatewayPayment
from billing.models import Attempt, Consent, Payment, PaymentMethod, Quote
from billing.payment_records import (
    change_state,
    get_payment,
    latest_attempt,
    lock_payment,
    payment_of_quote,
    payment_under_way,
)
from billing.payment_states import NOT_ATTEMPTED, OPEN_STATES, SUBMITTING, SUCCEEDED, UNKNOWN
from billing.settlement import settle_payment

REFERENCE_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that is misread or misheard for another
REFERENCE_LENGTH = 8  # 30**8 = 6.6e11; unique in the database, so a clash is an error and not a mix-up

QUICK_FAILURE = timedelta(seconds=1)  # a second create after a time-out would use up the turn's time for gateway calls


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """The yes as it was given: what was said, word for word, and what was answered.

    `mandate_text`: the permission to debit a bank account, word for word as it stood on the page. `address` and
    `user_agent`: where the yes came from, for the mandate and for the limits against card testing (velocity.py).
    """

    said: str
    answered: str
    channel: str
    sender: str | None
    portal_user_id: int | None
    mandate_text: str | None = None
    address: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class NewMethod:
    """A card from the gateway's own fields: a token, never a number. `save` keeps it for the next bill."""

    token: str
    details: BillingDetails
    save: bool = False


def start_payment(
    context: Context, quote_id: uuid.UUID | str, consent: ConsentGiven, new_method: NewMethod | None = None
) -> Payment:
    """Charges what the quote says and returns the payment in whatever state that led to.

    Raises QuoteNotOpen, QuoteExpired, QuoteOutdated, MethodNotUsable, PaymentUnderWay, TooManyTries, all before
    anything is charged. A decline and an unknown outcome are states of the payment, not errors.
    """
    card = velocity.card_entered(context, new_method.token) if new_method is not None else None
    payment_id = _begin(context, quote_id, consent, new_method, card)
    created = _create(context, payment_id, new_method) if _clear_the_way(context, payment_id) else None
    if created is not None:
        _confirm(context, payment_id, *created)
    with context.sessions() as session:
        return get_payment(session, payment_id)


def _begin(
    context: Context,
    quote_id: uuid.UUID | str,
    consent: ConsentGiven,
    new_method: NewMethod | None,
    card: str | None,
) -> int:
    """Commit 1: consumes the quote, re-checks it, writes payment, attempt and consent."""
    refusal: QuoteRefused | TooManyTries | None = None
    payment_id = 0
    try:
        with context.sessions.begin() as session:
            now = context.now()
            quote = quotes.get_quote(session, quote_id)
            lock_account(session, quote.account_id)
            _consume(session, quote, now)
            outdated = _outdated(session, context.gateway.name, quote, new_method, now)
            too_many = _too_many(session, context.settings, quote, consent, card, now) if outdated is None else None
            refusal = outdated or too_many
            if refusal is None:
                payment_id = _write_payment(session, context, quote, consent, new_method, now)
            else:  # after too many tries it is left as it was: nothing about it has changed
                state = "void" if outdated is not None else "open"
                session.execute(update(Quote).where(Quote.id == quote.id).values(state=state))
    except IntegrityError as error:
        if "uq_payments_one_open" not in str(error.orig):
            raise
        with context.sessions() as session:
            under_way = payment_under_way(session, quotes.get_quote(session, quote_id).account_id)
        raise PaymentUnderWay(under_way.id if under_way else 0) from error
    if refusal is not None:
        raise refusal
    return payment_id


def _consume(session: Session, quote: Quote, now: datetime) -> None:
    consumed = session.execute(
        update(Quote)
        .where(Quote.id == quote.id, Quote.state == "open", Quote.expires_at > now)
        .values(state="consumed")
        .returning(Quote.id)
    ).one_or_none()
    if consumed is not None:
        return
    session.refresh(quote)
    if quote.state in ("open", "expired"):
        raise QuoteExpired(str(quote.id))
    paid_by = payment_of_quote(session, quote.id)
    raise QuoteNotOpen(str(quote.id), quote.state, paid_by.id if paid_by else None)


def _outdated(
    session: Session, gateway: str, quote: Quote, new_method: NewMethod | None, now: datetime
) -> QuoteRefused | None:
    """Is what the customer heard still what would happen? And was it heard at all?"""
    if quote.delivered_at is None:
        return QuoteOutdated(str(quote.id), "delivery")
    if (quote.method_id is None) != (new_method is not None):
        return QuoteOutdated(str(quote.id), "method")
    if quote.method_id is not None:
        method = session.get(PaymentMethod, quote.method_id)
        usable = method is not None and method.state == "active" and method.gateway == gateway
        if method is None or not usable or quotes.expired(method, now):
            return QuoteOutdated(str(quote.id), "method")
    shares, excess = quotes.preview(session, quote.account_id, quote.amount, quote.invoice_id, now)
    if quotes.as_rows(shares) != quote.allocation or excess.minor != quote.credit_minor:
        return QuoteOutdated(str(quote.id), "invoices")
    return None


def _too_many(
    session: Session, settings: Settings, quote: Quote, consent: ConsentGiven, card: str | None, now: datetime
) -> TooManyTries | None:
    """The limits against card testing; a refusal is counted where operators and metrics see it."""
    method = session.get(PaymentMethod, quote.method_id) if quote.method_id is not None else None
    source = velocity.Source(
        account_id=quote.account_id,
        sender=consent.sender,
        address=consent.address,
        card=card if method is None else method.fingerprint,
        known_good=method is not None and velocity.has_paid(session, method.id),
    )
    refusal = velocity.check(session, source, settings, now)
    if refusal is not None:
        audit.record(
            session,
            actor=f"portal_user:{consent.portal_user_id}",
            channel=consent.channel,
            cause=f"{velocity.CAUSE}:{refusal.limit}",
            entity="quote",
            entity_id=quote.id,
            now=now,
            after={"until": refusal.until.isoformat(), "address": consent.address},
        )
    return refusal


def _write_payment(
    session: Session,
    context: Context,
    quote: Quote,
    consent: ConsentGiven,
    new_method: NewMethod | None,
    now: datetime,
) -> int:
    method = session.get(PaymentMethod, quote.method_id) if quote.method_id is not None else None
    token = new_method.token if new_method is not None else method.gateway_reference if method is not None else None
    if token is None:
        raise MethodNotUsable(0, "neither saved nor entered")
    payment = Payment(
        reference="".join(secrets.choice(REFERENCE_LETTERS) for _ in range(REFERENCE_LENGTH)),
        account_id=quote.account_id,
        quote_id=quote.id,
        currency=quote.currency,
        amount_minor=quote.amount_minor,
        state=SUBMITTING,
        gateway=context.gateway.name,
        channel=consent.channel,
        sender=consent.sender,
        method_id=quote.method_id,
        billing_email=new_method.details.email if new_method is not None else quote.billing_email,
        created_at=now,
        next_check_at=now + _patience(context.settings),
    )
    session.add(payment)
    session.flush()
    session.add(
        Attempt(
            payment_id=payment.id,
            number=1,
            idempotency_key=f"remit-{payment.reference}-1",
            method_token=token,
            save_method=bool(new_method and new_method.save),
            created_at=now,
        )
    )
    session.add(
        Consent(
            quote_id=quote.id,
            account_id=quote.account_id,
            portal_user_id=consent.portal_user_id,
            channel=consent.channel,
            sender=consent.sender,
            said=consent.said,
            answered=consent.answered,
            mandate_text=consent.mandate_text,
            address=consent.address,
            user_agent=consent.user_agent,
            at=now,
        )
    )
    actor = f"portal_user:{consent.portal_user_id}"
    audit.record(
        session,
        actor=actor,
        channel=consent.channel,
        cause="consent",
        entity="payment",
        entity_id=payment.id,
        now=now,
        after={"state": SUBMITTING, "amount_minor": payment.amount_minor},
    )
    return payment.id


def _patience(settings: Settings) -> timedelta:
    """How long the process that started a payment may still be at work on it: create, confirm, and slack."""
    return timedelta(seconds=3 * settings.gateway_timeout_s)


def _clear_the_way(context: Context, payment_id: int) -> bool:
    """What an earlier decline left at the gateway is cancelled before anything new is made there (closing.py).

    False: the gateway does not say, so this payment is not attempted; with the gateway out of reach it could not have
    been made either. Raises QuoteOutdated or PaymentUnderWay when the earlier one was charged after all.
    """
    with context.sessions() as session:
        payment = get_payment(session, payment_id)
        declined = closing.left_open(session, payment.account_id, context.gateway.name)
    for earlier_id in declined:
        try:
            earlier = closing.close_declined(context, earlier_id, instead_of=payment_id)
        except GatewayError as error:
            close_unattempted(context, payment_id, cause="earlier_not_closed", answer=str(error))
            return False
        if earlier.state == SUCCEEDED:
            close_unattempted(context, payment_id, cause="earlier_paid", answer=f"{earlier.reference} was paid")
            raise QuoteOutdated(str(payment.quote_id), "invoices")
        if earlier.state in OPEN_STATES:
            raise PaymentUnderWay(earlier.id)
    return True


def _create(context: Context, payment_id: int, new_method: NewMethod | None) -> tuple[str, ChargeOrder] | None:
    """Prepares the charge at the gateway; commit 2 stores its id. None: nothing will be charged, and we say so."""
    with context.sessions() as session:
        payment, attempt = get_payment(session, payment_id), latest_attempt(session, payment_id)
        order = _order(session, payment, attempt, new_method)
    customer = order.customer
    try:
        if customer is None and attempt.save_method:
            with context.sessions() as session:
                account, email = get_account(session, payment.account_id), order.details.email
            customer = context.gateway.ensure_customer(account.number, account.name, email)
            order = replace(order, customer=customer)
        created = _create_once_more_if_lost(context, order, attempt.idempotency_key)
    except (GatewayUnreachable, OutcomeUnknown) as error:
        close_unattempted(context, payment_id, cause="create_lost", answer=str(error))
        return None
    except GatewayRejected as error:
        close_unattempted(context, payment_id, cause="create_rejected", answer=str(error))
        return None
    with context.sessions.begin() as session:
        lock_account(session, payment.account_id)
        if customer is not None:
            remember_customer(session, payment.account_id, context.gateway.name, customer)
        still_ours = session.scalar(select(Payment.state).where(Payment.id == payment_id)) == SUBMITTING
        attempt = latest_attempt(session, payment_id)
        attempt.gateway_object_id = created.id
        if still_ours:
            attempt.confirm_sent_at = context.now()
    return (created.id, order) if still_ours else None


def _order(session: Session, payment: Payment, attempt: Attempt, new_method: NewMethod | None) -> ChargeOrder:
    method = session.get(PaymentMethod, payment.method_id) if new_method is None else None
    if new_method is not None:
        details = new_method.details
    else:
        details = BillingDetails(payment.billing_email or "", method.billing_address if method else {})
    return ChargeOrder(
        amount=payment.amount,
        token=attempt.method_token,
        customer=customer_of(session, payment.account_id, payment.gateway),
        payment_reference=payment.reference,
        details=details,
        save=attempt.save_method,
        mandate=method.mandate_reference if method is not None else None,
        description=f"Bill payment {payment.reference}",
    )


def _create_once_more_if_lost(context: Context, order: ChargeOrder, key: str) -> GatewayPayment:
    """An unconfirmed object charges nobody, and the same key gives the same object: a reset is worth a second try."""
    began = context.now()
    try:
        return context.gateway.create_payment(order, key)
    except OutcomeUnknown:
        if context.now() - began > QUICK_FAILURE:
            raise
        return context.gateway.create_payment(order, key)


def _confirm(context: Context, payment_id: int, gateway_id: str, order: ChargeOrder) -> None:
    """Charges, and settles what is known of it afterwards."""
    with context.sessions() as session:
        key = latest_attempt(session, payment_id).idempotency_key
    try:
        seen = context.gateway.confirm_payment(gateway_id, order, f"{key}-confirm")
    except GatewayUnreachable as error:
        close_unattempted(context, payment_id, cause="confirm_not_sent", answer=str(error))
        return
    except (OutcomeUnknown, GatewayRejected) as error:
        # A rejection of the request itself may be the echo of an earlier confirm: it is looked up as well.
        mark_unknown(context, payment_id, answer=str(error))
        return
    with context.sessions.begin() as session:
        payment, now = get_payment(session, payment_id), context.now()
        # On the page, and where the turn has long given up waiting, the conversation is told by a push instead.
        in_time = now - payment.created_at < timedelta(seconds=context.settings.turn_timeout_s)
        settle_payment(
            session,
            payment_id,
            seen,
            settings=context.settings,
            cause="answer",
            actor=f"gateway:{context.gateway.name}",
            now=now,
            told_inline=in_time and payment.channel != "page",
        )


def mark_unknown(context: Context, payment_id: int, *, answer: str) -> None:
    """The confirm has no answer: neither paid nor declined. The account stays blocked until the gateway says."""
    with context.sessions.begin() as session:
        payment = lock_payment(session, payment_id)
        if payment.state != SUBMITTING:
            return
        now = context.now()
        latest_attempt(session, payment_id).answer = answer
        change_state(session, payment, UNKNOWN, cause="no_answer", actor="system:payments", now=now)
        payment.next_check_at = now + timedelta(seconds=context.settings.reconcile_unknown_after_s)


def close_unattempted(context: Context, payment_id: int, *, cause: str, answer: str) -> None:
    """The gateway was never asked to charge, so nothing was charged."""
    with context.sessions.begin() as session:
        payment = lock_payment(session, payment_id)
        if payment.state not in (SUBMITTING, UNKNOWN):
            return
        latest_attempt(session, payment_id).answer = answer
        change_state(session, payment, NOT_ATTEMPTED, cause=cause, actor="system:payments", now=context.now())
