"""Events on their way: signed, delivered at least once and in no order; worse when a test asks for it."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import json
import random
import threading
import time
from dataclasses import dataclass, field

import httpx

from tests.support.stripe.errors import Object

PAUSES_S = (0.5, 1, 2, 5, 15, 60)  # before the second, third… try; hours at Stripe, three days in all
TIMEOUT_S = 10.0


def signature(body: bytes, secrets: list[str], at: int) -> str:
    """Stripe-Signature: one v1 for every secret that is valid at the moment (two while it is rotated)."""
    signed = [hmac.new(s.encode(), b"%d." % at + body, hashlib.sha256).hexdigest() for s in secrets]
    return ",".join([f"t={at}", *(f"v1={value}" for value in signed)])


@dataclass(frozen=True)
class Mode:
    """How badly coming events travel. `lose` is a probability, the times are seconds."""

    repeat: int = 0  # extra deliveries of every event
    lose: float = 0.0
    delay_s: float = 0.0
    shuffle_s: float = 0.0  # every delivery waits a random part of this on top
    hold: bool = False  # until released, in the order asked for then


@dataclass
class Post:
    """`url` None: nobody listens, and events are only listed."""

    url: str | None = None
    secrets: list[str] = field(default_factory=list)
    mode: Mode = field(default_factory=Mode)
    chance: random.Random = field(default_factory=random.Random)
    held: list[Object] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # what the listener answered instead of 2xx
    _due: list[tuple[float, int, int, Object]] = field(default_factory=list)
    _count: itertools.count[int] = field(default_factory=itertools.count)
    _bell: threading.Condition = field(default_factory=threading.Condition)
    _stopping: bool = False
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="stripe-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._bell:
            self._stopping = True
            self._bell.notify()
        if self._thread is not None:
            self._thread.join(TIMEOUT_S)

    def take(self, event: Object) -> None:
        """An event has happened: it is sent, lost, held or delayed as the mode says."""
        if self.url is None:
            return
        with self._bell:
            for _ in range(1 + self.mode.repeat):
                if self.chance.random() < self.mode.lose:
                    continue
                if self.mode.hold:
                    self.held.append(event)
                else:
                    self._put(event, self.mode.delay_s + self.chance.random() * self.mode.shuffle_s)

    def send_again(self, event: Object, times: int = 1) -> None:
        """`stripe events resend`: whatever the mode."""
        with self._bell:
            for _ in range(times):
                self._put(event, 0.0)

    def release(self, order: str = "in_order") -> int:
        """Lets the held events go: in_order, reverse or shuffle."""
        with self._bell:
            going, self.held = self.held, []
            if order == "reverse":
                going.reverse()
            elif order == "shuffle":
                self.chance.shuffle(going)
            for event in going:
                self._put(event, 0.0)
            return len(going)

    def forget(self) -> None:
        with self._bell:
            self._due.clear()
            self.held.clear()
            self.failures.clear()
            self.mode = Mode()

    def _put(self, event: Object, wait_s: float, tries: int = 0) -> None:
        heapq.heappush(self._due, (time.monotonic() + wait_s, next(self._count), tries, event))
        self._bell.notify()

    def _run(self) -> None:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            while True:
                with self._bell:
                    while not self._stopping and (not self._due or self._due[0][0] > time.monotonic()):
                        self._bell.wait(self._due[0][0] - time.monotonic() if self._due else None)
                    if self._stopping:
                        return
                    _, _, tries, event = heapq.heappop(self._due)
                self._deliver(client, event, tries)

    def _deliver(self, client: httpx.Client, event: Object, tries: int) -> None:
        body = json.dumps(event, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(body, self.secrets, int(time.time())),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            answer = client.post(str(self.url), content=body, headers=headers)
            failed = None if answer.is_success else f"{event['type']}: HTTP {answer.status_code}"
        except httpx.HTTPError as error:
            failed = f"{event['type']}: {type(error).__name__}"
        if failed is None:
            return
        with self._bell:
            self.failures.append(failed)
            if tries < len(PAUSES_S):
                self._put(event, PAUSES_S[tries], tries + 1)
