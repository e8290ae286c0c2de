"""The five customers of the demo, as `northwind.json` names them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Person:
    """An account's first portal user; `key` is what stands before the @ of the address."""

    key: str
    name: str
    account_number: str
    account_name: str
    external_id: str
    email: str
    phone: str | None
    language: str
    pin: str
    address: dict[str, str]
    emails: tuple[str, ...]  # of all portal users of the account


@cache
def people() -> dict[str, Person]:
    accounts: list[dict[str, Any]] = json.loads((HERE / "northwind.json").read_text("utf-8"))["accounts"]
    found = [_person(account) for account in accounts]
    return {person.key: person for person in found}


@cache
def demo_methods() -> dict[str, list[dict[str, Any]]]:
    """By account number: what stands in `methods.json`."""
    methods: dict[str, list[dict[str, Any]]] = json.loads((HERE / "methods.json").read_text("utf-8"))
    return methods


def _person(account: dict[str, Any]) -> Person:
    users = sorted(account["portal_users"], key=lambda user: user["position"])
    first = users[0]
    return Person(
        key=first["email"].partition("@")[0],
        name=first["name"],
        account_number=account["number"],
        account_name=account["name"],
        external_id=first["external_id"],
        email=first["email"],
        phone=first["phone"],
        language=first["language"],
        pin=account["pin"],
        address=account["billing_address"],
        emails=tuple(user["email"] for user in users),
    )
