"""Payments: created unconfirmed, confirmed, decided at once or later, cancelled, looked up.

requires_confirmation → succeeded | declined | requires_action | processing;  requires_action → any of these | canceled
"""

from __future__ import annotations

import hmac
import re
from typing import Any

from psycopg.types.json import Jsonb

from sandbox.bank import customers, disputes, events
from sandbox.bank.errors import BankError, error_body, invalid, missing
from sandbox.bank.events import Post
from sandbox.bank.idempotency import Answer
from sandbox.bank.ids import new_id
from sandbox.database import Row, Transaction, all_of, one

LARGEST_MINOR = 99_999_999
CANCELABLE = ("requires_confirmation", "requires_action")
DECLINES = {
    "card_declined": "The card was declined.",
    "insufficient_funds": "The card has insufficient funds.",
    "lost_card": "The card was reported lost.",
    "expired_card": "The card has expired.",
    "incorrect_cvc": "The security code is incorrect.",
    "processing_error": "An error occurred while processing the card.",
    "billing_address_mismatch": "The billing address does not match the bank's.",
    "authentication_failed": "The customer did not pass the bank's check.",
    "bank_declined": "The bank declined the debit.",
    "account_closed": "The bank account is closed.",
}


def create(tx: Transaction, asked: dict[str, Any]) -> Row:
    """A charge prepared, not made. `amount` is in minor units."""
    amount, currency = asked.get("amount"), asked.get("currency")
    reference = asked.get("payment_reference")
    if type(amount) is not int or not 0 < amount <= LARGEST_MINOR:
        raise invalid(f"amount: a whole number of minor units, 1 to {LARGEST_MINOR}")
    if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        raise invalid("currency: ISO 4217, capitals")
    if not isinstance(reference, str) or not reference:
        raise invalid("payment_reference: missing")
    token, customer, save = str(asked.get("method") or ""), asked.get("customer"), asked.get("save") is True
    if customer is not None and one(tx, "select 1 from customers where id = %s", str(customer)) is None:
        raise missing("customer", customer)
    if save and customer is None:
        raise invalid("save: needs a customer")
    details = customers.read_details(asked.get("billing_details"))
    method = customers.usable_method(tx, token, customer, details)
    row = one(
        tx,
        "insert into payments (id, status, amount, currency, customer_id, method_id, save, payment_reference,"
        " description, email, address, action_key)"
        " values (%s, 'requires_confirmation', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning *",
        *(new_id("pay"), amount, currency, customer, method["id"], save, reference),
        *(str(asked.get("description") or ""), details["email"], Jsonb(details["address"]), new_id("key")),
    )
    assert row is not None
    return row


def confirm(tx: Transaction, post: Post, payment_id: str, url: str, *, when_told: bool = False) -> Answer:
    """Charges. Answers 402 with the payment for a decline, as Stripe does.

    `when_told`: what would be accepted waits for `decide`.
    """
    payment = _locked(tx, payment_id)
    if payment["status"] != "requires_confirmation":
        raise _unexpected(tx, payment, url)
    method = customers.get_method(tx, payment["method_id"])
    rule = str(method["behaviour"])
    decline_code = customers.decline_of(method, payment["address"])
    if decline_code is not None:
        payment = _decide(tx, post, payment, "declined", decline_code)
    elif rule == "challenges":
        payment = _change(tx, payment_id, status="requires_action")
        events.record(tx, post, "payment.requires_action", as_json(tx, payment), payment_id)
    elif when_told or rule == "waits" or method["kind"] == "bank_debit":
        payment = _change(tx, payment_id, status="processing")
        _keep_method(tx, post, payment)
        events.record(tx, post, "payment.processing", as_json(tx, payment), payment_id)
    else:
        payment = _decide(tx, post, payment, "succeeded")
    return _answer(tx, payment, rule, url)


def decide(
    tx: Transaction, post: Post, payment_id: str, approve: bool, reason: str = "", captured: int | None = None
) -> Row:
    """The bank's late word on a pending payment. `captured` (minor units): another sum than asked for, on purpose."""
    payment = _locked(tx, payment_id)
    if payment["status"] != "processing":
        raise _unexpected(tx, payment)
    if reason and reason not in DECLINES:
        raise invalid(f"reason: one of {', '.join(DECLINES)}")
    if captured is not None and (type(captured) is not int or not 0 < captured <= LARGEST_MINOR):
        raise invalid(f"captured: a whole number of minor units, 1 to {LARGEST_MINOR}")
    if approve:
        return _decide(tx, post, payment, "succeeded", captured=captured)
    return _decide(tx, post, payment, "declined", reason or "bank_declined")


