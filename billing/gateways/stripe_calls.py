"""How Stripe is asked, and what its silence, its errors and its refusals mean. The table is at the top of stripe.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import stripe

from billing.errors import GatewayError, GatewayRejected, GatewayUnreachable, OutcomeUnknown
from billing.gateways import stripe_reading as reading
from billing.gateways.stripe_http import StripeWire, within_the_present

API_VERSION = "2026-10-28.endive"  # the one of stripe-python 16.1; a newer library is a change to look at
AGAIN: stripe.RequestOptions = {"max_network_retries": 1}  # for what changes nothing, or has a key that never changes
LONGEST_MESSAGE = 300  # characters of what Stripe says, for the attempt's record
_BAD_REQUEST, _PAYMENT_REQUIRED, _CONFLICT, _TOO_MANY, _SERVER_ERROR = 400, 402, 409, 429, 500
T = TypeVar("T")


class _Lost(Exception):
    """No answer, or one that is none: whoever asked knows what that leaves open."""


class StripeCalls:
    """`timeout_s`: one verb's time unless it says otherwise (`within`)."""

    def __init__(self, secret_key: str, timeout_s: float, api_base: str, account: str | None) -> None:
        self._timeout_s, self._wire = timeout_s, StripeWire(api_base, timeout_s)
        self.client = stripe.StripeClient(
            secret_key,
            stripe_account=account,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")},
            max_network_retries=0,
            http_client=self._wire,
        )
        self.v1 = self.client.v1

    def close(self) -> None:
        self._wire.close()

    def change(self, what: str, ask: Callable[[], Any], read: Callable[[Any], T]) -> T:
        """A request that changes something over there: a lost answer leaves it unknown."""
        try:
            return self._ask(ask, read)
        except _Lost as error:
            raise OutcomeUnknown(f"{what}: {error}") from error

    def charge(self, what: str, ask: Callable[[], Any], read: Callable[[Any], T]) -> T:
        """The same for a request that a bank may decline: the intent that the error carries is the answer then."""
        try:
            return self._ask(ask, read, may_be_declined=True)
        except _Lost as error:
            raise OutcomeUnknown(f"{what}: {error}") from error

    def look(self, what: str, ask: Callable[[], Any], read: Callable[[Any], T]) -> T:
        """A request that changes nothing: whatever goes wrong, nothing happened."""
        try:
            return self._ask(ask, read)
        except _Lost as error:
            raise GatewayUnreachable(f"{what}: {error}") from error

    def pages(
        self, what: str, first: Callable[[], stripe.ListObject[Any]], read: Callable[[Any], T | None]
    ) -> Iterator[T]:
        """Everything that a list holds and `read` does not pass over; each page has the time of one verb."""
        page: stripe.ListObject[Any] | None = None

        def ask() -> stripe.ListObject[Any]:
            nonlocal page
            page = first() if page is None else page.next_page(**AGAIN)
            return page

        def read_page(told: Any) -> tuple[list[T], bool]:
            return [item for item in map(read, told["data"]) if item is not None], told["has_more"] is True

        while True:
            found, has_more = self.look(what, ask, read_page)
            yield from found
            if not has_more:
                return

    def _ask(self, ask: Callable[[], Any], read: Callable[[Any], T], *, may_be_declined: bool = False) -> T:
        with within_the_present(self._timeout_s) as call:
            try:
                return read(reading.plain(ask()))
            except stripe.StripeError as error:
                told = _error_of(error)
                if not (may_be_declined and error.http_status == _PAYMENT_REQUIRED and told.get("payment_intent")):
                    meaning = _meaning(error, told, lost=call.lost, may_be_declined=may_be_declined)
                    # A body that is no error of Stripe's stands in the library's message: it might be anything.
                    raise meaning from (error if told else None)
            except reading.UNREADABLE as error:
                raise _Lost(f"unreadable, {type(error).__name__}") from error
            try:
                intent = told["payment_intent"]
                return read({**intent, "last_payment_error": intent.get("last_payment_error") or told})
            except reading.UNREADABLE as error:
                raise _Lost(f"a decline of nothing, {type(error).__name__}") from error


def _meaning(
    error: stripe.StripeError, told: dict[str, Any], *, lost: bool, may_be_declined: bool
) -> GatewayError | _Lost:
    """`lost`: an earlier try of the same call may have arrived. `may_be_declined`: then a bare 402 says nothing."""
    status, what = error.http_status, str(error)[:LONGEST_MESSAGE]
    if isinstance(error, stripe.APIConnectionError):
        return _Lost(what) if lost else GatewayUnreachable(what)
    what = f"HTTP {status}, {what}" if told else f"HTTP {status} without a word of Stripe's"
    if status == _TOO_MANY or isinstance(error, stripe.RateLimitError):
        return _Lost(what) if lost else GatewayUnreachable(what)
    if status is None or not told or status == _CONFLICT or not _BAD_REQUEST <= status < _SERVER_ERROR:
        return _Lost(what)
    if status == _PAYMENT_REQUIRED and may_be_declined:
        return _Lost(f"a decline without its payment: {what}")
    code = told.get("code") or told.get("type")
    return GatewayRejected(what, str(code) if code else None, status)


def _error_of(error: stripe.StripeError) -> dict[str, Any]:
    """Stripe's error object; empty for what is none (its library does not ask for one)."""
    body = error.json_body
    told = body.get("error") if isinstance(body, dict) else None
    return told if isinstance(told, dict) else {}
