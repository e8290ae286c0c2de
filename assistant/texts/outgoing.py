"""A text on its way out: written with the change that asks for it, held back where it may not go, sent by a job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from assistant.gsm import plain_gsm
from assistant.opt_out import is_opted_out
from assistant.texts.by_mail import tell_by_mail
from assistant.texts.models import TextConsent, TextSent
from assistant.texts.phones import may_be_texted
from assistant.wording import LANGUAGES, say
from billing import operator_queue as queue
from billing import outbox
from billing.config import Settings
from billing.models import OperatorItem, PortalUser

DAY = timedelta(days=1)
EVER = datetime.min.replace(tzinfo=UTC)
LONGEST_BODY = 1_600  # characters; Twilio takes no more (error 21617)
TOO_MANY = "too_many"  # the kind of the last text that a number gets in a day


def queue_text(
    session: Session,
    *,
    settings: Settings,
    phone: str,
    kind: str,
    now: datetime,
    body: str | None = None,
    code_id: int | None = None,
    account_id: int | None = None,
    portal_user_id: int | None = None,
    answers: int | None = None,
    payment_id: int | None = None,
    key: str | None = None,
    despite_opt_out: bool = False,
    at: datetime | None = None,
) -> TextSent | None:
    """Writes the text and defers its sending, in the caller's transaction. None where `key` was told before.

    `kind`: answer, result or code; a code has no `body`, it is made when it goes out. A text that may not go (they
    said STOP, another country, over the limits of a day, no account to send with) is written as withheld, so that the
    books say why nobody got it. A body that is too long for one text becomes several, since the choices of an answer
    stand at its end; the last one is returned. `at`: not before, and then without keeping its place among the others.
    """
    # To the end of the transaction: limits are counted, and jobs numbered, in one order for each phone.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"text to {phone}", 0))))
    bodies = parts(plain_gsm(body)) if body is not None else [None]
    texts: list[TextSent] = []
    for number, part in enumerate(bodies):
        text_id = session.scalar(
            insert(TextSent)
            .values(
                phone=phone,
                account_id=account_id,
                portal_user_id=portal_user_id,
                kind=kind,
                body=part,
                code_id=code_id,
                answers=answers,
                payment_id=payment_id,
                key=key if number == 0 else None,
                despite_opt_out=despite_opt_out,
                created_at=now,
            )
            .on_conflict_do_nothing(index_elements=["key"])
            .returning(TextSent.id)
        )
        if text_id is None:
            return None
        texts.append(session.get_one(TextSent, text_id))
    withheld = _reason_to_withhold(session, settings, texts, now)
    for text in texts:
        if withheld is not None:
            text.state, text.withheld_because = "withheld", withheld
        else:
            _defer(session, settings, text, at)
    if withheld is not None:
        tell_by_mail(session, texts[-1], now)
    session.flush()
    return texts[-1]


def parts(body: str) -> list[str]:
    """`body` in texts that Twilio takes, cut where a line ends, else a sentence, else a word."""
    found = []
    while len(body) > LONGEST_BODY:
        head = body[: LONGEST_BODY + 1]
        ends = (head.rfind("\n"), max(head.rfind(f"{mark} ") + 1 for mark in ".!?"), head.rfind(" "))
        cut = next((end for end in ends if end > 0), LONGEST_BODY)
        found.append(body[:cut].rstrip())
        body = body[cut:].lstrip()
    return [*found, body] if body or not found else found


def language_of_phone(session: Session, phone: str, portal_user_id: int | None = None) -> str:
    """The language of whoever a text is for, else of the first portal user with this number."""
    known = select(PortalUser.language).order_by(PortalUser.account_id, PortalUser.position).limit(1)
    whose = PortalUser.id == portal_user_id if portal_user_id is not None else PortalUser.phone == phone
    language = session.scalar(known.where(whose))
    return language if language in LANGUAGES else "en"


def _defer(session: Session, settings: Settings, text: TextSent, at: datetime | None) -> None:
    if settings.can_text:
        outbox.defer(session, "send_text", at=at, lock=None if at else f"text-to:{text.phone}", text_id=text.id)


def _reason_to_withhold(  # noqa: PLR0911  (one return a reason)
    session: Session, settings: Settings, texts: list[TextSent], now: datetime
) -> str | None:
    """Why `texts`, which are written already, may not go."""
    text = texts[0]
    if not may_be_texted(text.phone, settings):
        return "country"
    if text.despite_opt_out:
        last_in = select(func.max(TextConsent.at)).where(TextConsent.phone == text.phone, TextConsent.state == "in")
        if _confirmed_since(session, text, func.coalesce(last_in.scalar_subquery(), EVER)):
            return "opted_out"  # who says STOP ten times hears of it once
        if not _confirmed_since(session, text, now - DAY):
            return None  # whatever the limits say
    elif is_opted_out(session, text.phone):
        return "opted_out"
    if not settings.can_text and text.answers is None:
        return "no_account"  # only an answer can ride back in the webhook's own answer
    to_phone, to_all, said = _counts(session, text.phone, now)
    if to_all > settings.sms_per_day:
        _tell_operator(session, settings, now)
        return "limit_of_all"
    if to_phone < settings.sms_per_phone_per_day or (to_phone == settings.sms_per_phone_per_day and said):
        return None
    before = to_phone - len(texts)
    if not said and 0 < before < settings.sms_per_phone_per_day:
        _say_too_many(session, settings, text, now)
        return "limit_of_phone"
    return "limit_of_phone" if to_phone > settings.sms_per_phone_per_day else None


def _confirmed_since(session: Session, text: TextSent, since: datetime | ColumnElement[datetime]) -> bool:
    """Was another opt-out of this phone confirmed since?"""
    other = exists().where(
        TextSent.phone == text.phone,
        TextSent.despite_opt_out,
        TextSent.id != text.id,
        TextSent.state != "withheld",
        TextSent.created_at > since,
    )
    return bool(session.scalar(select(other)))


def _counts(session: Session, phone: str, now: datetime) -> tuple[int, int, int]:
    """Texts of the last day: to this number, to everybody, and those that told this number that it is too many."""
    to_phone = TextSent.phone == phone
    counted = select(
        func.count().filter(to_phone), func.count(), func.count().filter(to_phone, TextSent.kind == TOO_MANY)
    ).where(TextSent.created_at > now - DAY, TextSent.state != "withheld")
    row = session.execute(counted).one()
    return row[0], row[1], row[2]


def _tell_operator(session: Session, settings: Settings, now: datetime) -> None:
    """Once a day, however soon the matter is closed."""
    filed = exists().where(OperatorItem.kind == "texts_limit", OperatorItem.opened_at > now - DAY)
    if not session.scalar(select(filed)):
        detail = f"{settings.sms_per_day} texts in 24 hours (SMS_PER_DAY): no more go out until some of them are older"
        queue.add(session, "texts_limit", detail, now)


def _say_too_many(session: Session, settings: Settings, text: TextSent, now: datetime) -> None:
    """The last text that the limit allows says that there will be no more, and whom to call."""
    language = language_of_phone(session, text.phone, text.portal_user_id)
    words = say("text_too_many", language, "sms", contact=settings.company_contact)
    last = TextSent(
        phone=text.phone,
        account_id=text.account_id,
        portal_user_id=text.portal_user_id,
        kind=TOO_MANY,
        body=plain_gsm(f"{settings.sms_sender_name}: {words}"),
        answers=text.answers,
        created_at=now,
    )
    session.add(last)
    session.flush()
    _defer(session, settings, last, None)
