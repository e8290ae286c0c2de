"""Disputes: a cardholder objects, or a bank debit is returned. Opened, then won or lost, by whoever plays the bank."""

from __future__ import annotations

from typing import Any

from sandbox.bank import events
from sandbox.bank.errors import BankError, invalid, missing
from sandbox.bank.events import Post
from sandbox.bank.ids import new_id
from sandbox.database import Row, Transaction, all_of, one


def start(tx: Transaction, post: Post, payment: Row, amount: int, reason: str, *, is_return: bool = False) -> Row:
    """`amount` in minor units, at most what was captured. A returned bank debit is lost from its first moment on."""
    if not 0 < amount <= payment["captured"] - payment["refunded"]:
        raise invalid("amount: a whole number of minor units, at most what was captured and not refunded")
    dispute = one(
        tx,
        "insert into disputes (id, payment_id, amount, currency, reason, status, is_return)"
        " values (%s, %s, %s, %s, %s, %s, %s) returning *",
        *(new_id("dp"), payment["id"], amount, payment["currency"], reason),
        *("lost" if is_return else "open", is_return),
    )
    assert dispute is not None
    told = "dispute.lost" if is_return else "dispute.opened"
    events.record(tx, post, told, as_json(dispute), payment["id"])
    return dispute


def close(tx: Transaction, post: Post, dispute_id: str, outcome: str) -> Row:
    """`outcome`: won (the company keeps the money) or lost. A lost one can still be won, unless it is a return."""
    if outcome not in ("won", "lost"):
        raise invalid("outcome: won or lost")
    dispute = one(tx, "select * from disputes where id = %s for update", dispute_id)
    if dispute is None:
        raise missing("dispute", dispute_id)
    appealed = dispute["status"] == "lost" and outcome == "won" and not dispute["is_return"]
    if dispute["status"] != "open" and not appealed:
        raise BankError(400, "dispute_unexpected_state", f"This dispute is {dispute['status']}.")
    closed = one(tx, "update disputes set status = %s where id = %s returning *", outcome, dispute_id)
    assert closed is not None
    events.record(tx, post, f"dispute.{outcome}", as_json(closed), closed["payment_id"])
    return closed


def of_payment(tx: Transaction, payment_id: str) -> list[Row]:
    if one(tx, "select 1 from payments where id = %s", payment_id) is None:
        raise missing("payment", payment_id)
    return all_of(tx, "select * from disputes where payment_id = %s order by created_at, id", payment_id)


def as_json(dispute: Row) -> dict[str, Any]:
    keys = ("id", "amount", "currency", "reason", "status", "is_return")
    return {key: dispute[key] for key in keys} | {"object": "dispute", "payment": dispute["payment_id"]}
