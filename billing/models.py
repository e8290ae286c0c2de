"""The books. What a constraint can hold, a constraint holds; the rest is checked by `billing/verify.py`.

Only payments, refunds, disputes and ledger write payments, attempts, allocations and ledger entries.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing.database import Base, Timestamp
from billing.money import Money
from billing.payment_states import OPEN_STATES, STATES


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} in ({', '.join(repr(v) for v in values)})"


def _id() -> Mapped[int]:
    return mapped_column(Identity(), primary_key=True)


def _created() -> Mapped[datetime]:
    return mapped_column(Timestamp, server_default=func.now())


class Account(Base):
    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("id", "currency"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("language in ('en', 'fr')", name="language"),
    )

    id: Mapped[int] = _id()
    number: Mapped[str] = mapped_column(Text, unique=True)  # the billing system's account number, its external id
    name: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text, server_default="en")
    billing_address: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    pin_hash: Mapped[str | None] = mapped_column(Text)  # Argon2 of what a caller keys in (billing/pins.py)
    created_at: Mapped[datetime] = _created()


class GatewayCustomer(Base):
    """What a gateway calls an account. Each gateway has names of its own."""

    __tablename__ = "gateway_customers"
    __table_args__ = (UniqueConstraint("gateway", "reference"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    gateway: Mapped[str] = mapped_column(Text, primary_key=True)
    reference: Mapped[str] = mapped_column(Text)
    listed_at: Mapped[datetime | None] = mapped_column(Timestamp)  # when the list of methods last taken over was asked


class PortalUser(Base):
    """Someone who may sign in to the billing portal for an account, in the order of its Manage Users page."""

    __tablename__ = "portal_users"
    __table_args__ = (
        UniqueConstraint("account_id", "position", deferrable=True, initially="DEFERRED"),
        UniqueConstraint("account_id", "email"),
    )

    id: Mapped[int] = _id()
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    external_id: Mapped[str] = mapped_column(Text, unique=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text, index=True)
    phone_changed_at: Mapped[datetime | None] = mapped_column(Timestamp)  # a trigger writes it; null: never changed
    language: Mapped[str] = mapped_column(Text, server_default="en")
    notifications: Mapped[bool]
    created_at: Mapped[datetime] = _created()


class Invoice(Base):
    __tablename__ = "invoices"
    __table_args__ = (
        UniqueConstraint("id", "account_id", "currency"),
        ForeignKeyConstraint(["account_id", "currency"], ["accounts.id", "accounts.currency"]),
        CheckConstraint("total_minor > 0", name="total_positive"),
        CheckConstraint("total_minor = applied_minor + open_minor + written_off_minor", name="parts_make_total"),
        CheckConstraint("open_minor >= 0 and applied_minor >= 0 and written_off_minor >= 0", name="parts_not_negative"),
        Index("ix_invoices_open", "account_id", "due_on", "id", postgresql_where=text("open_minor > 0")),
    )

    id: Mapped[int] = _id()
    account_id: Mapped[int]
    external_id: Mapped[str] = mapped_column(Text, unique=True)
    number: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    total_minor: Mapped[int]
    open_minor: Mapped[int]
    applied_minor: Mapped[int] = mapped_column(server_default="0")
    written_off_minor: Mapped[int] = mapped_column(server_default="0")
    issued_on: Mapped[date]
    due_on: Mapped[date]
    created_at: Mapped[datetime] = _created()

    @property
    def open(self) -> Money:
        return Money(self.open_minor, self.currency)


class PaymentMethod(Base):
    """A card or bank account as the gateway names it: a reference, never a number."""

    __tablename__ = "payment_methods"
    __table_args__ = (
        UniqueConstraint("id", "account_id"),
        UniqueConstraint("gateway", "gateway_reference"),
        CheckConstraint("kind in ('card', 'bank_debit')", name="kind"),
        # `single_use`: paid once with the save box left empty; kept so that receipts can name it.
        CheckConstraint("state in ('active', 'single_use', 'removed')", name="state"),
        CheckConstraint("last4 ~ '^[0-9]{4}$'", name="last4"),
        Index("ix_payment_methods_fingerprint", "fingerprint"),
    )

    id: Mapped[int] = _id()
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    gateway: Mapped[str] = mapped_column(Text)
    gateway_reference: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    brand: Mapped[str] = mapped_column(Text)
    last4: Mapped[str] = mapped_column(Text)
    exp_month: Mapped[int | None]
    exp_year: Mapped[int | None]
    billing_address: Mapped[dict[str, str]] = mapped_column(JSONB, server_default=text("'{}'"))
    billing_email: Mapped[str | None] = mapped_column(Text)
    fingerprint: Mapped[str | None] = mapped_column(Text)  # the gateway's; counts tries of one card on many accounts
    mandate_reference: Mapped[str | None] = mapped_column(Text)  # the permission to debit a bank account
    mandate_revoked: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[str] = mapped_column(Text, server_default="active")
    created_at: Mapped[datetime] = _created()


class Quote(Base):
    """What a customer was told would happen. At most one is open per account; a charge consumes exactly one."""

    __tablename__ = "quotes"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "currency"], ["accounts.id", "accounts.currency"]),
        ForeignKeyConstraint(["method_id", "account_id"], ["payment_methods.id", "payment_methods.account_id"]),
        UniqueConstraint("id", "account_id", "currency", "amount_minor"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("state in ('open', 'consumed', 'replaced', 'expired', 'void')", name="state"),
        CheckConstraint("channel in ('chat', 'sms', 'voice', 'page')", name="channel"),
        CheckConstraint("reply_code ~ '^[1-9][0-9]$'", name="reply_code"),
        Index("uq_quotes_one_open", "account_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_quotes_sender", "sender", "delivered_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    account_id: Mapped[int]
    currency: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int]
    method_id: Mapped[int | None]  # null: a card still to be entered on the secure page
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoices.id"))  # "only the oldest invoice"
    allocation: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB
    )  # preview: [{invoice_id, number, amount_minor, left_minor}]
    credit_minor: Mapped[int] = mapped_column(server_default="0")  # excess over what is owed
    billing_email: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default="open")
    channel: Mapped[str] = mapped_column(Text)
    sender: Mapped[str | None] = mapped_column(Text)  # opaque conversation id
    portal_user_id: Mapped[int | None] = mapped_column(ForeignKey("portal_users.id"))
    reply_code: Mapped[str | None] = mapped_column(Text)  # by SMS: the two digits that are the yes to this quote
    said: Mapped[str | None] = mapped_column(Text)  # word for word, once delivered
    delivered_at: Mapped[datetime | None] = mapped_column(Timestamp)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)
    created_at: Mapped[datetime] = mapped_column(Timestamp)

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


class Consent(Base):
    """The yes: what was said, word for word, and what was answered, when, where and by whom."""

    __tablename__ = "consents"
    __table_args__ = (
        Index("ix_consents_account", "account_id", "at"),
        Index("ix_consents_sender", "sender", "at"),
        Index("ix_consents_address", "address", "at"),
    )

    id: Mapped[int] = _id()
    quote_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("quotes.id"), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    portal_user_id: Mapped[int | None] = mapped_column(ForeignKey("portal_users.id"))
    channel: Mapped[str] = mapped_column(Text)
    sender: Mapped[str | None] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    answered: Mapped[str] = mapped_column(Text)
    mandate_text: Mapped[str | None] = mapped_column(Text)  # of a bank debit, word for word as it stood on the page
    address: Mapped[str | None] = mapped_column(Text)  # the network address that the yes came from, where there is one
    user_agent: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Timestamp)


class Payment(Base):
    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("id", "account_id", "currency"),
        ForeignKeyConstraint(["account_id", "currency"], ["accounts.id", "accounts.currency"]),
        # Invariant 17: what is charged is what was quoted.
        ForeignKeyConstraint(
            ["quote_id", "account_id", "currency", "amount_minor"],
            ["quotes.id", "quotes.account_id", "quotes.currency", "quotes.amount_minor"],
        ),
        UniqueConstraint("quote_id"),
        CheckConstraint(_one_of("state", STATES), name="state"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        # Invariant 5.
        CheckConstraint(
            "captured_minor = allocated_minor + unapplied_minor + refunded_minor + lost_minor + suspense_minor",
            name="captured_is_accounted_for",
        ),
        CheckConstraint(
            "least(captured_minor, allocated_minor, unapplied_minor, refunded_minor, lost_minor, suspense_minor) >= 0",
            name="parts_not_negative",
        ),
        CheckConstraint("(gateway = 'elsewhere') = (quote_id is null)", name="quoted"),
        # Invariant 10: the database itself refuses a second undecided payment.
        Index(
            "uq_payments_one_open",
            "account_id",
            unique=True,
            postgresql_where=text(_one_of("state", tuple(sorted(OPEN_STATES)))),
        ),
        Index("ix_payments_account", "account_id", "created_at"),
        Index("ix_payments_method", "method_id", postgresql_where=text("method_id is not null")),
        Index("ix_payments_refused", "created_at", postgresql_where=text("state in ('canceled', 'declined')")),
        Index("ix_payments_next_check", "next_check_at", postgresql_where=text("next_check_at is not null")),
    )

    id: Mapped[int] = _id()
    reference: Mapped[str] = mapped_column(Text, unique=True)  # what the customer and the billing team call it
    account_id: Mapped[int]
    quote_id: Mapped[uuid.UUID | None]
    external_id: Mapped[str | None] = mapped_column(Text, unique=True)  # a payment made elsewhere
    currency: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int]
    state: Mapped[str] = mapped_column(Text)
    gateway: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    sender: Mapped[str | None] = mapped_column(Text)
    method_id: Mapped[int | None] = mapped_column(ForeignKey("payment_methods.id"))
    billing_email: Mapped[str | None] = mapped_column(Text)
    captured_minor: Mapped[int] = mapped_column(server_default="0")
    allocated_minor: Mapped[int] = mapped_column(server_default="0")
    unapplied_minor: Mapped[int] = mapped_column(server_default="0")
    refunded_minor: Mapped[int] = mapped_column(server_default="0")
    lost_minor: Mapped[int] = mapped_column(server_default="0")
    suspense_minor: Mapped[int] = mapped_column(server_default="0")
    decline_code: Mapped[str | None] = mapped_column(Text)  # the gateway's, for the operator only
    action_url: Mapped[str | None] = mapped_column(Text)  # where the customer finishes a bank step
    checks: Mapped[int] = mapped_column(server_default="0")  # status queries so far, for their growing pauses
    # Null once the state is final; after a decline, once its object is closed too.
    next_check_at: Mapped[datetime | None] = mapped_column(Timestamp)
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    decided_at: Mapped[datetime | None] = mapped_column(Timestamp)

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


class Attempt(Base):
    """One idempotency key, one gateway object. Written before the network is touched."""

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("payment_id", "number"),)

    id: Mapped[int] = _id()
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    number: Mapped[int]
    idempotency_key: Mapped[str] = mapped_column(Text, unique=True)
    method_token: Mapped[str] = mapped_column(Text)  # the gateway's name for what is charged
    save_method: Mapped[bool] = mapped_column(server_default=text("false"))
    gateway_object_id: Mapped[str | None] = mapped_column(Text, unique=True)
    confirm_sent_at: Mapped[datetime | None] = mapped_column(Timestamp)
    answer: Mapped[str | None] = mapped_column(Text)  # the gateway's last word, or how the call ended
    closed_at: Mapped[datetime | None] = mapped_column(Timestamp)  # cancelled there after a decline
    created_at: Mapped[datetime] = mapped_column(Timestamp)


class LedgerTransaction(Base):
    __tablename__ = "ledger_transactions"
    __table_args__ = (UniqueConstraint("id", "currency"),)

    id: Mapped[int] = _id()
    kind: Mapped[str] = mapped_column(Text)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)  # null: money of nobody known
    currency: Mapped[str] = mapped_column(Text)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"), index=True)
    at: Mapped[datetime] = mapped_column(Timestamp)


class LedgerEntry(Base):
    """Append-only (a trigger refuses UPDATE and DELETE) and balanced per statement (another trigger)."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["transaction_id", "currency"], ["ledger_transactions.id", "ledger_transactions.currency"]
        ),
        ForeignKeyConstraint(
            ["invoice_id", "account_id", "currency"], ["invoices.id", "invoices.account_id", "invoices.currency"]
        ),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("direction in ('debit', 'credit')", name="direction"),
        CheckConstraint(
            "ledger_account in ('receivable', 'revenue', 'gateway', 'elsewhere', 'customer_credit',"
            " 'goodwill', 'suspense', 'disputes', 'write_off')",
            name="ledger_account",
        ),
        CheckConstraint("(ledger_account = 'receivable') = (invoice_id is not null)", name="receivable_names_invoice"),
        CheckConstraint("account_id is not null or ledger_account in ('gateway', 'suspense')", name="has_account"),
    )

    id: Mapped[int] = _id()
    transaction_id: Mapped[int] = mapped_column(index=True)
    ledger_account: Mapped[str] = mapped_column(Text)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    invoice_id: Mapped[int | None] = mapped_column(index=True)
    direction: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(Text)


