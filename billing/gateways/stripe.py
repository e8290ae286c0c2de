"""Stripe's adapter: payment intents, confirmation tokens, saved methods. Errors are told apart by what they leave open.

    never sent, 429, any failed read                             → GatewayUnreachable
    may have been carried out (time-out, reset, 5xx, unreadable) → OutcomeUnknown
    understood and refused (4xx)                                 → GatewayRejected
    a decline (402 with its intent)                              → an answer

A confirm is never repeated here. Choices and what was rejected: docs/adr/0010; facts: docs/facts-stripe.md.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import stripe

from billing.config import Settings
from billing.errors import GatewayError, GatewayRejected, GatewayUnreachable, OutcomeUnknown
from billing.gateways import stripe_asking as asking
from billing.gateways import stripe_reading as reading
from billing.gateways.base import (
    BANK_DEBIT_ON_PAGE,
    BillingDetails,
    ChargeOrder,
    GatewayDispute,
    GatewayEvent,
    GatewayPayment,
    GatewayRefund,
    MethodInfo,
)
from billing.gateways.stripe_calls import AGAIN, API_VERSION, StripeCalls
from billing.gateways.stripe_events import EVENT_TYPES, EventReader, read_event
from billing.gateways.stripe_http import within
from billing.money import Money
from billing.stripe_settings import is_live

__all__ = ["API_VERSION", "EVENT_TYPES", "StripeGateway"]

CONFIRM_SHARE = 0.625  # of the time for one turn's gateway calls; every other call gets the rest
SEARCH_SHARE = 1 / 3  # of a call's time for the search of a customer, so that it leaves enough for the create
PAGE_SIZE = 100  # Stripe's largest
# Between our commit of the payment and Stripe's clock at its creation: seconds of work, and two clocks.
CREATED_AROUND = timedelta(minutes=10)
CANCELLABLE = ("requires_confirmation", "requires_action", "declined")
log = logging.getLogger(__name__)


class StripeGateway:
    """`timeout_s`: all calls of one turn together, in seconds (a create and a confirm). `now`: seconds since 1970.

    `client` is stripe-python's own, for what only the check of the set-up asks.
    """

    name = "stripe"

    def __init__(
        self,
        secret_key: str,
        webhook_secrets: Sequence[str],
        timeout_s: float,
        *,
        api_base: str = "https://api.stripe.com",
        account: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not secret_key:
            raise ValueError("STRIPE_SECRET_KEY must not be empty")
        self._events = EventReader(webhook_secrets, live=is_live(secret_key), account=account or None)
        self._confirm_s, self._call_s, self._now = timeout_s * CONFIRM_SHARE, timeout_s * (1 - CONFIRM_SHARE), now
        self._calls = StripeCalls(secret_key, self._call_s, api_base, account or None)
        self._v1, self.client = self._calls.v1, self._calls.client

    @classmethod
    def from_settings(cls, settings: Settings) -> StripeGateway:
        return cls(
            settings.stripe_secret_key,
            settings.stripe_webhook_secrets,
            settings.gateway_timeout_s,
            api_base=settings.stripe_api_base,
            account=settings.stripe_account,
        )

    def close(self) -> None:
        self._calls.close()

    # ------------------------------------------------------------------------------------------------- customers

    def ensure_customer(self, account_number: str, name: str, email: str) -> str:
        """Looked for by email (exact at once), by the account number in its metadata (a minute late), then created.

        The create asks for the account number alone: under one key, whatever name or email the account has by then,
        Stripe answers it with the same customer for a day, and after that the search has long known it.
        """
        with within(self._call_s):
            found = self._customer_by_email(account_number, email) or self._customer_by_number(account_number)
            if found is None:
                found = self._create_customer(account_number)
            if (found.get("name"), found.get("email")) != (name, email):
                self._name_customer(reading.text(found["id"]), name, email)
            return reading.text(found["id"])

    def _name_customer(self, id_: str, name: str, email: str) -> None:
        """So that people find it at Stripe, and we by its email. An email that Stripe does not take stops nobody."""
        update = self._v1.customers.update
        try:
            self._calls.change("update customer", lambda: update(id_, {"name": name, "email": email}), dict)
        except GatewayError as error:
            log.warning("customer %s keeps its name and email: %s", id_, error)

    def _customer_by_email(self, account_number: str, email: str) -> Mapping[str, Any] | None:
        if not email:
            return None
        list_ = self._v1.customers.list
        listed = self._calls.pages("list customers", lambda: list_({"email": email, "limit": PAGE_SIZE}, AGAIN), dict)
        return reading.oldest_of(account_number, listed)

    def _customer_by_number(self, account_number: str) -> Mapping[str, Any] | None:
        """One whose email was changed, here or there."""
        search, query = self._v1.customers.search, asking.by_account_number(account_number)
        try:
            with within(self._call_s * SEARCH_SHARE):
                return self._calls.look(
                    "search customers",
                    lambda: search({"query": query, "limit": PAGE_SIZE}, AGAIN),
                    lambda told: reading.oldest_of(account_number, told["data"]),
                )
        except GatewayError as error:
            # Accounts of some countries have no search, and it is not worth a payment: the email and the key remain.
            log.warning("customer of account %s not searched for: %s", account_number, error)
            return None

    def _create_customer(self, account_number: str) -> Mapping[str, Any]:
        create, key = self._v1.customers.create, hashlib.sha256(account_number.encode()).hexdigest()
        options: stripe.RequestOptions = {"idempotency_key": f"remit-customer-{key}", **AGAIN}
        metadata = {reading.ACCOUNT_NUMBER: account_number}
        return self._calls.change("create customer", lambda: create({"metadata": metadata}, options), dict)

    # --------------------------------------------------------------------------------------------------- methods

    def list_methods(self, customer: str) -> Sequence[MethodInfo]:
        """Cards and bank debits saved with the customer; other kinds (Link …) we neither offer nor charge."""
        list_, customer = self._v1.customers.payment_methods.list, asking.an_id(customer)
        first = lambda: list_(customer, {"limit": PAGE_SIZE}, AGAIN)  # noqa: E731
        return list(self._calls.pages("list methods", first, reading.method))

    def retrieve_method(self, reference: str) -> MethodInfo:
        reference = asking.an_id(reference)
        if asking.is_token(reference):
            token = self._v1.confirmation_tokens.retrieve
            found = self._calls.look("retrieve token", lambda: token(reference, None, AGAIN), reading.token)
        else:
            method = self._v1.payment_methods.retrieve
            found = self._calls.look("retrieve method", lambda: method(reference, None, AGAIN), reading.method)
        return _known(found, reference)

    def update_method(self, reference: str, details: BillingDetails) -> MethodInfo:
        update, reference = self._v1.payment_methods.update, asking.an_id(reference)
        ask = lambda: update(reference, {"billing_details": asking.billing_details(details)})  # noqa: E731
        return _known(self._calls.change("update method", ask, reading.method), reference)

    # -------------------------------------------------------------------------------------------------- payments

    def create_payment(self, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:
        create, options = self._v1.payment_intents.create, asking.under(idempotency_key)
        params = asking.create_params(order)
        return self._calls.change("create payment", lambda: create(params, options), reading.payment)

    def confirm_payment(self, gateway_id: str, order: ChargeOrder, idempotency_key: str) -> GatewayPayment:
        """A decline is an answer. What cannot be confirmed any more tells what it has become."""
        confirm, gateway_id = self._v1.payment_intents.confirm, asking.an_id(gateway_id)
        if order.token == BANK_DEBIT_ON_PAGE:
            return self.retrieve_payment(gateway_id)
        params, options = asking.confirm_params(order), asking.under(idempotency_key)
        ask = lambda: confirm(gateway_id, params, options)  # noqa: E731
        with within(self._confirm_s):
            try:
                read = self._calls.charge("confirm payment", ask, reading.payment_and_bare_method)
            except GatewayRejected as error:
                return self._what_it_became(gateway_id, error, unless=("requires_confirmation",))
            return self._with_details(self._with_method(*read), order)

    def _what_it_became(self, gateway_id: str, refusal: GatewayRejected, unless: Sequence[str]) -> GatewayPayment:
        """After a refusal that may mean "not any more": decided meanwhile, or its token is spent. What still is as it
        was (`unless`) was refused for another reason. Without an answer to this look nothing is known.
        """
        try:
            became = self.retrieve_payment(gateway_id)
        except GatewayRejected:
            raise refusal from None
        except GatewayUnreachable as error:
            raise OutcomeUnknown(f"{refusal}, then {error}") from error
        if became.status in unless:
            raise refusal
        return became

    def _with_method(self, seen: GatewayPayment, bare_method: str | None) -> GatewayPayment:
        """The method itself, where only its id came along."""
        if seen.method is None and bare_method is not None:
            with suppress(GatewayError):  # what became of the charge is known, and is what must be told
                return replace(seen, method=self.retrieve_method(bare_method))
        return seen

    def _with_details(self, seen: GatewayPayment, order: ChargeOrder) -> GatewayPayment:
        """A method that was saved just now carries our address and email; the page had put them into the token."""
        method = seen.method
        taken = seen.status in ("succeeded", "processing")
        if not (order.save and taken and method is not None and method.customer is not None):
            return seen
        if not reading.same_details(method, order.details):
            with suppress(GatewayError):  # the charge is made, and is what must be told
                updated = self.update_method(method.reference, order.details)
                return replace(seen, method=replace(updated, mandate=method.mandate))
        return seen

    def retrieve_payment(self, gateway_id: str) -> GatewayPayment:
        retrieve, gateway_id = self._v1.payment_intents.retrieve, asking.an_id(gateway_id)
        ask = lambda: retrieve(gateway_id, {"expand": asking.PAYMENT_PARTS}, AGAIN)  # noqa: E731
        with within(self._call_s):
            return self._with_method(*self._calls.look("retrieve payment", ask, reading.payment_and_bare_method))

    def find_payment(self, payment_reference: str, around: datetime) -> GatewayPayment | None:
        """Goes through the list: Stripe's search is a minute late, and a minute ago is what this is asked about."""
        for seen in self.list_payments(around - CREATED_AROUND, around + CREATED_AROUND):
            if seen.payment_reference == payment_reference:
                return seen
        return None

    def list_payments(self, since: datetime, until: datetime) -> Iterator[GatewayPayment]:
        list_, created = self._v1.payment_intents.list, asking.period(since, until)
        expand = [f"data.{part}" for part in asking.PAYMENT_PARTS]
        return self._calls.pages(
            "list payments",
            lambda: list_({"created": created, "limit": PAGE_SIZE, "expand": expand}, AGAIN),
            reading.payment_of_anyone,
        )

    def cancel_payment(self, gateway_id: str) -> GatewayPayment:
        cancel, gateway_id = self._v1.payment_intents.cancel, asking.an_id(gateway_id)
        ask = lambda: cancel(gateway_id, {"expand": asking.PAYMENT_PARTS})  # noqa: E731
        with within(self._call_s):
            try:
                return self._calls.change("cancel payment", ask, reading.payment)
            except GatewayRejected as error:
                return self._what_it_became(gateway_id, error, unless=CANCELLABLE)

    # ----------------------------------------------------------------------------------------- refunds, disputes

    def refund(self, gateway_id: str, amount: Money, idempotency_key: str) -> GatewayRefund:
        """Stripe's refund of an intent takes no currency, so that of the payment is looked at first."""
        create, options = self._v1.refunds.create, asking.under(idempotency_key)
        paid, metadata = self.retrieve_payment(gateway_id), {reading.REFUND_KEY: idempotency_key}
        if paid.amount.currency != amount.currency:
            raise GatewayRejected(f"refund of {amount} from a payment in {paid.amount.currency}", "currency_mismatch")
        return self._calls.change(
            "refund",
            lambda: create({"payment_intent": gateway_id, "amount": amount.minor, "metadata": metadata}, options),
            reading.refund,
        )

    def list_refunds(self, gateway_id: str) -> Sequence[GatewayRefund]:
        list_, gateway_id = self._v1.refunds.list, asking.an_id(gateway_id)
        first = lambda: list_({"payment_intent": gateway_id, "limit": PAGE_SIZE}, AGAIN)  # noqa: E731
        return list(self._calls.pages("list refunds", first, reading.refund))[::-1]  # Stripe tells the newest first

    def list_disputes(self, gateway_id: str) -> Sequence[GatewayDispute]:
        list_, gateway_id = self._v1.disputes.list, asking.an_id(gateway_id)
        expand = ["data.charge"]  # a card's dispute or a bank's return? the charge says
        first = lambda: list_({"payment_intent": gateway_id, "limit": PAGE_SIZE, "expand": expand}, AGAIN)  # noqa: E731
        return list(self._calls.pages("list disputes", first, reading.dispute))[::-1]

    # ---------------------------------------------------------------------------------------------------- events

    def list_events(self, since: datetime, until: datetime) -> Iterator[GatewayEvent]:
        """As far back as Stripe keeps them, 30 days; of the types that our endpoint is to hear of."""
        list_, created, types = self._v1.events.list, asking.period(since, until), list(EVENT_TYPES)
        first = lambda: list_({"created": created, "types": types, "limit": PAGE_SIZE}, AGAIN)  # noqa: E731
        return self._calls.pages("list events", first, read_event)

    def read_dispute(self, payload: Mapping[str, Any]) -> GatewayDispute | None:
        try:
            return reading.dispute(payload["data"]["object"])
        except reading.UNREADABLE:
            return None

    def verify_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent:
        return self._events.verified(body, headers, self._now())


def _known(info: MethodInfo | None, reference: str) -> MethodInfo:
    if info is None:
        raise GatewayRejected(f"{reference} is neither a card nor a bank debit", "payment_method_not_available")
    return info
