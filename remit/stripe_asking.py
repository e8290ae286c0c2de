"""Asking Stripe about itself, with our key, version and time limits; a refusal is told as a line of the check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import stripe

from billing import stripe_settings
from billing.config import Settings
from billing.gateways.stripe_calls import StripeCalls
from billing.gateways.stripe_http import within
from billing.gateways.stripe_reading import plain

PATIENCE_S = 10.0  # for one question
LONGEST_REASON = 200  # characters of what Stripe says
# Stripe's library on what is no answer of Stripe's.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
EVENTS_PATH = "/webhooks/stripe"
Mark = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Line:
    mark: Mark
    what: str
    found: str
    next: str = ""  # what to do about it; empty where nothing is to be done


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings that are looked at, as they are: unlike `Settings`, a wrong one is no obstacle here."""

    secret_key: str
    publishable_key: str
    webhook_secret: str
    api_base: str
    account: str
    bank_debits: str
    public_url: str
    sandbox_enabled: bool

    @classmethod
    def from_environment(cls, given: Mapping[str, str]) -> Setup:
        def of(name: str) -> str:
            return given.get(name.upper()) or str(Settings.model_fields[name].default)

        return cls(
            of("stripe_secret_key"),
            of("stripe_publishable_key"),
            of("stripe_webhook_secret"),
            of("stripe_api_base"),
            of("stripe_account"),
            of("stripe_bank_debits"),
            of("public_url").rstrip("/"),
            of("sandbox_enabled").lower() in ("1", "true", "yes"),
        )

    @property
    def live(self) -> bool:
        return stripe_settings.is_live(self.secret_key)

    @property
    def events_url(self) -> str:
        return self.public_url + EVENTS_PATH


class Asking:
    """`headers`: of the latest answer, in small letters; `asked_at`, `answered_at`: our clock, seconds since 1970."""

    def __init__(self, setup: Setup, now: Callable[[], float]) -> None:
        self.now = now
        self._secret = setup.secret_key
        self._of_account = StripeCalls(setup.secret_key, PATIENCE_S, setup.api_base, setup.account or None)
        self._of_platform = StripeCalls(setup.secret_key, PATIENCE_S, setup.api_base, None)
        self.v1 = self._of_account.v1
        self.platform = self._of_platform.v1  # webhook endpoints are the platform's own, not the connected account's
        self.headers: Mapping[str, str] = {}
        self.asked_at = self.answered_at = 0.0

    def close(self) -> None:
        self._of_account.close()
        self._of_platform.close()

    def ask(
        self,
        what: str,
        question: Callable[[], stripe.StripeObject],
        *,
        permission: str,
        refused: Mark = "warning",
    ) -> Mapping[str, Any] | Line:
        """The answer, or what there is to say instead; `refused` is how bad it is when Stripe does not tell."""
        self.asked_at = self.now()
        try:
            with within(PATIENCE_S):
                answer = question()
            self.answered_at = self.now()
            told = answer.last_response
            found: Mapping[str, Any] = plain(answer)
        except stripe.AuthenticationError:
            next_ = "copy it anew: Dashboard → Developers → API keys"
            return Line("wrong", what, "Stripe does not know the secret key", next_)
        except stripe.PermissionError as error:
            next_ = f"allow the restricted key to read {permission}; is STRIPE_ACCOUNT right?"
            return Line(refused, what, f"not allowed: {self._said(error)}", next_)
        except stripe.APIConnectionError as error:
            next_ = "look at the network, the proxy and STRIPE_API_BASE"
            return Line("wrong", what, f"Stripe does not answer: {self._said(error)}", next_)
        except stripe.StripeError as error:
            return Line(refused, what, f"could not be read: {self._said(error)}", "look at it in the Dashboard")
        except UNREADABLE as error:
            next_ = "is STRIPE_API_BASE really Stripe's?"
            return Line(refused, what, f"the answer is none of Stripe's ({type(error).__name__})", next_)
        self.headers = {name.lower(): value for name, value in told.headers.items()} if told is not None else {}
        return found

    def ask_list(
        self, what: str, question: Callable[[], stripe.StripeObject], *, permission: str
    ) -> Sequence[Mapping[str, Any]] | Line:
        """The first page of a list: a hundred, which is more than anybody has of these."""
        listed = self.ask(what, question, permission=permission)
        if isinstance(listed, Line):
            return listed
        found = listed.get("data")
        if not isinstance(found, list):
            return Line("warning", what, "the answer is no list", "is STRIPE_API_BASE really Stripe's?")
        return [item for item in found if isinstance(item, dict)]

    def _said(self, error: stripe.StripeError) -> str:
        said = error.user_message or str(error) or type(error).__name__
        return said.replace(self._secret, "…")[:LONGEST_REASON]
