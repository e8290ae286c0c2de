"""Refunds: at most what was captured, in as many parts as wanted."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from sandbox.bank import customers, events
from sandbox.bank.errors import BankError, invalid, missing
from sandbox.bank.events import Post
from sandbox.bank.ids import new_id
from sandbox.database import Row, Transaction, all_of, one, run


def create(tx: Transaction, post: Post, asked: dict[str, Any]) -> Row:
    """`amount` in minor units, of the payment's currency. Decided at once, but for bank debits and one test card."""
    payment_id, amount = str(asked.get("payment")), asked.get("amount")
    payment = one(tx, "select * from payments where id = %s for update", payment_id)
    if payment is None:
        raise missing("payment", payment_id)
    if type(amount) is not int or amount <= 0:
        raise invalid("amount: a whole number of minor units, at least 1")
    if asked.get("currency") != payment["currency"]:
        raise invalid("currency: must be the payment's")
    if payment["refunded"] + amount > payment["captured"]:
        raise BankError(400, "amount_too_large", "More than is left of what was captured.")
    metadata = asked.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise invalid("metadata: texts")
    method = customers.get_method(tx, payment["method_id"])
    waits = method["kind"] == "bank_debit" or method["behaviour"] == "refund_waits"
    run(tx, "update payments set refunded = refunded + %s where id = %s", amount, payment_id)
    refund = one(
        tx,
        "insert into refunds (id, payment_id, amount, currency, status, metadata)"
        " values (%s, %s, %s, %s, %s, %s) returning *",
        *(new_id("re"), payment_id, amount, payment["currency"], "pending" if waits else "succeeded", Jsonb(metadata)),
    )
    assert refund is not None
    events.record(tx, post, "refund.created" if waits else "refund.succeeded", as_json(refund), payment_id)
    return refund


def decide(tx: Transaction, post: Post, refund_id: str, succeeds: bool) -> Row:
    refund = one(tx, "select * from refunds where id = %s for update", refund_id)
    if refund is None:
        raise missing("refund", refund_id)
    if refund["status"] != "pending":
        raise BankError(400, "refund_unexpected_state", f"This refund is {refund['status']}.")
    if not succeeds:
        run(tx, "update payments set refunded = refunded - %s where id = %s", refund["amount"], refund["payment_id"])
    status = "succeeded" if succeeds else "failed"
    decided = one(tx, "update refunds set status = %s where id = %s returning *", status, refund_id)
    assert decided is not None
    events.record(tx, post, f"refund.{status}", as_json(decided), decided["payment_id"])
    return decided


def get(tx: Transaction, refund_id: str) -> Row:
    refund = one(tx, "select * from refunds where id = %s", refund_id)
    if refund is None:
        raise missing("refund", refund_id)
    return refund


def of_payment(tx: Transaction, payment_id: str) -> list[Row]:
    if one(tx, "select 1 from payments where id = %s", payment_id) is None:
        raise missing("payment", payment_id)
    return all_of(tx, "select * from refunds where payment_id = %s order by seq", payment_id)


def as_json(refund: Row) -> dict[str, Any]:
    keys = ("id", "amount", "currency", "status", "metadata")
    return {key: refund[key] for key in keys} | {"object": "refund", "payment": refund["payment_id"]}
