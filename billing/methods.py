"""Saved payment methods: taken over from the gateway, their address and email kept here and there."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.accounts import customer_of, get_account, lock_account, remember_customer, top_user
from billing.context import Context
from billing.errors import NotFound
from billing.gateways.base import BillingDetails, MethodInfo
from billing.models import Account, GatewayCustomer, PaymentMethod


def sync_methods(context: Context, account_id: int) -> None:
    """Makes our list say what the gateway's list says: new ones appear, gone ones are removed, dates follow."""
    with context.sessions() as session:
        account, user = get_account(session, account_id), top_user(session, account_id)
        known = customer_of(session, account_id, context.gateway.name)
    customer = known or context.gateway.ensure_customer(account.number, account.name, user.email)
    listed = context.gateway.list_methods(customer)
    with context.sessions.begin() as session:
        locked = lock_account(session, account_id)
        remember_customer(session, account_id, context.gateway.name, customer)
        _take_over(session, locked, context.gateway.name, {info.reference: info for info in listed})


def _take_over(session: Session, account: Account, gateway: str, listed: dict[str, MethodInfo]) -> None:
    known = session.scalars(
        select(PaymentMethod).where(PaymentMethod.account_id == account.id, PaymentMethod.gateway == gateway)
    )
    for method in known:
        info = listed.pop(method.gateway_reference, None)
        if info is None:
            method.state = "removed" if method.state == "active" else method.state
            continue
        method.state = "active"
        method.exp_month, method.exp_year, method.last4 = info.exp_month, info.exp_year, info.last4
        method.fingerprint = info.fingerprint
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


def sync_methods_of_customer(context: Context, customer: str) -> None:
    """The same, for the account that the gateway knows as `customer`; nothing if it is none of ours."""
    with context.sessions() as session:
        account_id = session.scalar(
            select(GatewayCustomer.account_id).where(
                GatewayCustomer.gateway == context.gateway.name, GatewayCustomer.reference == customer
            )
        )
    if account_id is not None:
        sync_methods(context, account_id)


def get_method(session: Session, account_id: int, method_id: int) -> PaymentMethod:
    """The account's own method; NotFound for anybody else's."""
    method = session.get(PaymentMethod, method_id)
    if method is None or method.account_id != account_id:
        raise NotFound("payment method", method_id)
    return method


def update_method_details(context: Context, account_id: int, method_id: int, details: BillingDetails) -> None:
    """New billing address and email of a saved method: first at the gateway, which may refuse, then here."""
    with context.sessions() as session:
        reference = get_method(session, account_id, method_id).gateway_reference
    context.gateway.update_method(reference, details)
    with context.sessions.begin() as session:
        lock_account(session, account_id)
        method = get_method(session, account_id, method_id)
        method.billing_address, method.billing_email = dict(details.address), details.email
