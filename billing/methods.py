"""Saved payment methods: taken over from the gateway, their address and email kept here and there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from billing import audit
from billing.accounts import customer_of, get_account, lock_account, remember_customer, top_user
from billing.context import Context
from billing.errors import NotFound
from billing.gateways.base import BillingDetails, MethodInfo
from billing.models import Account, GatewayCustomer, PaymentMethod


def sync_methods(context: Context, account_id: int) -> None:
    """Makes our list say what the gateway's list says: new ones appear, gone ones are removed, dates follow."""
    gateway = context.gateway.name
    with context.sessions() as session:
        account, user = get_account(session, account_id), top_user(session, account_id)
        known = customer_of(session, account_id, gateway)
        asked_at = session.scalar(select(func.clock_timestamp()))  # the database's clock: every process has the same
    assert asked_at is not None
    customer = known or context.gateway.ensure_customer(account.number, account.name, user.email)
    listed = context.gateway.list_methods(customer)
    with context.sessions.begin() as session:
        locked = lock_account(session, account_id)
        remember_customer(session, account_id, gateway, customer)
        row = session.get_one(GatewayCustomer, (account_id, gateway), populate_existing=True)
        if row.listed_at is not None and row.listed_at > asked_at:
            return  # a list that was asked for later is here already
        row.listed_at = asked_at
        _take_over(session, locked, gateway, {info.reference: info for info in listed}, asked_at, context.now())


def _take_over(
    session: Session,
    account: Account,
    gateway: str,
    listed: dict[str, MethodInfo],
    asked_at: datetime,
    now: datetime,
) -> None:
    known = session.scalars(
        select(PaymentMethod).where(PaymentMethod.account_id == account.id, PaymentMethod.gateway == gateway)
    )
    for method in known:
        info = listed.pop(method.gateway_reference, None)
        if info is not None:
            # What was listed is saved, whatever it was before; only a permission that was taken back stays so.
            _change_state(session, method, "removed" if method.mandate_revoked else "active", cause="sync", now=now)
            method.exp_month, method.exp_year, method.last4 = info.exp_month, info.exp_year, info.last4
            method.brand, method.fingerprint = info.brand, info.fingerprint
            method.mandate_reference = info.mandate or method.mandate_reference
        elif method.state == "active" and method.created_at < asked_at:  # a newer one could not be in the list yet
            _change_state(session, method, "removed", cause="sync", now=now)
    for info in listed.values():
        session.add(
            PaymentMethod(
                account_id=account.id,
                gateway=gateway,
                gateway_reference=info.reference,
                kind=info.kind,
                brand=info.brand,
                last4=info.last4,
                exp_month=info.exp_month,
                exp_year=info.exp_year,
                billing_address=dict(info.address) or account.billing_address,
                billing_email=info.email,
                fingerprint=info.fingerprint,
                mandate_reference=info.mandate,
            )
        )


def sync_after_event(context: Context, *, customer: str | None, reference: str | None) -> bool:
    """The same for whose method changed: the gateway's `customer` or, of a method that was detached and has none any
    more, the account that we know it by. False when it is none of ours."""
    gateway = context.gateway.name
    with context.sessions() as session:
        account_id = session.scalar(
            select(GatewayCustomer.account_id).where(
                GatewayCustomer.gateway == gateway, GatewayCustomer.reference == customer
            )
        )
        if account_id is None and reference is not None:
            account_id = session.scalar(_known_as(gateway, reference).with_only_columns(PaymentMethod.account_id))
    if account_id is not None:
        sync_methods(context, account_id)
    return account_id is not None


def revoke_mandate(context: Context, reference: str, *, cause: str) -> bool:
    """The customer took back the permission to debit this account, for good: it is not offered and not charged again.

    False when the method is none of ours.
    """
    with context.sessions.begin() as session:
        method = session.scalar(_known_as(context.gateway.name, reference))
        if method is None:
            return False
        lock_account(session, method.account_id)
        method.mandate_revoked = True
        _change_state(session, method, "removed", cause=cause, now=context.now())
        return True


def get_method(session: Session, account_id: int, method_id: int) -> PaymentMethod:
    """The account's own method; NotFound for anybody else's."""
    method = session.get(PaymentMethod, method_id)
    if method is None or method.account_id != account_id:
        raise NotFound("payment method", method_id)
    return method


def update_method_details(context: Context, account_id: int, method_id: int, details: BillingDetails) -> None:
    """New billing address and email of a saved method: first at the gateway, which may refuse, then here.

    Raises NotFound for a method of a gateway that is not the configured one.
    """
    with context.sessions() as session:
        method = get_method(session, account_id, method_id)
    if method.gateway != context.gateway.name:
        raise NotFound(f"payment method at {context.gateway.name}", method_id)
    context.gateway.update_method(method.gateway_reference, details)
    with context.sessions.begin() as session:
        lock_account(session, account_id)
        method = get_method(session, account_id, method_id)
        method.billing_address, method.billing_email = dict(details.address), details.email


def _known_as(gateway: str, reference: str) -> Select[PaymentMethod]:
    return select(PaymentMethod).where(PaymentMethod.gateway == gateway, PaymentMethod.gateway_reference == reference)


def _change_state(session: Session, method: PaymentMethod, state: str, *, cause: str, now: datetime) -> None:
    if method.state == state:
        return
    audit.record(
        session,
        actor=f"gateway:{method.gateway}",
        cause=cause,
        entity="payment_method",
        entity_id=method.id,
        now=now,
        before={"state": method.state},
        after={"state": state},
    )
    method.state = state
