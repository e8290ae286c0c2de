"""Events of one payment in every order there is: the books end alike.

The gateway's story is told in up to six events, some of them twice. Whatever order they arrive in, the gateway has come
at least as far as the newest of them tells, and no further: earlier handlers see an earlier gateway. All orders of all
stories take some minutes (PERMUTATIONS=all); otherwise each story is told in a fixed sample of its orders.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from billing import inbox
from billing.context import Context
from billing.database import Base, SessionFactory
from billing.gateways.base import GatewayEvent
from billing.models import EventReceived
from billing.verify import verify
from tests.billing import builders as b
from tests.billing.builders import cad
from tests.support.fake_gateway import FakeGateway

ALL = os.environ.get("PERMUTATIONS") == "all"
SAMPLE = 6  # of the orders of one story
EVENTS = 6


@dataclass
class Bank:
    """A gateway whose story advances step by step, as events of it arrive."""

    gateway: FakeGateway = field(default_factory=FakeGateway)
    steps: dict[str, Callable[[FakeGateway], object]] = field(default_factory=dict)
    done: int = 0

    def advance(self, to: int) -> None:
        for step in list(self.steps.values())[self.done : to]:
            step(self.gateway)
        self.done = max(self.done, to)


def succeeds(gateway: FakeGateway) -> None:
    gateway.decide("pay_1", "succeeded")


def declines(gateway: FakeGateway) -> None:
    gateway.decide("pay_1", "declined")


def waits(_gateway: FakeGateway) -> None:
    pass


def refunded(amount: str) -> Callable[[FakeGateway], None]:
    def step(gateway: FakeGateway) -> None:
        refund = gateway.refund_at_the_bank("pay_1", cad(amount))
        gateway.decide_refund(refund.id, "succeeded")

    return step


def disputed(amount: str, status: Any = "open", *, is_return: bool = False) -> Callable[[FakeGateway], None]:
    def step(gateway: FakeGateway) -> None:
        gateway.dispute("pay_1", cad(amount), status, is_return=is_return)

    return step


def decided(status: Any, number: int = 1) -> Callable[[FakeGateway], None]:
    def step(gateway: FakeGateway) -> None:
        gateway.decide_dispute(f"dp_pay_{number}", status)

    return step


Steps = dict[str, Callable[[FakeGateway], None]]
STORIES: dict[str, Steps] = {
    "paid": {"payment.processing": waits, "payment.succeeded": succeeds},
    "disputed and lost": {
        "payment.succeeded": succeeds,
        "dispute.opened": disputed("300.00"),
        "dispute.lost": decided("lost"),
    },
    "disputed and won": {
        "payment.succeeded": succeeds,
        "dispute.opened": disputed("300.00"),
        "dispute.won": decided("won"),
    },
    "lost, and won after all": {
        "payment.succeeded": succeeds,
        "dispute.opened": disputed("300.00"),
        "dispute.lost": decided("lost"),
        "dispute.won": decided("won"),
    },
    "returned": {"payment.succeeded": succeeds, "dispute.lost": disputed("300.00", is_return=True)},
    "refunded in part, then all of it disputed and lost": {
        "payment.succeeded": succeeds,
        "refund.succeeded": refunded("80.00"),
        "dispute.opened": disputed("300.00"),
        "dispute.lost": decided("lost"),
    },
    "disputed in part, refunded in part, lost": {
        "payment.succeeded": succeeds,
        "dispute.opened": disputed("120.00"),
        "refund.succeeded": refunded("100.00"),
        "dispute.lost": decided("lost"),
    },
    "refunded twice, disputed, won": {
        "payment.succeeded": succeeds,
        "refund.succeeded": refunded("80.00"),
        "refund.succeeded.2": refunded("20.00"),
        "dispute.opened": disputed("200.00"),
        "dispute.won": decided("won"),
    },
    "disputed twice, lost and won": {
        "payment.succeeded": succeeds,
        "dispute.opened": disputed("100.00"),
        "dispute.opened.2": disputed("150.00"),
        "dispute.lost": decided("lost"),
        "dispute.won": decided("won", 2),
    },
    "declined": {"payment.processing": waits, "payment.declined": declines},
}


def orders(name: str) -> list[tuple[int, ...]]:
    """Of the story's events, with as many repeated as make six (or fewer: no event three times)."""
    count = len(STORIES[name])
    events = [*range(count), *reversed(range(count))][:EVENTS]
    every = sorted(set(permutations(events)))
    return every if ALL or len(every) <= SAMPLE else Random(name).sample(every, SAMPLE)


def tell(context: Context, bank: Bank, story: Steps, order: Sequence[int]) -> None:
    events: dict[int, GatewayEvent] = {}
    for number in order:
        bank.advance(number + 1)
        type_ = ".".join(list(story)[number].split(".")[:2])
        event = events.setdefault(number, bank.gateway.event("pay_1", type_, id=f"evt_{number}"))
        with context.sessions.begin() as session:
            inbox.receive_event(session, "fake", event, context.now())
            row_id = session.scalars(select(EventReceived.id).where(EventReceived.event_id == event.id)).one()
        inbox.handle_event(context, row_id)


def books(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that counts in the end: states and sums, not the way there."""
    queries = {
        "payments": "select state, captured_minor, allocated_minor, unapplied_minor, refunded_minor, lost_minor,"
        " suspense_minor from payments",
        "invoices": "select number, open_minor, applied_minor, written_off_minor from invoices order by number",
        "credit": "select coalesce(sum(remaining_minor), 0)::int from credits",
        "refunds": "select amount_minor, state from refunds order by 1, 2",
        "disputes": "select gateway_object_id, amount_minor, state, held_minor, lost_minor from disputes order by 1",
        "ledger": "select ledger_account, balance from (select ledger_account, sum(case direction when 'debit'"
        " then amount_minor else -amount_minor end)::int as balance from ledger_entries group by 1) b"
        " where balance <> 0 order by 1",
        "letters": "select kind, count(*)::int from notices where kind in ('receipt', 'declined') group by 1",
        "events": "select event_id, outcome from events_received where handled_at is null",
    }
    return {name: [tuple(row) for row in session.execute(text(query))] for name, query in queries.items()}


def run(sessions: SessionFactory, story: Steps, order: Sequence[int]) -> dict[str, list[tuple[Any, ...]]]:
    empty(sessions)
    clock, bank = b.Clock(), Bank(steps=dict(story))
    context = b.a_context(sessions, bank.gateway, now=clock)
    with sessions.begin() as session:
        account = b.an_account(session, method=False)
        b.an_invoice(session, account, "200.00", due_days=-60, number="OLD")
        b.an_invoice(session, account, "100.00", due_days=5, number="NEW")
        method = b.a_method(session, account, reference="slow")
    bank.gateway.behaviours["slow"] = "processing"
    b.pay(context, account, method=method)
    clock.forward(seconds=20)
    tell(context, bank, story, order)
    with sessions() as session:
        return books(session)


def empty(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        session.execute(text("set local session_replication_role = replica"))
        for table in (*Base.metadata.tables, "procrastinate_jobs", "procrastinate_events"):
            session.execute(text(f"delete from {table}"))


@pytest.mark.timeout(3600 if ALL else 120)
@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_the_events_of_a_payment_ends_in_the_same_books(sessions: SessionFactory, name: str) -> None:
    story = STORIES[name]
    expected = run(sessions, story, range(len(story)))
    assert expected["events"] == []
    for order in orders(name):
        assert run(sessions, story, order) == expected, order
    with sessions() as session:
        assert verify(session) == []
