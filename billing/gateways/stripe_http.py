"""stripe-python's way to the network: our wire, with one deadline for all requests of one verb."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import stripe

from billing.gateways.http import NeverSent, NoAnswer, Wire, is_loopback

# Our timings and our platform's name are nobody's business; off for the process, stripe-python has no other switch.
stripe.enable_telemetry = False

SHORTEST_TRY_S = 0.3  # less is not worth sending


@dataclass
class Call:
    """What one verb may still spend, and whether one of its requests may have arrived without an answer."""

    until: float  # of time.monotonic()
    lost: bool = False

    @property
    def left_s(self) -> float:
        return self.until - time.monotonic()


_call: ContextVar[Call] = ContextVar("call of the Stripe adapter")


@contextmanager
def within(timeout_s: float) -> Iterator[Call]:
    """All requests made inside share `timeout_s` seconds, or what is left of an enclosing `within` if that is less."""
    outer, until = _call.get(None), time.monotonic() + timeout_s
    token = _call.set(Call(until if outer is None else min(until, outer.until)))
    try:
        yield _call.get()
    finally:
        _call.reset(token)


@contextmanager
def within_the_present(usual_timeout_s: float) -> Iterator[Call]:
    """All requests made inside share what is left of the enclosing `within`; the usual time if there is none."""
    outer = _call.get(None)
    with within(usual_timeout_s if outer is None else outer.left_s) as call:
        yield call


class _NoConnection(stripe.APIConnectionError):
    """What stripe-python expects of its HTTP clients when there is no answer."""

    def __init__(self, message: str) -> None:
        super().__init__(message, should_retry=True)  # type: ignore[no-untyped-call]


class StripeWire(stripe.HTTPClient):
    """Requests of the present `within`; one outside any has the usual time for itself. What stripe-python repeats (same
    key) it repeats only while there is time.
    """

    name = "httpx"

    def __init__(self, api_base: str, usual_timeout_s: float) -> None:
        super().__init__()
        self._usual_timeout_s = usual_timeout_s
        # A proxy named in the environment is for the world outside, not for a stand-in on this machine.
        self._wire = Wire(trust_env=not is_loopback(urlsplit(api_base).hostname or ""))

    def close(self) -> None:
        self._wire.close()

    def request(  # type: ignore[override]  # the base class promises text and takes bytes, as its own clients give
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: str | bytes | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        call = _call.get(None) or Call(time.monotonic() + self._usual_timeout_s)
        content = post_data.encode() if isinstance(post_data, str) else post_data
        try:
            if call.left_s <= 0:
                raise NeverSent("no time left")
            answer = self._wire.send(method.upper(), url, call.left_s, headers=headers, content=content)
        except NeverSent as error:
            raise _NoConnection(str(error)) from error
        except NoAnswer as error:
            call.lost = True
            raise _NoConnection(str(error)) from error
        return answer.content, answer.status, answer.headers

    def _should_retry(
        self, response: Any, api_connection_error: Any, num_retries: int, max_network_retries: Any
    ) -> bool:
        wanted = super()._should_retry(response, api_connection_error, num_retries, max_network_retries)
        call = _call.get(None)
        if not wanted or call is None or call.left_s < self.INITIAL_DELAY + SHORTEST_TRY_S:
            return False
        if response is not None:  # 5xx or 409: it arrived, and what became of it is not said
            call.lost = True
        return True
