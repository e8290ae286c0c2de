"""Bank debits take their time: what their test accounts are to come to is planned at the confirm, and done when due."""

from __future__ import annotations

from typing import Literal

from sandbox.bank import disputes, payments
from sandbox.bank.events import Post
from sandbox.database import Database, Row, Transaction, one, run

IDLE_S = 30.0
Step = Literal["approve", "decline", "return"]
# What comes after what; each step is due as long after the one before.
PLANS: dict[str, tuple[Step, ...]] = {"debit_fails": ("decline",), "debit_returns": ("approve", "return")}

TAKE = """
delete from plans
where id = (select id from plans where due_at <= now() order by due_at, id limit 1 for update skip locked)
returning *
"""


def plan(tx: Transaction, payment_id: str, behaviour: str, pause_s: float) -> None:
    """Nothing for an account that waits for someone to decide."""
    for place, step in enumerate(PLANS.get(behaviour, ()), 1):
        run(
            tx,
            "insert into plans (payment_id, step, due_at) values (%s, %s, now() + %s * interval '1 second')",
            *(payment_id, step, place * pause_s),
        )


def carry_out_due(database: Database, post: Post) -> float:
    """Does what is due, and returns the seconds until the next step is."""
    while True:
        with database.transaction() as tx:
            planned = one(tx, TAKE)
            if planned is None:
                row = one(tx, "select extract(epoch from min(due_at) - now())::float as wait_s from plans")
                break
            _do(tx, post, planned)
    return IDLE_S if row is None or row["wait_s"] is None else min(max(row["wait_s"], 0.0), IDLE_S)


def _do(tx: Transaction, post: Post, planned: Row) -> None:
    """Unless somebody has decided otherwise in the meantime, at the back office."""
    payment = payments.get(tx, planned["payment_id"])
    if planned["step"] == "return":
        left = payment["captured"] - payment["refunded"]
        if left:
            disputes.start(tx, post, payment, left, "insufficient_funds", is_return=True)
    elif payment["status"] == "processing":
        payments.decide(tx, post, payment["id"], planned["step"] == "approve", "")
