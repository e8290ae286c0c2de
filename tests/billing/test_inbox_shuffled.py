"""Events in any order, early, late and several times over, leave the same books as one by one in order.

`SHUFFLED_EVENTS=5000` for the full count (four deliveries an event); the short form is part of every run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import case, func, select, text
from sqlalchemy.orm import Session

from billing import inbox
from billing.context import Context
from billing.database import SessionFactory
from billing.gateways.base import GatewayEvent
from billing.models import (
    Account,
    Audit,
    Dispute,
    EventReceived,
    Invoice,
    LedgerEntry,
    LedgerTransaction,
    Notice,
    OperatorItem,
    Payment,
    PortalUser,
    Refund,
)
from billing.verify import verify
from tests.billing import builders as b
from tests.support.fake_gateway import FakeGateway

EVENTS = int(os.environ.get("SHUFFLED_EVENTS", "120"))
STEPS = 8  # events of one payment
FATES = 5  # declined, captured, refunded in parts, disputed and won, disputed and lost
PASSING = {"dispute_opened", "dispute_won"}
TIMES = 4  # deliveries of one event
SEED = int(os.environ.get("SEED", "2026"))


@dataclass
class Story:
    """One payment at the bank: after each step that it takes there, the bank tells of it."""

    context: Context
    gateway: FakeGateway
    account: Account
    fate: int

    def start(self) -> None:
        payment = b.pay(self.context, self.account)
        assert payment.state == "processing"
        self.id = next(p.id for p in self.gateway.payments.values() if p.payment_reference == payment.reference)

    def steps(self) -> Iterator[GatewayEvent]:
        for type_ in ("created", "processing", "updated"):
            yield self._told(f"payment.{type_}")
        if self.fate == 0:
            self.gateway.decide(self.id, "declined")
            yield from (self._told(f"payment.{type_}") for type_ in ("declined", "updated", "closed", "seen"))
        else:
            self.gateway.decide(self.id, "succeeded")
            yield self._told("payment.succeeded")
            yield from self._afterwards()
        yield self._told("report.made")

    def _afterwards(self) -> Iterator[GatewayEvent]:
        match self.fate:
            case 1:
                yield from (self._told(f"payment.{type_}") for type_ in ("captured", "updated", "cleared"))
            case 2:
                for amount in ("10.00", "5.00", "7.00"):
                    self.gateway.refund_at_the_bank(self.id, b.cad(amount))
                    yield self._told("refund.succeeded")
            case _:
                dispute = self.gateway.dispute(self.id)
                yield self._told("dispute.opened")
                yield self._told("dispute.updated")
                self.gateway.decide_dispute(dispute.id, "won" if self.fate == 3 else "lost")
                yield self._told("dispute.closed")

    def _told(self, type_: str) -> GatewayEvent:
        return self.gateway.event(self.id, type_)


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway) -> Context:
    return b.a_context(sessions, gateway)


def stories(context: Context, gateway: FakeGateway, name: str, count: int) -> list[Story]:
    made = []
    for n in range(count):
        with context.sessions.begin() as session:
            account = b.an_account(session, number=f"{name}-{n}", users=2, method=False)
            b.a_method(session, account, reference=f"tok_{name}_{n}")
            b.an_invoice(session, account, "40.00", due_days=-10)
            b.an_invoice(session, account, "20.00", due_days=-5)
        gateway.behaviours[f"tok_{name}_{n}"] = "processing"
        story = Story(context, gateway, account, fate=n % FATES)
        story.start()
        made.append(story)
    return made


def in_order(context: Context, told: list[Story]) -> None:
    """Each event is delivered once, when it is made, and handled before the next."""
    for story in told:
        for event in story.steps():
            deliver(context, event)
            handle_all(context)


def shuffled(context: Context, told: list[Story], rng: random.Random) -> int:
    """Steps of all payments are mixed; every event comes TIMES times, in any order; jobs run in any order, some twice.

    Returns the number of deliveries.
    """
    going = [(story, story.steps()) for story in told]
    waiting: list[GatewayEvent] = []
    deliveries = 0
    while going or waiting:
        if going and (not waiting or rng.random() < 0.3):
            at = rng.randrange(len(going))
            event = next(going[at][1], None)
            if event is None:
                going.pop(at)
            else:
                waiting += [event] * TIMES
        else:
            at = rng.randrange(len(waiting))
            waiting[at], waiting[-1] = waiting[-1], waiting[at]
            deliver(context, waiting.pop())
            deliveries += 1
        if rng.random() < 0.02:
            handle_all(context, rng)
    handle_all(context, rng)
    return deliveries


def deliver(context: Context, event: GatewayEvent) -> None:
    with context.sessions.begin() as session:
        inbox.receive_event(session, context.gateway.name, event, context.now())


def handle_all(context: Context, rng: random.Random | None = None) -> None:
    """Runs the jobs that wait: in order once, or with `rng` in any order and some of them again."""
    with context.sessions.begin() as session:
        jobs = session.scalars(
            text(
                "delete from procrastinate_jobs where task_name = 'handle_event' and scheduled_at is null"
                " returning (args ->> 'event_row_id')::bigint"
            )
        ).all()
    rows = sorted(jobs)
    if rng is not None:
        rows += rng.sample(rows, len(rows) // 10)
        rng.shuffle(rows)
    for row_id in rows:
        inbox.handle_event(context, row_id)


def books(sessions: SessionFactory, name: str) -> list[dict[str, Any]]:
    """What each account's payment came to, in words that do not name the run."""
    with sessions() as session:
        accounts = session.scalars(select(Account).where(Account.number.like(f"{name}-%")).order_by(Account.id)).all()
        return [_books(session, account) for account in accounts]


