"""What the double remembers: Stripe's objects as it tells them, in the order in which they were made."""

from __future__ import annotations

import copy
import json
import random
import string
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.stripe.description.openapi import description
from tests.support.stripe.errors import Object, missing
from tests.support.stripe.methods import TestMethod

PREFIXES: Mapping[str, str] = {
    "charge": "ch",
    "confirmation_token": "ctoken",
    "customer": "cus",
    "dispute": "du",
    "event": "evt",
    "mandate": "mandate",
    "payment_intent": "pi",
    "payment_method": "pm",
    "refund": "re",
    "setup_intent": "seti",
    "webhook_endpoint": "we",
}
# Keys that most kinds have and these do not, or only when asked for.
NOT_TOLD: Mapping[str, tuple[str, ...]] = {
    "charge": ("refunds",),
    "confirmation_token": ("metadata",),
    "event": ("account", "context"),
    "mandate": ("created",),
    "refund": ("livemode",),
}
# Payment methods that the account has switched on (Dashboard → Settings → Payment methods), by currency.
SWITCHED_ON: Mapping[str, list[str]] = {"cad": ["card", "acss_debit"], "usd": ["card", "us_bank_account", "acss_debit"]}


@dataclass
class Store:
    """`lock` is held while anything is read or changed; `on_event` is called with every event made."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    objects: dict[str, dict[str, Object]] = field(default_factory=lambda: {kind: {} for kind in PREFIXES})
    behaviours: dict[str, TestMethod] = field(default_factory=dict)  # by payment method or confirmation token
    spent: set[str] = field(default_factory=set)  # payment methods charged without a customer: good once
    on_event: Callable[[Object], None] = lambda event: None
    api_version: str = "2026-10-28.endive"
    account: str | None = None  # the connected account that everything happens in, which its events then name
    search_lag_s: float = 60.0  # a search knows nothing younger ("up to 1 minute", docs.stripe.com/search)
    request: Object = field(default_factory=lambda: {"id": None, "idempotency_key": None})  # of the present request
    clock: Callable[[], float] = time.time

    def now(self) -> int:
        return int(self.clock())

    def new_id(self, kind: str) -> str:
        letters = string.ascii_letters + string.digits
        return f"{PREFIXES.get(kind, kind)}_" + "".join(random.choices(letters, k=24))

    def make(self, kind: str, **told: Any) -> Object:
        """A new object: what is told, null for whatever else may be null."""
        nulls = description().nulls(kind) if description().knows(kind) else {}
        made = {**nulls, "id": self.new_id(kind), "object": kind, "created": self.now(), "livemode": False, **told}
        for key in NOT_TOLD.get(kind, ()):
            made.pop(key, None)
        self.objects[kind][made["id"]] = made
        return made

    def get(self, kind: str, id_: str, *, param: str = "id", in_path: bool = True) -> Object:
        if id_ not in self.objects[kind]:
            raise missing(kind, id_, in_path=in_path, param=param)
        return self.objects[kind][id_]

    def all(self, kind: str) -> list[Object]:
        """Newest first, as Stripe lists."""
        return list(reversed(self.objects[kind].values()))

    def tell(self, type_: str, told: Object, previous: Object | None = None) -> Object:
        """Makes an event of what has just happened to `told`. `previous`: the values that it changed."""
        data: Object = {"object": copy.deepcopy(told)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.make(
            "event",
            type=type_,
            data=data,
            api_version=self.api_version,
            pending_webhooks=1,
            request=dict(self.request),
        )
        if self.account is not None:
            event["account"] = self.account
        self.on_event(event)
        return event

    def snapshot(self) -> str:
        with self.lock:
            return json.dumps(self.objects)
