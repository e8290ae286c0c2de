"""How many tries are too many: the defence against people who find out with our form which stolen cards still work.

Looked at in the transaction that consumes the quote, under the account's lock, so that many tries at once count like as
many one after another. What counts is what a tester makes and a customer does not: refusals, and one new card after the
other. Each limit looks back over one window (settings), and each question is answered by an index.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from sqlalchemy import ColumnElement, exists, func, select, text
from sqlalchemy.orm import Session

from billing.config import Settings
from billing.context import Context
from billing.errors import GatewayError, TooManyTries
from billing.gateways.base import BANK_DEBIT_ON_PAGE
from billing.models import Audit, Consent, Payment, PaymentMethod, Quote
from billing.payment_states import CANCELED, DECLINED, NOT_ATTEMPTED, PROCESSING, SUCCEEDED

CAUSE = "too_many_tries"  # of the audit rows, with the limit behind a colon
REFUSED = frozenset({DECLINED, CANCELED})
GOOD = frozenset({SUCCEEDED, PROCESSING})
MOSTLY_REFUSED = 4  # refusals per accepted payment: above it, an address is no crowd of customers any more


@dataclass(frozen=True, slots=True)
class Try:
    """One payment that the gateway was asked for. `entered`: with a card typed on the secure page, not a saved one."""

    at: datetime
    account_id: int
    state: str
    entered: bool
    card: str | None  # the gateway's fingerprint


Counted = Callable[[Sequence[Try]], list[datetime]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a try comes from. `known_good`: a saved card that has paid on this account before."""

    account_id: int
    sender: str | None
    address: str | None
    card: str | None
    known_good: bool = False


def check(session: Session, source: Source, settings: Settings, now: datetime) -> TooManyTries | None:
    """Whether this try is one too many; the caller holds the account's lock and writes the try in this transaction.

    Returns the refusal that ends last, since that is when it can be tried again.
    """
    window = timedelta(seconds=settings.velocity_window_s)
    since = now - window
    refusals: list[TooManyTries] = []

    def hold(limit: str, allowed: int, counted: Counted, what: ColumnElement[bool]) -> None:
        strikes = counted(_tries(session, what, since)) if allowed else []
        if allowed and len(strikes) >= allowed:
            refusals.append(TooManyTries(limit, _whole_minute(sorted(strikes)[-allowed] + window)))

    if not source.known_good:
        hold("account", settings.tries_per_account, own_strikes, Payment.account_id == source.account_id)
        if source.sender is not None:
            hold("session", settings.tries_per_session, own_strikes, _agreed(Consent.sender == source.sender, since))
        if source.address is not None and settings.tries_per_address:
            _one_at_a_time(session, f"address {source.address}")
            from_there = _agreed(Consent.address == source.address, since)
            hold("address", settings.tries_per_address, crowd_strikes, from_there)
    if source.card is not None and settings.tries_per_card:
        _one_at_a_time(session, f"card {source.card}")
        hold("card", settings.tries_per_card, card_strikes, PaymentMethod.fingerprint == source.card)
    return max(refusals, key=attrgetter("until"), default=None)


def _one_at_a_time(session: Session, what: str) -> None:
    """Accounts do not lock each other, so tries that share an address or a card take turns, to the commit."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, 0))))


def _whole_minute(at: datetime) -> datetime:
    """Upwards: whoever comes back when we said is let in."""
    return at.replace(second=0, microsecond=0) + timedelta(minutes=1)


# ---------------------------------------------------------------------------------------------------- what counts


def own_strikes(tries: Sequence[Try]) -> list[datetime]:
    """Of one account or conversation: every refusal, and every other card entered, whatever became of it.

    A saved card that pays forgives the refusals of saved cards before it. It does not forgive entered ones: a tester
    has one good card too, and among a hundred stolen ones some are good.
    """
    forgiven_to = max((t.at for t in tries if t.state in GOOD and not t.entered), default=None)
    strikes, paid_with = [], set()
    for t in sorted(tries, key=attrgetter("at")):
        if t.state in GOOD:
            card: Hashable = t.card or t.at  # a card without a fingerprint may be any
            if t.entered and card not in paid_with:
                strikes.append(t.at)
            paid_with.add(card)
        elif t.entered or forgiven_to is None or t.at > forgiven_to:
            strikes.append(t.at)
    return strikes


def crowd_strikes(tries: Sequence[Try]) -> list[datetime]:
    """Of one network address: the refusals of each account after its first, unless enough of all tries are accepted.

    A mobile network has thousands of customers behind one address. Each of them may be refused once, and most are not.
    """
    refused = sum(t.state not in GOOD for t in tries)
    if refused <= MOSTLY_REFUSED * (len(tries) - refused):
        return []
    return _after_the_first(t for t in tries if t.state not in GOOD)


def card_strikes(tries: Sequence[Try]) -> list[datetime]:
    """Of one card, on whatever account: its refusals since it last paid, each account's first one apart."""
    paid_at = max((t.at for t in tries if t.state in GOOD), default=None)
    return _after_the_first(t for t in tries if t.state not in GOOD and (paid_at is None or t.at > paid_at))


