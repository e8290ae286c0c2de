"""The shapes on the wire between client and edge: requests are checked against them, openapi.py publishes them."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

LONGEST_TYPED = 4_000  # characters on the wire; what counts is the limit after cleaning (turns.LONGEST_MESSAGE)


def _no_control_characters(text: str) -> str:
    """PostgreSQL cannot store a null character, and nobody types the others."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") else c for c in text).strip()


def _not_a_number(value: str) -> str:
    """Message ids are stored as they come, so none may be a card number."""
    if re.fullmatch(r"[\d.:_-]+", value) and len(re.sub(r"\D", "", value)) >= 12:  # noqa: PLR2004
        raise ValueError("a message id with so many digits needs a letter too; a UUID is a good one")
    return value


Line = Annotated[str, StringConstraints(max_length=LONGEST_TYPED), AfterValidator(_no_control_characters)]
Short = Annotated[Line, StringConstraints(max_length=120)]
MessageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,100}$"), AfterValidator(_not_a_number)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SessionRequest(_Request):
    """A portal token, once."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class MessageRequest(_Request):
    """One turn: text, or the id of a button that the server issued. `id` is the client's own, a new one per message."""

    id: MessageId
    text: Line | None = None
    button: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = None


class Address(_Request):
    name: Short
    line1: Short
    line2: Short = ""
    city: Short
    region: Short
    postal_code: Short
    country: Short


class PageQuoteRequest(_Request):
    """An amount on the secure page, as typed, and what the page shows as owed, in minor units: what it rests on."""

    amount: Short
    owed_minor: int


class PageRequest(_Request):
    """Pay pressed on the secure page: the quote that was shown, a token of the gateway's fields, and the form.

    `method` is what the token stands for; a debit's permission text stood on the page then. The page of a saved method
    sends address and email alone; which of the two a link means, the link knows.
    """

    quote_id: UUID | None = None
    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{4,200}$")] | None = None
    method: Literal["card", "acss_debit", "us_bank_account"] = "card"
    address: Address
    email: Short
    save: bool = False


# ---------------------------------------------------------------------------------------------------- answers


class Amount(BaseModel):
    """`minor` units (cents) of `currency`; `text` is the amount for people."""

    minor: int
    currency: str
    text: str


class MethodLabel(BaseModel):
    brand: str
    last4: str
    kind: Literal["card", "bank_debit"]


class ShareOfInvoice(BaseModel):
    """What an invoice gets and what of it stays open then."""

    number: str
    amount: Amount
    left: Amount


class QuoteState(BaseModel):
    """What a yes would pay now."""

    id: str
    amount: Amount
    method: MethodLabel | None
    invoices: list[ShareOfInvoice]
    credit: Amount
    billing_email: str
    expires_at: datetime


class PaymentState(BaseModel):
    """The payment under way, or the last one."""

    reference: str
    quote_id: str | None
    state: str
    amount: Amount
    method: MethodLabel | None
    started_at: datetime
    decided_at: datetime | None


class State(BaseModel):
    quote: QuoteState | None
    payment: PaymentState | None


class Button(BaseModel):
    id: str
    title: str


class Message(BaseModel):
    """`card` is structured data beside the text, by its `type`: balance, methods, quote, payment, link, history."""

    text: str
    buttons: list[Button]
    card: dict[str, Any] | None


class Answer(BaseModel):
    """One turn's answer; `turn` grows with every turn of the conversation."""

    turn: int
    messages: list[Message]
    state: State
    language: Literal["en", "fr"]


class SessionAnswer(BaseModel):
    """`token` is the bearer of everything else; `expires_at` moves on with every turn."""

    token: str
    language: Literal["en", "fr"]
    expires_at: datetime
    messages: list[Message]
    state: State


class HistoryEntry(BaseModel):
    """A turn (what was said, what was answered) or an event that arrived outside one."""

    kind: Literal["turn", "event"]
    id: int
    at: datetime
    said: str | None = None
    answered: bool | None = None
    messages: list[Message] | None = None
    event: str | None = None
    payload: dict[str, Any] | None = None


class History(BaseModel):
    entries: list[HistoryEntry]
    state: State
    last_event_id: int


class Mandate(BaseModel):
    """Permission to debit a bank account: for this payment alone, or also later when the account is saved."""

    once: str
    saved: str


class PageQuote(BaseModel):
    """What Pay would do, and the sentence that is agreed to by pressing it; with a bank debit, also its mandate."""

    quote: QuoteState
    consent: str
    mandates: dict[str, Mandate]


class PageStep(BaseModel):
    """A step that is left for the gateway's script on our page. `kind` says which; nobody keeps the secret."""

    kind: Literal["next_action", "acss_debit"]
    client_secret: str
    name: str
    email: str


class PageOutcome(BaseModel):
    """What became of it, in words. A step that is left is done at `action_url`, the bank's own page, or on ours with
    `step`; `retry` is a fresh page where trying again makes sense."""

    state: str
    message: str
    reference: str | None
    action_url: str | None
    step: PageStep | None
    retry: str | None


class AccountName(BaseModel):
    number: str
    name: str


class MethodOnFile(BaseModel):
    """A saved method; `expires` is MM/YYYY, `text` its name for people."""

    brand: str
    last4: str
    kind: Literal["card", "bank_debit"]
    expires: str | None
    text: str


class PaymentMade(BaseModel):
    """`method` is null for a payment made elsewhere; `pdf` is there once the payment took money."""

    reference: str
    on: date
    amount: Amount
    state: str
    method: MethodOnFile | None
    pdf: str | None


class AutoPay(BaseModel):
    """Planned; nothing is ever charged by itself."""

    status: Literal["off"]


class Transaction(BaseModel):
    """`amount` is positive for what was billed, paid, granted and refunded alike: `kind` says what it did.

    `due` is an invoice's; `pdf` is a signed address of the invoice or of the receipt.
    """

    on: date
    kind: Literal["invoice", "payment", "credit", "refund"]
    label: str
    amount: Amount
    state: str
    state_text: str
    due: date | None
    pdf: str | None


class AccountView(BaseModel):
    """What a billing portal's dashboard shows on the day `as_of`. A negative `balance` is a credit; `next_due` is the
    next day on which something open falls due. `links_until` is when the addresses of PDFs end; a new answer has new
    ones."""

    account: AccountName
    language: Literal["en", "fr"]
    as_of: date
    balance: Amount
    past_due: Amount
    past_due_since: date | None
    next_due: date | None
    open_invoices: int
    under_way: PaymentMade | None
    last_payment: PaymentMade | None
    auto_pay: AutoPay
    payment_methods: list[MethodOnFile]
    billing_address: dict[str, str]
    transactions: list[Transaction]
    links_until: datetime


class Health(BaseModel):
    status: Literal["ok"]


class Readiness(BaseModel):
    status: Literal["ready", "not_ready"]
    checks: dict[str, str]


class ErrorDetail(BaseModel):
    """`message` says what to do; `fields` names what was wrong in a form."""

    code: str
    message: str
    request_id: str
    fields: dict[str, str] | None = None


class Error(BaseModel):
    error: ErrorDetail
