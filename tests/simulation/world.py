"""One seed's world: customers, bank, workers and time, all of it decided by one generator of numbers.

Every piece of work is an actor (a greenlet) on the real database. It can be put aside, and can die, wherever a process
could: before and inside a transaction, after a commit, before and after a call to the bank. Since nothing is held open
across those points, one actor at a time is as good as many at once, and the same seed is always the same story.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, cast

from greenlet import getcurrent, greenlet
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from billing import inbox, invoices, quotes
from billing.accounts import lock_account, position, top_user, usable_methods
from billing.allocations import open_invoices
from billing.comparison import compare
from billing.config import Settings
from billing.context import Context
from billing.credits import grant_credit
from billing.database import SessionFactory
from billing.disputes import reconcile_disputes
from billing.errors import BillingError, GatewayError, GatewayRejected
from billing.models import Attempt, Payment
from billing.money import Money
from billing.payments import start_payment
from billing.payments_elsewhere import PaymentDraft, record_payments
from billing.reconcile import reconcile_due
from billing.refunds import reconcile_refunds, refund_payment
from tests.billing import builders as b
from tests.simulation.bank import StormyBank, Weather

DISPUTED_HOURS = 2
FATES = ("succeeded", "succeeded", "declined", "processing", "requires_action")
# Without limits against card testing: these customers try again and again.
SETTINGS: Settings = b.some_settings(tries_per_account=0, tries_per_session=0, tries_per_address=0, tries_per_card=0)


@dataclass(frozen=True, slots=True)
class Theme:
    """What a story is mostly about: how often who acts, how bad the line is, how often processes die or hang."""

    customers: int = 9
    events: int = 6
    workers: int = 6
    reconcilers: int = 3
    decisions: int = 4
    operators: int = 2
    disputes: int = 1
    time: int = 4
    crashes: float = 0.01
    hangs: float = 0.02
    badness: tuple[float, ...] = (0.0, 0.05, 0.15, 0.3)
    events_lost: float = 0.3  # at most
    compares: bool = False  # gateway and books, every day; only then the news of a dispute may be lost for good


THEMES = {
    "a bit of everything": Theme(),
    "a very bad line": Theme(badness=(0.3, 0.5)),
    "deaths": Theme(crashes=0.06, hangs=0.0),
    "hanging": Theme(crashes=0.0, hangs=0.25, time=9, reconcilers=9),  # others take them for dead
    "refunds": Theme(operators=14, badness=(0.1, 0.2), events_lost=0.8, crashes=0.0),
    "disputes": Theme(disputes=12, operators=4, decisions=8, workers=9, events_lost=0.8, hangs=0.05, compares=True),
    "a crowd": Theme(customers=16, crashes=0.0, hangs=0.0, badness=(0.0,)),  # only races, repeats and lost events
}


class Killed(BaseException):
    """The process of an actor is gone. No `except Exception` of ours may survive it."""


@dataclass
class Told:
    """What a customer was told when their yes had been carried out."""

    payment_id: int
    state: str


class Sessions:
    """The session factory as a crashing process sees it. Also knows who has a transaction open."""

    def __init__(self, maker: SessionFactory, world: World) -> None:
        self._maker, self._world = maker, world
        self._open: dict[object, weakref.WeakSet[Session]] = {}

    def __call__(self) -> Session:
        session = self._maker()
        self._open.setdefault(getcurrent(), weakref.WeakSet()).add(session)
        return session

    @contextmanager
    def begin(self) -> Iterator[Session]:
        self._world.pause()
        with self() as session, session.begin():
            yield session
            self._world.may_die()
        self._world.pause()

    def in_transaction(self) -> bool:
        return any(session.in_transaction() for session in self._open.get(getcurrent(), ()))


@dataclass
class World:
    seed: int
    maker: SessionFactory
    about: str | None = None  # one of THEMES; left to the seed if None
    rng: Random = field(init=False)
    at: datetime = b.NOW
    calm: bool = False
    log: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    accounts: list[int] = field(default_factory=list)
    actors: list[tuple[str, greenlet]] = field(default_factory=list)
    asleep: dict[greenlet, datetime] = field(default_factory=dict)  # processes that hang, and until when
    jobs: dict[int, int] = field(default_factory=dict)  # event rows to be handled, by job
    fetched: set[int] = field(default_factory=set)  # jobs that were taken from the queue already

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        theme = self.rng.choice(list(THEMES))
        self.theme = THEMES[self.about or theme]
        self.bank = StormyBank(
            rng=self.rng,
            weather=Weather.of(self.rng, self.theme.badness, self.theme.events_lost),
            now=lambda: self.at,
            before_call=self._called,
            disputes_are_heard_of=not self.theme.compares,
        )
        self.sessions = Sessions(self.maker, self)
        self.context = Context(cast("SessionFactory", self.sessions), self.bank, SETTINGS, self.now)

    def now(self) -> datetime:
        """No two moments are the same: what happened together can be told by its time."""
        self.at += timedelta(milliseconds=1)
        return self.at

    # ------------------------------------------------------------------------------------------------- actors

    def pause(self) -> None:
        """A point where a process can die or be overtaken."""
        me = getcurrent()
        if me.parent is None:
            return
        self.may_die()
        if self.calm:
            return
        luck = self.rng.random()
        if luck < self.theme.hangs:  # long enough for others to take it for dead
            self.asleep[me] = self.at + timedelta(seconds=self.rng.uniform(1, 100))
        if luck < 0.3:
            me.parent.switch()

    def may_die(self) -> None:
        if not self.calm and getcurrent().parent is not None and self.rng.random() < self.theme.crashes:
            raise Killed

    def _called(self, verb: str, key: str) -> None:
        """Before each call to the bank: what must be so by then (invariants 12 and 22)."""
        if self.sessions.in_transaction():
            self.complaints.append(f"a transaction is open across {verb}")
        if verb == "create":
            with self.maker() as session:
                if session.scalar(select(Attempt.id).where(Attempt.idempotency_key == key)) is None:
                    self.complaints.append(f"the bank is asked under the key {key}, which was never committed")
        self.pause()

    def spawn(self, name: str, work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                outcome = work()
            except Killed:
                self.log.append(f"{name}: killed")
            except (BillingError, _Retried) as error:
                self.log.append(f"{name}: {type(error).__name__} {error}")
            else:
                self.log.append(f"{name}: {outcome}")

        self.actors.append((name, greenlet(run)))

    def resume(self, index: int | None = None) -> None:
        """Lets one actor go on, to its next point or its end."""
        if not self.actors:
            return
        place = self.rng.randrange(len(self.actors)) if index is None else index
        if not self.calm and self.asleep.get(self.actors[place][1], self.at) > self.at:
            return
        name, actor = self.actors[place]
        try:
            actor.switch()
        except Exception as error:  # noqa: BLE001  (whatever escapes from the service is what is looked for)
            self.complaints.append(f"{name} failed: {type(error).__name__}: {error}")
        if actor.dead:
            self.actors.pop(place)

    # ----------------------------------------------------------------------------------------------- who acts

    def populate(self) -> None:
        with self.maker.begin() as session:
            for _ in range(self.rng.randint(1, 2)):
                account = b.an_account(session, users=self.rng.randint(1, 2), method=False)
                session.execute(text("update portal_users set created_at = :at"), {"at": self.at})
                for fate in dict.fromkeys(FATES):
                    b.a_method(session, account, reference=f"{account.id}.{fate}")
                for _ in range(self.rng.randint(0, 4)):
                    b.an_invoice(session, account, self._amount(), due_days=self.rng.randint(-60, 20), now=self.now())
                if self.rng.random() < 0.3:
                    b.a_credit(session, account, self._amount(), now=self.now())
                self.accounts.append(account.id)

    def _amount(self) -> str:
        return str(Decimal(self.rng.choice([1, 500, 1000, 2500, 9999])) / 100)

    def _account(self) -> int:
        return self.rng.choice(self.accounts)

    def customer(self) -> None:
        """Hears a quote and says yes: once, twice (a double click, a second tab), or too late."""
        account_id = self._account()

        def quote_then_yes() -> str:
            quote_id = self._quote(account_id)
            if quote_id is None:
                return "nothing to pay"
            if self.rng.random() < 0.3:
                self.spawn(f"second yes for account {account_id}", lambda: self._yes(quote_id))
            if self.rng.random() < 0.05:
                self.at += timedelta(seconds=SETTINGS.quote_ttl_chat_s + 1)
            return self._yes(quote_id)

        self.spawn(f"customer of account {account_id}", quote_then_yes)

    def _quote(self, account_id: int) -> Any:
        with self.sessions.begin() as session:
            standing = position(session, account_id, self.at.date())
            wish = self.rng.choice(["all", "all", "part", "more"])
            amount = {
                "all": standing.outstanding,
                "part": Money(max(1, standing.outstanding.minor // 3), "CAD"),
                "more": standing.outstanding + Money(1234, "CAD"),
            }[wish]
            if not amount:
                return None
            fate = self.rng.choice(FATES)
            method = next(m for m in usable_methods(session, account_id, "fake") if m.gateway_reference.endswith(fate))
            named = [invoice.id for invoice in open_invoices(session, account_id) if self.rng.random() < 0.1]
            quote = quotes.quote_payment(
                session,
                settings=SETTINGS,
                account_id=account_id,
                amount=amount,
                method_id=method.id,
                channel="chat",
                sender=f"sender-{account_id}",
                portal_user_id=top_user(session, account_id).id,
                invoice_id=named[0] if named else None,
                now=self.now(),
            )
            quotes.mark_delivered(session, quote.id, f"{quote.amount}?", self.at)
            return quote.id

    def _yes(self, quote_id: Any) -> str:
        payment = start_payment(self.context, quote_id, b.a_consent())
        self.told.append(Told(payment.id, payment.state))
        return f"payment {payment.id} {payment.state}"

    def postman(self) -> None:
        """One event arrives, in no order; the bank sends it again until it has an answer."""
        if not self.bank.mail:
            return
        event = self.rng.choice(self.bank.mail)

        def deliver() -> str:
            with self.sessions.begin() as session:
                new = inbox.receive_event(session, "fake", event, self.now())
            if event in self.bank.mail:
                self.bank.mail.remove(event)
            return f"{event.type} {event.object_id} {'new' if new else 'again'}"

        self.spawn(f"event {event.id}", deliver)

    def worker(self) -> None:
        """One job of the queue, which is gone only once it ended well; sometimes it is run again all the same."""
        self._fetch_jobs()
        if not self.jobs:
            return
        job = self.rng.choice(sorted(self.jobs))
        event_row_id = self.jobs[job]

        def handle() -> str:
            try:
                inbox.handle_event(self.context, event_row_id)
            except GatewayError as error:
                raise _Retried(str(error)) from error
            if self.rng.random() < 0.8:
                self.jobs.pop(job, None)
            return "handled"

        self.spawn(f"job {job}, event row {event_row_id}", handle)

    def _fetch_jobs(self) -> None:
        due = text(
            "select id, (args ->> 'event_row_id')::bigint as event_row_id from procrastinate_jobs"
            " where task_name = 'handle_event' and coalesce(scheduled_at, :now) <= :now order by id"
        )
        with self.maker() as session:
            for row in session.execute(due, {"now": self.at}).all():
                if row.id not in self.fetched:
                    self.jobs[row.id] = row.event_row_id
                    self.fetched.add(row.id)

    def reconciler(self) -> None:
        def reconcile() -> int:
            return reconcile_due(self.context) + reconcile_refunds(self.context) + reconcile_disputes(self.context)

        self.spawn("reconciler", reconcile)

    def billing_system(self) -> None:
        account_id, what = self._account(), self.rng.choice(["invoice", "payment", "credit"])
        amount, number = Money.from_decimal(Decimal(self._amount()), "CAD"), f"{what}-{self.now():%H%M%S%f}"

        def book() -> str:
            with self.sessions.begin() as session:
                lock_account(session, account_id)
                now = self.now()
                if what == "invoice":
                    due = now.date() + timedelta(days=self.rng.randint(-5, 20))
                    issued = due - timedelta(days=10)
                    invoices.issue_invoice(
                        session,
                        account_id=account_id,
                        external_id=number,
                        number=number,
                        total=amount,
                        issued_on=issued,
                        due_on=due,
                        now=now,
                    )
                elif what == "payment":
                    record_payments(
                        session, [PaymentDraft(account_id, number, amount, now)], actor="system:test", now=now
                    )
                else:
                    grant_credit(
                        session, account_id=account_id, external_id=number, amount=amount, reason="test", now=now
                    )
            return f"{what} of {amount} for account {account_id}"

        self.spawn("billing system", book)

    def operator(self) -> None:
        with self.maker() as session:
            captured = session.scalars(
                select(Payment).where(Payment.captured_minor > 0, Payment.gateway == "fake")
            ).all()
        if not captured:
            return
        payment = self.rng.choice(captured)
        amount = Money(max(1, payment.captured_minor // self.rng.choice([1, 1, 2, 3])), "CAD")
        reopen = self.rng.random() < 0.6
        self.bank.refunds_end = self.rng.choice(["succeeded", "succeeded", "pending"])

        def give_back() -> str:
            refund = refund_payment(self.context, payment.id, amount, operator="ana", reopen_invoices=reopen)
            return f"refund {refund.id} of payment {payment.id} {refund.state}"

        self.spawn("operator", give_back)

    def clerk_at_the_bank(self) -> None:
        """Refunds something in the bank's own dashboard."""
        charged = [p for p in self.bank.charges() if p in self.bank.ours()]
        if not charged:
            return
        payment = self.rng.choice(charged)
        half = Money(max(1, (payment.captured or payment.amount).minor // 2), "CAD")
        with suppress(GatewayRejected):  # it is given back already, or about to be
            refund = self.bank.refund_at_the_bank(payment.id, half)
            self.bank.decide_refund(refund.id, "succeeded")
            self.bank.mail.append(self.bank.event(payment.id, "refund.succeeded"))
            self.log.append(f"bank: refunds half of {payment.id}")

    def cardholders_bank(self) -> None:
        """Takes money back, or makes up its mind about what it took."""
        if self.rng.random() < 0.5 or not self.bank.decide_a_dispute():
            self.bank.dispute_something()

    def bookkeeper(self) -> None:
        """Compares the bank with the books, as every day."""
        self.spawn("bookkeeper", lambda: f"{compare(self.context, b.NOW, self.now()).difference_count} differences")

    def time_passes(self) -> None:
        self.at += timedelta(seconds=self.rng.choice([1, 5, 20, 40, 40, 40, 600, 2000]))
        self.bank.receive_late()

    def clean_up(self) -> None:
        def expire() -> str:
            with self.sessions.begin() as session:
                return f"{quotes.expire_quotes(session, self.now())} expired"

        self.spawn("clean-up", expire)

    # ---------------------------------------------------------------------------------------------- the story

    def storm(self) -> None:
        """Everybody acts at once, in an order that only the seed knows."""
        acts: list[tuple[int, Callable[[], object]]] = [
            (self.theme.customers, self.customer),
            (self.theme.events, self.postman),
            (self.theme.workers, self.worker),
            (self.theme.reconcilers, self.reconciler),
            (self.theme.decisions, self.bank.decide_something),
            (self.theme.operators, self.operator),
            (self.theme.disputes, self.cardholders_bank),
            (self.theme.time, self.time_passes),
            (2, self.billing_system),
            (1, self.clean_up),
        ]
        weights = [weight for weight, _ in acts]
        for _ in range(self.rng.randint(20, 50)):
            self.rng.choices([act for _, act in acts], weights)[0]()
            for _ in range(self.rng.choice([0, 1, 3, 9])):
                self.resume()
            if self.rng.random() < 0.02:
                self.bank.alien_capture()
            if self.rng.random() < 0.02:
                self.clerk_at_the_bank()
            if self.rng.random() < 0.02:
                self.bank.charge_again()

    def calm_down(self) -> None:
        """The line is good again and nobody dies any more; half of those at work when it happened are dead."""
        self.calm, self.bank.weather = True, Weather()
        while self.actors:
            if self.rng.random() < 0.5:
                self.resume(0)
            else:
                _, actor = self.actors.pop(0)
                if actor:  # what never began has nothing to die of
                    actor.throw(Killed)

    def converge(self) -> bool:
        """Liveness: with a good line and passing time everything is decided. False if it is not."""
        for hour in range(40):
            self.at += timedelta(minutes=self.rng.choice([1, 3, 11, 61]))
            if hour < DISPUTED_HOURS:  # most payments are captured by now, and banks do not keep to the storm
                for _ in range(self.rng.randint(0, self.theme.disputes)):
                    self.cardholders_bank()
            self.bank.receive_late()
            self.bank.decide_refunds()
            while self.bank.decide_something():
                pass
            while self.bank.decide_a_dispute(finally_=True):
                pass
            self._fetch_jobs()
            acts = [self.postman] * len(self.bank.mail) + [self.worker] * len(self.jobs)
            books = [self.bookkeeper] if self.theme.compares else []
            for act in (*acts, self.reconciler, self.clean_up, *books):
                act()
                while self.actors:
                    self.resume(0)
            if not self.bank.mail and not self.jobs and self._all_decided():
                return True
        return False

    def _all_decided(self) -> bool:
        with self.maker() as session:
            return not session.scalar(
                text(
                    "select (select count(*) from payments"
                    " where state in ('submitting', 'unknown', 'requires_action', 'processing'))"
                    " + (select count(*) from refunds where state = 'pending')"
                    " + (select count(*) from disputes where state = 'open')"
                    " + (select count(*) from payments p join attempts a on a.payment_id = p.id"
                    "     where p.state = 'declined' and a.gateway_object_id is not null and a.closed_at is null)"
                    " + (select count(*) from events_received where handled_at is null)"
                )
            )


class _Retried(Exception):
    """A job that the engine will run again."""
