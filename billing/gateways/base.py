"""What a gateway must do. tests/contract runs over every adapter.

A decline is an answer (`status == "declined"`); errors are GatewayUnreachable (never got there), OutcomeUnknown
(may have), GatewayRejected (the request itself was wrong) and EventRefused (a webhook not to be believed).
No adapter retries a confirm by itself in a way that could leave a lost answer looking like a decline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from billing.money import Money

BANK_DEBIT_ON_PAGE = "bank_debit_on_page"

GatewayStatus = Literal[
    "requires_confirmation",  # created, nothing charged
    "requires_action",  # the customer has a step to do at `action_url`
    "processing",  # the bank decides later
    "succeeded",
    "declined",  # this object will not charge any more, or only with another method: final for us
    "canceled",
]


@dataclass(frozen=True, slots=True)
class BillingDetails:
    """What goes along with a method. Keys of `address`: name line1 line2 city region postal_code country."""

    email: str
    address: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """A payment method as the gateway describes it; never a number."""

    reference: str
    kind: Literal["card", "bank_debit"]
    brand: str
    last4: str
    exp_month: int | None = None
    exp_year: int | None = None
    address: Mapping[str, str] = field(default_factory=dict)
    email: str | None = None
    fingerprint: str | None = None  # the same for the same card or bank account, whoever uses it
    mandate: str | None = None  # the gateway's name for the customer's permission to debit a bank account
    customer: str | None = None  # whose it is at the gateway; None for nobody's


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """One charge to prepare. `token`: a saved method's reference, or a single-use token of the gateway's fields.

    `token` is BANK_DEBIT_ON_PAGE where the gateway's own script collects bank account and mandate on the secure page
    after the charge was prepared: it is then the page that confirms, and the payment `requires_action` until it has.
    """

    amount: Money
    token: str
    customer: str | None
    payment_reference: str  # goes into the gateway's metadata, so that a lost create can be looked up
    details: BillingDetails
    save: bool = False
    description: str = ""
    mandate: str | None = None  # of a saved bank account, as MethodInfo named it


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """The gateway's object as last seen. `captured` is what it says it took, None while nothing is."""

    id: str
    status: GatewayStatus
    amount: Money
    captured: Money | None = None
    payment_reference: str | None = None
    decline_code: str | None = None
    action_url: str | None = None  # None while `requires_action`: the step is done on our own page with `client_secret`
    method: MethodInfo | None = None
    created_at: datetime | None = None
    client_secret: str | None = field(default=None, repr=False)  # for the gateway's script on our page; never stored
    refunded: Money | None = None  # given back of it so far; None where the gateway does not say so with the payment
    disputed: bool | None = None  # was it ever disputed or returned? None: as above


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    id: str
    status: Literal["pending", "succeeded", "failed"]
    amount: Money
    key: str | None = None  # the idempotency key that we asked under, from its metadata; None: made at the gateway


@dataclass(frozen=True, slots=True)
class GatewayDispute:
    """A captured payment that the customer's bank takes back, for now (`open`) or for good (`lost`).

    `is_return`: a bank debit sent back after it had succeeded, which nobody can contest.
    """

    id: str
    payment_id: str  # the gateway's id of the disputed payment
    status: Literal["open", "won", "lost"]
    amount: Money
    reason: str = ""
    is_return: bool = False


EventSubject = Literal["payment", "refund", "dispute", "method", "mandate", "other"]


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """A verified webhook. A hint only: what is settled is the object retrieved by `object_id`.

    `object_id`: the payment for the subjects payment, refund and dispute; the method for method and mandate (None where
    the event does not name it); None for other, which is stored and counted. `customer`: whose method it is.
    """

    id: str
    type: str
    object_id: str | None
    payload: Mapping[str, Any]
    subject: EventSubject = "other"
    customer: str | None = None
    created_at: datetime | None = None


class Gateway(Protocol):
    """Known verbs. Every call is bounded by the adapter's time-out (seconds, from settings)."""

    name: str

    def ensure_customer(self, account_number: str, name: str, email: str) -> str:
        """The gateway's customer id for the account; the same one every time."""
        ...

    def create_payment(self, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:
        """Prepares a charge without making it (`requires_confirmation`). Same key, same object."""
        ...

    def confirm_payment(self, gateway_id: str, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:
        """Charges. Raises OutcomeUnknown when the answer is lost, times out, is a 5xx or unreadable.

        `order` is the one of the create: some gateways take a single-use token only now.
        """
        ...

    def retrieve_payment(self, gateway_id: str) -> GatewayPayment: ...

    def find_payment(self, payment_reference: str, around: datetime) -> GatewayPayment | None:
        """By our reference in the metadata, among what was created about `around`; None: there is no such object."""
        ...

    def cancel_payment(self, gateway_id: str) -> GatewayPayment:
        """Cancels if it still can be; otherwise returns what it became."""
        ...

    def refund(self, gateway_id: str, amount: Money, idempotency_key: str) -> GatewayRefund:
        """Gives back `amount` of a captured payment. The key also goes into the refund's metadata."""
        ...

    def list_refunds(self, gateway_id: str) -> Sequence[GatewayRefund]:
        """Every refund of the payment, whoever made it: how a lost answer is looked up."""
        ...

    def list_disputes(self, gateway_id: str) -> Sequence[GatewayDispute]:
        """Every dispute and return of the payment. Inquiries, in which no money moves, are none."""
        ...

    def list_payments(self, since: datetime, until: datetime) -> Iterator[GatewayPayment]:
        """Every payment created in [since, until), in whatever state: what the daily compare goes through."""
        ...

    def list_events(self, since: datetime, until: datetime) -> Iterator[GatewayEvent]:
        """Every event that the gateway made in [since, until), delivered or not, as far back as it keeps them."""
        ...

    def list_methods(self, customer: str) -> Sequence[MethodInfo]: ...

    def retrieve_method(self, reference: str) -> MethodInfo:
        """A method, or what a single-use token of the gateway's fields would charge. Raises GatewayRejected."""
        ...

    def update_method(self, reference: str, details: BillingDetails) -> MethodInfo: ...

    def read_dispute(self, payload: Mapping[str, Any]) -> GatewayDispute | None:
        """The dispute that a verified event of the subject dispute tells of, from its payload; None: it tells of none.

        The last resort where `list_disputes` finds nothing to ask (404).
        """
        ...

    def verify_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent:
        """Checks signature and both bounds of the timestamp, then parses. Raises EventRefused for anything else."""
        ...
