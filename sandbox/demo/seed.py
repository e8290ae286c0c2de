"""Puts the sandbox back to where the demo begins: everything gone but the customers and their saved methods."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg.errors import DeadlockDetected, ForeignKeyViolation, UniqueViolation

from sandbox.bank import customers
from sandbox.bank.cards import TEST_ACCOUNTS, fingerprint
from sandbox.bank.events import Mode
from sandbox.box import Box
from sandbox.database import Transaction
from sandbox.demo.people import Person, demo_methods, people

TRIES = 10
IN_BETWEEN = (DeadlockDetected, ForeignKeyViolation, UniqueViolation)


def reset(shared: Box) -> int:
    """Wipes bank, mailbox and phones, recreates customers and methods. Returns the number of methods.

    One transaction; it begins anew when a payment that was under way got in between.
    """
    shared.post.mode = Mode()
    shared.decisions.when_told = False
    shared.line.calm()
    shared.switchboard.forget()
    for _ in range(TRIES - 1):
        try:
            return _reset(shared)
        except IN_BETWEEN:
            continue
    return _reset(shared)


def _reset(shared: Box) -> int:
    with shared.database.transaction() as tx:
        shared.database.wipe(tx)
        return sum(_recreate(tx, person, shared.settings.secret_key) for person in people().values())


def _recreate(tx: Transaction, person: Person, key: str) -> int:
    customer = customers.ensure_customer(tx, person.account_number, person.account_name, person.email)
    methods = demo_methods().get(person.account_number, [])
    this_year = datetime.now(UTC).year
    for method in methods:
        last4, is_card = method["last4"], method["kind"] == "card"
        card = {
            **{name: method[name] for name in ("kind", "brand", "last4")},
            "exp_month": method["exp_month"] if is_card else None,
            "exp_year": this_year + method["years_left"] if is_card else None,
            "fingerprint": fingerprint(f"{method['brand']} {last4}", key),
            "behaviour": customers.behaviour_of_ending(last4) if is_card else TEST_ACCOUNTS.get(last4, "waits"),
        }
        customers.add_method(tx, card, {"email": person.email, "address": person.address}, customer["id"])
    return len(methods)
