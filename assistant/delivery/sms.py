"""Texts by Twilio: sent once, followed to the phone, told by mail where they do not get there.

Twilio has no idempotency keys. A try that may have gone through is therefore looked up before another is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, literal, select, update
from sqlalchemy.orm import Session

from assistant.delivery.twilio_api import OPTED_OUT, TIMEOUT_S, NotReached, OutcomeUnknown, TextRefused, TwilioApi
from assistant.gsm import plain_gsm
from assistant.one_time_codes import digits_of, language_of_code
from assistant.opt_out import is_opted_out, record_consent
from assistant.texts.by_mail import tell_by_mail
from assistant.texts.models import OneTimeCode, TextChoice, TextSent
from assistant.texts.outgoing import queue_text
from assistant.wording import say
from billing import operator_queue as queue
from billing.config import Settings
from billing.context import Context

# What Twilio says of a text, in the order in which it can come; a later word is never taken back by an earlier one.
_ORDER = {"queued": 0, "sending": 1, "sent": 2, "delivered": 3, "undelivered": 3, "failed": 3}
_STATE_OF = {
    "accepted": "sending", "scheduled": "sending", "queued": "sending", "sending": "sending", "sent": "sent",
    "delivered": "delivered", "read": "delivered", "undelivered": "undelivered", "failed": "failed",
    "canceled": "failed",
}  # fmt: skip
# The phone was off, the network in the way, or nobody knows: https://www.twilio.com/docs/api/errors/30003
PASSING = frozenset((30001, 30003, 30008))
PAUSES = (timedelta(minutes=1), timedelta(minutes=5))  # before the second and the third try at a phone
AGAIN = "again:"  # how the key of such a try begins; the number of the try and the first one's id follow
USE_OF_A_TEXT = timedelta(hours=1)  # an answer that is older is not waited for any more
CLOCKS_DIFFER = timedelta(minutes=1)
UNDER_WAY = timedelta(seconds=2 * TIMEOUT_S)  # a request of an earlier try may still arrive for as long


@dataclass(frozen=True, slots=True)
class _Try:
    """What is asked of Twilio. `before`: an earlier try may have gone through; `others`: sids of texts like it."""

    phone: str
    body: str
    written_at: datetime
    before: bool
    others: frozenset[str]


def send_text(context: Context, api: TwilioApi, text_id: int) -> None:
    """Sends one text that was not sent yet. Raises TwilioError where another try makes sense."""
    attempt = _begin(context, text_id)
    if attempt is None:
        return
    sid = None
    if attempt.before:
        since = attempt.written_at - CLOCKS_DIFFER
        sid = api.find_sent(attempt.phone, attempt.body, since, but_not=attempt.others)
    if sid is None:
        try:
            sid = api.send(attempt.phone, attempt.body, _callback(context.settings, text_id))
        except TextRefused as refused:
            _refused(context, text_id, refused.code)
            return
        except NotReached:
            if not attempt.before:
                _certainly_not_sent(context, text_id)
            raise
    with context.sessions.begin() as session:
        text = _locked(session, text_id)
        if text.sid is None:  # its first callback may have come before us
            text.sid = sid
            if text.state in ("queued", "sending"):
                text.state = "sent"


def _callback(settings: Settings, text_id: int) -> str:
    return f"{settings.public_url.rstrip('/')}/twilio/sms/status?text={text_id}"


def _begin(context: Context, text_id: int) -> _Try | None:
    """Writes down that a try begins, in a transaction of its own; None where nothing may be sent any more.

    Raises OutcomeUnknown while the request of an earlier try may still be under way.
    """
    with context.sessions.begin() as session:
        text, now = _locked(session, text_id), context.now()
        if text.state not in ("queued", "sending") or text.sid is not None:
            return None
        before = text.sending_at is not None
        if text.sending_at is not None and now - text.sending_at < UNDER_WAY:
            raise OutcomeUnknown("an earlier try may be under way")
        if (reason := _too_late(session, text, now)) is not None:
            text.state, text.withheld_because = "withheld", reason
            tell_by_mail(session, text, now)
            return None
        text.state, text.sending_at, text.tries = "sending", now, text.tries + 1
        others = select(TextSent.sid).where(TextSent.phone == text.phone, TextSent.created_at > now - 2 * USE_OF_A_TEXT)
        return _Try(
            text.phone,
            text.body or _code_words(session, text, context),
            text.created_at,
            before,
            frozenset(sid for sid in session.scalars(others) if sid is not None),
        )


def _too_late(session: Session, text: TextSent, now: datetime) -> str | None:
    """What has happened since it was queued."""
    if not text.despite_opt_out and is_opted_out(session, text.phone):
        return "opted_out"
    code = session.get_one(OneTimeCode, text.code_id) if text.code_id is not None else None
    over = code is not None and (code.used_at is not None or code.expires_at <= now)
    return "too_late" if over or now - text.created_at > USE_OF_A_TEXT else None


def _certainly_not_sent(context: Context, text_id: int) -> None:
    """The next try has nothing to look up."""
    with context.sessions.begin() as session:
        untouched = update(TextSent).where(TextSent.id == text_id, TextSent.sid.is_(None), TextSent.state == "sending")
        session.execute(untouched.values(state="queued", sending_at=None))


def _code_words(session: Session, text: TextSent, context: Context) -> str:
    """The text of a one-time code, made now and kept nowhere."""
    code = session.get_one(OneTimeCode, text.code_id)
    language = language_of_code(session, code)
    words = say("text_code", language, "sms", code=digits_of(code.id, context.settings))
    return plain_gsm(f"{context.settings.sms_sender_name}: {words}")


def _locked(session: Session, text_id: int) -> TextSent:
    return session.scalars(select(TextSent).where(TextSent.id == text_id).with_for_update()).one()


def take_for_answer(session: Session, text_id: int, *, context: Context) -> list[str]:
    """The bodies of the texts that answer a received one, for the webhook's own answer; they count as sent."""
    texts = session.scalars(
        select(TextSent).where(TextSent.answers == text_id, TextSent.state == "queued").order_by(TextSent.id)
    ).all()
    bodies = [text.body or _code_words(session, text, context) for text in texts]
    for text in texts:
        text.state, text.settled_at = "sent", context.now()
    return bodies


