"""A sandbox with a telephone, and Twilio's own client pointed at it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from tests.sandbox.edge import AUTH_TOKEN, Edge
from tests.sandbox.running import RunningSandbox

ACCOUNT = "AC" + "a" * 32
MESSAGING_SERVICE, VERIFY_SERVICE = "MG" + "b" * 32, "VA" + "c" * 32
NUMBER, MAYA, LIAM = "+15145550100", "+15145550101", "+19055550103"
PUBLIC_URL = "https://pay.example"
SETTINGS = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "TWILIO_FROM_NUMBER": NUMBER,
    "TWILIO_VERIFY_SERVICE_SID": VERIFY_SERVICE,
    "SANDBOX_HANG_S": "1",
}


class OverTheSandbox(TwilioHttpClient):
    """Every host of Twilio's is the sandbox."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=10)
        self._base = base

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return super().request(method, f"{self._base}{parts.path}{query}", *args, **kwargs)


@dataclass(frozen=True)
class Telephone:
    sandbox: RunningSandbox
    edge: Edge

    @property
    def http(self) -> httpx.Client:
        return self.sandbox.client

    @property
    def client(self) -> Client:
        return Client(ACCOUNT, AUTH_TOKEN, http_client=OverTheSandbox(f"{self.sandbox.url}/twilio"))

    def text(self, body: str = "", *, phone: str = MAYA, **more: Any) -> dict[str, Any]:
        """What somebody types into the phone; the answer of the sandbox."""
        answer = self.http.post(f"/twilio/phones/{phone}/texts", json={"body": body, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def thread(self, phone: str = MAYA, **query: int) -> list[dict[str, Any]]:
        return list(self.http.get(f"/twilio/phones/{phone}/texts", params=query).json()["texts"])

    def bodies(self, direction: str = "out", phone: str = MAYA) -> list[str]:
        return [text["body"] for text in self.thread(phone) if text["direction"] == direction]

    def behave(self, phone: str = MAYA, **behaviour: Any) -> httpx.Response:
        return self.http.post(f"/twilio/phones/{phone}", json=behaviour)

    def trouble(self, **mode: Any) -> None:
        answer = self.http.put("/twilio/control/delivery", json=mode)
        assert answer.status_code == 200, answer.text

    def send(self, body: str = "Hello", **more: Any) -> Any:
        return self.client.messages.create(to=more.pop("to", MAYA), from_=NUMBER, body=body, **more)


def until(condition: Callable[[], bool], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
