"""One step of a call: what was heard is stored, then answered once, by the desk itself or by a turn of the dialogue.

It may run again after any crash: a step that has an answer keeps it, and the dialogue answers a repeated message as it
did before.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from assistant.buttons import ButtonRefused
from assistant.calls.answering import answered, charged
from assistant.calls.models import Call, CallStep
from assistant.calls.paying import charge
from assistant.calls.plan import Heard, Plan
from assistant.calls.reacting import BACK, PERSON, Ask, Charge, react
from assistant.calls.signing_in import language_of_caller, proved_user
from assistant.dialogue.errors import TurnRefused
from assistant.dialogue.turns import Dialogue, take_turn
from assistant.redact import redact
from billing.context import Context

LONGEST_SPEECH = 500
MOST_DIGITS = 20
PASSING = ("busy", "too_many_turns")  # refusals that pass by themselves


class StepRefused(Exception):
    """A step of a call that is not there, or not yet: no request of Twilio's."""


def begin_call(session: Session, sid: str, phone: str, now: datetime) -> None:
    """The first request about a call. A repeat changes nothing."""
    language = language_of_caller(session, phone)
    new = {"sid": sid, "phone": phone, "language": language, "stage": "language", "started_at": now}
    session.execute(insert(Call).values(**new).on_conflict_do_nothing())
    first = {"call_sid": sid, "number": 0, "heard": asdict(Heard()), "received_at": now}
    session.execute(insert(CallStep).values(**first).on_conflict_do_nothing())


def hear(session: Session, sid: str, number: int, told: Heard, now: datetime) -> None:
    """Stores what step `number` has heard, once: without card numbers, and of a PIN only whom it proves.

    Raises StepRefused for a call that never began, and for a step that does not follow.
    """
    call = session.scalars(select(Call).where(Call.sid == sid).with_for_update()).one_or_none()
    if call is None or number > call.number + 1:
        raise StepRefused
    if number <= call.number:
        return
    digits = told.digits[:MOST_DIGITS]
    if call.stage == "pin":
        # Of a PIN only that there was one. Silence, a way back and a wish for a person are no tries at it.
        kept = digits if digits in ("", PERSON, BACK) else "#"
        heard = Heard(digits=kept, user_id=proved_user(session, call, digits, now) if kept == "#" else None)
    else:
        keyed, said = redact(digits), redact(told.speech[:LONGEST_SPEECH])
        removed = keyed.removed or said.removed
        heard = replace(told, digits="" if keyed.removed else digits, speech=said.text, card_removed=removed)
    call.number = number
    session.add(CallStep(call_sid=sid, number=number, heard=asdict(heard), received_at=now))


def answer_step(dialogue: Dialogue, sid: str, number: int) -> Plan:
    """What step `number` says and asks. Raises TurnRefused (PASSING), and whatever the database raises."""
    context = dialogue.context
    with context.sessions.begin() as session:
        call, step = _locked(session, sid, number)
        if step.answer is not None:
            return Plan.of(step.answer)
        wanted = react(session, context, call, Heard(**step.heard), number)
        if isinstance(wanted, Plan):
            return _finish(step, wanted, context.now())
    if isinstance(wanted, Charge):
        return _charge(context, sid, number, wanted)
    return _ask(dialogue, sid, number, wanted)


def answer_of(session: Session, sid: str, number: int) -> Plan | None:
    """The answer that a step has already."""
    step = session.get(CallStep, (sid, number))
    return Plan.of(step.answer) if step is not None and step.answer is not None else None


def _ask(dialogue: Dialogue, sid: str, number: int, wanted: Ask) -> Plan:
    context = dialogue.context
    answer: dict[str, Any] | None
    try:
        answer = take_turn(dialogue, wanted.principal, wanted.message)
    except TurnRefused as refused:
        if refused.code in PASSING:
            raise
        answer = None
    except ButtonRefused:  # of a menu that has got too old
        answer = None
    with context.sessions.begin() as session:
        call, step = _locked(session, sid, number)
        if step.answer is not None:
            return Plan.of(step.answer)
        return _finish(step, answered(session, context, call, step, wanted, answer), context.now())


def _charge(context: Context, sid: str, number: int, wanted: Charge) -> Plan:
    """Charges the quote, once however often it is tried: a quote that is spent answers with its payment."""
    payment_id, refused = charge(context, wanted)
    with context.sessions.begin() as session:
        call, step = _locked(session, sid, number)
        if step.answer is not None:
            return Plan.of(step.answer)
        return _finish(step, charged(session, context, call, step, wanted, payment_id, refused), context.now())


def _locked(session: Session, sid: str, number: int) -> tuple[Call, CallStep]:
    call = session.scalars(select(Call).where(Call.sid == sid).with_for_update()).one_or_none()
    step = session.get(CallStep, (sid, number), populate_existing=True)
    if call is None or step is None:
        raise StepRefused
    return call, step


def _finish(step: CallStep, plan: Plan, now: datetime) -> Plan:
    step.answer, step.answered_at = plan.as_json(), now
    return plan