class Credit(Base):
    """Money of the customer's that no invoice has taken yet; used oldest first."""

    __tablename__ = "credits"
    __table_args__ = (
        UniqueConstraint("id", "account_id", "currency"),
        ForeignKeyConstraint(["account_id", "currency"], ["accounts.id", "accounts.currency"]),
        ForeignKeyConstraint(
            ["payment_id", "account_id", "currency"], ["payments.id", "payments.account_id", "payments.currency"]
        ),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("remaining_minor between 0 and amount_minor", name="remaining"),
        Index("ix_credits_remaining", "account_id", postgresql_where=text("remaining_minor > 0")),
    )

    id: Mapped[int] = _id()
    account_id: Mapped[int]
    currency: Mapped[str] = mapped_column(Text)
    payment_id: Mapped[int | None]  # null: granted by the billing system
    external_id: Mapped[str | None] = mapped_column(Text, unique=True)
    amount_minor: Mapped[int]
    remaining_minor: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp)


class Allocation(Base):
    """Money that an invoice took, from a payment or from credit. Negative rows undo (refund, dispute)."""

    __tablename__ = "allocations"
    __table_args__ = (
        # Invariant 6: the keys carry account and currency, so no row can cross either.
        ForeignKeyConstraint(
            ["invoice_id", "account_id", "currency"], ["invoices.id", "invoices.account_id", "invoices.currency"]
        ),
        ForeignKeyConstraint(
            ["payment_id", "account_id", "currency"], ["payments.id", "payments.account_id", "payments.currency"]
        ),
        ForeignKeyConstraint(
            ["credit_id", "account_id", "currency"], ["credits.id", "credits.account_id", "credits.currency"]
        ),
        ForeignKeyConstraint(
            ["transaction_id", "currency"], ["ledger_transactions.id", "ledger_transactions.currency"]
        ),
        CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
        CheckConstraint("payment_id is not null or credit_id is not null", name="has_source"),
        Index("ix_allocations_payment", "payment_id"),
        Index("ix_allocations_invoice", "invoice_id"),
    )

    id: Mapped[int] = _id()
    account_id: Mapped[int]
    currency: Mapped[str] = mapped_column(Text)
    invoice_id: Mapped[int]
    payment_id: Mapped[int | None]
    credit_id: Mapped[int | None]
    transaction_id: Mapped[int]
    amount_minor: Mapped[int]
    at: Mapped[datetime] = mapped_column(Timestamp)


