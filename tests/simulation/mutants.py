"""Bugs that somebody could write. The simulation must notice every one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from billing import (
    allocation,
    audit,
    booking,
    dispute_books,
    disputes,
    inbox,
    notices,
    payment_records,
    payments,
    quotes,
    reconcile,
    refunds,
    reversals,
    settlement,
)
from billing.context import Context
from billing.database import SessionFactory
from billing.errors import GatewayError
from billing.gateways.base import ChargeOrder, GatewayPayment
from billing.models import Dispute, Payment, Quote, Refund
from billing.money import Money
from billing.payment_states import DECLINED, OPEN_STATES, SUBMITTING, SUCCEEDED, UNKNOWN

Plant = Callable[[pytest.MonkeyPatch, SessionFactory], None]
MUTANTS: dict[str, tuple[Plant, str | None]] = {}


def mutant(about: str | None = None) -> Callable[[Plant], Plant]:
    """`about` is the theme of the stories in which the bug shows soonest."""

    def register(plant: Plant) -> Plant:
        MUTANTS[plant.__name__] = (plant, about)
        return plant

    return register


# --------------------------------------------------------------------------------------------- one payment at a time


@mutant("a crowd")
def nobody_minds_a_second_open_payment(patch: pytest.MonkeyPatch, sessions: SessionFactory) -> None:
    """The index is dropped, and so is the look before quoting (each alone is held by the other)."""
    with sessions.begin() as session:
        session.execute(text("drop index uq_payments_one_open"))
    patch.setattr(quotes, "payment_under_way", lambda *_: None)


@mutant("a crowd")
def a_quote_is_consumed_without_condition(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    def consume(session: Session, quote: Quote, now: datetime) -> None:
        session.execute(update(Quote).where(Quote.id == quote.id).values(state="consumed"))

    patch.setattr(payments, "_consume", consume)


@mutant()
def a_quote_never_expires(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    consume = payments._consume
    patch.setattr(payments, "_consume", lambda session, quote, now: consume(session, quote, quote.created_at))


@mutant()
def another_amount_is_charged_than_was_quoted(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    make = payments._order

    def order(*arguments: Any) -> ChargeOrder:
        made = make(*arguments)
        return replace(made, amount=made.amount + Money(1, "CAD"))

    patch.setattr(payments, "_order", order)


# ------------------------------------------------------------------------------------------------------ the network


@mutant("a very bad line")
def the_key_of_a_charge_comes_from_the_clock(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    create = payments._create_once_more_if_lost

    def twice(context: Context, order: ChargeOrder, key: str) -> GatewayPayment:
        try:
            return context.gateway.create_payment(order, key)
        except GatewayError:
            return create(context, order, f"{key}-{context.now()}")

    patch.setattr(payments, "_create_once_more_if_lost", twice)


@mutant("refunds")
def the_key_of_a_refund_comes_from_the_clock(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    ask = refunds._ask

    def asked(context: Context, refund: Refund, *, actor: str) -> None:
        refund.idempotency_key = f"refund-{context.now()}"
        ask(context, refund, actor=actor)

    patch.setattr(refunds, "_ask", asked)


@mutant()
def a_transaction_is_open_across_a_call(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    confirm = payments._confirm

    def confirmed(context: Context, payment_id: int, gateway_id: str, order: ChargeOrder) -> None:
        with context.sessions() as session:
            session.get(Payment, payment_id)
            confirm(context, payment_id, gateway_id, order)

    patch.setattr(payments, "_confirm", confirmed)


@mutant()
def the_attempt_is_committed_after_the_call(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    create = payments._create_once_more_if_lost

    def early(context: Context, order: ChargeOrder, key: str) -> GatewayPayment:
        return create(context, order, f"{key}-not-written-down")

    patch.setattr(payments, "_create_once_more_if_lost", early)


@mutant("a very bad line")
def a_lost_answer_is_a_decline(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    def declined(context: Context, payment_id: int, *, answer: str) -> None:
        with context.sessions.begin() as session:
            payment = payment_records.lock_payment(session, payment_id)
            if payment.state == SUBMITTING:
                payment_records.change_state(
                    session, payment, DECLINED, cause=answer, actor="system:payments", now=context.now()
                )

    patch.setattr(payments, "mark_unknown", declined)


@mutant("a very bad line")
def a_lost_answer_is_no_attempt(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(
        payments,
        "mark_unknown",
        lambda context, payment_id, *, answer: payments.close_unattempted(
            context, payment_id, cause="no_answer", answer=answer
        ),
    )


@mutant("hanging")
def what_somebody_closed_meanwhile_is_charged_all_the_same(
    patch: pytest.MonkeyPatch, _sessions: SessionFactory
) -> None:
    create = payments._create

    def created(context: Context, payment_id: int, new_method: Any) -> tuple[str, ChargeOrder] | None:
        if prepared := create(context, payment_id, new_method):
            return prepared
        with context.sessions() as session:
            payment = payment_records.get_payment(session, payment_id)
            attempt = payment_records.latest_attempt(session, payment_id)
            order = payments._order(session, payment, attempt, new_method)
            return (attempt.gateway_object_id, order) if attempt.gateway_object_id else None

    patch.setattr(payments, "_create", created)


# --------------------------------------------------------------------------------------------------- reconciling


@mutant("hanging")
def what_was_not_confirmed_is_closed_without_cancelling_it(
    patch: pytest.MonkeyPatch, _sessions: SessionFactory
) -> None:
    def look(context: Context, payment: Payment, gateway_id: str | None) -> GatewayPayment | None:
        gateway = context.gateway
        found = (
            gateway.retrieve_payment(gateway_id)
            if gateway_id
            else gateway.find_payment(payment.reference, payment.created_at)
        )
        if found is not None and found.status == "requires_confirmation":
            return replace(found, status="canceled")
        return found

    patch.setattr(reconcile, "_look", look)


@mutant("hanging")
def a_cancel_is_taken_to_have_worked(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    def look(context: Context, payment: Payment, gateway_id: str | None) -> GatewayPayment | None:
        gateway = context.gateway
        found = (
            gateway.retrieve_payment(gateway_id)
            if gateway_id
            else gateway.find_payment(payment.reference, payment.created_at)
        )
        if found is not None and found.status != "processing":
            return replace(gateway.cancel_payment(found.id), status="canceled")
        return found

    patch.setattr(reconcile, "_look", look)


@mutant("a very bad line")
def a_gateway_that_does_not_answer_has_no_such_payment(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    look = reconcile._look

    def gave_up(context: Context, payment: Payment, gateway_id: str | None) -> GatewayPayment | None:
        try:
            return look(context, payment, gateway_id)
        except GatewayError:
            return None

    patch.setattr(reconcile, "_look", gave_up)


@mutant("a very bad line")
def nobody_asks_about_unknown_payments(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(reconcile, "OPEN_STATES", OPEN_STATES - {UNKNOWN})


# ---------------------------------------------------------------------------------------------------- settling


@mutant()
def a_capture_is_booked_whenever_it_is_heard_of(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    book = settlement._book_capture

    def again(session: Session, payment: Payment, seen: GatewayPayment, **how: Any) -> bool:
        if payment.state == SUCCEEDED:
            payment.state = UNKNOWN
        return book(session, payment, seen, **how)

    patch.setattr(settlement, "_book_capture", again)


@mutant("a crowd")
def any_state_may_follow_any_other(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(settlement, "allowed", lambda _before, _after: True)
    patch.setattr(payment_records, "allowed", lambda _before, _after: True)


@mutant()
def the_newest_invoice_is_paid_first(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    def newest_first(amount: Money, invoices: Any, first: int | None = None) -> Any:
        shares, rest = [], amount
        for invoice in sorted(invoices, key=lambda i: (i.due_on, i.id), reverse=True):
            taken = min(rest, invoice.open)
            if taken:
                shares.append(allocation.Share(invoice.id, invoice.number, taken, invoice.open - taken))
                rest = rest - taken
        return shares, rest

    patch.setattr(allocation, "allocate_oldest_first", newest_first)


@mutant()
def a_cent_of_what_is_overpaid_gets_lost(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    lot = booking.lot_of_payment

    def less(payment: Payment, amount: Money, *, now: datetime) -> Any:
        return lot(payment, max(amount - Money(1, "CAD"), Money(1, "CAD")), now=now)

    patch.setattr(booking, "lot_of_payment", less)


@mutant()
def credit_that_is_used_stays_unapplied_on_its_payment(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(booking, "_MOVE_PAYMENTS", text("select :ids, :amounts"))


@mutant()
def no_receipt_is_queued_when_a_payment_settles(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(notices, "queue_for_payment", lambda *_, **__: None)


@mutant()
def a_change_of_state_leaves_no_audit_row(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    record = audit.record

    def forgetful(session: Session, **row: Any) -> None:
        if row.get("before") is None or row["cause"] != "reconcile":
            record(session, **row)

    patch.setattr(audit, "record", forgetful)


# ------------------------------------------------------------------------------------------- events and refunds


@mutant()
def an_unknown_event_is_matched_by_its_amount(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    find = inbox._find

    def by_amount(session: Session, gateway: str, seen: GatewayPayment) -> int | None:
        same = select(Payment.id).where(Payment.amount_minor == seen.amount.minor, Payment.gateway == "fake").limit(1)
        return find(session, gateway, seen) or session.scalar(same)

    patch.setattr(inbox, "_find", by_amount)


@mutant()
def refunds_made_at_the_bank_are_not_looked_at(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    row_of = refunds._row_of

    def ours_only(session: Session, payment_id: int, seen: Any, now: datetime) -> int | None:
        return row_of(session, payment_id, seen, now) if seen.key is not None else None

    patch.setattr(refunds, "_row_of", ours_only)


@mutant("refunds")
def a_refund_is_booked_whenever_it_is_heard_of(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    settle = refunds.settle_refund

    def again(session: Session, refund_id: int, seen: Any, **how: Any) -> Refund:
        refund = session.get_one(Refund, refund_id)
        if refund.state == "succeeded":
            refund.state = "pending"
            session.flush()
        return settle(session, refund_id, seen, **how)

    patch.setattr(refunds, "settle_refund", again)


@mutant("refunds")
def a_lost_refund_is_given_up(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    def failed(context: Context, refund: Refund, *, actor: str) -> None:
        try:
            with context.sessions() as session:
                gateway_id = payment_records.latest_attempt(session, refund.payment_id).gateway_object_id
            amount = Money(refund.amount_minor, refund.currency)
            seen = context.gateway.refund(str(gateway_id), amount, refund.idempotency_key)
        except GatewayError:
            with context.sessions.begin() as session:
                row = session.get_one(Refund, refund.id)
                refunds._change_state(session, row, "failed", cause="lost", actor=actor, now=context.now())
        else:
            with context.sessions.begin() as session:
                refunds.settle_refund(session, refund.id, seen, cause="answer", actor=actor, now=context.now())

    patch.setattr(refunds, "_ask", failed)


@mutant("refunds")
def a_write_off_leaves_the_invoice_open(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(reversals, "_write_off", lambda _session, _pieces: None)


# ---------------------------------------------------------------------------------------------------- disputes


@mutant("disputes")
def a_lost_dispute_does_not_open_the_invoices_again(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    def lose(session: Session, payment: Payment, amount: Money, *, now: datetime) -> None:
        reversals._undo(session, payment, amount, "dispute_lost", "lost_minor", reopen_invoices=False, now=now)

    patch.setattr(reversals, "lose", lose)


@mutant("disputes")
def a_loss_is_booked_whenever_it_is_heard_of(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    settle = disputes.settle_dispute

    def again(session: Session, payment_id: int, seen: Any, **how: Any) -> Dispute | None:
        row = session.scalars(select(Dispute).where(Dispute.gateway_object_id == seen.id)).one_or_none()
        if row is not None and row.state == seen.status == "lost":
            row.state, row.lost_minor, row.decided_at, row.next_check_at = "open", 0, None, how["now"]
            session.flush()
        return settle(session, payment_id, seen, **how)

    patch.setattr(disputes, "settle_dispute", again)


@mutant("disputes")
def a_won_dispute_is_released_twice(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    move = dispute_books._move_hold

    def twice(session: Session, payment: Payment, change: Money, now: datetime) -> None:
        move(session, payment, change, now)
        if change.minor < 0:
            move(session, payment, change, now)

    patch.setattr(dispute_books, "_move_hold", twice)


@mutant("disputes")
def money_that_comes_back_is_not_given_to_the_customer(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(reversals, "take_again", lambda *_, **__: None)


@mutant("disputes")
def refunds_are_not_looked_at_before_a_dispute(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(disputes.refunds, "refresh_refunds", lambda *_: None)


@mutant("disputes")
def nobody_is_told_of_a_loss(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(disputes, "_tell", lambda *_, **__: None)


@mutant("a crowd")
def a_declined_object_is_left_open(patch: pytest.MonkeyPatch, _sessions: SessionFactory) -> None:
    patch.setattr(payments, "_clear_the_way", lambda *_: True)