# ----------------------------------------------------------------------------------------------- what became of it


def note_status(
    session: Session,
    *,
    sid: str,
    text_id: int,
    status: str,
    error_code: int | None,
    now: datetime,
    settings: Settings,
) -> None:
    """Takes in what Twilio says of a text, in any order and any number of times; unknown words and texts are nothing.

    It may say so before our own note of the sid is committed, so the text is known by the id in the callback's
    address; a sid that is another text's changes nothing.
    """
    text = session.scalars(select(TextSent).where(TextSent.id == text_id).with_for_update()).one_or_none()
    state = _STATE_OF.get(status)
    if text is None or state is None or text.sid not in (None, sid):
        return
    if text.sid is None and session.scalar(select(TextSent.id).where(TextSent.sid == sid)) is not None:
        return
    # Given up without an answer, it may have gone through all the same.
    known = 0 if text.state == "failed" and text.sid is None else _ORDER.get(text.state)
    text.sid = sid
    if known is None or _ORDER[state] <= known:  # withheld stays withheld: that is why it was not sent again
        return
    text.state, text.error_code = state, error_code
    if state in ("delivered", "undelivered", "failed"):
        text.settled_at = now
    if error_code == OPTED_OUT:
        record_consent(session, text.phone, "out", "carrier", f"error {error_code}", now)
    if state in ("undelivered", "failed") and not _again(session, text, now, settings):
        tell_by_mail(session, text, now)


def _again(session: Session, text: TextSent, now: datetime, settings: Settings) -> bool:
    """Queues the same text once more after a pause, where what kept it away may pass.

    It is a row of its own: a sid belongs to one try, and a callback that comes twice finds it settled. Texts that are
    newer need not wait for it.
    """
    tried, first = _which_try(text)
    late = now - text.created_at > USE_OF_A_TEXT
    if text.error_code not in PASSING or text.code_id is not None or tried > len(PAUSES) or late:
        return False
    repeat = queue_text(
        session,
        settings=settings,
        phone=text.phone,
        kind=text.kind,
        now=now,
        body=text.body,
        account_id=text.account_id,
        portal_user_id=text.portal_user_id,
        answers=text.answers,
        payment_id=text.payment_id,
        key=f"{AGAIN}{tried}:{first}",
        despite_opt_out=text.despite_opt_out,
        at=now + PAUSES[tried - 1],
    )
    if repeat is not None:  # what could be chosen from it can be chosen from this one
        chosen = select(literal(repeat.id), TextChoice.reply, TextChoice.button_id, TextChoice.portal_user_id)
        columns = ["text_id", "reply", "button_id", "portal_user_id"]
        session.execute(insert(TextChoice).from_select(columns, chosen.where(TextChoice.text_id == text.id)))
    return True


def _which_try(text: TextSent) -> tuple[int, int]:
    """The number of the try that `text` is, from 1, and the id of the first one."""
    if text.key is None or not text.key.startswith(AGAIN):
        return 1, text.id
    before, first = text.key.removeprefix(AGAIN).split(":")
    return int(before) + 1, int(first)


def _refused(context: Context, text_id: int, code: int) -> None:
    """Twilio will not send it, now or later."""
    with context.sessions.begin() as session:
        text, now = _locked(session, text_id), context.now()
        text.state, text.error_code, text.settled_at = "failed", code, now
        if code == OPTED_OUT:
            record_consent(session, text.phone, "out", "carrier", f"error {code}", now)
        tell_by_mail(session, text, now)


def give_up(context: Context, text_id: int) -> None:
    """After the last try: the text failed, and a person is told that Twilio is out of reach."""
    with context.sessions.begin() as session:
        text, now = _locked(session, text_id), context.now()
        if text.sid is None and text.state in ("queued", "sending"):
            text.state, text.settled_at = "failed", now
            tell_by_mail(session, text, now)
            queue.add(session, "texts_failed", "texts cannot be handed to Twilio", now)
