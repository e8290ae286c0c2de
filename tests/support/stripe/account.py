"""What the Dashboard sets: the account itself, its payment methods, its webhook endpoints."""

from __future__ import annotations

from tests.support.stripe.errors import Object
from tests.support.stripe.store import SWITCHED_ON, Store
from tests.support.stripe.wallet import merge_metadata

ACCOUNT_ID = "acct_1NorthwindTelecom"


def show(_store: Store) -> Object:
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {"name": "Northwind Telecom", "url": "https://northwind.example"},
        "capabilities": {"card_payments": "active", "transfers": "active", "acss_debit_payments": "active"},
        "charges_enabled": True,
        "country": "CA",
        "default_currency": "cad",
        "details_submitted": True,
        "email": "billing@northwind.example",
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


def method_configurations(_store: Store) -> list[Object]:
    def switch(kind: str) -> Object:
        on = kind in {*SWITCHED_ON["cad"], "apple_pay", "google_pay"}
        preference = {"overridable": None, "preference": "on" if on else "off", "value": "on" if on else "off"}
        return {"available": on, "display_preference": preference}

    kinds = ("acss_debit", "apple_pay", "card", "google_pay", "link", "us_bank_account")
    return [
        {
            "id": "pmc_1Northwind",
            "object": "payment_method_configuration",
            "active": True,
            "application": None,
            "is_default": True,
            "livemode": False,
            "name": "Default",
            "parent": None,
            **{kind: switch(kind) for kind in kinds},
        }
    ]


def create_endpoint(store: Store, asked: Object) -> Object:
    """POST /v1/webhook_endpoints. The secret is told once, here."""
    made = store.make(
        "webhook_endpoint",
        api_version=asked.get("api_version"),
        description=asked.get("description"),
        enabled_events=asked["enabled_events"],
        metadata={},
        status="enabled",
        url=asked["url"],
    )
    merge_metadata(made, asked)
    return made | {"secret": "whsec_" + store.new_id("x")[2:]}