def _after_the_first(refused: Iterable[Try]) -> list[datetime]:
    by_account = groupby(sorted(refused, key=attrgetter("account_id", "at")), attrgetter("account_id"))
    return [t.at for _, of_account in by_account for t in list(of_account)[1:]]


def _tries(session: Session, what: ColumnElement[bool], since: datetime) -> list[Try]:
    """What never reached the gateway is no try: a broken line must not lock anybody out."""
    entered = Quote.method_id.is_(None)
    asked = (
        select(Payment.created_at, Payment.account_id, Payment.state, entered, PaymentMethod.fingerprint)
        .join(Quote, Quote.id == Payment.quote_id)
        .outerjoin(PaymentMethod, PaymentMethod.id == Payment.method_id)
        .where(what, Payment.created_at > since, Payment.state != NOT_ATTEMPTED)
    )
    return [Try(at, account, state, new, card) for at, account, state, new, card in session.execute(asked)]


def _agreed(where: ColumnElement[bool], since: datetime) -> ColumnElement[bool]:
    """Payments whose yes came from there."""
    return Payment.quote_id.in_(select(Consent.quote_id).where(where, Consent.at > since))


def refused_so_far(session: Session) -> list[tuple[str, str, int]]:
    """(limit, channel, how many) of all refusals ever, from the audit: a figure that only grows."""
    rows = session.execute(
        select(Audit.cause, Audit.channel, func.count())
        .where(text(f"cause like '{CAUSE}:%'"))  # in these words, so that its index serves
        .group_by(Audit.cause, Audit.channel)
    )
    return [(cause.partition(":")[2], channel or "", count) for cause, channel, count in rows]


def has_paid(session: Session, method_id: int) -> bool:
    """Has this saved method paid before? Then it is not what a tester is looking for."""
    paid = exists().where(Payment.method_id == method_id, Payment.state == SUCCEEDED)
    return bool(session.scalar(select(paid)))


# -------------------------------------------------------------------------------------------- cards not known yet


def card_entered(context: Context, token: str) -> str | None:
    """The fingerprint of a card that was entered on the page, asked of the gateway only where it can matter.

    That is while some card is near its limit. None when it does not matter or the gateway does not say: a customer is
    not turned away for that, and the other limits hold all the same. To be called with no transaction open.
    """
    if token == BANK_DEBIT_ON_PAGE or not context.settings.tries_per_card:
        return None
    with context.sessions() as session:
        if not _some_card_is_suspect(session, context.settings, context.now()):
            return None
    try:
        return context.gateway.retrieve_method(token).fingerprint
    except GatewayError:
        return None


def _some_card_is_suspect(session: Session, settings: Settings, now: datetime) -> bool:
    """Has any card been refused so often that its limit could be reached? Mostly none has, and nobody is asked."""
    since = now - timedelta(seconds=settings.velocity_window_s)
    suspect = (
        select(PaymentMethod.fingerprint)
        .join(Payment, Payment.method_id == PaymentMethod.id)
        .where(Payment.state.in_(sorted(REFUSED)), Payment.created_at > since, PaymentMethod.fingerprint.is_not(None))
        .group_by(PaymentMethod.fingerprint)
        .having(func.count() >= settings.tries_per_card)
    )
    return session.execute(suspect.limit(1)).first() is not None
