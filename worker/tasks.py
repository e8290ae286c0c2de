"""The jobs, by the names under which billing and the edge defer them. Every one may run twice."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import cache
from smtplib import SMTPException

from procrastinate import Blueprint, JobContext, RetryStrategy
from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant import one_time_codes
from assistant.calls.ending import may_be_texted_after_call
from assistant.cards import Message
from assistant.delivery import email, sms
from assistant.delivery.push import push
from assistant.delivery.twilio_api import NotReached, OutcomeUnknown, TwilioApi, TwilioError, twilio_api
from assistant.dialogue.turns import Dialogue, make_dialogue
from assistant.disputes import dispute_message, dispute_news
from assistant.identity import open_conversations
from assistant.models import ChatSession, ChatTurn
from assistant.outcomes import outcome_message
from assistant.texts import answering
from billing import closing, comparison, disputes, inbox, outbox, quotes, reconcile, refunds
from billing.config import get_settings
from billing.context import Context, make_context
from billing.models import Payment
from billing.payment_records import get_payment
from billing.payment_states import SUBMITTING, UNKNOWN

tasks = Blueprint()
log = logging.getLogger(__name__)

CONCURRENCY = 12  # jobs at once: letters, status queries and turns wait on other people's servers
MAIL_TRIES = 17  # pauses of 2 s, 4 s … 2^16 s: a day and a half, then an operator sees it
RETRY_MAIL = RetryStrategy(max_attempts=MAIL_TRIES, exponential_wait=2)
EVENT_RETRIES = 10  # pauses of 3 s, 9 s … 3^10 s while nobody answers: a day, then an operator sees it
RETRY_EVENT = RetryStrategy(max_attempts=EVENT_RETRIES, exponential_wait=3)
ANSWER_TRIES = 6  # pauses of 2 s, 4 s … 32 s: after a minute a text is not waited for any more
RETRY_ANSWER = RetryStrategy(max_attempts=ANSWER_TRIES, exponential_wait=2)
TEXT_TRIES = 12  # pauses of 2 s, 4 s … 2^11 s: an hour; a text is no use any more then
RETRY_TEXT = RetryStrategy(max_attempts=TEXT_TRIES, exponential_wait=2)
VERIFY_TRIES = 8  # pauses of 2 s, 4 s … 2^7 s: four minutes of the ten that a code is good for
RETRY_VERIFY = RetryStrategy(
    max_attempts=VERIFY_TRIES, exponential_wait=2, retry_exceptions=[NotReached, OutcomeUnknown]
)
AFTER_THE_TURN = timedelta(seconds=1)  # an event that overtook the answer of the turn that pays looks again then


@cache
def context() -> Context:
    """The worker's engine and gateway, made once per process."""
    return make_context(get_settings(), pool_size=CONCURRENCY)


@tasks.task(name="handle_event", retry=RETRY_EVENT, pass_context=True)
def handle_event(job: JobContext, event_row_id: int) -> None:
    try:
        inbox.handle_event(context(), event_row_id)
    except Exception as error:
        if job.job is not None and job.job.attempts >= EVENT_RETRIES:
            inbox.give_up(context(), event_row_id, error)
        raise


@tasks.task(name="send_notice", retry=RETRY_MAIL, pass_context=True)
def send_notice(job: JobContext, notice_id: int) -> None:
    try:
        email.send_notice(context(), notice_id)
    except (OSError, SMTPException):
        if job.job is None or job.job.attempts < MAIL_TRIES - 1:
            raise
        email.give_up(context(), notice_id)


@cache
def dialogue() -> Dialogue:
    return make_dialogue(context())


@tasks.task(name="answer_text", retry=RETRY_ANSWER, pass_context=True)
def answer_text(job: JobContext, text_id: int) -> None:
    """Texts of one phone come one after the other (their job's lock), so a reply never overtakes what it replies to."""
    try:
        answering.answer_text(dialogue(), text_id)
    except Exception:
        if job.job is None or job.job.attempts < ANSWER_TRIES - 1:
            raise
        log.exception("text %d could not be answered", text_id)
        answering.give_up(context(), text_id)


def twilio() -> TwilioApi:
    """The worker's way to Twilio, made once per process."""
    return twilio_api(context().settings)


@tasks.task(name="send_text", retry=RETRY_TEXT, pass_context=True)
def send_text(job: JobContext, text_id: int) -> None:
    """Texts to one phone go out in order: one that is tried again keeps the next ones waiting (their jobs' lock)."""
    try:
        sms.send_text(context(), twilio(), text_id)
    except TwilioError:
        if job.job is None or job.job.attempts < TEXT_TRIES - 1:
            raise
        sms.give_up(context(), text_id)


@tasks.task(name="start_verification", retry=RETRY_VERIFY)
def start_verification(code_id: int) -> None:
    one_time_codes.start_verification(context(), twilio(), code_id)


