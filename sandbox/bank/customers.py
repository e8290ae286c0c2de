"""Customers, card tokens and payment methods: what can be charged, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from sandbox.bank import events
from sandbox.bank.cards import TEST_CARDS, Card
from sandbox.bank.errors import BankError, invalid, missing
from sandbox.bank.events import Post
from sandbox.bank.ids import new_id
from sandbox.database import Row, Transaction, all_of, one

TOKEN_MINUTES = 15
ADDRESS_KEYS = ("name", "line1", "line2", "city", "region", "postal_code", "country")


def ensure_customer(tx: Transaction, account_number: str, name: str, email: str) -> Row:
    """One customer per account number, the same one every time."""
    if not account_number:
        raise invalid("account_number: missing")
    row = one(
        tx,
        "insert into customers (id, account_number, name, email) values (%s, %s, %s, %s)"
        " on conflict (account_number) do update set name = excluded.name, email = excluded.email returning *",
        *(new_id("cus"), account_number, name, email),
    )
    assert row is not None
    return row


def customer_json(customer: Row) -> dict[str, Any]:
    return {key: customer[key] for key in ("id", "account_number", "name", "email")} | {"object": "customer"}


def make_token(tx: Transaction, card: Card) -> Row:
    row = one(
        tx,
        "insert into tokens (id, brand, last4, exp_month, exp_year, fingerprint, behaviour, expires_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, now() + %s * interval '1 minute') returning *",
        *(new_id("tok"), card.brand, card.last4, card.exp_month, card.exp_year, card.fingerprint, card.behaviour),
        TOKEN_MINUTES,
    )
    assert row is not None
    return row


def spend_token(tx: Transaction, token: str, details: Row) -> Row:
    """The token's card as a method of nobody's yet. A token is good once, for a quarter of an hour."""
    spent = one(
        tx,
        "update tokens set used_at = now() where id = %s and used_at is null and expires_at > now() returning *",
        token,
    )
    if spent is None:
        if one(tx, "select 1 from tokens where id = %s", token) is None:
            raise missing("token", token)
        raise BankError(400, "token_not_usable", "This token was used before, or is too old.")
    kept = {key: spent[key] for key in ("brand", "last4", "exp_month", "exp_year", "fingerprint", "behaviour")}
    return add_method(tx, kept | {"kind": "card"}, details, customer_id=None)


def get_token(tx: Transaction, token: str) -> Row:
    row = one(tx, "select * from tokens where id = %s", token)
    if row is None:
        raise missing("token", token)
    return row


def token_json(token: Row) -> dict[str, Any]:
    """In the shape of a method: a card that is nobody's, under the token's own name."""
    return method_json(token | {"kind": "card", "customer_id": None, "email": None, "address": {}})


def add_method(tx: Transaction, card: Row, details: Row, customer_id: str | None) -> Row:
    """`details`: email and address, as `read_details` gives them."""
    row = one(
        tx,
        "insert into methods (id, customer_id, kind, brand, last4, exp_month, exp_year, fingerprint, behaviour, email,"
        " address) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning *",
        *(new_id("pm"), customer_id, card["kind"], card["brand"], card["last4"]),
        *(card.get("exp_month"), card.get("exp_year"), card["fingerprint"], card["behaviour"]),
        *(details["email"], Jsonb(details["address"])),
    )
    assert row is not None
    return row


def attach(tx: Transaction, post: Post, method_id: str, customer_id: str) -> Row:
    row = one(tx, "update methods set customer_id = %s where id = %s returning *", customer_id, method_id)
    assert row is not None
    events.record(tx, post, "method.attached", method_json(row), None)
    return row


def update_details(tx: Transaction, post: Post, method_id: str, details: Row) -> Row:
    row = one(
        tx,
        "update methods set email = %s, address = %s where id = %s returning *",
        *(details["email"], Jsonb(details["address"]), method_id),
    )
    if row is None:
        raise missing("method", method_id)
    events.record(tx, post, "method.updated", method_json(row), None)
    return row


def detach(tx: Transaction, method_id: str) -> Row:
    row = one(tx, "update methods set customer_id = null where id = %s returning *", method_id)
    if row is None:
        raise missing("method", method_id)
    return row


def get_method(tx: Transaction, method_id: str) -> Row:
    row = one(tx, "select * from methods where id = %s", method_id)
    if row is None:
        raise missing("method", method_id)
    return row


def methods_of(tx: Transaction, customer_id: str) -> list[Row]:
    if one(tx, "select 1 from customers where id = %s", customer_id) is None:
        raise missing("customer", customer_id)
    return all_of(tx, "select * from methods where customer_id = %s order by seq", customer_id)


def method_json(method: Row) -> dict[str, Any]:
    keys = ("id", "kind", "brand", "last4", "exp_month", "exp_year", "fingerprint")
    details = {"email": method["email"], "address": method["address"]}
    owner = {"object": "method", "customer": method["customer_id"]}
    return {key: method[key] for key in keys} | {"billing_details": details} | owner


def usable_method(tx: Transaction, token: str, customer_id: str | None, details: Row) -> Row:
    """What `token` may charge: a fresh card token, or a method attached to this customer."""
    if token.startswith("tok_"):
        return spend_token(tx, token, details)
    method = get_method(tx, token)
    if method["customer_id"] is None or method["customer_id"] != customer_id:
        raise BankError(400, "method_not_usable", "This method is not attached to this customer.")
    return method


def decline_of(method: Row, address: dict[str, str]) -> str | None:
    """Why the bank declines a charge of `method` billed to `address`; None when it does not."""
    rule, _, argument = str(method["behaviour"]).partition(":")
    if rule == "declines":
        return argument
    if rule == "needs_postal_code":
        given = (address or method["address"]).get("postal_code", "")
        return None if given.replace(" ", "").upper() == argument else "billing_address_mismatch"
    if method["exp_year"] is not None:
        today = datetime.now(UTC).date()
        if (method["exp_year"], method["exp_month"]) < (today.year, today.month):
            return "expired_card"
    return None


def read_details(given: object) -> Row:
    """`{"email", "address": {…}}` of a request; unknown keys and anything but text are refused."""
    if given is None:
        return {"email": None, "address": {}}
    if not isinstance(given, dict) or not set(given) <= {"email", "address"}:
        raise invalid("billing_details: email and address")
    email, address = given.get("email"), given.get("address") or {}
    if email is not None and not isinstance(email, str):
        raise invalid("billing_details.email: text")
    texts = isinstance(address, dict) and all(k in ADDRESS_KEYS and isinstance(v, str) for k, v in address.items())
    if not texts:
        raise invalid(f"billing_details.address: texts under {', '.join(ADDRESS_KEYS)}")
    return {"email": email, "address": address}


def behaviour_of_ending(last4: str) -> str:
    """What the test card with this ending does: how demo data names a card without its number."""
    return next((what for number, what in TEST_CARDS.items() if number.endswith(last4)), "succeeds")
