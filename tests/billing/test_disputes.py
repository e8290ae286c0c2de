"""Disputes and returns: put aside, lost, released; never more than there is, never twice, never charged again."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from billing import inbox
from billing.context import Context
from billing.database import SessionFactory
from billing.disputes import ASK_EVERY, reconcile_disputes, refresh_disputes
from billing.errors import GatewayRejected, GatewayUnreachable, RefundRefused
from billing.gateways.base import GatewayDispute
from billing.models import Account, Audit, Credit, Dispute, EventReceived, Invoice, Notice, OperatorItem, Payment
from billing.money import Money
from billing.refunds import refresh_refunds, refund_payment
from billing.verify import verify
from tests.billing import builders as b
from tests.billing.builders import cad
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def clock() -> b.Clock:
    return b.Clock()


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway, clock: b.Clock) -> Context:
    return b.a_context(sessions, gateway, now=clock)


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    """Owes 200.00 (old) and 100.00 (newer)."""
    with sessions.begin() as session:
        account = b.an_account(session)
        b.an_invoice(session, account, "200.00", due_days=-60, number="OLD")
        b.an_invoice(session, account, "100.00", due_days=5, number="NEW")
    return account


@pytest.fixture
def payment(context: Context, account: Account) -> Payment:
    """Paid both, 300.00 in all; `pay_1` at the gateway."""
    return b.pay(context, account)


def parts(session: Session, payment: Payment) -> dict[str, int]:
    p = session.get_one(Payment, payment.id)
    names = ("captured", "allocated", "unapplied", "refunded", "lost", "suspense")
    return {name: value for name in names if (value := getattr(p, f"{name}_minor"))}


def owed(session: Session) -> dict[str, int]:
    """number → open"""
    return dict(session.execute(select(Invoice.number, Invoice.open_minor).order_by(Invoice.due_on)).all())


def ledger(session: Session) -> dict[str, int]:
    """account → what it holds, minor units; zeros left out"""
    rows = session.execute(
        text(
            "select ledger_account, sum(case direction when 'debit' then amount_minor else -amount_minor end)::int"
            " from ledger_entries where ledger_account in ('gateway', 'disputes', 'customer_credit') group by 1"
        )
    ).all()
    return {name: balance for name, balance in rows if balance}


def flags(session: Session) -> list[str]:
    return list(session.scalars(select(OperatorItem.kind).order_by(OperatorItem.id)))


def letters(session: Session) -> list[str]:
    return list(session.scalars(select(Notice.kind).where(Notice.kind != "receipt").order_by(Notice.id)))


def standing(context: Context, payment: Payment) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    with context.sessions() as session:
        assert verify(session) == []
        return parts(session, payment), owed(session), ledger(session)


PAID = ({"captured": 30000, "allocated": 30000}, {"OLD": 0, "NEW": 0}, {"gateway": 30000})
HELD = (PAID[0], PAID[1], {"disputes": 30000})
LOST = ({"captured": 30000, "lost": 30000}, {"OLD": 20000, "NEW": 10000}, {})


def test_an_open_dispute_puts_the_money_aside_and_leaves_the_invoices_paid(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    gateway.dispute("pay_1")
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == HELD
    with context.sessions() as session:
        assert (flags(session), letters(session)) == (["dispute_opened"], ["dispute_opened"])


def test_a_lost_dispute_reopens_the_invoices(context: Context, gateway: FakeGateway, payment: Payment) -> None:
    dispute = gateway.dispute("pay_1")
    refresh_disputes(context, payment.id)
    gateway.decide_dispute(dispute.id, "lost")
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == LOST
    with context.sessions() as session:
        assert flags(session) == ["dispute_opened", "dispute_lost"]
        assert letters(session) == ["dispute_opened", "dispute_lost"]
        assert session.get_one(Payment, payment.id).state == "succeeded"
    assert len(gateway.charges()) == 1  # nobody is charged again


def test_a_won_dispute_changes_nothing_in_the_end(context: Context, gateway: FakeGateway, payment: Payment) -> None:
    dispute = gateway.dispute("pay_1")
    refresh_disputes(context, payment.id)
    gateway.decide_dispute(dispute.id, "won")
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == PAID
    with context.sessions() as session:
        assert letters(session) == ["dispute_opened", "dispute_won"]


@pytest.mark.parametrize("is_return", [False, True])
def test_lost_as_the_first_thing_we_hear_needs_no_hold(
    context: Context, gateway: FakeGateway, payment: Payment, is_return: bool
) -> None:
    gateway.dispute("pay_1", status="lost", is_return=is_return)
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == LOST
    with context.sessions() as session:
        assert letters(session) == flags(session) == ["debit_returned" if is_return else "dispute_lost"]
        kinds = text("select count(*) from ledger_transactions where kind in ('dispute_held', 'dispute_released')")
        assert session.scalar(kinds) == 0


def test_won_as_the_first_thing_we_hear_is_written_down_and_nobody_is_bothered(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    gateway.dispute("pay_1", status="won")
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == PAID
    with context.sessions() as session:
        assert (flags(session), letters(session)) == ([], [])
        assert session.scalars(select(Dispute.state)).all() == ["won"]


def test_a_lost_dispute_that_is_won_after_all_pays_what_it_had_opened(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    dispute = gateway.dispute("pay_1", status="lost")
    refresh_disputes(context, payment.id)
    gateway.decide_dispute(dispute.id, "won")
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == PAID
    with context.sessions() as session:
        assert letters(session) == ["dispute_lost", "dispute_reversed"]
        assert session.scalars(select(Notice.detail["amount_minor"].as_integer())).all()[-1] == 30000


def test_money_that_comes_back_after_the_customer_paid_again_is_credit(
    context: Context, gateway: FakeGateway, account: Account, payment: Payment
) -> None:
    dispute = gateway.dispute("pay_1", status="lost")
    refresh_disputes(context, payment.id)
    b.pay(context, account)
    gateway.decide_dispute(dispute.id, "won")
    refresh_disputes(context, payment.id)
    with context.sessions() as session:
        assert verify(session) == []
        assert owed(session) == {"OLD": 0, "NEW": 0}
        assert parts(session, payment) == {"captured": 30000, "unapplied": 30000}
        assert session.scalars(select(Credit.remaining_minor)).all() == [30000]


def test_the_same_word_twice_moves_nothing(context: Context, gateway: FakeGateway, payment: Payment) -> None:
    dispute = gateway.dispute("pay_1")
    for status in ("open", "lost", "won"):
        gateway.decide_dispute(dispute.id, status)
        refresh_disputes(context, payment.id)
        with context.sessions() as session:
            before = session.scalar(text("select count(*) from ledger_transactions"))
        for _ in range(3):
            refresh_disputes(context, payment.id)
        with context.sessions() as session:
            assert session.scalar(text("select count(*) from ledger_transactions")) == before
    with context.sessions() as session:
        states = session.scalars(select(Audit.after["state"].astext).where(Audit.entity == "dispute")).all()
        assert states == ["open", "lost", "won"]


def test_an_old_answer_does_not_open_a_decided_dispute_again(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    dispute = gateway.dispute("pay_1", status="lost")
    refresh_disputes(context, payment.id)
    gateway.decide_dispute(dispute.id, "open")
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == LOST


def test_an_answer_that_was_overtaken_on_its_way_is_asked_for_again(
    context: Context, gateway: FakeGateway, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker hears "lost"; before it writes that down, another hears "won" and does."""
    dispute = gateway.dispute("pay_1", status="lost")
    listed = gateway.list_disputes

    def slow(gateway_id: str) -> list[GatewayDispute]:
        answer = list(listed(gateway_id))
        if gateway.disputes[dispute.id].status == "lost":
            gateway.decide_dispute(dispute.id, "won")
            refresh_disputes(context, payment.id)  # the other one
        return answer

    monkeypatch.setattr(gateway, "list_disputes", slow)
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == PAID


