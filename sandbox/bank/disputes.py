"""Disputes: a cardholder objects, or a bank debit is returned. Opened, then won or lost, by whoever plays the bank."""

from __future__ import annotations

from typing import Any

from sandbox.bank import events
from sandbox.bank.errors import BankError, invalid, missing
from sandbox.bank.events import Post
from sandbox.bank.ids import new_id
from sandbox.database import Row, Transaction, one


def start(tx: Transaction, post: Post, payment: Row, amount: int, reason: str) -> Row:
    """`amount` in minor units, at most what was captured."""
    if not 0 < amount <= payment["captured"] - payment["refunded"]:
        raise invalid("amount: a whole number of minor units, at most what was captured and not refunded")
    dispute = one(
        tx,
        "insert into disputes (id, payment_id, amount, currency, reason, status)"
        " values (%s, %s, %s, %s, %s, 'open') returning *",
        *(new_id("dp"), payment["id"], amount, payment["currency"], reason),
    )
    assert dispute is not None
    events.record(tx, post, "dispute.opened", as_json(dispute), payment["id"])
    return dispute


def close(tx: Transaction, post: Post, dispute_id: str, outcome: str) -> Row:
    """`outcome`: won (the company keeps the money) or lost."""
    if outcome not in ("won", "lost"):
        raise invalid("outcome: won or lost")
    dispute = one(tx, "select * from disputes where id = %s for update", dispute_id)
    if dispute is None:
        raise missing("dispute", dispute_id)
    if dispute["status"] != "open":
        raise BankError(400, "dispute_unexpected_state", f"This dispute is {dispute['status']}.")
    closed = one(tx, "update disputes set status = %s where id = %s returning *", outcome, dispute_id)
    assert closed is not None
    events.record(tx, post, f"dispute.{outcome}", as_json(closed), closed["payment_id"])
    return closed


def as_json(dispute: Row) -> dict[str, Any]:
    keys = ("id", "amount", "currency", "reason", "status")
    return {key: dispute[key] for key in keys} | {"object": "dispute", "payment": dispute["payment_id"]}
