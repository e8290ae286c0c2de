"""What an account owes, who may use it, and with what it can pay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing.errors import NotFound
from billing.models import Account, Credit, GatewayCustomer, Invoice, PaymentMethod, PortalUser
from billing.money import Money


@dataclass(frozen=True, slots=True)
class Position:
    """An account's standing on one day. `balance` is open − credit and may be negative; `outstanding` never is."""

    open: Money
    credit: Money
    past_due: Money  # of `open`, what was due before the day
    next_due: date | None  # due date of the oldest open invoice
    open_count: int

    @property
    def balance(self) -> Money:
        return self.open - self.credit

    @property
    def outstanding(self) -> Money:
        return max(self.balance, Money.zero(self.open.currency))


def get_account(session: Session, account_id: int) -> Account:
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound("account", account_id)
    return account


def lock_account(session: Session, account_id: int) -> Account:
    """The account's row, locked to the end of the transaction: everything that moves its money starts here."""
    account = session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None:
        raise NotFound("account", account_id)
    return account


_account = bindparam("account_id", type_=BigInteger)
_open_invoices = (
    select(
        func.coalesce(func.sum(Invoice.open_minor), 0).label("open"),
        func.coalesce(func.sum(Invoice.open_minor).filter(Invoice.due_on < bindparam("today")), 0).label("past_due"),
        func.min(Invoice.due_on).label("next_due"),
        func.count().label("open_count"),
    )
    .where(Invoice.account_id == _account, Invoice.open_minor > 0)
    .subquery()
)
_credit = (
    select(func.coalesce(func.sum(Credit.remaining_minor), 0))
    .where(Credit.account_id == _account, Credit.remaining_minor > 0)
    .scalar_subquery()
)
# The question asked most, so the statement is built once.
_POSITION = select(Account.currency, _open_invoices, _credit.label("credit")).join(
    _open_invoices, Account.id == _account
)


def position(session: Session, account_id: int, today: date) -> Position:
    """One statement, whatever the number of invoices."""
    row = session.execute(_POSITION, {"account_id": account_id, "today": today}).one_or_none()
    if row is None:
        raise NotFound("account", account_id)
    return Position(
        open=Money(int(row.open), row.currency),
        credit=Money(int(row.credit), row.currency),
        past_due=Money(int(row.past_due), row.currency),
        next_due=row.next_due,
        open_count=row.open_count,
    )


def usable_methods(session: Session, account_id: int, gateway: str) -> list[PaymentMethod]:
    """Saved methods that `gateway`, the configured one, can charge, in the order in which they were saved."""
    return list(
        session.scalars(
            select(PaymentMethod)
            .where(
                PaymentMethod.account_id == account_id,
                PaymentMethod.gateway == gateway,
                PaymentMethod.state == "active",
            )
            .order_by(PaymentMethod.id)
        )
    )


def top_user(session: Session, account_id: int) -> PortalUser:
    """The first on the portal's Manage Users page: the default recipient of receipts."""
    user = session.scalars(
        select(PortalUser).where(PortalUser.account_id == account_id).order_by(PortalUser.position).limit(1)
    ).one_or_none()
    if user is None:
        raise NotFound("portal user of account", account_id)
    return user


def customer_of(session: Session, account_id: int, gateway: str) -> str | None:
    """What the gateway calls the account; None before it has heard of it."""
    row = session.get(GatewayCustomer, (account_id, gateway))
    return row.reference if row is not None else None


def remember_customer(session: Session, account_id: int, gateway: str, reference: str) -> None:
    """The first name stays: two processes that asked at once were told the same one."""
    values = {"account_id": account_id, "gateway": gateway, "reference": reference}
    session.execute(insert(GatewayCustomer).values(values).on_conflict_do_nothing())
