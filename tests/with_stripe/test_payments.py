"""Payments through the whole stack with Stripe: by chat and on the page, with every event, and with none."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from billing.context import Context
from billing.gateways.base import BANK_DEBIT_ON_PAGE
from billing.models import Attempt, Consent, EventReceived, OperatorItem, Payment
from tests.support.customers import PAGE_S, Account, Customer, SecurePage, until
from tests.support.stack import TestStack, running_stack
from tests.support.stripe.server import StripeDouble
from tests.support.stripe_bank import StripeBank
from tests.with_stripe.conftest import CLOCKS, Remit


def payments_of(context: Context, account: Account) -> list[Payment]:
    """Made here, oldest first."""
    with context.sessions() as session:
        mine = select(Payment).where(Payment.account_id == account.id, Payment.gateway == "stripe")
        return list(session.scalars(mine.order_by(Payment.id)))


def intent_of(context: Context, payment: Payment) -> str:
    with context.sessions() as session:
        found = session.scalars(select(Attempt.gateway_object_id).where(Attempt.payment_id == payment.id)).one()
    assert found is not None
    return found


def at_stripe(double: StripeDouble, intent: str) -> dict[str, Any]:
    return next(p for p in double.control.objects("payment_intent") if p["id"] == intent)


def events_about(context: Context, intent: str) -> dict[str, str | None]:
    """Type → outcome of what arrived."""
    with context.sessions() as session:
        rows = session.scalars(select(EventReceived).where(EventReceived.object_id == intent)).all()
    return {row.type: row.outcome for row in rows}


def settled_by(context: Context, intent: str, type_: str) -> None:
    until(
        lambda: events_about(context, intent).get(type_) is not None,
        60,
        lambda: f"no {type_} among {events_about(context, intent)}",
    )


def pay_on_page(page: SecurePage, **body: Any) -> dict[str, Any]:
    details = page._details(None, {})
    asked = {"quote_id": page.quote_id, **details, **body}
    answer = httpx.post(page.url, json=asked, timeout=PAGE_S, trust_env=False)
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


def outcome_on_page(page: SecurePage) -> dict[str, Any]:
    answer = httpx.post(f"{page.url}/outcome", json={}, timeout=PAGE_S, trust_env=False)
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


# ------------------------------------------------------------------------------------------------------------ chat


def test_a_saved_card_pays_by_chat_and_the_event_finds_it_done(
    maya: Customer, context: Context, double: StripeDouble
) -> None:
    maya.say("pay 100 with the visa ending 4242")
    maya.say("yes")
    assert maya.payment and maya.payment["state"] == "succeeded"
    (payment,) = payments_of(context, maya.account)
    intent = at_stripe(double, intent_of(context, payment))
    assert (intent["amount_received"], intent["currency"], intent["status"]) == (10000, "cad", "succeeded")
    assert intent["metadata"]["payment_reference"] == payment.reference
    settled_by(context, intent["id"], "payment_intent.succeeded")
    assert payments_of(context, maya.account)[0].captured_minor == 10000
    maya.account.wait_for_letters(2)
    assert maya.account.charged() == [Decimal("100.00")]


def test_after_a_decline_another_card_pays_under_a_new_intent_and_the_old_one_is_canceled(
    maya: Customer, context: Context, double: StripeDouble
) -> None:
    maya.say("pay 60 with the visa ending 0002")
    maya.say("yes")
    assert maya.payment and maya.payment["state"] == "declined"
    assert "generic_decline" not in maya.text and "do_not_honor" not in maya.text
    maya.say("pay 60 with the visa ending 4242")
    maya.say("yes")
    assert maya.payment and maya.payment["state"] == "succeeded"
    first, second = payments_of(context, maya.account)
    assert first.decline_code and intent_of(context, first) != intent_of(context, second)
    until(
        lambda: at_stripe(double, intent_of(context, first))["status"] == "canceled",
        60,
        lambda: "the declined intent can still be charged",
    )
    assert maya.account.charged() == [Decimal("60.00")]


def test_a_step_at_the_bank_is_done_on_our_page_and_told_in_the_chat(
    maya: Customer, context: Context, bank: StripeBank
) -> None:
    maya.account.attach("3184")
    maya.say("pay 40 with the visa ending 3184")
    maya.say("yes")
    assert maya.payment and maya.payment["state"] == "requires_action"
    page = maya.page()
    assert "/pay/" in page.url and page.opened.is_success
    step = outcome_on_page(page)["step"]
    assert step["kind"] == "next_action"
    bank.pass_step(step)
    maya.wait_for_event("40.00")
    (payment,) = payments_of(context, maya.account)
    assert payment.state == "succeeded"
    assert outcome_on_page(page)["state"] == "succeeded"


def test_a_failed_step_is_a_decline(maya: Customer, context: Context, bank: StripeBank) -> None:
    maya.account.attach("3184")
    maya.say("pay 40 with the visa ending 3184")
    maya.say("yes")
    bank.pass_step(outcome_on_page(maya.page())["step"], passed=False)
    maya.wait_for_event("declined")
    assert [p.state for p in payments_of(context, maya.account)] == ["declined"]
    assert maya.account.charged() == []


@pytest.mark.usefixtures("lost_events")
def test_when_the_event_of_a_step_is_lost_the_payment_is_found_by_asking(maya: Customer, bank: StripeBank) -> None:
    maya.account.attach("3184")
    maya.say("pay 40 with the visa ending 3184")
    maya.say("yes")
    with httpx.Client(trust_env=False) as http:
        step = http.post(f"{maya.page().url}/outcome", json={}).json()["step"]
    bank.pass_step(step)
    maya.wait_for_event("40.00")
    assert maya.account.payments() == [("succeeded", Decimal("40.00"))]


@pytest.mark.parametrize("ending", ["4087", "5001"])
def test_a_charge_whose_answer_is_lost_is_never_called_declined_and_is_found(
    maya: Customer, context: Context, ending: str
) -> None:
    maya.account.attach(ending)
    maya.say(f"pay 30 with the visa ending {ending}")
    maya.say("yes")
    assert "check" in maya.text.lower() or (maya.payment or {})["state"] == "succeeded"
    until(
        lambda: maya.account.payments() == [("succeeded", Decimal("30.00"))],
        60,
        lambda: f"{maya.account.payments()}",
    )
    assert maya.account.charged() == [Decimal("30.00")]


# ------------------------------------------------------------------------------------------------------------ page


def test_a_new_card_exists_at_stripe_only_once_pay_is_pressed_and_is_offered_next_time(
    maya: Customer, context: Context, double: StripeDouble
) -> None:
    maya.say("pay 25 with a new card")
    page = maya.page()
    assert page.quote("25.00").is_success
    assert payments_of(context, maya.account) == []
    before = len(double.control.objects("payment_intent"))
    answer = page.pay("5556", save=True)
    assert answer.is_success and answer.json()["state"] == "succeeded", answer.text
    assert len(double.control.objects("payment_intent")) == before + 1
    maya.wait_for_event("25.00")
    maya.say("pay 10 with the visa ending 5556")
    maya.say("yes")
    assert maya.payment and maya.payment["state"] == "succeeded"


def test_a_bank_debit_stays_pending_until_the_bank_has_decided(
    maya: Customer, context: Context, bank: StripeBank, double: StripeDouble
) -> None:
    payment = debit_on_page(maya, context, bank)
    intent = intent_of(context, payment)
    assert payments_of(context, maya.account)[0].state == "processing"
    until(lambda: bool(maya.heard) and "bank" in maya.heard[-1].payload["text"], 60, lambda: f"{maya.heard}")
    with context.sessions() as session:
        consent = session.scalars(select(Consent).where(Consent.quote_id == payment.quote_id)).one()
    assert consent.mandate_text and consent.address == "127.0.0.1"
    told = len(maya.heard)
    double.control.decide(intent, approve=True)
    until(lambda: payments_of(context, maya.account)[0].state == "succeeded", 60, lambda: "it stays undecided")
    until(lambda: len(maya.heard) > told, 60, lambda: "nothing was pushed")
    assert "70.00" in maya.heard[-1].payload["text"]
    until(lambda: events_about(context, intent).get("payment_intent.succeeded") == "settled", 60, lambda: "unhandled")


def debit_on_page(maya: Customer, context: Context, bank: StripeBank) -> Payment:
    """70.00, with the bank now."""
    maya.say("pay 70 with a new card")
    page = maya.page()
    assert page.quote("70.00").is_success
    told = pay_on_page(page, method="acss_debit", token=BANK_DEBIT_ON_PAGE)
    assert (told["state"], told["step"]["kind"]) == ("requires_action", "acss_debit")
    bank.debit_on_page(told["step"])
    assert outcome_on_page(page)["state"] == "processing"
    return payments_of(context, maya.account)[0]


# -------------------------------------------------------------------------------------- events that never came


def test_what_lost_events_would_have_told_is_found_by_a_compare(
    maya: Customer, context: Context, bank: StripeBank, double: StripeDouble, remit: Remit
) -> None:
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    maya.say("pay 20 with the visa ending 4242")
    maya.say("yes")
    (paid,) = payments_of(context, maya.account)
    debit_on_page(maya, context, bank)
    maya.wait_for_event("70.00")  # that it waits for the bank
    payment = payments_of(context, maya.account)[-1]
    intent = intent_of(context, payment)
    settled_by(context, intent_of(context, paid), "payment_intent.succeeded")
    settled_by(context, intent, "payment_intent.processing")
    double.control.mode(lose=1.0)
    try:
        double.control.decide(intent, approve=True)
        double.control.refund(intent_of(context, paid), 500)
    finally:
        double.control.mode()
    time.sleep(16)  # until then, an event may be on its way
    since = began.strftime("%Y-%m-%dT%H:%M:%S+0000")
    done = remit("compare", "--since", since, "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    ours = {d["payment"]: (d["kind"], d["done"]) for d in told["differences"]["first"]}
    assert ours[payment.reference] == ("behind", "settled")
    assert ours[paid.reference] == ("refund_behind", "booked")
    missed = {(m["type"], m["object_id"]) for m in told["events_missed"]["first"]}
    assert ("payment_intent.succeeded", intent) in missed and ("refund.created", intent_of(context, paid)) in missed
    maya.wait_for_event("70.00")
    assert [p.refunded_minor for p in payments_of(context, maya.account)] == [500, 0]
    with context.sessions() as session:
        filed = session.scalars(select(OperatorItem.kind).where(OperatorItem.payment_id == paid.id)).all()
    assert filed == ["refund_unexpected"]
    shown = remit("compare", "--since", since)
    assert shown.returncode == 0, shown.stdout
    assert "Gateway and books agree" in shown.stdout


def test_a_repeated_event_does_nothing_and_a_forged_one_is_refused(
    maya: Customer, context: Context, double: StripeDouble, stack: TestStack
) -> None:
    maya.say("pay 15 with the visa ending 4242")
    maya.say("yes")
    (payment,) = payments_of(context, maya.account)
    intent = intent_of(context, payment)
    settled_by(context, intent, "payment_intent.succeeded")
    event = next(e for e in double.control.objects("event") if e["data"]["object"]["id"] == intent)
    before = repeated(stack)
    double.control.resend(event["id"], times=5)
    forged = httpx.post(
        f"{stack.address}/webhooks/stripe",
        json=event | {"id": "evt_forged"},
        headers={"Stripe-Signature": f"t={int(time.time())},v1={'0' * 64}"},
        trust_env=False,
    )
    assert forged.status_code == 400
    until(lambda: repeated(stack) == before + 5, 60, lambda: "the repeats did not come")
    maya.account.wait_for_letters(2)
    assert [p.captured_minor for p in payments_of(context, maya.account)] == [1500]


def repeated(stack: TestStack) -> float:
    """Events of succeeded payments that came again."""
    counts = httpx.get(f"{stack.address}/metrics", timeout=PAGE_S, trust_env=False).text.splitlines()
    labels = 'gateway="stripe",result="repeated",type="payment_intent.succeeded"'
    return sum(
        float(line.split()[1]) for line in counts if line.startswith("remit_edge_gateway_events_total{" + labels)
    )


# -------------------------------------------------------------------------------------------------- an operator's day


def test_the_check_beside_the_stack_finds_nothing_wrong(
    maya: Customer, context: Context, remit: Remit, stack: TestStack
) -> None:
    done = remit("stripe", "check", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    by_name = {line["what"]: line for line in told["lines"]}
    assert by_name["webhook endpoint"]["next"].endswith(f"{stack.address}/webhooks/stripe")
    assert by_name["bank debits"]["mark"] == "ok"


def test_the_demos_customers_have_their_cards_at_stripe(remit: Remit) -> None:
    script = "pay 5|the visa ending 4242|yes"
    done = remit("chat", "--as", "maya@northwind.example", "--say", script, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[-1]["payment"]["state"] == "succeeded"


def test_an_operator_sees_the_decline_code_and_the_way_to_the_dashboard(
    maya: Customer, context: Context, remit: Remit
) -> None:
    maya.say("pay 35 with the visa ending 0002")
    maya.say("yes")
    (payment,) = payments_of(context, maya.account)
    intent = intent_of(context, payment)
    with context.sessions.begin() as session:
        session.add(OperatorItem(kind="too_old", detail="a test", payment_id=payment.id, opened_at=datetime.now(UTC)))
        session.flush()
        number = session.scalars(select(OperatorItem.id).where(OperatorItem.payment_id == payment.id)).one()
    shown = remit("operator", "show", str(number))
    assert shown.returncode == 0, shown.stderr
    assert f"decline code {payment.decline_code}" in shown.stdout
    assert f"https://dashboard.stripe.com/test/payments/{intent}" in shown.stdout


def test_without_a_sandbox_the_stack_runs_on_stripe_alone(stripe_settings: dict[str, str]) -> None:
    alone = {"PORTAL_SIGNING_SECRET": "the portal's own signing key", "SMTP_URL": "smtp://127.0.0.1:9"}
    with running_stack(CLOCKS | stripe_settings | alone, demo=False) as stack:
        told = httpx.get(f"{stack.address}/readyz", trust_env=False).json()
        assert told == {"status": "ready", "checks": {"database": "ok", "bot": "ok", "actions": "ok"}}
        assert stack.settings["SANDBOX_ENABLED"] == "false"
        refused = httpx.post(f"{stack.address}/webhooks/stripe", json={}, trust_env=False)
        assert refused.status_code == 400
        assert httpx.post(f"{stack.address}/webhooks/sandbox", json={}, trust_env=False).status_code == 404
