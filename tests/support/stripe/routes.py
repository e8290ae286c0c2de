"""Every address of the API that the double knows, one a line: what it does, and which types describe it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from tests.support.stripe import account, bank_debits, charges, intents, lists, setups, wallet
from tests.support.stripe.errors import Object, invalid
from tests.support.stripe.intents import Done
from tests.support.stripe.store import Store

Work = Callable[[Store, list[str], Object], Object | Done]


@dataclass(frozen=True)
class Route:
    """`parameters`: in stripe.params. `answers`: in stripe, for what the description leaves out (`[]` for a list)."""

    method: str
    path: str
    parameters: str
    work: Work
    answers: str | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{[^}]+\}", "([^/]+)", self.path))


MOST_TYPES = 20  # docs.stripe.com/api/events/list


def _get(kind: str) -> Work:
    return lambda store, ids, _asked: store.get(kind, ids[0])


def _list(kind: str, url: str, *filters: str) -> Work:
    """Objects whose keys are what the filters of these names say."""

    def work(store: Store, _ids: list[str], asked: Object) -> Object:
        wanted = {name: asked[name] for name in filters if name in asked}
        for name in {"payment_intent", "charge", "customer"} & set(wanted):
            store.get(name, wanted[name], param=name, in_path=False)
        found = [item for item in store.all(kind) if all(item.get(k) == v for k, v in wanted.items())]
        return lists.page(found, asked, url)

    return work


def _search(kind: str, url: str) -> Work:
    return lambda store, _ids, asked: lists.search(store, kind, asked, url)


def _events(store: Store, _ids: list[str], asked: Object) -> Object:
    """Those of the last 30 days; `type` may end in `.*`."""
    young = [e for e in store.all("event") if e["created"] > store.now() - 30 * 86_400]
    if "type" in asked:
        pattern = re.escape(asked["type"]).replace(r"\*", ".*")
        young = [e for e in young if re.fullmatch(pattern, e["type"])]
    if len(asked.get("types", [])) > MOST_TYPES:
        raise invalid(f"You may list at most {MOST_TYPES} types.", param="types")
    if "types" in asked:
        young = [e for e in young if e["type"] in asked["types"]]
    return lists.page(young, asked, "/v1/events")


def _methods(store: Store, customer: str | None, asked: Object, url: str) -> Object:
    found = wallet.methods_of(store, customer, asked.get("type")) if customer else []
    return lists.page(found, asked, url)


def _methods_of_customer(store: Store, ids: list[str], asked: Object) -> Object:
    store.get("customer", ids[0])
    return _methods(store, ids[0], asked, f"/v1/customers/{ids[0]}/payment_methods")


def _method_of_customer(store: Store, ids: list[str], _asked: Object) -> Object:
    found = store.get("payment_method", ids[1])
    return found if found["customer"] == ids[0] else store.get("payment_method", "of another customer")


def _change_metadata(kind: str) -> Work:
    def work(store: Store, ids: list[str], asked: Object) -> Object:
        thing = store.get(kind, ids[0])
        wallet.merge_metadata(thing, asked)
        return thing

    return work


PI, SI, PM, CUS = "/v1/payment_intents", "/v1/setup_intents", "/v1/payment_methods", "/v1/customers"
ROUTES: tuple[Route, ...] = tuple(
    Route(*line)
    for line in (
        ("post", CUS, "CustomerCreateParams", lambda s, i, p: wallet.create_customer(s, p)),
        ("get", CUS, "CustomerListParams", _list("customer", CUS, "email")),
        ("get", f"{CUS}/search", "CustomerSearchParams", _search("customer", f"{CUS}/search")),
        ("get", CUS + "/{customer}", "CustomerRetrieveParams", _get("customer")),
        ("post", CUS + "/{customer}", "CustomerUpdateParams", lambda s, i, p: wallet.update_customer(s, i[0], p)),
        ("delete", CUS + "/{customer}", "CustomerDeleteParams", lambda s, i, p: wallet.delete_customer(s, i[0])),
        ("get", CUS + "/{customer}/payment_methods", "CustomerPaymentMethodListParams", _methods_of_customer),
        ("get", CUS + "/{customer}/payment_methods/{pm}", "CustomerPaymentMethodRetrieveParams", _method_of_customer),
        ("post", PM, "PaymentMethodCreateParams", lambda s, i, p: wallet.create_method(s, p)),
        ("get", PM, "PaymentMethodListParams", lambda s, i, p: _methods(s, p.get("customer"), p, PM)),
        ("get", PM + "/{pm}", "PaymentMethodRetrieveParams", lambda s, i, p: wallet.find_method(s, i[0])),
        ("post", PM + "/{pm}", "PaymentMethodUpdateParams", lambda s, i, p: wallet.update_method(s, i[0], p)),
        (
            "post",
            PM + "/{pm}/attach",
            "PaymentMethodAttachParams",
            lambda s, i, p: wallet.attach(s, i[0], p["customer"]),
        ),
        ("post", PM + "/{pm}/detach", "PaymentMethodDetachParams", lambda s, i, p: wallet.detach(s, i[0])),
        ("get", "/v1/confirmation_tokens/{token}", "ConfirmationTokenRetrieveParams", _get("confirmation_token")),
        (
            "post",
            "/v1/test_helpers/confirmation_tokens",
            "test_helpers.ConfirmationTokenCreateParams",
            lambda s, i, p: wallet.create_token(s, p),
        ),
        ("post", PI, "PaymentIntentCreateParams", lambda s, i, p: intents.create_and_confirm(s, p)),
        ("get", PI, "PaymentIntentListParams", _list("payment_intent", PI, "customer")),
        ("get", f"{PI}/search", "PaymentIntentSearchParams", _search("payment_intent", f"{PI}/search")),
        ("get", PI + "/{pi}", "PaymentIntentRetrieveParams", _get("payment_intent")),
        ("post", PI + "/{pi}", "PaymentIntentUpdateParams", lambda s, i, p: intents.update(s, i[0], p)),
        ("post", PI + "/{pi}/confirm", "PaymentIntentConfirmParams", lambda s, i, p: intents.confirm(s, i[0], p)),
        ("post", PI + "/{pi}/cancel", "PaymentIntentCancelParams", lambda s, i, p: intents.cancel(s, i[0], p)),
        (
            "post",
            PI + "/{pi}/verify_microdeposits",
            "PaymentIntentVerifyMicrodepositsParams",
            lambda s, i, p: bank_debits.verify_microdeposits(s, i[0], p),
        ),
        ("post", SI, "SetupIntentCreateParams", lambda s, i, p: setups.create(s, p)),
        ("get", SI, "SetupIntentListParams", _list("setup_intent", SI, "customer", "payment_method")),
        ("get", SI + "/{si}", "SetupIntentRetrieveParams", _get("setup_intent")),
        ("post", SI + "/{si}", "SetupIntentUpdateParams", _change_metadata("setup_intent")),
        ("post", SI + "/{si}/confirm", "SetupIntentConfirmParams", lambda s, i, p: setups.confirm(s, i[0], p)),
        (
            "post",
            SI + "/{si}/verify_microdeposits",
            "SetupIntentVerifyMicrodepositsParams",
            lambda s, i, p: setups.verify_microdeposits(s, i[0], p),
        ),
        ("post", SI + "/{si}/cancel", "SetupIntentCancelParams", lambda s, i, p: setups.cancel(s, i[0], p)),
        ("get", "/v1/charges", "ChargeListParams", _list("charge", "/v1/charges", "payment_intent", "customer")),
        ("get", "/v1/charges/{charge}", "ChargeRetrieveParams", _get("charge")),
        ("post", "/v1/refunds", "RefundCreateParams", lambda s, i, p: charges.create_refund(s, p)),
        ("get", "/v1/refunds", "RefundListParams", _list("refund", "/v1/refunds", "payment_intent", "charge")),
        ("get", "/v1/refunds/{refund}", "RefundRetrieveParams", _get("refund")),
        ("post", "/v1/refunds/{refund}", "RefundUpdateParams", _change_metadata("refund")),
        ("get", "/v1/events", "EventListParams", _events),
        ("get", "/v1/events/{event}", "EventRetrieveParams", _get("event")),
        ("get", "/v1/mandates/{mandate}", "MandateRetrieveParams", _get("mandate")),
        ("post", "/v1/webhook_endpoints", "WebhookEndpointCreateParams", lambda s, i, p: account.create_endpoint(s, p)),
        (
            "get",
            "/v1/webhook_endpoints",
            "WebhookEndpointListParams",
            _list("webhook_endpoint", "/v1/webhook_endpoints"),
        ),
        ("get", "/v1/webhook_endpoints/{we}", "WebhookEndpointRetrieveParams", _get("webhook_endpoint")),
        # From here on: not in the description, held against the types of Stripe's library alone.
        (
            "get",
            "/v1/disputes",
            "DisputeListParams",
            _list("dispute", "/v1/disputes", "payment_intent", "charge"),
            "[]Dispute",
        ),
        ("get", "/v1/disputes/{dispute}", "DisputeRetrieveParams", _get("dispute"), "Dispute"),
        ("get", "/v1/account", "AccountRetrieveCurrentParams", lambda s, i, p: account.show(s), "Account"),
        (
            "get",
            "/v1/payment_method_configurations",
            "PaymentMethodConfigurationListParams",
            lambda s, i, p: lists.page(account.method_configurations(s), p, "/v1/payment_method_configurations"),
            "[]PaymentMethodConfiguration",
        ),
    )
)


def find(method: str, path: str) -> tuple[Route, list[str]] | None:
    """The route and the still quoted ids of its address. Fixed ones stand before those with a placeholder."""
    for route in ROUTES:
        if route.method == method and (match := route.pattern.fullmatch(path)):
            return route, list(match.groups())
    return None