def _balances(session: Session, payment: Payment) -> dict[str, int]:
    """What the payment's transactions come to in each account of the ledger. What came and went leaves no trace."""
    signed = case((LedgerEntry.direction == "debit", LedgerEntry.amount_minor), else_=-LedgerEntry.amount_minor)
    rows = session.execute(
        select(LedgerEntry.ledger_account, func.sum(signed))
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(LedgerTransaction.payment_id == payment.id)
        .group_by(LedgerEntry.ledger_account)
    )
    return {name: int(balance) for name, balance in rows if balance}


def _books(session: Session, account: Account) -> dict[str, Any]:
    scalars = session.scalars
    payment = scalars(select(Payment).where(Payment.account_id == account.id)).one()
    of_payment = {"payment_id": payment.id}
    parts = ("state", *(f"{n}_minor" for n in ("captured", "allocated", "unapplied", "refunded", "lost", "suspense")))
    recipients = {
        user.email: f"user {user.position}" for user in scalars(select(PortalUser).filter_by(account_id=account.id))
    }
    return {
        "payment": {part: getattr(payment, part) for part in parts},
        "invoices": [
            i.open_minor for i in scalars(select(Invoice).filter_by(account_id=account.id).order_by(Invoice.id))
        ],
        "captured": len(scalars(select(LedgerTransaction).filter_by(kind="payment", **of_payment)).all()),
        "ledger": _balances(session, payment),
        "refunds": sorted((r.amount_minor, r.state) for r in scalars(select(Refund).filter_by(**of_payment))),
        "disputes": [d.state for d in scalars(select(Dispute).filter_by(**of_payment))],
        "letters": sorted((n.kind, recipients[n.recipient]) for n in scalars(select(Notice).filter_by(**of_payment))),
        "captures": len(
            scalars(
                select(Audit).where(
                    Audit.entity == "payment",
                    Audit.entity_id == str(payment.id),
                    Audit.after["state"].astext == "succeeded",
                )
            ).all()
        ),
        # An event that comes late says what became of a dispute, not what it went through.
        "operator": {i.kind for i in scalars(select(OperatorItem).filter_by(**of_payment))} - PASSING,
    }


@pytest.mark.timeout(3600)  # the full count
def test_shuffled_and_repeated_events_leave_the_books_of_the_events_in_order(
    context: Context, gateway: FakeGateway
) -> None:
    count = EVENTS // STEPS
    in_order(context, stories(context, gateway, "in-order", count))
    told = stories(context, gateway, "shuffled", count)
    assert shuffled(context, told, random.Random(SEED)) == count * STEPS * TIMES
    expected, found = books(context.sessions, "in-order"), books(context.sessions, "shuffled")
    assert len(found) == count
    for n, (one, other) in enumerate(zip(expected, found, strict=True)):
        assert other == one, f"fate {n % FATES}, seed {SEED}"
    paid = [account for account in found if account["payment"]["state"] == "succeeded"]
    assert len(paid) == count - len(range(0, count, FATES))
    for account in paid:
        assert account["captured"] == 1
        assert account["captures"] == 1
        assert [who for kind, who in account["letters"] if kind == "receipt"] == ["user 1", "user 2"]
    with context.sessions() as session:
        assert session.scalar(select(func.count()).select_from(EventReceived)) == 2 * count * STEPS
        assert session.scalar(select(func.count()).where(EventReceived.handled_at.is_(None))) == 0
        assert verify(session) == []


@pytest.mark.parametrize("seed", range(3))
def test_other_seeds_leave_the_same_books(context: Context, gateway: FakeGateway, seed: int) -> None:
    in_order(context, stories(context, gateway, "in-order", FATES))
    shuffled(context, stories(context, gateway, "shuffled", FATES), random.Random(seed))
    assert books(context.sessions, "shuffled") == books(context.sessions, "in-order")
