"""The gateway's own fields on the secure page: what our script needs to show them, and which tokens they hand out.

The sandbox bank's are a frame; Stripe's are its Payment Element, before anything exists at Stripe, and for Canadian
pre-authorized debits (which that Element cannot take before there is a payment) its own window after Pay.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from assistant.wording import say
from billing.config import BANK_DEBITS, Settings
from billing.gateways.base import BANK_DEBIT_ON_PAGE
from billing.models import Quote
from webhook.errors import Refused
from webhook.page_policy import origin, stripe_is_on

CARD, CANADIAN_DEBIT, US_DEBIT = "card", "acss_debit", "us_bank_account"
# Only what the fields made for this one press of Pay: never a saved method's reference, whoever it belongs to.
_SANDBOX_TOKEN = re.compile(r"tok_[A-Za-z0-9_-]{1,200}")
_STRIPE_TOKEN = re.compile(r"ctoken_[A-Za-z0-9]{1,200}")
_STRIPE_LOCALES = {"en": "en-CA", "fr": "fr-CA"}


def fields_view(settings: Settings, language: str, currency: str) -> dict[str, Any]:
    """`page.fields` of the page's script; `kind` names the module in static/ that knows the rest."""
    if not stripe_is_on(settings):
        place = urlencode({"lang": language, "parent": origin(settings.public_url)})
        return {"kind": "sandbox", "url": f"{settings.sandbox_url}/fields?{place}"}
    us_debit = [US_DEBIT] if US_DEBIT in offered_debits(settings, currency) else []
    return {
        "kind": "stripe",
        "script": settings.stripe_js_url,
        "key": settings.stripe_publishable_key,
        "account": settings.stripe_account or None,
        "locale": _STRIPE_LOCALES[language],
        "currency": currency.lower(),
        "types": [CARD, *us_debit],
    }


def offered_debits(settings: Settings, currency: str) -> tuple[str, ...]:
    """The bank debits that an account of this currency can pay with here."""
    if not stripe_is_on(settings):
        return ()
    return tuple(kind for kind in settings.stripe_bank_debits.split() if BANK_DEBITS[kind] == currency)


def check_token(settings: Settings, token: str, method: str, currency: str) -> None:
    """Raises Refused(bad_field) unless the page's fields hand out such a token for that kind of method."""
    if method != CARD and method not in offered_debits(settings, currency):
        raise Refused("bad_field", field="method")
    if method == CANADIAN_DEBIT:
        fits = token == BANK_DEBIT_ON_PAGE
    else:
        fits = bool((_STRIPE_TOKEN if stripe_is_on(settings) else _SANDBOX_TOKEN).fullmatch(token))
    if not fits:
        raise Refused("bad_field", field="token")


def mandates(settings: Settings, quoted: Quote, language: str) -> dict[str, dict[str, str]]:
    """The permission text of every debit that is offered, for `once` and for `saved`; from the quote alone."""
    return {
        kind: {
            "once": mandate_text(settings, quoted, language, kind, save=False),
            "saved": mandate_text(settings, quoted, language, kind, save=True),
        }
        for kind in offered_debits(settings, quoted.currency)
    }


def mandate_text(settings: Settings, quoted: Quote, language: str, method: str, *, save: bool) -> str:
    key = f"mandate_{method}_saved" if save else f"mandate_{method}"
    return say(
        key,
        language,
        "page",
        amount=quoted.amount,
        company=settings.company_name,
        contact=settings.company_contact,
    )