def test_a_look_that_is_overtaken_for_ever_is_given_up(
    context: Context, gateway: FakeGateway, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(100))
    monkeypatch.setattr("billing.disputes._standing", lambda *_: [(next(numbers), "open", 1, None)])
    with pytest.raises(GatewayUnreachable):
        refresh_disputes(context, payment.id)


# -------------------------------------------------------------------------------------------------- parts and limits


def test_part_of_a_payment_is_lost_newest_allocation_first(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    payment = b.pay(context, account, "350.00")  # 50.00 of it is credit
    gateway.dispute("pay_1", cad("120.00"), "lost")
    refresh_disputes(context, payment.id)
    with context.sessions() as session:
        assert parts(session, payment) == {"captured": 35000, "allocated": 23000, "lost": 12000}
        assert owed(session) == {"OLD": 0, "NEW": 7000}
        assert session.scalars(select(Credit.remaining_minor)).all() == [0]


def test_other_credit_of_the_account_pays_what_a_loss_opens(
    context: Context, gateway: FakeGateway, clock: b.Clock, account: Account, payment: Payment
) -> None:
    with context.sessions.begin() as session:
        b.a_credit(session, account, "150.00")
    clock.forward(days=3)
    gateway.dispute("pay_1", status="lost")
    refresh_disputes(context, payment.id)
    with context.sessions() as session:
        assert verify(session) == []
        assert owed(session) == {"OLD": 5000, "NEW": 10000}


def test_a_dispute_after_a_refund_takes_what_is_left_and_a_person_hears_of_the_rest(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    refund_payment(context, payment.id, cad("80.00"), operator="ana", reopen_invoices=True)
    dispute = gateway.dispute("pay_1")  # all 300.00
    refresh_disputes(context, payment.id)
    with context.sessions() as session:
        assert ledger(session) == {"disputes": 22000}
        assert flags(session) == ["dispute_differs", "dispute_opened"]
    gateway.decide_dispute(dispute.id, "lost")
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == (
        {"captured": 30000, "refunded": 8000, "lost": 22000},
        {"OLD": 20000, "NEW": 10000},
        {},
    )


def test_disputed_money_is_not_refunded(context: Context, gateway: FakeGateway, payment: Payment) -> None:
    gateway.dispute("pay_1", cad("250.00"))
    refresh_disputes(context, payment.id)
    with pytest.raises(RefundRefused, match=r"only 50\.00 CAD"):
        refund_payment(context, payment.id, cad("50.01"), operator="ana", reopen_invoices=True)
    refund_payment(context, payment.id, cad("50.00"), operator="ana", reopen_invoices=True)
    with context.sessions() as session:
        assert verify(session) == []
        assert ledger(session) == {"disputes": 25000}


@pytest.mark.parametrize(("ends", "lost"), [("succeeded", 20000), ("failed", 30000)])
def test_a_refund_under_way_goes_before_a_loss(
    context: Context, gateway: FakeGateway, payment: Payment, ends: Literal["succeeded", "failed"], lost: int
) -> None:
    gateway.refunds_end = "pending"
    refund_payment(context, payment.id, cad("100.00"), operator="ana", reopen_invoices=True)
    gateway.dispute("pay_1", status="lost")
    refresh_disputes(context, payment.id)
    with context.sessions() as session:
        assert parts(session, payment) == {"captured": 30000, "allocated": 10000, "lost": 20000}
    gateway.decide_refund("re_1", ends)
    refresh_refunds(context, payment.id)
    with context.sessions() as session:
        assert verify(session) == []
        assert session.get_one(Payment, payment.id).lost_minor == lost
        assert parts(session, payment).get("refunded", 0) == 30000 - lost


def test_a_refund_made_at_the_bank_makes_a_hold_smaller(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    back = gateway.refund_at_the_bank("pay_1", cad("60.00"))
    gateway.decide_refund(back.id, "succeeded")
    gateway.dispute("pay_1")
    refresh_disputes(context, payment.id)
    refresh_refunds(context, payment.id)
    with context.sessions() as session:
        assert verify(session) == []
        assert ledger(session) == {"disputes": 24000}


def test_two_disputes_never_take_more_than_there_is(context: Context, gateway: FakeGateway, payment: Payment) -> None:
    first = gateway.dispute("pay_1", cad("200.00"))
    second = gateway.dispute("pay_1", cad("200.00"))
    refresh_disputes(context, payment.id)
    with context.sessions() as session:
        assert ledger(session) == {"disputes": 30000}
    gateway.decide_dispute(second.id, "lost")
    refresh_disputes(context, payment.id)
    with context.sessions() as session:
        assert verify(session) == []
        assert parts(session, payment) == {"captured": 30000, "allocated": 10000, "lost": 20000}
        assert ledger(session) == {"disputes": 10000}
    gateway.decide_dispute(first.id, "lost")
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == LOST


def test_an_amount_that_the_bank_corrects_is_corrected(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    dispute = gateway.dispute("pay_1", status="lost")
    refresh_disputes(context, payment.id)
    gateway.disputes[dispute.id] = GatewayDispute(dispute.id, "pay_1", "lost", cad("100.00"))
    refresh_disputes(context, payment.id)
    with context.sessions() as session:
        assert verify(session) == []
        assert parts(session, payment)["lost"] == 10000
        assert sum(owed(session).values()) == 10000


def test_another_currency_is_a_persons_matter(context: Context, gateway: FakeGateway, payment: Payment) -> None:
    gateway.dispute("pay_1", Money(30000, "USD"), "lost")
    refresh_disputes(context, payment.id)
    assert standing(context, payment) == PAID
    with context.sessions() as session:
        assert flags(session) == ["dispute_differs"]
        assert session.scalars(select(Dispute)).all() == []


# ------------------------------------------------------------------------------------------------ events and clocks


def handle(context: Context, gateway: FakeGateway, type_: str, dispute: GatewayDispute | None = None) -> None:
    event = gateway.event("pay_1", type_, dispute=dispute)
    with context.sessions.begin() as session:
        inbox.receive_event(session, "fake", event, context.now())
        row_id = session.scalars(select(EventReceived.id).where(EventReceived.event_id == event.id)).one()
    inbox.handle_event(context, row_id)


def test_an_event_of_a_dispute_is_a_hint_and_the_gateway_is_asked(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    dispute = gateway.dispute("pay_1", status="lost")
    old_news = GatewayDispute(dispute.id, "pay_1", "open", cad("1.00"))
    handle(context, gateway, "dispute.opened", old_news)
    assert standing(context, payment) == LOST
    with context.sessions() as session:
        assert session.scalars(select(EventReceived.outcome)).all() == ["settled"]


def test_a_dispute_that_overtakes_its_payment_books_the_capture_first(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    with context.sessions.begin() as session:
        method = b.a_method(session, account, reference="slow")
    gateway.behaviours["slow"] = "processing"
    payment = b.pay(context, account, method=method)
    gateway.decide("pay_1", "succeeded")
    gateway.dispute("pay_1", is_return=True)
    handle(context, gateway, "dispute.lost")
    assert standing(context, payment) == LOST


def test_a_refund_that_nobody_told_us_of_is_booked_before_the_dispute(
    context: Context, gateway: FakeGateway, payment: Payment
) -> None:
    back = gateway.refund_at_the_bank("pay_1", cad("100.00"))
    gateway.decide_refund(back.id, "succeeded")
    gateway.dispute("pay_1", cad("300.00"), "lost")
    handle(context, gateway, "dispute.lost")
    with context.sessions() as session:
        assert verify(session) == []
        assert parts(session, payment) == {"captured": 30000, "refunded": 10000, "lost": 20000}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_without_a_list_the_newest_signed_event_counts_in_whatever_order_they_come(
    context: Context,
    gateway: FakeGateway,
    clock: b.Clock,
    payment: Payment,
    monkeypatch: pytest.MonkeyPatch,
    order: tuple[int, ...],
) -> None:
    def nothing(gateway_id: str) -> list[GatewayDispute]:
        raise GatewayRejected("Unrecognized request URL", None, 404)

    monkeypatch.setattr(gateway, "list_disputes", nothing)
    words = [GatewayDispute("dp_1", "pay_1", status, cad("300.00")) for status in ("open", "lost", "won")]
    gateway.now = clock
    events = []
    for word in words:
        clock.forward(seconds=60)
        events.append(gateway.event("pay_1", f"dispute.{word.status}", dispute=word))
    for number in order:
        with context.sessions.begin() as session:
            inbox.receive_event(session, "fake", events[number], context.now())
            row_id = session.scalars(select(EventReceived.id).where(EventReceived.event_id == events[number].id)).one()
        inbox.handle_event(context, row_id)
    assert standing(context, payment) == PAID


def test_another_refusal_of_the_gateway_is_none_that_an_event_stands_in_for(
    context: Context, gateway: FakeGateway, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(gateway_id: str) -> list[GatewayDispute]:
        raise GatewayRejected("no", "forbidden", 403)

    monkeypatch.setattr(gateway, "list_disputes", forbidden)
    with pytest.raises(GatewayRejected):
        refresh_disputes(context, payment.id)


def test_an_open_dispute_is_asked_about_now_and_then_as_its_end_may_be_lost_on_the_way(
    context: Context, gateway: FakeGateway, clock: b.Clock, payment: Payment
) -> None:
    dispute = gateway.dispute("pay_1")
    refresh_disputes(context, payment.id)
    gateway.decide_dispute(dispute.id, "lost")
    assert reconcile_disputes(context) == 0
    clock.forward(seconds=ASK_EVERY.total_seconds())
    gateway.fail_next("list_disputes", "unreachable")
    assert reconcile_disputes(context) == 1
    assert standing(context, payment) == HELD
    assert reconcile_disputes(context) == 0
    clock.at += ASK_EVERY + timedelta(seconds=1)
    assert reconcile_disputes(context) == 1
    assert standing(context, payment) == LOST
    clock.at += 2 * ASK_EVERY
    assert reconcile_disputes(context) == 0