@tasks.task(name="announce_payment")
def announce_payment(payment_id: int, state: str) -> None:
    """Tells the person who started a payment what became of it, once per state in each conversation they have open.

    `state` is what was settled, or `present` for whatever it is now: deferred by a turn that lost its answer.
    A state that has passed meanwhile is not told any more: the newer one has a job of its own. Nor is one that the turn
    which pays has told itself: the gateway's event can be here before its answer.
    """
    now = context().now()
    with context().sessions.begin() as session:
        payment = get_payment(session, payment_id)
        undecided = state == "present" and payment.state in (SUBMITTING, UNKNOWN)
        if payment.sender is None or undecided or state not in ("present", payment.state):
            return
        turn = _paying_turn(session, payment)
        if turn is not None and turn.answer is None and now - turn.started_at < _turn_limit():
            outbox.defer(session, "announce_payment", at=now + AFTER_THE_TURN, payment_id=payment.id, state=state)
            return
        said = turn is not None and _says(turn, payment)
        for chat in open_conversations(session, payment.sender, now):
            if said and chat.sender == payment.sender:
                continue
            message = outcome_message(session, payment, chat.language, _written(chat), now, context().settings)
            _tell(session, chat, payment, message, key=f"payment:{payment.id}:{payment.state}")


def _tell(session: Session, chat: ChatSession, payment: Payment, message: Message, *, key: str) -> None:
    """Into the open widget, or by text: that only to whoever paid by text, since a text costs and may wake somebody,
    and to a caller who asked for one (letters go out in any case)."""
    if chat.channel == "chat":
        push(session, chat.sender, "message", message, key=key)
    elif chat.sender == payment.sender and (chat.channel == "sms" or may_be_texted_after_call(session, chat)):
        answering.text_later(session, context(), chat, message, key=key, payment_id=payment.id)


def _written(chat: ChatSession) -> str:
    """A call is over by then: what comes later is read."""
    return "sms" if chat.channel == "voice" else chat.channel


def _paying_turn(session: Session, payment: Payment) -> ChatTurn | None:
    """The turn of the conversation in which the payment began; none on the page, and in what is no chat."""
    if payment.channel == "page":
        return None
    turn = session.scalar(
        select(ChatTurn)
        .where(ChatTurn.sender == payment.sender, ChatTurn.started_at <= payment.created_at)
        .order_by(ChatTurn.id.desc())
        .limit(1)
    )
    over_before = turn is not None and turn.answered_at is not None and turn.answered_at < payment.created_at
    return None if over_before else turn


def _says(turn: ChatTurn, payment: Payment) -> bool:
    """Has the turn's answer told this very state?"""
    cards = [message.get("card") or {} for message in (turn.answer or {}).get("messages", [])]
    return any((card.get("reference"), card.get("state")) == (payment.reference, payment.state) for card in cards)


def _turn_limit() -> timedelta:
    """A turn older than this has died with its process."""
    return timedelta(seconds=context().settings.turn_timeout_s + 3)


@tasks.task(name="announce_dispute")
def announce_dispute(dispute_id: int, kind: str, amount_minor: int) -> None:
    """Tells the person who made a payment what their bank did with it, once in each conversation they have open."""
    now = context().now()
    with context().sessions.begin() as session:
        news = dispute_news(session, dispute_id, kind, amount_minor, context().settings.local(now).date())
        if news.payment.sender is None:
            return
        for chat in open_conversations(session, news.payment.sender, now):
            message = dispute_message(news, chat.language, _written(chat))
            _tell(session, chat, news.payment, message, key=f"dispute:{dispute_id}:{kind}")


@tasks.task(name="close_declined")
def close_declined(payment_id: int) -> None:
    """Nobody is to charge a declined object with another card; what fails here is swept up by `reconcile_due`."""
    closing.try_to_close(context(), payment_id)


@tasks.periodic(cron="* * * * * */5")
@tasks.task(name="reconcile_due", queueing_lock="reconcile_due")
def reconcile_due(timestamp: int) -> None:  # noqa: ARG001  (the job engine says which tick it is)
    reconcile.reconcile_due(context())
    refunds.reconcile_refunds(context())
    disputes.reconcile_disputes(context())


@tasks.periodic(cron="17 * * * *")
@tasks.task(name="compare_when_due", queueing_lock="compare_when_due", lock="compare_when_due")
def compare_when_due(timestamp: int) -> None:  # noqa: ARG001
    """Once a day something is due; asked hourly, so that a day spent down or broken off is made up for."""
    report = comparison.compare_when_due(context())
    if report is not None and not report.agrees:
        log.warning(
            "gateway and books differed: %d differences, %d events missed between %s and %s (`remit compare`)",
            *(report.difference_count, report.missed_count, report.since, report.until),
        )


@tasks.periodic(cron="* * * * * */15")
@tasks.task(name="expire_quotes", queueing_lock="expire_quotes")
def expire_quotes(timestamp: int) -> None:  # noqa: ARG001
    with context().sessions.begin() as session:
        quotes.expire_quotes(session, context().now())
