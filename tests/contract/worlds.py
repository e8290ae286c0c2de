"""A gateway and the other side of it: what the contract suite needs besides the adapter, one class per adapter.

A new adapter passes the suite by adding its world to `conftest.WORLDS`.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from billing.gateways.base import Gateway
from billing.gateways.sandbox import SandboxGateway
from tests.sandbox.running import SECRET_KEY, WEBHOOK_SECRET, Listener, RunningSandbox, free_port

# What a card can do, in the words of the suite.
CARDS = {
    "succeeds": "4242424242424242",
    "declines": "4000000000009995",
    "challenges": "4000000000003220",
    "waits": "4000000000002024",
    "charges then hangs": "4000000000004087",
    "charges then fails": "4000000000005001",
    "charges then garbles": "4000000000005027",
    "charges then resets": "4000000000009003",
    "resets": "4000000000004004",
}
LOST_AFTER_CHARGING = [name for name in CARDS if name.startswith("charges then")]


class World(Protocol):
    gateway: Gateway

    def token(self, behaviour: str) -> str:
        """A single-use token of a card with this behaviour."""
        ...

    def decide(self, gateway_id: str, approve: bool) -> None:
        """The bank's late decision about a pending payment."""
        ...

    def pass_challenge(self, action_url: str, passed: bool) -> None: ...

    def next_event(self) -> tuple[bytes, Mapping[str, str]]:
        """The next webhook, as it arrived."""
        ...

    def signed(self, body: bytes, at: float) -> Mapping[str, str]:
        """The headers under which the gateway would send `body` at this time (seconds since 1970)."""
        ...

    def event(self, id: str) -> dict[str, Any]:
        """An event as the gateway would tell it, about the payment `pay_x`."""
        ...

    def at_dead_address(self) -> Gateway:
        """The same adapter, with nobody listening at the gateway's address."""
        ...

    def at_address(self, url: str) -> Gateway:
        """The same adapter, talking to `url` with a short patience."""
        ...


@dataclass
class SandboxWorld:
    running: RunningSandbox
    listener: Listener

    def __post_init__(self) -> None:
        self.gateway: Gateway = self._adapter(self.running.url, 2.0)
        self.running.post("/demo/internal/reset")
        self.listener.forget()

    def _adapter(self, url: str, timeout_s: float) -> SandboxGateway:
        return SandboxGateway(url, SECRET_KEY, WEBHOOK_SECRET, timeout_s)

    def token(self, behaviour: str) -> str:
        return self.running.token(CARDS[behaviour])

    def decide(self, gateway_id: str, approve: bool) -> None:
        decision = {"decision": "approve" if approve else "decline"}
        assert self.running.post(f"/bank/v1/payments/{gateway_id}/decide", decision).status_code == 200

    def pass_challenge(self, action_url: str, passed: bool) -> None:
        data = {"answer": "pass" if passed else "fail"}
        assert httpx.post(action_url, data=data, trust_env=False).status_code == 200

    def next_event(self) -> tuple[bytes, Mapping[str, str]]:
        heard = self.listener.next()
        return heard.body, heard.headers

    def signed(self, body: bytes, at: float) -> Mapping[str, str]:
        digest = hmac.new(WEBHOOK_SECRET.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
        return {"Sandbox-Signature": f"t={int(at)},v1={digest}"}

    def event(self, id: str) -> dict[str, Any]:
        told = {"id": "pay_x", "object": "payment", "status": "succeeded"}
        return {"id": id, "type": "payment.succeeded", "created": int(time.time()), "data": {"object": told}}

    def at_dead_address(self) -> Gateway:
        return self._adapter(f"http://127.0.0.1:{free_port()}", 2.0)

    def at_address(self, url: str) -> Gateway:
        return self._adapter(url, 1.0)