class Refund(Base):
    __tablename__ = "refunds"
    __table_args__ = (
        ForeignKeyConstraint(
            ["payment_id", "account_id", "currency"], ["payments.id", "payments.account_id", "payments.currency"]
        ),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("state in ('pending', 'succeeded', 'failed')", name="state"),
        # Two operators, or one who is impatient: the second has to wait for the outcome of the first.
        Index("uq_refunds_one_pending", "payment_id", unique=True, postgresql_where=text("state = 'pending'")),
    )

    id: Mapped[int] = _id()
    payment_id: Mapped[int] = mapped_column(index=True)
    account_id: Mapped[int]
    currency: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int]
    state: Mapped[str] = mapped_column(Text)
    reopen_invoices: Mapped[bool]  # the operator's choice; otherwise what the refund uncovers is written off
    idempotency_key: Mapped[str] = mapped_column(Text, unique=True)
    gateway_object_id: Mapped[str | None] = mapped_column(Text, unique=True)
    next_check_at: Mapped[datetime | None] = mapped_column(Timestamp)  # null once the state is final
    created_at: Mapped[datetime] = mapped_column(Timestamp)


class Dispute(Base):
    """Money that the customer's bank took back: held while `open`, then won or lost. A return is lost at once."""

    __tablename__ = "disputes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["payment_id", "account_id", "currency"], ["payments.id", "payments.account_id", "payments.currency"]
        ),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("state in ('open', 'won', 'lost')", name="state"),
        CheckConstraint("held_minor between 0 and amount_minor and (held_minor = 0 or state = 'open')", name="held"),
        CheckConstraint("lost_minor between 0 and amount_minor and (lost_minor = 0 or state = 'lost')", name="lost"),
        CheckConstraint("(next_check_at is null) = (state <> 'open')", name="asked_about_while_open"),
        Index("ix_disputes_due", "next_check_at", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[int] = _id()
    payment_id: Mapped[int] = mapped_column(index=True)
    account_id: Mapped[int]
    currency: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int]
    state: Mapped[str] = mapped_column(Text)
    held_minor: Mapped[int] = mapped_column(server_default="0")  # in the ledger's account `disputes`
    lost_minor: Mapped[int] = mapped_column(server_default="0")  # taken from the payment
    is_return: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    gateway_object_id: Mapped[str] = mapped_column(Text, unique=True)
    next_check_at: Mapped[datetime | None] = mapped_column(Timestamp)  # null once it is decided
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    decided_at: Mapped[datetime | None] = mapped_column(Timestamp)


