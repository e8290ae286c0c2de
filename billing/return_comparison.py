"""What the gateway gave back of one payment, by refund or by dispute, against the same in the books."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing import disputes, refunds
from billing import operator_queue as queue
from billing.context import Context
from billing.differences import FOR_OPERATOR, Difference
from billing.errors import GONE, GatewayRejected
from billing.models import Dispute, Payment, Refund
from billing.money import Money
from billing.payment_records import get_payment


class _Return(NamedTuple):
    """A refund or a dispute, as either side knows it."""

    state: str
    amount: Money


_Returns = Mapping[str, _Return]  # by the gateway's id
_MOVED = ("succeeded", "open", "lost")  # states in which money has left us


def compare_returns(context: Context, payment_id: int, gateway_id: str) -> Iterator[Difference]:
    """Takes over what the gateway did and we have not heard of; what then still differs is the operator's."""
    of_refunds = (_refunds_there, _refunds_here, refunds.refresh_refunds)
    of_disputes = (_disputes_there, _disputes_here, disputes.refresh_disputes)
    try:
        yield from _compare(context, payment_id, gateway_id, "refund", *of_refunds)
        yield from _compare(context, payment_id, gateway_id, "dispute", *of_disputes)
    except GatewayRejected as error:
        if error.code != GONE:  # a payment that is not there at all is a difference of its own
            raise


def _compare(
    context: Context,
    payment_id: int,
    gateway_id: str,
    what: Literal["refund", "dispute"],
    look_there: Callable[[Context, str], _Returns],
    look_here: Callable[[Session, int], _Returns],
    take_over: Callable[[Context, int], None],
) -> Iterator[Difference]:
    there = look_there(context, gateway_id)
    with context.sessions() as session:
        here, payment = look_here(session, payment_id), get_payment(session, payment_id)
    if _differ(here, there):
        take_over(context, payment_id)
        with context.sessions() as session:
            before, here = here, look_here(session, payment_id)
        for id_ in sorted(set(here) & set(there)):
            if here[id_] == there[id_] and here[id_] != before.get(id_):
                detail = f"{id_}: {_told(before.get(id_))} here, {_told(there[id_])} there"
                yield Difference(f"{what}_behind", payment.reference, gateway_id, detail, "booked")
    with context.sessions.begin() as session:
        yield from _left(session, payment, gateway_id, what, here, there, context.now())


def _differ(here: _Returns, there: _Returns) -> bool:
    """A refund or dispute in which no money has moved yet need not be known on both sides."""
    return any(here.get(id_) != seen for id_, seen in there.items() if id_ in here or seen.state in _MOVED)


def _left(
    session: Session,
    payment: Payment,
    gateway_id: str,
    what: str,
    here: _Returns,
    there: _Returns,
    now: datetime,
) -> Iterator[Difference]:
    for id_ in sorted(set(here) | set(there)):
        ours, theirs = here.get(id_), there.get(id_)
        moved = any(known is not None and known.state in _MOVED for known in (ours, theirs))
        if ours == theirs or not moved:
            continue
        kind = f"{what}_not_there" if theirs is None else f"{what}_differs"
        detail = f"{id_}: {_told(ours)} here, {_told(theirs)} there"
        queue.add(session, kind, detail, now, payment.id)
        yield Difference(kind, payment.reference, gateway_id, detail, FOR_OPERATOR)


def _told(known: _Return | None) -> str:
    return f"{known.state}, {known.amount}" if known is not None else "nothing"


def _refunds_there(context: Context, gateway_id: str) -> _Returns:
    return {seen.id: _Return(seen.status, seen.amount) for seen in context.gateway.list_refunds(gateway_id)}


def _refunds_here(session: Session, payment_id: int) -> _Returns:
    rows: Sequence[Refund] = session.scalars(select(Refund).where(Refund.payment_id == payment_id)).all()
    return {
        row.gateway_object_id: _Return(row.state, Money(row.amount_minor, row.currency))
        for row in rows
        if row.gateway_object_id is not None
    }


def _disputes_there(context: Context, gateway_id: str) -> _Returns:
    there = disputes.disputes_there(context, context.gateway.name, gateway_id)
    return {seen.id: _Return(seen.status, seen.amount) for seen in there}


def _disputes_here(session: Session, payment_id: int) -> _Returns:
    rows = session.scalars(select(Dispute).where(Dispute.payment_id == payment_id)).all()
    return {row.gateway_object_id: _Return(row.state, Money(row.amount_minor, row.currency)) for row in rows}
