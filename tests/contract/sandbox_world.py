"""The sandbox bank, in a process of its own."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from billing.gateways.base import Gateway, GatewayPayment
from billing.gateways.sandbox import SandboxGateway
from billing.money import Money
from tests.contract.worlds import Ability, Source
from tests.sandbox.running import SECRET_KEY, WEBHOOK_SECRET, Listener, RunningSandbox
from tests.support.ports import free_port

CARDS = {
    "succeeds": "4242424242424242",
    "declines": "4000000000009995",
    "challenges": "4000000000003220",
    "waits": "4000000000002024",
    "refund waits": "4000000000005126",
    "is disputed": "4000000000000259",
    "charges then hangs": "4000000000004087",
    "charges then fails": "4000000000005001",
    "charges then garbles": "4000000000005027",
    "charges then resets": "4000000000009003",
    "resets": "4000000000004004",
}
LACKS = {
    Ability.ACCOUNTS: "its key is for one company",
    Ability.BANK_DEBIT_ON_PAGE: "its card fields take bank accounts like cards, before the payment is prepared",
    Ability.INQUIRIES: "its banks take the money or leave it",
    Ability.MANDATES: "its bank debits need none",
    Ability.MODES: "it is always a test",
    Ability.NETWORK_UPDATES: "its cards stay as they are",
    Ability.SEVERAL_SECRETS: "it signs with one secret",
}


@dataclass
class SandboxWorld:
    running: RunningSandbox
    listener: Listener
    name: str = "sandbox"
    patience_s: float = 0.0
    lacks: Mapping[Ability, str] = field(default_factory=lambda: LACKS)
    event_types: Mapping[str, str] = field(
        default_factory=lambda: {
            "paid": "payment.succeeded",
            "refunded": "refund.succeeded",
            "disputed": "dispute.opened",
            "attached": "method.attached",
        }
    )

    def __post_init__(self) -> None:
        self.gateway: Gateway = self._adapter(self.running.url, 2.0)
        self.running.post("/demo/internal/reset")
        self.listener.forget()

    def _adapter(self, url: str, timeout_s: float) -> SandboxGateway:
        return SandboxGateway(url, SECRET_KEY, WEBHOOK_SECRET, timeout_s)

    def source(self, behaviour: str) -> Source:
        return Source(self.running.token(CARDS[behaviour]))

    def decide(self, gateway_id: str, approve: bool) -> None:
        self._do(f"/payments/{gateway_id}/decide", {"decision": "approve" if approve else "decline"})

    def do_step(self, payment: GatewayPayment, passed: bool) -> None:
        assert payment.action_url is not None
        data = {"answer": "pass" if passed else "fail"}
        assert httpx.post(payment.action_url, data=data, trust_env=False).status_code == 200

    def debit_on_page(self, payment: GatewayPayment, approve: bool | None) -> None:
        raise NotImplementedError(self.lacks[Ability.BANK_DEBIT_ON_PAGE])

    def refund_at_gateway(self, gateway_id: str, amount: Money) -> None:
        self._do("/refunds", {"payment": gateway_id, "amount": amount.minor, "currency": amount.currency})

    def decide_refund(self, refund_id: str, succeeded: bool) -> None:
        self._do(f"/refunds/{refund_id}/decide", {"decision": "approve" if succeeded else "decline"})

    def dispute(self, gateway_id: str, amount: Money, kind: str = "dispute") -> str:
        asked = {"payment": gateway_id, "amount": amount.minor, "reason": "fraudulent", "is_return": kind == "return"}
        return str(self._do("/disputes", asked)["id"])

    def close_dispute(self, dispute_id: str, won: bool) -> None:
        self._do(f"/disputes/{dispute_id}/close", {"outcome": "won" if won else "lost"})

    def detach(self, reference: str) -> None:
        self._do(f"/methods/{reference}/detach", {})

    def renew(self, reference: str, exp_month: int, exp_year: int) -> None:
        raise NotImplementedError(self.lacks[Ability.NETWORK_UPDATES])

    def end_mandate(self, mandate: str) -> None:
        raise NotImplementedError(self.lacks[Ability.MANDATES])

    def next_event(self) -> tuple[bytes, Mapping[str, str]]:
        heard = self.listener.next()
        return heard.body, heard.headers

    def signed(self, body: bytes, at: float, secret: str | None = None) -> Mapping[str, str]:
        digest = hmac.new((secret or WEBHOOK_SECRET).encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
        return {"Sandbox-Signature": f"t={int(at)},v1={digest}"}

    def event(self, id: str) -> dict[str, Any]:
        told = {"id": "pay_x", "object": "payment", "status": "succeeded"}
        return {"id": id, "type": "payment.succeeded", "created": int(time.time()), "data": {"object": told}}

    def at_dead_address(self) -> Gateway:
        return self._adapter(f"http://127.0.0.1:{free_port()}", 2.0)

    def at_address(self, url: str) -> Gateway:
        return self._adapter(url, 1.0)

    def knowing(self, *, secrets: tuple[str, ...] = (), account: str | None = None) -> Gateway:
        raise NotImplementedError(self.lacks[Ability.SEVERAL_SECRETS])

    def _do(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        answer = self.running.post(f"/bank/v1{path}", asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())