def finish_challenge(tx: Transaction, post: Post, payment_id: str, key: str, passed: bool) -> Row:
    """The customer's step on the 3-D Secure page. `key` is the secret of its address."""
    payment = _locked(tx, payment_id)
    if not hmac.compare_digest(payment["action_key"].encode(), key.encode()):
        raise missing("payment", payment_id)
    if payment["status"] != "requires_action":
        raise _unexpected(tx, payment)
    if passed:
        return _decide(tx, post, payment, "succeeded")
    return _decide(tx, post, payment, "declined", "authentication_failed")


def cancel(tx: Transaction, post: Post, payment_id: str) -> Row:
    payment = _locked(tx, payment_id)
    if payment["status"] == "canceled":
        return payment
    if payment["status"] not in CANCELABLE:
        raise _unexpected(tx, payment)
    payment = _change(tx, payment_id, status="canceled")
    events.record(tx, post, "payment.canceled", as_json(tx, payment), payment_id)
    return payment


def get(tx: Transaction, payment_id: str) -> Row:
    row = one(tx, "select * from payments where id = %s", payment_id)
    if row is None:
        raise missing("payment", payment_id)
    return row


def search(tx: Transaction, **by: str) -> list[Row]:
    """Newest first, at most a hundred. `by`: payment_reference, status, customer_id."""
    where = " and ".join(f"{column} = %s" for column in by) or "true"
    return all_of(tx, f"select * from payments where {where} order by seq desc limit 100", *by.values())  # noqa: S608


def behaviour_of(tx: Transaction, payment_id: str, status: str = "requires_confirmation") -> str | None:
    """What the test card or account of a payment in this status does; None when its status is another."""
    row = one(
        tx,
        "select behaviour from payments p join methods m on m.id = p.method_id where p.id = %s and p.status = %s",
        *(payment_id, status),
    )
    return None if row is None else str(row["behaviour"])


def as_json(tx: Transaction, payment: Row, url: str = "") -> dict[str, Any]:
    """`url`: where the 3-D Secure page stands; without it (events) the page's secret address is left out."""
    waiting = payment["status"] == "requires_action" and url
    action_url = f"{url}/bank/3ds/{payment['id']}?key={payment['action_key']}" if waiting else None
    keys = ("id", "status", "amount", "currency", "captured", "refunded", "save", "description", "decline_code")
    return {key: payment[key] for key in keys} | {
        "object": "payment",
        "customer": payment["customer_id"],
        "method": customers.method_json(customers.get_method(tx, payment["method_id"])),
        "metadata": {"payment_reference": payment["payment_reference"]},
        "next_action": {"type": "redirect", "url": action_url} if action_url else None,
        "disputed": one(tx, "select 1 from disputes where payment_id = %s", payment["id"]) is not None,
        "created": int(payment["created_at"].timestamp()),
    }


def _locked(tx: Transaction, payment_id: str) -> Row:
    row = one(tx, "select * from payments where id = %s for update", payment_id)
    if row is None:
        raise missing("payment", payment_id)
    return row


def _change(tx: Transaction, payment_id: str, *, status: str) -> Row:
    row = one(
        tx,
        "update payments set status = %s, confirmed_at = coalesce(confirmed_at, now()) where id = %s returning *",
        *(status, payment_id),
    )
    assert row is not None
    return row


def _decide(
    tx: Transaction,
    post: Post,
    payment: Row,
    status: str,
    decline_code: str | None = None,
    captured: int | None = None,
) -> Row:
    taken = (captured or payment["amount"]) if status == "succeeded" else 0
    decided = one(
        tx,
        "update payments set status = %s, decline_code = %s, captured = %s, decided_at = now(),"
        " confirmed_at = coalesce(confirmed_at, now()) where id = %s returning *",
        *(status, decline_code, taken, payment["id"]),
    )
    assert decided is not None
    if status == "succeeded":
        _keep_method(tx, post, decided)
    events.record(tx, post, f"payment.{status}", as_json(tx, decided), decided["id"])
    if status == "succeeded" and customers.get_method(tx, decided["method_id"])["behaviour"] == "is_disputed":
        disputes.start(tx, post, decided, taken, "fraudulent")
    return decided


def _keep_method(tx: Transaction, post: Post, payment: Row) -> None:
    method = customers.get_method(tx, payment["method_id"])
    if payment["save"] and method["customer_id"] is None:
        customers.attach(tx, post, method["id"], payment["customer_id"])


def _answer(tx: Transaction, payment: Row, rule: str, url: str) -> Answer:
    body = as_json(tx, payment, url)
    if payment["status"] == "declined":
        code = payment["decline_code"]
        return Answer(402, error_body("card_error", code, DECLINES[code], body))
    if rule == "charges_then_fails":  # kept and given again, as Stripe keeps a 500
        return Answer(500, error_body("api_error", "internal", "An error occurred on our side."))
    return Answer(200, body, rule if rule.startswith("charges_then_") else None)


def _unexpected(tx: Transaction, payment: Row, url: str = "") -> BankError:
    message = f"This payment is {payment['status']}."
    return BankError(400, "payment_unexpected_state", message, as_json(tx, payment, url))
