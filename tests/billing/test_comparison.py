"""The daily compare: whatever differs between gateway and books is found, repaired or filed, and found once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, text

from billing import inbox
from billing.comparison import SHOWN, Report, compare, compare_when_due
from billing.context import Context
from billing.database import SessionFactory
from billing.errors import GatewayRejected, GatewayUnreachable
from billing.gateways.base import BillingDetails, ChargeOrder, GatewayDispute, GatewayPayment
from billing.models import (
    Account,
    Attempt,
    Audit,
    Comparison,
    EventReceived,
    LedgerEntry,
    OperatorItem,
    Payment,
    PaymentMethod,
    Refund,
)
from billing.money import Money
from billing.refunds import refund_payment
from billing.verify import verify
from tests.billing import builders as b
from tests.billing.builders import cad
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def clock() -> b.Clock:
    return b.Clock()


@pytest.fixture
def gateway(clock: b.Clock) -> FakeGateway:
    return FakeGateway(now=clock)


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway, clock: b.Clock) -> Context:
    return b.a_context(sessions, gateway, now=clock)


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    """Owes 300.00."""
    with sessions.begin() as session:
        account = b.an_account(session)
        b.an_invoice(session, account, "300.00", due_days=-60)
    return account


def last_day(context: Context) -> Report:
    """An hour later, the day that ends then."""
    context.now.forward(hours=1)  # type: ignore[attr-defined]
    report = compare(context, context.now() - timedelta(days=1), context.now())
    with context.sessions() as session:
        assert verify(session) == []
    return report


def kinds(report: Report) -> list[str]:
    return [difference.kind for difference in report.differences]


def filed(context: Context) -> list[str]:
    with context.sessions() as session:
        return list(session.scalars(select(OperatorItem.kind).order_by(OperatorItem.id)))


def state(context: Context, payment: Payment) -> str:
    with context.sessions() as session:
        return session.get_one(Payment, payment.id).state


def gateway_id(context: Context, payment: Payment) -> str:
    with context.sessions() as session:
        found = session.scalars(select(Attempt.gateway_object_id).where(Attempt.payment_id == payment.id)).one()
    assert found is not None
    return found


def behaves(context: Context, gateway: FakeGateway, account: Account, behaviour: str) -> None:
    with context.sessions() as session:
        method = session.scalars(select(PaymentMethod).where(PaymentMethod.account_id == account.id)).one()
    gateway.behaviours[method.gateway_reference] = behaviour  # type: ignore[assignment]


def a_stranger(gateway: FakeGateway, amount: str, reference: str = "SOMEONES", token: str = "tok_x") -> GatewayPayment:
    """A charge that somebody made without us."""
    order = ChargeOrder(cad(amount), token, None, reference, BillingDetails("x@northwind.example"))
    created = gateway.create_payment(order, f"key {len(gateway.payments)}")
    return gateway.confirm_payment(created.id, order, f"confirm {created.id}")


def handle_everything(context: Context) -> None:
    with context.sessions() as session:
        rows = session.scalars(select(EventReceived.id).where(EventReceived.handled_at.is_(None))).all()
    for row in rows:
        inbox.handle_event(context, row)


# ------------------------------------------------------------------------------------------------------- agreement


def test_a_day_in_which_both_sides_agree_is_one_row(context: Context, gateway: FakeGateway, account: Account) -> None:
    payment = b.pay(context, account, "100.00")
    behaves(context, gateway, account, "declined")
    b.pay(context, account, "50.00")
    event = gateway.event(gateway_id(context, payment), "payment.succeeded")
    with context.sessions.begin() as session:
        inbox.receive_event(session, "fake", event, context.now())
    report = last_day(context)
    assert (report.payments, report.events, report.agrees) == (2, 1, True)
    with context.sessions() as session:
        row = session.scalars(select(Comparison)).one()
    assert (row.gateway, row.payments, row.differences, row.events, row.events_missed) == ("fake", 2, 0, 1, 0)
    assert row.until - row.since == timedelta(days=1)
    assert filed(context) == []


def test_what_agrees_is_not_asked_about_one_by_one(context: Context, gateway: FakeGateway, account: Account) -> None:
    for _ in range(3):
        payment = b.pay(context, account, "10.00")
        there = gateway.payments[gateway_id(context, payment)]
        gateway.payments[there.id] = replace(there, refunded=cad("0.00"), disputed=False)
    gateway.calls.clear()
    assert last_day(context).agrees
    assert {verb for verb, _ in gateway.calls} == {"list_payments", "list_events"}


def test_a_payment_that_the_gateway_is_still_busy_with_is_no_difference(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "processing")
    payment = b.pay(context, account, "10.00")
    assert last_day(context).agrees
    assert state(context, payment) == "processing"


def test_a_payment_between_create_and_confirm_is_left_to_the_process_that_makes_it(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    reports: list[Report] = []

    def meanwhile() -> None:
        charged = next(iter(gateway.payments.values()))
        gateway.payments[charged.id] = replace(charged, status="succeeded", captured=charged.amount)
        reports.append(compare(context, context.now() - timedelta(days=1), context.now() + timedelta(seconds=1)))
        gateway.payments[charged.id] = charged

    gateway.before_confirm = meanwhile
    context.now.forward(microseconds=1)  # type: ignore[attr-defined]
    payment = b.pay(context, account, "10.00")
    assert reports[0].agrees
    assert state(context, payment) == "succeeded"


# ------------------------------------------------------------------------------------------ captured at the gateway


def test_a_capture_that_we_never_heard_of_is_settled_and_told_once(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "processing")
    payment = b.pay(context, account, "120.00")
    gateway.decide(gateway_id(context, payment), "succeeded")
    report = last_day(context)
    assert [(d.kind, d.payment, d.done) for d in report.differences] == [("behind", payment.reference, "settled")]
    assert report.differences[0].detail == "processing here, succeeded there"
    assert state(context, payment) == "succeeded"
    assert filed(context) == []  # repaired: nothing is left to be decided
    assert last_day(context).agrees


def test_a_capture_after_we_had_told_a_decline_is_booked_and_flagged(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "declined")
    payment = b.pay(context, account, "120.00")
    gateway.decide(gateway_id(context, payment), "succeeded")
    assert kinds(last_day(context)) == ["behind"]
    assert state(context, payment) == "succeeded"
    assert filed(context) == ["capture_unexpected"]


def test_a_decline_that_we_never_heard_of_is_settled(context: Context, gateway: FakeGateway, account: Account) -> None:
    behaves(context, gateway, account, "processing")
    payment = b.pay(context, account, "120.00")
    gateway.decide(gateway_id(context, payment), "declined")
    assert kinds(last_day(context)) == ["behind"]
    assert state(context, payment) == "declined"


def test_a_capture_is_found_by_our_reference_when_the_answer_to_its_create_was_lost(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "charged_but_lost")
    payment = b.pay(context, account, "120.00")
    with context.sessions.begin() as session:
        session.execute(text("update attempts set gateway_object_id = null"))
    assert kinds(last_day(context)) == ["behind"]
    assert state(context, payment) == "succeeded" and gateway_id(context, payment) == "pay_1"


def test_the_money_of_nobody_known_goes_the_inboxs_way_into_suspense(context: Context, gateway: FakeGateway) -> None:
    stranger = a_stranger(gateway, "77.00")
    report = last_day(context)
    assert [(d.kind, d.gateway_id, d.payment) for d in report.differences] == [("of_nobody", stranger.id, "SOMEONES")]
    for _ in range(4):
        handle_everything(context)
    with context.sessions() as session:
        entries = session.scalars(select(LedgerEntry).order_by(LedgerEntry.id)).all()
        assert [(e.ledger_account, e.direction, e.amount_minor) for e in entries] == [
            ("gateway", "debit", 7700),
            ("suspense", "credit", 7700),
        ]
    assert filed(context) == ["orphan_event"]
    assert last_day(context).agrees  # it is known now, and a person's


def test_what_nobody_charged_is_nobodys_matter(context: Context, gateway: FakeGateway) -> None:
    gateway.behaviours["tok_x"] = "declined"
    a_stranger(gateway, "77.00")
    assert last_day(context).agrees


def test_a_second_object_of_one_payment_that_took_money_too_is_a_persons(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    payment = b.pay(context, account, "120.00")
    again = a_stranger(gateway, "120.00", payment.reference)
    report = last_day(context)
    assert [(d.kind, d.gateway_id) for d in report.differences] == [("captured_twice", again.id)]
    assert filed(context) == ["captured_twice"]


def test_a_second_object_that_took_nothing_does_not_speak_for_the_payment(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "processing")
    payment = b.pay(context, account, "120.00")
    gateway.behaviours["tok_x"] = "declined"
    a_stranger(gateway, "120.00", payment.reference)
    assert last_day(context).agrees
    assert state(context, payment) == "processing"


# ------------------------------------------------------------------------------------------------ not there, or other


def test_what_is_booked_here_and_was_not_taken_there_is_a_persons(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    payment = b.pay(context, account, "120.00")
    gateway.decide(gateway_id(context, payment), "canceled")
    report = last_day(context)
    assert [(d.kind, d.detail) for d in report.differences] == [
        ("not_captured_there", "booked 120.00 CAD; there: canceled")
    ]
    last_day(context)
    assert filed(context) == ["not_captured_there"]  # once while it is open
    assert state(context, payment) == "succeeded"


def test_what_the_gateway_does_not_know_at_all_is_a_persons(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    payment = b.pay(context, account, "120.00")
    del gateway.payments[gateway_id(context, payment)]
    report = last_day(context)
    assert kinds(report) == ["not_captured_there"] and report.payments == 1
    assert filed(context) == ["not_captured_there"]


@pytest.mark.parametrize("captured", ["119.99", "120.01", "1.20"])
def test_another_sum_than_the_one_booked_is_a_persons(
    context: Context, gateway: FakeGateway, account: Account, captured: str
) -> None:
    payment = b.pay(context, account, "120.00")
    gateway.decide(gateway_id(context, payment), "succeeded", captured=cad(captured))
    report = last_day(context)
    assert [(d.kind, d.detail) for d in report.differences] == [
        ("booked_differs", f"booked 120.00 CAD; there: {captured} CAD")
    ]


def test_a_difference_that_settlement_flagged_is_not_found_again(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "processing")
    payment = b.pay(context, account, "120.00")
    gateway.decide(gateway_id(context, payment), "succeeded", captured=cad("100.00"))
    assert kinds(last_day(context)) == ["behind"]
    assert filed(context) == ["capture_differs"]  # booked as captured, and told
    assert last_day(context).agrees


def test_another_currency_in_suspense_agrees_and_one_that_is_not_there_does_not(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "processing")
    payment = b.pay(context, account, "120.00")
    gateway.decide(gateway_id(context, payment), "succeeded", captured=Money(9000, "USD"))
    assert kinds(last_day(context)) == ["behind"]
    assert filed(context) == ["capture_differs"]
    assert last_day(context).agrees
    gateway.decide(gateway_id(context, payment), "succeeded", captured=cad("90.00"))
    report = last_day(context)
    assert [(d.kind, d.detail) for d in report.differences] == [
        ("booked_differs", "booked 90.00 USD; there: 90.00 CAD")
    ]


def test_what_is_over_here_can_no_longer_be_charged_there(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "declined")
    payment = b.pay(context, account, "120.00")
    id_ = gateway_id(context, payment)
    gateway.payments[id_] = replace(gateway.payments[id_], status="requires_action")
    report = last_day(context)
    assert [(d.kind, d.done) for d in report.differences] == [("open_there", "canceled")]
    assert gateway.payments[id_].status == "canceled"
    assert last_day(context).agrees


def test_what_is_over_here_and_with_the_bank_there_is_a_persons(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "declined")
    payment = b.pay(context, account, "120.00")
    gateway.decide(gateway_id(context, payment), "processing")
    assert kinds(last_day(context)) == ["open_there"]
    assert filed(context) == ["open_there"]


# ------------------------------------------------------------------------------------------------ money that went back


def test_a_refund_made_in_the_gateways_dashboard_is_booked(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    payment = b.pay(context, account, "120.00")
    gateway.refund_at_the_bank(gateway_id(context, payment), cad("20.00"))
    report = last_day(context)
    assert [(d.kind, d.detail, d.done) for d in report.differences] == [
        ("refund_behind", "re_1: nothing here, succeeded, 20.00 CAD there", "booked")
    ]
    assert filed(context) == ["refund_unexpected"]
    assert last_day(context).agrees


def test_a_refund_of_an_old_payment_is_found_by_the_event_of_the_day(
    context: Context, gateway: FakeGateway, account: Account, clock: b.Clock
) -> None:
    payment = b.pay(context, account, "120.00")
    clock.forward(days=40)
    gateway.refund_at_the_bank(gateway_id(context, payment), cad("20.00"))
    gateway.event(gateway_id(context, payment), "refund.created")
    report = last_day(context)
    assert (report.payments, kinds(report), report.missed_count) == (0, ["refund_behind"], 1)
    with context.sessions() as session:
        assert session.get_one(Payment, payment.id).refunded_minor == 2000


def test_a_refund_that_the_gateway_does_not_know_is_a_persons(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    payment = b.pay(context, account, "120.00")
    refund_payment(context, payment.id, cad("20.00"), operator="ana", reopen_invoices=True)
    gateway.refunds.clear()
    assert kinds(last_day(context)) == ["refund_not_there"]
    assert filed(context) == ["refund_not_there"]


def test_a_refund_of_another_sum_is_a_persons(context: Context, gateway: FakeGateway, account: Account) -> None:
    payment = b.pay(context, account, "120.00")
    refund = refund_payment(context, payment.id, cad("20.00"), operator="ana", reopen_invoices=True)
    assert refund.gateway_object_id
    known = gateway.refunds[refund.gateway_object_id]
    gateway.refunds[known.id] = replace(known, amount=cad("2.00"))
    report = last_day(context)
    assert kinds(report) == ["refund_differs"]
    assert report.differences[0].detail == "re_1: succeeded, 20.00 CAD here, succeeded, 2.00 CAD there"


def test_a_refund_whose_answer_was_lost_is_settled(context: Context, gateway: FakeGateway, account: Account) -> None:
    payment = b.pay(context, account, "120.00")
    gateway.refunds_end = "pending"
    refund = refund_payment(context, payment.id, cad("20.00"), operator="ana", reopen_invoices=True)
    gateway.decide_refund(refund.gateway_object_id or "", "succeeded")
    assert kinds(last_day(context)) == ["refund_behind"]
    with context.sessions() as session:
        assert session.get_one(Refund, refund.id).state == "succeeded"


def test_a_dispute_that_we_never_heard_of_is_booked(context: Context, gateway: FakeGateway, account: Account) -> None:
    payment = b.pay(context, account, "120.00")
    dispute = gateway.dispute(gateway_id(context, payment), cad("120.00"))
    report = last_day(context)
    assert [(d.kind, d.detail) for d in report.differences] == [
        ("dispute_behind", f"{dispute.id}: nothing here, open, 120.00 CAD there")
    ]
    gateway.decide_dispute(dispute.id, "lost")
    gateway.event(gateway_id(context, payment), "dispute.closed")
    assert kinds(last_day(context)) == ["dispute_behind"]
    with context.sessions() as session:
        assert session.get_one(Payment, payment.id).lost_minor == 12000
    handle_everything(context)
    assert last_day(context).agrees


def test_where_the_gateway_lists_no_disputes_the_missed_events_tell_of_them(
    context: Context, gateway: FakeGateway, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = b.pay(context, account, "120.00")
    id_ = gateway_id(context, payment)

    def nothing(gateway_id: str) -> list[GatewayDispute]:
        raise GatewayRejected("Unrecognized request URL", None, 404)

    monkeypatch.setattr(gateway, "list_disputes", nothing)
    gateway.dispute(id_, cad("120.00"))
    gateway.event(id_, "dispute.lost", dispute=GatewayDispute("dp_1", id_, "lost", cad("120.00")))
    assert last_day(context).missed_count == 1
    handle_everything(context)
    with context.sessions() as session:
        assert session.get_one(Payment, payment.id).lost_minor == 12000
    assert last_day(context).agrees


def test_a_dispute_that_the_gateway_does_not_know_is_a_persons(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    payment = b.pay(context, account, "120.00")
    gateway.dispute(gateway_id(context, payment), cad("120.00"))
    last_day(context)
    gateway.disputes.clear()
    assert kinds(last_day(context)) == ["dispute_not_there"]
    assert filed(context)[-1] == "dispute_not_there"


# ------------------------------------------------------------------------------------------------------ missed events


def test_events_that_never_arrived_are_listed_and_received_and_a_late_delivery_does_nothing(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "processing")
    payment = b.pay(context, account, "120.00")
    arrived = gateway.event(gateway_id(context, payment), "payment.processing")
    with context.sessions.begin() as session:
        inbox.receive_event(session, "fake", arrived, context.now())
    lost = gateway.event(gateway_id(context, payment), "payment.updated")
    report = last_day(context)
    assert (report.events, report.missed_count, [m.id for m in report.missed]) == (2, 1, [lost.id])
    handle_everything(context)
    with context.sessions.begin() as session:
        assert inbox.receive_event(session, "fake", lost, context.now()) is False
    assert last_day(context).agrees


def test_events_that_concern_nothing_of_ours_are_not_missed(context: Context, gateway: FakeGateway) -> None:
    gateway.event(None, "invoice.created")
    report = last_day(context)
    assert (report.events, report.agrees) == (0, True)


def test_an_event_that_may_be_on_its_way_is_not_missed_yet(context: Context, gateway: FakeGateway) -> None:
    context.now.forward(seconds=3)  # type: ignore[attr-defined]
    gateway.event("pay_1", "payment.succeeded")
    context.now.forward(seconds=3)  # type: ignore[attr-defined]
    assert compare(context, context.now() - timedelta(days=1), context.now()).agrees


# ------------------------------------------------------------------------------------------------- periods and repeats


def test_a_long_period_is_a_row_a_day_and_counts_everything_once(
    context: Context, gateway: FakeGateway, account: Account, clock: b.Clock
) -> None:
    since, heard = clock(), list[tuple[int, int]]()
    for _ in range(5):
        clock.forward(hours=13)
        b.pay(context, account, "10.00")
    clock.forward(hours=13)
    report = compare(context, since, clock(), lambda done, total: heard.append((done, total)))
    assert (report.payments, report.agrees) == (5, True)
    assert heard[0] == (1, 78) and heard[-1] == (78, 78)
    with context.sessions() as session:
        rows = session.scalars(select(Comparison).order_by(Comparison.since)).all()
    assert [row.until - row.since for row in rows] == [timedelta(days=1)] * 3 + [timedelta(hours=6)]
    assert all(first.until == second.since for first, second in pairwise(rows))


def test_a_payment_across_the_edge_of_two_slices_is_compared_once(
    context: Context, gateway: FakeGateway, account: Account, clock: b.Clock
) -> None:
    since = clock()
    clock.forward(minutes=59, seconds=59)
    payment = b.pay(context, account, "10.00")
    there = gateway.payments[gateway_id(context, payment)]
    gateway.payments[there.id] = replace(there, created_at=clock() + timedelta(seconds=2))  # its clock is ahead
    gateway.decide(there.id, "succeeded", captured=cad("9.00"))
    clock.forward(hours=3)
    report = compare(context, since, clock())
    assert (report.payments, kinds(report)) == (1, ["booked_differs"])


def test_more_differences_than_a_screen_takes_are_counted_and_filed_all(
    context: Context, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(SHOWN + 5):
        a_stranger(gateway, "1.00", f"R{number}", f"tok_{number}")
    report = last_day(context)
    assert (report.payments, report.difference_count, len(report.differences)) == (SHOWN + 5, SHOWN + 5, SHOWN)
    with context.sessions() as session:
        assert len(session.scalars(select(EventReceived)).all()) == SHOWN + 5


def test_a_run_that_the_gateway_broke_off_goes_on_where_it_was(
    context: Context, gateway: FakeGateway, account: Account, clock: b.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    b.pay(context, account, "10.00")
    clock.forward(days=3, hours=1)
    kept, answers = gateway.list_payments, iter([True] * 30)

    def breaks_off(*period: object) -> object:
        if next(answers, False):
            return kept(*period)  # type: ignore[arg-type]
        raise GatewayUnreachable("down")

    monkeypatch.setattr(gateway, "list_payments", breaks_off)
    with pytest.raises(GatewayUnreachable):
        compare_when_due(context)
    monkeypatch.setattr(gateway, "list_payments", kept)
    report = compare_when_due(context)
    assert report is not None and report.since == b.NOW + timedelta(days=1)
    with context.sessions() as session:
        rows = session.scalars(select(Comparison).order_by(Comparison.id)).all()
    assert [(row.since - b.NOW).days for row in rows] == [0, 1, 2]


def test_the_daily_run_is_due_once_a_day_and_leaves_no_gap(context: Context, account: Account, clock: b.Clock) -> None:
    assert compare_when_due(context) is None  # nothing has ever happened here
    b.pay(context, account, "10.00")
    clock.forward(hours=24)
    assert compare_when_due(context) is None  # the last hour is left to polling
    clock.forward(hours=1)
    assert compare_when_due(context) is not None
    assert compare_when_due(context) is None
    clock.forward(hours=20)
    compare(context, clock() - timedelta(hours=1), clock())  # somebody looks at one hour by hand
    clock.forward(hours=5)
    report = compare_when_due(context)
    assert report is not None and report.since == b.NOW + timedelta(days=1)  # and the hours before it are not left out


def test_payments_of_another_gateway_are_not_compared(context: Context, account: Account, clock: b.Clock) -> None:
    b.pay(context, account, "10.00")
    other = replace(context, gateway=FakeGateway(name="other", ids="oth", now=clock))
    assert last_day(other).payments == 0
    assert compare_when_due(replace(other, now=b.Clock(clock() + timedelta(days=9)))) is None
    assert last_day(context).payments == 1


def test_everything_that_a_compare_changes_has_its_name_on_it(
    context: Context, gateway: FakeGateway, account: Account
) -> None:
    behaves(context, gateway, account, "processing")
    payment = b.pay(context, account, "120.00")
    gateway.decide(gateway_id(context, payment), "succeeded")
    last_day(context)
    with context.sessions() as session:
        last = session.scalars(select(Audit).where(Audit.entity == "payment").order_by(Audit.id.desc()).limit(1)).one()
    assert (last.actor, last.cause) == ("system:compare", "compare")
