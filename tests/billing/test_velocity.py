"""Card testing: what is held back, and what must not be. Real PostgreSQL, a gateway that counts what reaches it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from billing import velocity
from billing.context import Context
from billing.database import SessionFactory
from billing.errors import BillingError, TooManyTries
from billing.gateways.base import BillingDetails, MethodInfo
from billing.models import Account, Audit, Payment, PaymentMethod, Quote
from billing.payments import ConsentGiven, NewMethod, start_payment
from billing.velocity import Source, Try, card_strikes, crowd_strikes, own_strikes
from tests.billing.builders import NOW, Clock, a_context, a_method, a_quote, an_account, an_invoice, some_settings
from tests.support.fake_gateway import FakeGateway

FULL = bool(os.environ.get("FULL"))  # the figures of docs/reliability.md; about four minutes
CARDS = 1000 if FULL else 60
CUSTOMERS = 100 if FULL else 25


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def context(sessions: SessionFactory, gateway: FakeGateway, clock: Clock) -> Context:
    return a_context(sessions, gateway, now=clock)


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    return new_account(sessions)


def new_account(sessions: SessionFactory) -> Account:
    with sessions.begin() as session:
        account = an_account(session)
        an_invoice(session, account, "5000.00")
    return account


def consent(sender: str | None = None, address: str | None = None) -> ConsentGiven:
    return ConsentGiven("I will charge that. Is that right?", "yes", "chat", sender, None, address=address)


def enter(
    context: Context, account: Account, token: str, *, sender: str | None = None, address: str | None = None
) -> Payment:
    """A card typed on the secure page."""
    with context.sessions.begin() as session:
        quote = a_quote(session, account, "1.00", new_card=True, channel="page", sender=sender, now=context.now())
    new = NewMethod(token, BillingDetails("someone@northwind.example"))
    return start_payment(context, quote.id, consent(sender, address), new)


def use_saved(context: Context, account: Account, method: PaymentMethod, *, address: str | None = None) -> Payment:
    with context.sessions.begin() as session:
        quote = a_quote(session, account, "1.00", method=method, now=context.now())
    return start_payment(context, quote.id, consent("sender-1", address))


def is_refused(work: Callable[[], Payment]) -> str | None:
    """The limit that held it back, or None."""
    try:
        work()
    except TooManyTries as refusal:
        return refusal.limit
    return None


def save_card(
    context: Context, gateway: FakeGateway, account: Account, reference: str, behaviour: str
) -> PaymentMethod:
    gateway.behaviours[reference] = behaviour  # type: ignore[assignment]
    with context.sessions.begin() as session:
        return a_method(session, account, reference=reference)


# ------------------------------------------------------------------------------------------------- the tester


@pytest.mark.timeout(600)
def test_of_a_thousand_cards_five_an_hour_reach_the_gateway(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    """Every twelve seconds another card from another address; one in nine still works, and pays."""
    asked: dict[int, int] = {}
    for n in range(CARDS):
        gateway.behaviours[f"tok_{n}"] = "succeeded" if n % 9 == 8 else "declined"
        before = gateway.count("confirm_payment")
        is_refused(lambda n=n: enter(context, account, f"tok_{n}", address=f"203.0.113.{n % 250}"))  # type: ignore[misc]
        hour = int((clock.at - NOW).total_seconds()) // 3600
        asked[hour] = asked.get(hour, 0) + gateway.count("confirm_payment") - before
        clock.forward(seconds=12)
    assert max(asked.values()) == 5
    assert gateway.count("create_payment") == gateway.count("confirm_payment") == sum(asked.values())


def test_no_window_of_an_hour_holds_more_than_five(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    """Not only hours by the clock: any 60 minutes."""
    times = []
    for n in range(20):
        gateway.behaviours[f"tok_{n}"] = "declined"
        if is_refused(lambda n=n: enter(context, account, f"tok_{n}")) is None:  # type: ignore[misc]
            times.append(clock.at)
        clock.forward(minutes=7)
    assert all(later - earlier >= timedelta(hours=1) for earlier, later in zip(times, times[5:], strict=False))


def test_saved_cards_that_never_paid_are_cards_to_test_as_well(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    methods = [save_card(context, gateway, account, f"pm_bad_{n}", "declined") for n in range(8)]
    refused = [is_refused(lambda m=m: use_saved(context, account, m)) for m in methods]  # type: ignore[misc]
    assert refused == [None] * 5 + ["account"] * 3


def test_a_good_card_of_the_testers_own_forgives_no_entered_ones(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    own = save_card(context, gateway, account, "pm_own", "succeeded")
    for n in range(5):
        gateway.behaviours[f"tok_{n}"] = "declined"
        enter(context, account, f"tok_{n}")
        assert use_saved(context, account, own).state == "succeeded"
    assert is_refused(lambda: enter(context, account, "tok_5")) == "account"
    assert use_saved(context, account, own).state == "succeeded"  # it is not what is being tested


def test_one_address_on_many_accounts_is_held_back(
    context: Context, sessions: SessionFactory, gateway: FakeGateway
) -> None:
    refused = []
    for a in range(8):
        account = new_account(sessions)
        for n in range(4):
            gateway.behaviours[f"tok_{a}_{n}"] = "declined"
            refused.append(
                is_refused(lambda a=account, t=f"tok_{a}_{n}": enter(context, a, t, address="203.0.113.9"))  # type: ignore[misc]
            )
    # Each account's first refusal may be anybody's: six accounts make 18 more, the seventh's third is the twentieth.
    assert refused == [None] * 27 + ["address"] * 5
    assert is_refused(lambda: enter(context, new_account(sessions), "tok_x", address="203.0.113.9")) == "address"
    assert is_refused(lambda: enter(context, new_account(sessions), "tok_y", address="203.0.113.10")) is None


def test_one_conversation_is_held_back_whatever_account_it_speaks_for(
    context: Context, sessions: SessionFactory, gateway: FakeGateway
) -> None:
    refused = []
    for n in range(7):
        gateway.behaviours[f"tok_{n}"] = "declined"
        account = new_account(sessions)
        refused.append(is_refused(lambda a=account, n=n: enter(context, a, f"tok_{n}", sender="s_one")))  # type: ignore[misc]
    assert refused == [None] * 5 + ["session"] * 2


def test_one_card_on_many_accounts_is_held_back_once_it_is_suspect(
    context: Context, sessions: SessionFactory, gateway: FakeGateway
) -> None:
    """Its number is right and the rest is guessed: each guess has a token of its own, the fingerprint stays."""
    refused, before_suspect = [], 0
    for n in range(16):
        account = new_account(sessions)
        for m in range(2):
            token = f"tok_{n}_{m}"
            gateway.behaviours[token] = "declined"
            gateway.methods[token] = MethodInfo(token, "card", "visa", "4242", 4, 2031, fingerprint="fp_guessed")
            refused.append(is_refused(lambda a=account, t=token: enter(context, a, t)))  # type: ignore[misc]
            if len(refused) == 10:
                before_suspect = gateway.count("retrieve_method")
    assert before_suspect == 0  # nobody is asked for fingerprints while no card is suspect
    assert refused == [None] * 20 + ["card"] * 12
    other = new_account(sessions)
    gateway.methods["tok_other"] = MethodInfo("tok_other", "card", "visa", "4444", 4, 2031, fingerprint="fp_other")
    assert is_refused(lambda: enter(context, other, "tok_other")) is None


def test_a_gateway_that_does_not_tell_the_fingerprint_blocks_nobody(
    context: Context, sessions: SessionFactory, gateway: FakeGateway
) -> None:
    for n in range(20):
        gateway.behaviours[f"tok_{n}"] = "declined"
        gateway.methods[f"tok_{n}"] = MethodInfo(f"tok_{n}", "card", "visa", "4242", fingerprint="fp_guessed")
        enter(context, new_account(sessions), f"tok_{n}")
    account = new_account(sessions)
    gateway.fail_next("retrieve_method", *["lost"] * 20)
    for n in range(5):
        gateway.behaviours[f"tok_new_{n}"] = "declined"
        assert is_refused(lambda n=n: enter(context, account, f"tok_new_{n}")) is None  # type: ignore[misc]
    assert is_refused(lambda: enter(context, account, "tok_sixth")) == "account"  # and no other limit is lifted


def test_eight_at_once_at_the_limit_let_one_through(
    context: Context, account: Account, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    for n in range(4):
        gateway.behaviours[f"tok_{n}"] = "declined"
        enter(context, account, f"tok_{n}")
    before = gateway.count("confirm_payment")
    gateway.behaviours |= {f"tok_at_once_{n}": "declined" for n in range(8)}
    ended = at_once(*(lambda n=n: enter(context, account, f"tok_at_once_{n}") for n in range(8)))  # type: ignore[misc]
    assert gateway.count("confirm_payment") - before == 1
    assert [e for e in ended if e == "Payment"] == ["Payment"]
    assert is_refused(lambda: enter(context, account, "tok_last")) == "account"


def test_eight_accounts_at_once_share_the_limit_of_their_address(
    context: Context, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    accounts = [new_account(sessions) for _ in range(8)]
    for n, account in enumerate(accounts):
        for m in range(4 if n < 5 else 3 if n == 5 else 1):  # 5 × 3 + 2 beyond each one's first: 3 below the limit
            gateway.behaviours[f"tok_{n}_{m}"] = "declined"
            enter(context, account, f"tok_{n}_{m}", address="203.0.113.9")
    before = gateway.count("confirm_payment")
    gateway.behaviours |= {f"tok_at_once_{n}": "declined" for n in range(8)}
    ended = at_once(
        *(
            lambda n=n, a=a: enter(context, a, f"tok_at_once_{n}", address="203.0.113.9")  # type: ignore[misc]
            for n, a in enumerate(accounts)
        )
    )
    assert gateway.count("confirm_payment") - before == 3
    assert sorted(ended) == ["Payment"] * 3 + ["TooManyTries"] * 5


def at_once(*work: Callable[[], object]) -> list[str]:
    """What each ended with: the name of its result's or its error's class."""
    ended: list[str] = []
    start = threading.Barrier(len(work))

    def run(one: Callable[[], object]) -> None:
        start.wait()
        try:
            ended.append(type(one()).__name__)
        except BillingError as error:
            ended.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == len(work)
    return ended


# ------------------------------------------------------------------------------------------------ the customer


@pytest.mark.timeout(600)
def test_two_hundred_honest_retries_are_never_held_back(
    context: Context, sessions: SessionFactory, gateway: FakeGateway
) -> None:
    """One mobile network, one address: a card is declined, sometimes twice, then the same or another one pays."""
    retries = 0
    for n in range(CUSTOMERS):
        account = new_account(sessions)
        bad = save_card(context, gateway, account, f"pm_bad_{n}", "declined")
        good = save_card(context, gateway, account, f"pm_good_{n}", "succeeded")
        for _ in range(1 + n % 3):
            assert use_saved(context, account, bad, address="203.0.113.9").state == "declined"
            retries += 1
        ended = (
            enter(context, account, f"tok_{n}", address="203.0.113.9")
            if n % 2
            else use_saved(context, account, good, address="203.0.113.9")
        )
        assert ended.state == "succeeded"
    assert retries >= 2 * CUSTOMERS - 1


def test_a_saved_card_that_fails_every_day_and_one_that_pays_are_never_held_back(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    bad = save_card(context, gateway, account, "pm_bad", "declined")
    good = save_card(context, gateway, account, "pm_good", "succeeded")
    for _ in range(8):
        for _ in range(4):
            assert use_saved(context, account, bad).state == "declined"
        assert use_saved(context, account, good).state == "succeeded"
        clock.forward(seconds=20)


def test_a_line_that_is_down_locks_nobody_out(context: Context, account: Account, gateway: FakeGateway) -> None:
    for n in range(12):
        gateway.fail_next("create_payment", "unreachable")
        assert enter(context, account, f"tok_{n}").state == "not_attempted"
    assert enter(context, account, "tok_after").state == "succeeded"


def test_the_same_new_card_may_pay_invoice_after_invoice(
    context: Context, account: Account, gateway: FakeGateway
) -> None:
    for n in range(8):
        gateway.methods[f"tok_{n}"] = MethodInfo(f"tok_{n}", "card", "visa", "4242", fingerprint="fp_mine")
        assert enter(context, account, f"tok_{n}").state == "succeeded"


def test_who_is_held_back_hears_when_and_is_let_in_then(
    context: Context, account: Account, gateway: FakeGateway, clock: Clock
) -> None:
    for n in range(5):
        gateway.behaviours[f"tok_{n}"] = "declined"
        enter(context, account, f"tok_{n}")
        clock.forward(minutes=4, seconds=10)
    with pytest.raises(TooManyTries) as refusal:
        enter(context, account, "tok_good")
    assert refusal.value.until == NOW + timedelta(hours=1, minutes=1)  # of the first try, and a minute not begun
    clock.at = refusal.value.until
    assert enter(context, account, "tok_good").state == "succeeded"


def test_a_refusal_charges_nothing_leaves_the_quote_as_it_was_and_is_counted(
    context: Context, account: Account, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    for n in range(5):
        gateway.behaviours[f"tok_{n}"] = "declined"
        enter(context, account, f"tok_{n}")
    calls = len(gateway.calls)
    assert is_refused(lambda: enter(context, account, "tok_6", address="203.0.113.9")) == "account"
    assert len(gateway.calls) == calls
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Payment)) == 5
        assert sorted(session.scalars(select(Quote.state))) == ["consumed"] * 5 + ["open"]
        row = session.scalars(select(Audit).where(Audit.cause == "too_many_tries:account")).one()
        assert (row.entity, row.channel, row.after and row.after["address"]) == ("quote", "chat", "203.0.113.9")
        assert velocity.refused_so_far(session) == [("account", "chat", 1)]


def test_a_limit_of_zero_is_none(sessions: SessionFactory, gateway: FakeGateway, account: Account) -> None:
    names = ("tries_per_account", "tries_per_session", "tries_per_address", "tries_per_card")
    context = a_context(sessions, gateway, settings=some_settings(**dict.fromkeys(names, 0)))
    for n in range(12):
        gateway.behaviours[f"tok_{n}"] = "declined"
        enter(context, account, f"tok_{n}", sender="s_one", address="203.0.113.9")


# ------------------------------------------------------------------------------------------------ how it counts


def tries(*told: str) -> list[Try]:
    """`"1 declined new a"`: minute, state, new or saved, card (`-`: not known) and, if it matters, the account."""
    made = []
    for line in told:
        minute, state, how, card, *account = line.split()
        at = NOW + timedelta(minutes=int(minute))
        made.append(Try(at, int((account or ["1"])[0]), state, how == "new", None if card == "-" else card))
    return made


@pytest.mark.parametrize(
    ("told", "strikes"),
    [
        (["1 declined new a", "2 canceled saved b"], 2),
        (["1 declined saved a", "2 succeeded saved b"], 0),
        (["1 declined new a", "2 succeeded saved b"], 1),
        (["1 succeeded new a", "2 succeeded new a", "3 succeeded new b"], 2),
        (["1 succeeded new -", "2 succeeded new -"], 2),
        (["1 succeeded saved a", "2 processing new a"], 0),
        (["1 unknown new a"], 1),
    ],
)
def test_strikes_of_an_account(told: list[str], strikes: int) -> None:
    assert len(own_strikes(tries(*told))) == strikes


@pytest.mark.parametrize(
    ("told", "strikes"),
    [
        (["1 declined new a 1", "2 declined new b 2"], 0),
        (["1 declined new a 1", "2 declined new b 1", "3 submitting new c 1"], 2),
        (["1 declined new a 1", "2 declined new b 1", "3 succeeded new c 2"], 0),
        ([*(f"{n} declined new a 1" for n in range(1, 6)), "6 succeeded new c 2"], 4),
    ],
)
def test_strikes_of_an_address(told: list[str], strikes: int) -> None:
    assert len(crowd_strikes(tries(*told))) == strikes


def test_strikes_of_a_card_begin_anew_when_it_pays() -> None:
    told = [f"{n} {'succeeded' if n == 3 else 'declined'} new a 1" for n in range(1, 6)]
    assert len(card_strikes(tries(*told))) == 1


def test_every_question_is_answered_by_an_index(
    context: Context, account: Account, gateway: FakeGateway, sessions: SessionFactory
) -> None:
    """On a table so large that PostgreSQL would rather not read all of it."""
    with sessions.begin() as session:
        run, now = session.connection().exec_driver_sql, {"now": NOW}
        for table in ("payments", "consents", "quotes", "payment_methods"):
            run(f"alter table {table} disable trigger all")
        run(
            "insert into payment_methods (account_id, gateway, gateway_reference, kind, brand, last4, fingerprint)"
            " select 100000 + n, 'fake', 'pm' || n, 'card', 'visa', '4242', 'fp' || n from generate_series(1, 1000) n"
        )
        run(
            "insert into quotes (id, account_id, currency, amount_minor, allocation, billing_email, state, channel,"
            " expires_at, created_at) select gen_random_uuid(), 100000 + n / 20, 'CAD', 100, '[]', '', 'consumed',"
            " 'chat', %(now)s, %(now)s - random() * interval '30 days' from generate_series(20, 20019) n",
            now,
        )
        run(
            "insert into consents (quote_id, account_id, channel, sender, said, answered, address, at)"
            " select id, account_id, 'chat', 's' || account_id, '', '', 'a' || account_id, created_at from quotes"
        )
        run(
            "insert into payments (reference, account_id, quote_id, currency, amount_minor, state, gateway, channel,"
            " method_id, created_at) select q.id, q.account_id, q.id, 'CAD', 100, 'declined', 'fake', 'chat', m.id,"
            " q.created_at from quotes q join payment_methods m using (account_id)"
        )
    with sessions() as session:
        session.connection().exec_driver_sql("analyze quotes, consents, payments, payment_methods")
        asked: list[tuple[str, object]] = []

        @event.listens_for(session.connection(), "before_cursor_execute")
        def keep(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
            asked.append((statement, parameters))

        source = Source(100_010, "s100010", "a100010", "fp10")
        velocity.check(session, source, context.settings, NOW)
        velocity.has_paid(session, 1)
        velocity._some_card_is_suspect(session, context.settings, NOW)
        questions = [(s, p) for s, p in asked if "advisory" not in s]
        assert len(questions) == 6
        for statement, parameters in questions:
            plan = "\n".join(
                row[0]
                for row in session.connection().exec_driver_sql(f"explain {statement}", parameters)  # type: ignore[arg-type]
            )
            assert "Seq Scan on payments" not in plan and "Seq Scan on consents" not in plan, plan
