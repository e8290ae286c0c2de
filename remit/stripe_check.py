"""Is everything at Stripe as we need it? One line for each thing, with what to do next where it is not.

Asks Stripe in reading only. No line holds a secret: of a key, its kind and mode are told, never the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from billing import stripe_settings
from billing.config import BANK_DEBITS, Settings
from billing.gateways.stripe import API_VERSION
from remit.stripe_asking import Asking, Line, Setup
from remit.stripe_endpoint import check_endpoint

CLOCKS_APART_S = 5.0  # more than the way there and back explains
SIGNATURES_END_S = 300.0  # an event signed longer ago, or further ahead, is refused
WALLETS = {"apple_pay": "Apple Pay", "google_pay": "Google Pay"}


def check_stripe(
    setup: Setup, arrived: Callable[[str], bool] | None = None, now: Callable[[], float] = time.time
) -> Iterator[Line]:
    """The lines, as they are found. `arrived`: is an event of that id in the books? `now`: seconds since 1970."""
    keys = _keys(setup)
    yield keys
    if keys.mark == "wrong":
        return
    yield from _address(setup)
    asking = Asking(setup, now)
    try:
        answers = _answers(asking)
        yield answers
        if answers.mark == "wrong":
            return
        yield _version(asking)
        yield _clock(asking)
        yield _account(asking)
        yield from _methods(asking, setup)
        yield from check_endpoint(asking, setup, arrived)
    finally:
        asking.close()


# ------------------------------------------------------------------------------------------------ without asking


def _keys(setup: Setup) -> Line:
    complaint = stripe_settings.complaint(
        secret_key=setup.secret_key,
        publishable_key=setup.publishable_key,
        webhook_secret=setup.webhook_secret,
        api_base=setup.api_base,
        account=setup.account,
        sandbox_enabled=setup.sandbox_enabled,
    )
    if not (setup.secret_key or setup.publishable_key or setup.webhook_secret):
        next_ = "set STRIPE_SECRET_KEY, STRIPE_PUBLISHABLE_KEY and STRIPE_WEBHOOK_SECRET (docs/stripe.md)"
        return Line("wrong", "keys", "none is set: the sandbox bank serves where it is on", next_)
    if complaint is not None:
        return Line("wrong", "keys", complaint, "copy them anew: Dashboard → Developers → API keys, Webhooks")
    kind = "restricted" if setup.secret_key.startswith("rk_") else "secret"
    mode = "live" if setup.live else "test"
    return Line("ok", "keys", f"{kind} and publishable key, both of {mode} mode")


def _address(setup: Setup) -> Iterator[Line]:
    address = urlsplit(setup.public_url)
    if setup.live and address.scheme != "https":
        next_ = "set PUBLIC_URL to the https:// address of the edge"
        yield Line("wrong", "our address", f"{setup.public_url} with a live key", next_)
    if setup.live and setup.api_base.rstrip("/") != Settings.model_fields["stripe_api_base"].default:
        yield Line("warning", "Stripe's address", setup.api_base, "unset STRIPE_API_BASE unless you mean it")


# ------------------------------------------------------------------------------------------------------- asking


def _answers(asking: Asking) -> Line:
    list_ = asking.v1.payment_intents.list
    answer = asking.ask("Stripe", lambda: list_({"limit": 1}), permission="PaymentIntents", refused="wrong")
    if isinstance(answer, Line):
        return answer
    took_ms = 1000 * (asking.answered_at - asking.asked_at)
    return Line("ok", "Stripe", f"takes the secret key, answered in {took_ms:.0f} ms")


def _version(asking: Asking) -> Line:
    answered = asking.headers.get("stripe-version")
    if answered in (None, API_VERSION):
        return Line("ok", "API version", f"{API_VERSION}, asked for with every request")
    next_ = "use the release of Remit that was made for it, or look at Stripe's changelog"
    return Line("warning", "API version", f"asked for {API_VERSION}, answered in {answered}", next_)


def _clock(asking: Asking) -> Line:
    try:
        theirs = parsedate_to_datetime(asking.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return Line("warning", "clock", "Stripe's answer has no date", "compare this machine's clock by hand")
    # Theirs is cut to a whole second and was read somewhere between question and answer.
    apart = max(0.0, theirs - asking.answered_at, asking.asked_at - (theirs + 1))
    if apart <= CLOCKS_APART_S:
        return Line("ok", "clock", "ours and Stripe's agree")
    found, next_ = f"{apart:.0f} s apart from Stripe's", "let the machine keep its time (chrony, systemd-timesyncd)"
    if apart < SIGNATURES_END_S:
        return Line("warning", "clock", f"{found}; from {SIGNATURES_END_S:.0f} s on, events are refused", next_)
    return Line("wrong", "clock", f"{found}: every event is refused", next_)


def _account(asking: Asking) -> Line:
    account = asking.ask("account", asking.v1.accounts.retrieve_current, permission="Accounts")
    if isinstance(account, Line):
        return account
    profile = account.get("business_profile")
    name = (profile.get("name") if isinstance(profile, dict) else None) or "unnamed"
    found = f"{account.get('id')}, {name}, {account.get('country')}, {str(account.get('default_currency')).upper()}"
    if not account.get("charges_enabled"):
        return Line("wrong", "account", f"{found}: may not charge", "finish its activation in the Dashboard")
    return Line("ok", "account", found)


# ---------------------------------------------------------------------------------------------- payment methods


def _methods(asking: Asking, setup: Setup) -> Iterator[Line]:
    list_ = asking.v1.payment_method_configurations.list
    listed = asking.ask_list(
        "payment methods", lambda: list_({"limit": 100}), permission="Payment method configurations"
    )
    if isinstance(listed, Line):
        yield listed
        return
    active = [found for found in listed if found.get("active")]
    chosen = next((found for found in active if found.get("is_default")), active[0] if active else None)
    if chosen is None:
        yield Line("wrong", "cards", "no payment methods are set up", "Dashboard → Settings → Payment methods")
        return
    yield _cards(chosen)
    yield _wallets(chosen)
    yield from _bank_debits(chosen, setup)


def _is_on(configuration: Mapping[str, Any], kind: str) -> bool:
    found = configuration.get(kind)
    return isinstance(found, dict) and bool(found.get("available"))


def _cards(configuration: Mapping[str, Any]) -> Line:
    if _is_on(configuration, "card"):
        return Line("ok", "cards", "on")
    return Line("wrong", "cards", "off", "turn them on: Dashboard → Settings → Payment methods")


def _wallets(configuration: Mapping[str, Any]) -> Line:
    on = [name for kind, name in WALLETS.items() if _is_on(configuration, kind)]
    if len(on) == len(WALLETS):
        return Line("ok", "wallets", f"{' and '.join(on)} on")
    off = " and ".join(name for name in WALLETS.values() if name not in on)
    next_ = "nothing, if customers need not have them; else Dashboard → Settings → Payment methods"
    return Line("warning", "wallets", f"{off} off", next_)


def _bank_debits(configuration: Mapping[str, Any], setup: Setup) -> Iterator[Line]:
    """What our page offers must be on at Stripe; what is on there and not offered here is a hint."""
    offered = set(setup.bank_debits.split())
    if not offered and not any(_is_on(configuration, kind) for kind in BANK_DEBITS):
        yield Line("ok", "bank debits", "none, neither at Stripe nor on our page")
    for kind, currency in BANK_DEBITS.items():
        on = _is_on(configuration, kind)
        if kind in offered and on:
            yield Line("ok", "bank debits", f"{kind} ({currency}) on, and offered on our page")
        elif kind in offered:
            next_ = f"turn it on: Dashboard → Settings → Payment methods, or take {kind} out of STRIPE_BANK_DEBITS"
            yield Line("wrong", "bank debits", f"{kind} ({currency}) offered on our page, off at Stripe", next_)
        elif on:
            next_ = f"add {kind} to STRIPE_BANK_DEBITS to offer it"
            yield Line("warning", "bank debits", f"{kind} ({currency}) on at Stripe, not offered on our page", next_)
