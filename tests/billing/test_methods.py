"""Saved methods follow the gateway: its list, its events, the permissions that customers take back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select

from billing import inbox, methods
from billing.accounts import usable_methods
from billing.context import Context
from billing.database import SessionFactory
from billing.errors import MethodNotUsable, NotFound
from billing.gateways.base import BillingDetails, EventSubject, GatewayEvent, MethodInfo
from billing.models import Account, Audit, EventReceived, PaymentMethod
from tests.billing import builders as b
from tests.support.fake_gateway import FakeGateway

VISA = MethodInfo("pm_visa", "card", "visa", "4242", 4, 2031, {"city": "Ottawa"}, "maya@northwind.example", "fp_visa")
DEBIT = MethodInfo("pm_debit", "bank_debit", "acss_debit", "6789", mandate="mandate_1")


@dataclass
class Gateway(FakeGateway):
    """`after_list` runs after the list was made and before it is handed over, for races."""

    after_list: Callable[[], None] | None = None

    def list_methods(self, customer: str) -> Sequence[MethodInfo]:
        listed = list(super().list_methods(customer))
        hook, self.after_list = self.after_list, None
        if hook is not None:
            hook()
        return listed

    def detach(self, reference: str) -> None:
        del self._owners[reference]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def context(sessions: SessionFactory, gateway: Gateway) -> Context:
    return b.a_context(sessions, gateway)


@pytest.fixture
def account(context: Context, gateway: Gateway) -> Account:
    """A-maya, cus_A-maya at the gateway, where a Visa is saved; taken over."""
    with context.sessions.begin() as session:
        account = b.an_account(session, number="A-maya", method=False)
        b.an_invoice(session, account, "60.00")
    gateway.save_method("cus_A-maya", VISA)
    methods.sync_methods(context, account.id)
    return account


def saved(context: Context, account: Account) -> dict[str, str]:
    with context.sessions() as session:
        rows = session.scalars(select(PaymentMethod).where(PaymentMethod.account_id == account.id))
        return {row.gateway_reference: row.state for row in rows}


def offered(context: Context, account: Account) -> list[str]:
    with context.sessions() as session:
        return [m.gateway_reference for m in usable_methods(session, account.id, context.gateway.name)]


def happen(
    context: Context,
    type_: str,
    reference: str | None,
    *,
    customer: str | None = None,
    subject: EventSubject = "method",
) -> str | None:
    with context.sessions.begin() as session:
        event = GatewayEvent(f"evt_{type_}_{reference}", type_, reference, {}, subject, customer)
        assert inbox.receive_event(session, context.gateway.name, event, context.now())
        row_id = session.scalars(select(EventReceived.id).order_by(EventReceived.id.desc()).limit(1)).one()
    inbox.handle_event(context, row_id)
    with context.sessions() as session:
        return session.get_one(EventReceived, row_id).outcome


def test_new_ones_appear_gone_ones_are_removed_and_come_back(
    context: Context, gateway: Gateway, account: Account
) -> None:
    assert saved(context, account) == {"pm_visa": "active"}
    gateway.save_method("cus_A-maya", DEBIT)
    gateway.detach("pm_visa")
    methods.sync_methods(context, account.id)
    assert saved(context, account) == {"pm_visa": "removed", "pm_debit": "active"}
    gateway.save_method("cus_A-maya", VISA)
    methods.sync_methods(context, account.id)
    assert offered(context, account) == ["pm_visa", "pm_debit"]


def test_a_card_used_once_stays_for_its_receipt_and_is_offered_once_it_is_saved(
    context: Context, gateway: Gateway, account: Account
) -> None:
    with context.sessions.begin() as session:
        b.a_method(session, account, reference="pm_once", state="single_use")
    methods.sync_methods(context, account.id)
    assert saved(context, account)["pm_once"] == "single_use"
    gateway.save_method("cus_A-maya", replace(VISA, reference="pm_once"))
    methods.sync_methods(context, account.id)
    assert saved(context, account)["pm_once"] == "active"


def test_a_renewed_card_brings_its_new_date(context: Context, gateway: Gateway, account: Account) -> None:
    gateway.save_method("cus_A-maya", replace(VISA, last4="9999", exp_month=1, exp_year=2035, fingerprint="fp_new"))
    assert happen(context, "payment_method.automatically_updated", "pm_visa", customer="cus_A-maya") == "settled"
    with context.sessions() as session:
        card = session.scalars(select(PaymentMethod)).one()
        assert (card.last4, card.exp_month, card.exp_year, card.fingerprint) == ("9999", 1, 2035, "fp_new")


def test_an_attached_method_is_taken_over_by_its_event(context: Context, gateway: Gateway, account: Account) -> None:
    gateway.save_method("cus_A-maya", DEBIT)
    for type_ in ("payment_method.attached", "setup_intent.succeeded"):
        assert happen(context, type_, "pm_debit", customer="cus_A-maya") == "settled"
    assert offered(context, account) == ["pm_visa", "pm_debit"]


def test_a_detached_method_has_no_customer_any_more_and_is_found_by_our_row(
    context: Context, gateway: Gateway, account: Account
) -> None:
    gateway.detach("pm_visa")
    assert happen(context, "payment_method.detached", "pm_visa") == "settled"
    assert saved(context, account) == {"pm_visa": "removed"}


def test_a_strangers_method_is_none_of_ours_and_asks_nobody(
    context: Context, gateway: Gateway, account: Account
) -> None:
    asked = len(gateway.calls)
    assert happen(context, "payment_method.attached", "pm_stranger", customer="cus_stranger") == "ignored"
    assert happen(context, "payment_method.detached", "pm_other") == "ignored"
    assert happen(context, "mandate.updated", "pm_other", subject="mandate") == "ignored"
    assert len(gateway.calls) == asked


def test_a_permission_taken_back_ends_a_method_for_good(context: Context, gateway: Gateway, account: Account) -> None:
    gateway.save_method("cus_A-maya", DEBIT)
    methods.sync_methods(context, account.id)
    assert happen(context, "mandate.updated", "pm_debit", subject="mandate") == "settled"
    assert offered(context, account) == ["pm_visa"]
    methods.sync_methods(context, account.id)
    assert saved(context, account)["pm_debit"] == "removed"
    with context.sessions.begin() as session:
        debit = session.scalars(select(PaymentMethod).filter_by(gateway_reference="pm_debit")).one()
        assert debit.mandate_revoked
        with pytest.raises(MethodNotUsable):
            b.a_quote(session, account, method=debit)


def test_another_gateways_methods_are_left_alone_and_not_offered(
    context: Context, gateway: Gateway, account: Account
) -> None:
    other = replace(context, gateway=Gateway(name="stripe"))
    methods.sync_methods(other, account.id)
    assert saved(context, account) == {"pm_visa": "active"}
    assert offered(other, account) == []
    assert offered(context, account) == ["pm_visa"]
    with context.sessions() as session:
        method_id = session.scalars(select(PaymentMethod.id)).one()
    with pytest.raises(NotFound):
        methods.update_method_details(other, account.id, method_id, BillingDetails("new@northwind.example"))


def test_an_older_list_does_not_undo_a_newer_one(context: Context, gateway: Gateway, account: Account) -> None:
    def meanwhile() -> None:
        gateway.save_method("cus_A-maya", DEBIT)
        gateway.detach("pm_visa")
        methods.sync_methods(context, account.id)

    gateway.after_list = meanwhile
    methods.sync_methods(context, account.id)
    assert saved(context, account) == {"pm_visa": "removed", "pm_debit": "active"}


def test_a_card_saved_by_a_payment_while_the_list_was_under_way_is_not_removed(
    context: Context, gateway: Gateway, account: Account
) -> None:
    def meanwhile() -> None:
        with context.sessions.begin() as session:
            b.a_method(session, account, reference="pm_just_saved")

    gateway.after_list = meanwhile
    methods.sync_methods(context, account.id)
    assert saved(context, account) == {"pm_visa": "active", "pm_just_saved": "active"}


def test_every_change_of_a_method_is_on_record(context: Context, gateway: Gateway, account: Account) -> None:
    gateway.detach("pm_visa")
    methods.sync_methods(context, account.id)
    gateway.save_method("cus_A-maya", VISA)
    methods.sync_methods(context, account.id)
    methods.sync_methods(context, account.id)
    with context.sessions() as session:
        rows = session.scalars(select(Audit).where(Audit.entity == "payment_method").order_by(Audit.id)).all()
        assert [(row.actor, row.before, row.after) for row in rows] == [
            ("gateway:fake", {"state": "active"}, {"state": "removed"}),
            ("gateway:fake", {"state": "removed"}, {"state": "active"}),
        ]