class EventReceived(Base):
    """The inbox: every gateway event once, stored before it is answered, handled afterwards."""

    __tablename__ = "events_received"
    __table_args__ = (UniqueConstraint("gateway", "event_id"),)

    id: Mapped[int] = _id()
    gateway: Mapped[str] = mapped_column(Text)
    event_id: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)  # payment | refund | dispute | method | mandate | other
    object_id: Mapped[str | None] = mapped_column(Text, index=True)
    customer: Mapped[str | None] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_at: Mapped[datetime | None] = mapped_column(Timestamp)  # on the gateway's clock
    received_at: Mapped[datetime] = mapped_column(Timestamp)
    handled_at: Mapped[datetime | None] = mapped_column(Timestamp)
    outcome: Mapped[str | None] = mapped_column(Text)  # settled no_change ignored orphan rejected suspense …
    tries: Mapped[int] = mapped_column(server_default="0")


class Notice(Base):
    """One message to one recipient about one payment; the unique key is what makes it once each."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("payment_id", "kind", "recipient"),
        CheckConstraint("state in ('queued', 'sent', 'failed')", name="state"),
    )

    id: Mapped[int] = _id()
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    kind: Mapped[str] = mapped_column(Text)  # receipt | declined | pending | handoff …
    recipient: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))  # what a payment does not tell
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    sent_at: Mapped[datetime | None] = mapped_column(Timestamp)


class Audit(Base):
    """Who changed what: one row per state change, in the transaction of the change. Append-only."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_entity", "entity", "entity_id"),
        # What the metrics count (velocity.py).
        Index("ix_audit_too_many", "cause", "channel", postgresql_where=text("cause like 'too_many_tries:%'")),
    )

    id: Mapped[int] = _id()
    at: Mapped[datetime] = mapped_column(Timestamp)
    actor: Mapped[str] = mapped_column(Text)  # portal_user:7, gateway:sandbox, operator:ana, system:reconcile
    channel: Mapped[str | None] = mapped_column(Text)
    cause: Mapped[str] = mapped_column(Text)
    entity: Mapped[str] = mapped_column(Text)
    entity_id: Mapped[str] = mapped_column(Text)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class OperatorItem(Base):
    """The operator's queue: what the machine must not decide alone."""

    __tablename__ = "operator_items"
    __table_args__ = (
        Index(
            "uq_operator_items_open",
            "kind",
            "payment_id",
            "event_id",
            unique=True,
            postgresql_where=text("resolved_at is null"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = _id()
    kind: Mapped[str] = mapped_column(Text)  # too_old capture_differs capture_unexpected orphan_event mail_failed
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events_received.id"))
    detail: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(Timestamp)
    resolved_at: Mapped[datetime | None] = mapped_column(Timestamp)
    resolved_by: Mapped[str | None] = mapped_column(Text)
    resolution: Mapped[str | None] = mapped_column(Text)


class Comparison(Base):
    """One run over a period, gateway against ledger; what it found wrong is in the operator's queue."""

    __tablename__ = "comparisons"

    id: Mapped[int] = _id()
    gateway: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(Timestamp)
    until: Mapped[datetime] = mapped_column(Timestamp)
    payments: Mapped[int]
    differences: Mapped[int]
    events: Mapped[int]
    events_missed: Mapped[int]
    at: Mapped[datetime] = mapped_column(Timestamp)


class PayLink(Base):
    """A secure page's address: only the hash of its token is kept; spent at Pay, not at opening."""

    __tablename__ = "pay_links"
    __table_args__ = (
        ForeignKeyConstraint(["method_id", "account_id"], ["payment_methods.id", "payment_methods.account_id"]),
        CheckConstraint("purpose in ('pay', 'edit_method', 'bank_step')", name="purpose"),
    )

    id: Mapped[int] = _id()
    token_hash: Mapped[str] = mapped_column(Text, unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    portal_user_id: Mapped[int | None] = mapped_column(ForeignKey("portal_users.id"))
    sender: Mapped[str | None] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    quote_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("quotes.id"))
    method_id: Mapped[int | None]
    expires_at: Mapped[datetime] = mapped_column(Timestamp)
    spent_at: Mapped[datetime | None] = mapped_column(Timestamp)
    created_at: Mapped[datetime] = mapped_column(Timestamp)
