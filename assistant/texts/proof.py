"""Who is texting: the carrier's words first, then the session, then the number on file and the code that proves it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.language import written_in
from assistant.one_time_codes import request_code
from assistant.opt_out import is_opted_out
from assistant.texts.meaning import choices_are_good_for_s, step_in_session
from assistant.texts.models import OneTimeCode, TextReceived
from assistant.texts.phones import is_phone
from assistant.texts.replies import KEYWORDS, choice_of, plain
from assistant.texts.sessions import language_of, open_text_session, present_principal, users_of_phone
from assistant.texts.steps import Sentence, Step, Turn, WhichAccount
from billing.context import Context
from billing.models import PortalUser

# "123456", "123 456", "my code is 123456": six digits and nothing that could be an amount or a sentence
_CODE = re.compile(r"(?:(?:the |my |mon |le )?code:? ?(?:is |est )?:? ?)?(\d{3}[ -]?\d{3})")
FRENCH_WORDS = frozenset(("aide", "arret", "arreter", "debut", "desabonner"))
PROVED = "proved"  # what is noted of a text whose code opened a session, until it is answered


def code_in(session: Session, context: Context, text: TextReceived) -> str | None:
    """The code that a text brings, where a code is what we wait for."""
    found = _CODE.fullmatch(plain(text.body))
    if found is None or text.handled_at is not None or text.keyword is not None or is_opted_out(session, text.phone):
        return None
    if present_principal(session, text.phone, context.now()) is not None or not users_of_phone(session, text.phone):
        return None
    return re.sub(r"\D", "", found[1])


def first_step(  # noqa: PLR0911  (one return a case)
    session: Session, context: Context, text: TextReceived, *, tried_code: bool, proof: OneTimeCode | None
) -> Step:
    """What a stored text leads to. `tried_code`: it held a code; `proof`: that code was right."""
    settings, language, now = context.settings, language_before_session(session, text), context.now()
    if not is_phone(text.phone) or text.phone == settings.twilio_from_number:
        return Sentence("not_a_phone")  # short codes and names are machines: answering them only starts a loop
    if (by_rule := _by_the_carriers_rules(session, context, text, language)) is not None:
        return by_rule
    principal = present_principal(session, text.phone, now)
    if principal is not None and text.outcome == PROVED:
        resumed = _asked_before(session, _proof(session, context, text.phone)) or text
        return _resume(step_in_session(session, settings, resumed, principal, now), text)
    if principal is not None:
        return step_in_session(session, settings, text, principal, now)
    users = users_of_phone(session, text.phone)
    if not users:
        return Sentence("unknown_number", "text_unknown_number", language, contact(context))
    if proof is not None:
        return _begin(session, context, text, users, _asked_before(session, proof))
    if tried_code:
        return Sentence("code_wrong", "text_code_wrong", language)
    if (chosen := _chosen_account(session, context, text, users)) is not None:
        asked = _asked_before(session, _proof(session, context, text.phone))
        return _begin(session, context, text, [chosen], asked)
    return _ask_for_proof(session, context, text, users, language)


def _by_the_carriers_rules(  # noqa: PLR0911  (one return a rule)
    session: Session, context: Context, text: TextReceived, language: str
) -> Step | None:
    """STOP, START and HELP work for every number, and while the dialogue engine is down."""
    company = {"company": context.settings.company_name}
    if text.keyword is not None and text.told_by_carrier:
        return Sentence(f"{text.keyword}_answered_by_carrier")
    if text.keyword == "stop":
        return Sentence("opted_out", "text_stopped", language, company, despite_opt_out=True)
    if is_opted_out(session, text.phone):
        return Sentence("silent_after_opt_out")
    if text.keyword == "start":
        return Sentence("opted_in", "text_started", language, company)
    if text.keyword == "help":
        return Sentence("help", "text_help", language, company | contact(context))
    if text.is_group:
        return Sentence("group", "text_group", language)
    if not text.body and not text.card_removed:
        return Sentence("media", "text_media", language) if text.media else Sentence("empty", "text_empty", language)
    return None


def _ask_for_proof(
    session: Session, context: Context, text: TextReceived, users: Sequence[PortalUser], language: str
) -> Step:
    """Nothing private goes to a number before its owner has shown that they read what we send there."""
    code = request_code(session, context=context, phone=text.phone, users=users, resumes=text.id, now=context.now())
    if code is None:
        return Sentence("code_limit", "text_code_limit", language, contact(context))
    if code.sent_by == "sms":
        return Sentence("code_sent")  # its text says what to do with it
    key = "text_code_mailed" if code.sent_by == "email" else "text_code_sent"
    return Sentence(f"code_by_{code.sent_by}", key, language)


def _begin(
    session: Session, context: Context, text: TextReceived, users: Sequence[PortalUser], asked: TextReceived | None
) -> Step:
    """Proved: goes on with what was asked before the code; whose number serves several accounts chooses one first."""
    if len(users) > 1:
        return WhichAccount(users, language_of(users) or "en")
    asked, now = asked or text, context.now()
    language = written_in(asked.body) or language_of(users) or "en"
    ttl_s = context.settings.chat_session_ttl_s
    principal = open_text_session(session, users[0], text.phone, now, ttl_s=ttl_s, language=language)
    text.outcome = PROVED
    return _resume(step_in_session(session, context.settings, asked, principal, now), text)


def _resume(step: Step, text: TextReceived) -> Step:
    """The turn that was wanted earlier, under the id of the text that made it possible."""
    if not isinstance(step, Turn):
        return step
    return replace(step, message=replace(step.message, id=text.sid), preface=step.preface or "text_verified")


def _chosen_account(
    session: Session, context: Context, text: TextReceived, users: Sequence[PortalUser]
) -> PortalUser | None:
    """The account that a proved phone chooses from the list that it was just texted."""
    if _proof(session, context, text.phone) is None:
        return None
    ttl_s = choices_are_good_for_s(context.settings)
    choice = choice_of(session, text.phone, text.body, context.now(), ttl_s=ttl_s)
    return next((user for user in users if choice is not None and user.id == choice.portal_user_id), None)


def _proof(session: Session, context: Context, phone: str) -> OneTimeCode | None:
    """The code that this phone proved itself with, as long as a session would last."""
    since = context.now() - timedelta(seconds=context.settings.chat_session_ttl_s)
    proof = select(OneTimeCode).where(OneTimeCode.phone == phone, OneTimeCode.used_at > since)
    return session.scalar(proof.order_by(OneTimeCode.id.desc()).limit(1))


def _asked_before(session: Session, proof: OneTimeCode | None) -> TextReceived | None:
    """What was asked when the proof was wanted."""
    return session.get(TextReceived, proof.resumes) if proof is not None and proof.resumes is not None else None


def language_before_session(session: Session, text: TextReceived) -> str:
    """Of what is said before anybody is known: the customer's words, then whoever the number belongs to."""
    word = plain(text.body)
    if set(word.split()) & FRENCH_WORDS or KEYWORDS.get(word, ("", None))[1] == "fr":
        return "fr"
    return written_in(text.body) or language_of(users_of_phone(session, text.phone)) or "en"


def contact(context: Context) -> dict[str, object]:
    return {"contact": context.settings.company_contact}
