"""What a test does to Stripe from behind: banks decide, customers dispute, clerks use the dashboard, mail is lost.

Each verb is a method here and `POST /control/<verb>` with its arguments as JSON, for a double in another process.
"""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.stripe import charges, disputes, intents, mandates, outcomes, setups, wallet
from tests.support.stripe.checks import Checks
from tests.support.stripe.errors import Object
from tests.support.stripe.store import PREFIXES, Store
from tests.support.stripe.webhooks import Mode, Post

Fault = Literal["cut", "hangs", "fails", "garbles", "resets", "too_many"]
VERBS = (
    *("decide", "pass_step", "dispute", "close_dispute", "refund", "decide_refund", "cancel_payment"),
    *("attach_method", "detach_method", "renew_card", "edit_method", "change_mandate", "objects"),
    *("mode", "release", "resend", "fail_next", "checked", "reset", "forward_clock"),
)


@dataclass(frozen=True, slots=True)
class Planned:
    """`cut` and `too_many` (429) happen before the work, the others after it."""

    method: str
    path: re.Pattern[str]
    fault: Fault


@dataclass
class Control:
    store: Store
    post: Post
    checks: Checks
    planned: deque[Planned] = field(default_factory=deque)

    # ------------------------------------------------------------------------------------- banks and customers

    def decide(self, payment_intent: str, approve: bool) -> Object:
        """The bank's late decision about a debit."""
        with self.store.lock:
            return outcomes.decide(self.store, payment_intent, approve=approve)

    def pass_step(self, intent: str, passed: bool) -> Object:
        """3-D Secure, as if the customer had done it in Stripe's window."""
        with self.store.lock:
            step = setups.pass_step if intent.startswith("seti_") else outcomes.pass_step
            return step(self.store, intent, passed=passed)

    def dispute(
        self,
        payment_intent: str,
        amount: int | None = None,
        reason: str = "fraudulent",
        status: str = "needs_response",
    ) -> Object:
        """`warning_needs_response`: an inquiry. `lost`: a bank debit that comes back."""
        with self.store.lock:
            return disputes.open_dispute(self.store, payment_intent, amount=amount, reason=reason, status=status)

    def close_dispute(self, dispute: str, won: bool) -> Object:
        with self.store.lock:
            return disputes.close_dispute(self.store, dispute, won=won)

    def decide_refund(self, refund: str, succeeded: bool) -> Object:
        with self.store.lock:
            return charges.decide_refund(self.store, refund, succeeded=succeeded)

    def renew_card(self, payment_method: str, exp_month: int, exp_year: int, last4: str | None = None) -> Object:
        """The card network tells of a new card."""
        with self.store.lock:
            return wallet.renew_card(self.store, payment_method, exp_month, exp_year, last4)

    def change_mandate(self, mandate: str, status: str = "inactive") -> Object:
        with self.store.lock:
            return mandates.change_mandate(self.store, mandate, status)

    # ------------------------------------------------------------------------------------------ the dashboard

    def refund(self, payment_intent: str, amount: int | None = None) -> Object:
        asked: Object = {"payment_intent": payment_intent} | ({"amount": amount} if amount else {})
        with self.store.lock:
            return charges.create_refund(self.store, asked)

    def cancel_payment(self, payment_intent: str) -> Object:
        with self.store.lock:
            return intents.cancel(self.store, payment_intent, {})

    def attach_method(self, customer: str, payment_method: str, billing_details: Object | None = None) -> Object:
        """Saves a method (an id of Stripe's test methods will do) for a customer."""
        with self.store.lock:
            found = wallet.find_method(self.store, payment_method)
            if billing_details:
                found["billing_details"] = {**found["billing_details"], **billing_details}
                found["billing_details"]["address"] = {**wallet.NO_ADDRESS, **(billing_details.get("address") or {})}
            return wallet.attach(self.store, found["id"], customer)

    def detach_method(self, payment_method: str) -> Object:
        with self.store.lock:
            return wallet.detach(self.store, payment_method)

    def edit_method(self, payment_method: str, **asked: Any) -> Object:
        with self.store.lock:
            return wallet.update_method(self.store, payment_method, asked)

    def objects(self, kind: str) -> list[Object]:
        """Everything of a kind (payment_intent, refund, event…), newest first."""
        with self.store.lock:
            return self.store.all(kind)

    # ------------------------------------------------------------------------------------------------ the post

    def mode(self, **wanted: Any) -> Object:
        """How coming events travel: repeat, lose (a probability), delay_s, shuffle_s, hold; none: as usual."""
        seed = wanted.pop("seed", None)
        if seed is not None:
            self.post.chance.seed(str(seed))
        self.post.mode = Mode(**wanted)
        return vars(self.post.mode)

    def release(self, order: str = "in_order") -> int:
        return self.post.release(order)

    def resend(self, event: str, times: int = 1) -> Object:
        with self.store.lock:
            found = self.store.get("event", event)
        self.post.send_again(found, times)
        return found

    # ------------------------------------------------------------------------------------------- the double itself

    def fail_next(self, fault: Fault, path: str = "/v1/.*", method: str = "post", times: int = 1) -> int:
        """The next requests to an address that matches `path` go wrong."""
        self.planned.extend([Planned(method, re.compile(path), fault)] * times)
        return len(self.planned)

    def fault_for(self, method: str, path: str) -> Fault | None:
        for planned in self.planned:
            if planned.method == method and planned.path.fullmatch(path):
                self.planned.remove(planned)
                return planned.fault
        return None

    def forward_clock(self, seconds: float) -> float:
        """The time that the double writes on what it makes: for what has to be old."""
        before = self.store.clock
        self.store.clock = lambda: before() + seconds
        return self.store.clock()

    def checked(self) -> Object:
        return self.checks.summary()

    def reset(self) -> None:
        """Forgets everything but what was checked."""
        with self.store.lock:
            for kind in PREFIXES:
                self.store.objects[kind].clear()
            self.store.behaviours.clear()
            self.store.spent.clear()
            self.store.clock = time.time
            self.planned.clear()
            self.post.forget()
