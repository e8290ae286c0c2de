"""What must be true when the storm is over: the books against themselves, the bank and what customers were told."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.accounts import position
from billing.models import Attempt, Audit, Credit, Dispute, Invoice, Notice, OperatorItem, Payment, Refund
from billing.verify import verify
from tests.simulation.world import World


def violations(world: World) -> list[str]:
    with world.maker() as session:
        return [
            *world.complaints,
            *world.bank.complaints,
            *(f"invariant {v.invariant}: {v.detail} {v.rows}" for v in verify(session)),
            *_against_the_bank(session, world),
            *_against_what_was_told(session, world),
            *_disputes(session, world),
            *_against_the_operators_queue(session, world),
            *_against_the_outside(session, world),
        ]


def _against_the_bank(session: Session, world: World) -> list[str]:
    """Invariants 11, 13, 14 and 17 as the bank sees them, and refunds."""
    found = []
    rows = session.execute(
        select(Payment, Attempt.gateway_object_id).join(Attempt, Attempt.payment_id == Payment.id)
    ).all()
    payments = {gateway_id: payment for payment, gateway_id in rows if gateway_id is not None}
    quoted = {payment.reference: payment.amount for payment, _ in rows}
    ordered = dict(
        session.execute(
            select(Refund.payment_id, func.sum(Refund.amount_minor))
            .where(Refund.state == "succeeded", Refund.idempotency_key.like("remit-%"))
            .group_by(Refund.payment_id)
        ).all()
    )
    for charge in world.bank.ours():
        payment = payments.get(charge.id)
        taken, back = charge.captured.minor if charge.captured is not None else 0, world.bank.given_back(charge.id)
        booked = payment.captured_minor if payment is not None else 0
        refunded = payment.refunded_minor if payment is not None else 0
        if charge.amount != quoted.get(charge.payment_reference or ""):
            found.append(f"the bank was asked for {charge.amount} with {charge.id}, which nobody was quoted")
        if taken != booked:
            found.append(f"the bank took {taken} with {charge.id}, {booked} of it is booked")
        if back != refunded:
            found.append(f"the bank gave {back} of {charge.id} back, {refunded} is booked")
        asked = world.bank.given_back(charge.id, by_us=True)
        decided = ordered.get(payment.id, 0) if payment is not None else 0
        if asked != decided:
            found.append(f"the bank gave {asked} of {charge.id} back for us, operators decided on {decided}")
        lost, lost_here = world.bank.lost(charge.id), payment.lost_minor if payment is not None else 0
        if lost != lost_here:
            found.append(f"{lost} of {charge.id} is lost, {lost_here} is booked")
    for gateway_id, payment in payments.items():
        if payment.captured_minor and gateway_id not in world.bank.payments:
            found.append(f"payment {payment.id} succeeded without the bank")
    return found


def _against_what_was_told(session: Session, world: World) -> list[str]:
    """Invariant 19: nobody hears "paid" or "nothing was charged" and the bank did the other."""
    found = []
    stolen = set(session.scalars(select(Attempt.payment_id).where(Attempt.gateway_object_id.in_(world.bank.stolen))))
    for told in world.told:
        captured = session.get_one(Payment, told.payment_id).captured_minor
        if told.payment_id in stolen:
            continue  # charged with another card after it had been declined, by whoever had its secret
        if told.state == "succeeded" and not captured:
            found.append(f"payment {told.payment_id} was told as paid and is not")
        if told.state in ("declined", "not_attempted", "canceled") and captured:
            found.append(f"payment {told.payment_id} was told as {told.state} and {captured} was taken")
    return found


def _disputes(session: Session, world: World) -> list[str]:
    """Every dispute is known as it ended, the customer was told of a loss each time, and nobody was charged again."""
    found = []
    rows = {dispute.gateway_object_id: dispute for dispute in session.scalars(select(Dispute))}
    for dispute in world.bank.disputes.values():
        row = rows.get(dispute.id)
        if row is None or row.state != dispute.status:
            found.append(
                f"dispute {dispute.id} is {dispute.status}, here {row.state if row is not None else 'unheard of'}"
            )
            continue
        trail = select(Audit).where(Audit.entity == "dispute", Audit.entity_id == str(row.id))
        losses = [a for a in session.scalars(trail) if a.after and a.after["state"] == "lost" and a.after["lost_minor"]]
        letters = session.scalars(
            select(Notice.recipient).where(
                Notice.kind.in_(("dispute_lost", "debit_returned")), Notice.detail["dispute"].as_integer() == row.id
            )
        ).all()
        if any(letters.count(recipient) != len(losses) for recipient in set(letters)) or bool(letters) != bool(losses):
            found.append(f"dispute {dispute.id} was lost {len(losses)} times, written to {letters}")
    return found


def _against_the_operators_queue(session: Session, world: World) -> list[str]:
    """This bank never changes its mind, so money that comes after a final state is our mistake, or somebody's theft."""
    ours = select(Attempt.payment_id).where(Attempt.gateway_object_id.not_in(world.bank.stolen))
    unexpected = session.scalars(
        select(OperatorItem).where(OperatorItem.kind == "capture_unexpected", OperatorItem.payment_id.in_(ours))
    ).all()
    return [f"payment {item.payment_id}: {item.detail}" for item in unexpected]


def _against_the_outside(session: Session, world: World) -> list[str]:
    """What an account owes, from what went in and out in the world, without looking at allocations or the ledger."""
    found = []
    for account_id in world.accounts:
        billed = session.scalar(select(func.sum(Invoice.total_minor)).where(Invoice.account_id == account_id)) or 0
        granted = session.scalar(
            select(func.sum(Credit.amount_minor)).where(Credit.account_id == account_id, Credit.payment_id.is_(None))
        )
        elsewhere = session.scalar(
            select(func.sum(Payment.amount_minor)).where(
                Payment.account_id == account_id, Payment.gateway == "elsewhere"
            )
        )
        charged = sum(
            p.captured.minor
            for p in world.bank.charges()
            if world.bank.orders[p.id].token.startswith(f"{account_id}.") and p.captured is not None
        )
        given_back = session.scalar(
            select(func.sum(Refund.amount_minor)).where(Refund.account_id == account_id, Refund.state == "succeeded")
        )
        written_off = session.scalar(
            select(func.sum(Invoice.written_off_minor)).where(Invoice.account_id == account_id)
        )
        lost = sum(
            world.bank.lost(p.id)
            for p in world.bank.charges()
            if world.bank.orders[p.id].token.startswith(f"{account_id}.")
        )
        not_reopened = session.scalar(
            select(func.sum(Refund.amount_minor)).where(
                Refund.account_id == account_id, Refund.state == "succeeded", Refund.reopen_invoices.is_(False)
            )
        )
        if (written_off or 0) > (not_reopened or 0):
            found.append(f"account {account_id}: {written_off} written off, operators decided on {not_reopened or 0}")
        owed = billed - (granted or 0) - (elsewhere or 0) - charged + (given_back or 0) + lost - (written_off or 0)
        balance = position(session, account_id, world.at.date()).balance.minor
        if owed != balance:
            found.append(f"account {account_id} owes {owed} by all that happened, {balance} by its invoices and credit")
    return found
