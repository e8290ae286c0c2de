"""The answer to one text message: by the carrier's rules, by what proves the phone, or by a turn of the dialogue.

It may run again after any crash: the dialogue answers a repeated message as it did before, and the texts are written
in the transaction that marks the message as handled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.buttons import issue_buttons
from assistant.dialogue.errors import TurnRefused
from assistant.dialogue.turns import LONGEST_MESSAGE, Dialogue, take_turn
from assistant.identity import Principal
from assistant.models import ChatSession
from assistant.one_time_codes import check_code
from assistant.texts.compose import compose, keep_choices, signed
from assistant.texts.models import TextChoice, TextReceived, TextSent
from assistant.texts.outgoing import queue_text
from assistant.texts.proof import code_in, contact, first_step, language_before_session
from assistant.texts.steps import Sentence, Turn, WhichAccount
from assistant.wording import say
from billing.context import Context
from billing.models import Account, Payment, PortalUser

TRY_AGAIN = ("busy", "too_many_turns")  # refusals that pass by themselves


def answer_text(dialogue: Dialogue, text_id: int) -> None:
    """Answers one stored text. Raises TurnRefused (TRY_AGAIN) and whatever the database raises: it runs again then."""
    context = dialogue.context
    with context.sessions() as session:
        stored = session.get_one(TextReceived, text_id)
        phone, typed = stored.phone, code_in(session, context, stored)
    proof = check_code(context, phone, typed, context.now()) if typed is not None else None
    with context.sessions.begin() as session:
        text = _unhandled(session, text_id)
        if text is None:
            return
        step = first_step(session, context, text, tried_code=typed is not None, proof=proof)
        if not isinstance(step, Turn):
            _finish(session, context, text, step)
            return
    _take(dialogue, text_id, step)


def give_up(context: Context, text_id: int) -> None:
    """After the last try: the customer hears that it went wrong, and whom to call."""
    with context.sessions.begin() as session:
        if (text := _unhandled(session, text_id)) is not None:
            language = language_before_session(session, text)
            _finish(session, context, text, Sentence("failed", "text_trouble", language, contact(context)))


def _unhandled(session: Session, text_id: int) -> TextReceived | None:
    text = session.scalars(select(TextReceived).where(TextReceived.id == text_id).with_for_update()).one()
    return text if text.handled_at is None else None


def _take(dialogue: Dialogue, text_id: int, turn: Turn) -> None:
    context, answer = dialogue.context, None
    try:
        answer = take_turn(dialogue, turn.principal, turn.message)
    except TurnRefused as refused:
        if refused.code in TRY_AGAIN:
            raise
        key = "text_too_long" if refused.code == "message_too_long" else "text_empty"
        values: dict[str, object] = {"limit": LONGEST_MESSAGE} if key == "text_too_long" else {}
        refusal = Sentence(refused.code, key, turn.principal.language, values)
    with context.sessions.begin() as session:
        text = _unhandled(session, text_id)
        if text is None:
            return
        if answer is None:
            _finish(session, context, text, refusal)
        else:
            _send_answer(session, context, text, turn, answer)


def _finish(session: Session, context: Context, text: TextReceived, step: Sentence | WhichAccount) -> None:
    if isinstance(step, WhichAccount):
        _ask_which_account(session, context, text, step)
    elif step.key is not None:
        words = say(step.key, step.language, "sms", **step.values)
        body = signed(words, context.settings.sms_sender_name)
        _queue(session, context, text, body, despite_opt_out=step.despite_opt_out)
    outcome = step.outcome if isinstance(step, Sentence) else "asked_which_account"
    text.handled_at, text.outcome = context.now(), outcome


def _ask_which_account(session: Session, context: Context, text: TextReceived, step: WhichAccount) -> None:
    lines = [say("text_which_account", step.language, "sms")]
    for number, user in enumerate(step.users, 1):
        ending = session.get_one(Account, user.account_id).number[-4:]
        lines.append(f"{number} = {say('text_account_choice', step.language, 'sms', ending=ending)}")
    sent = _queue(session, context, text, signed("\n".join(lines), context.settings.sms_sender_name))
    if sent is not None:
        session.add_all(
            TextChoice(text_id=sent.id, reply=str(number), portal_user_id=user.id)
            for number, user in enumerate(step.users, 1)
        )


def _send_answer(session: Session, context: Context, text: TextReceived, turn: Turn, answer: Mapping[str, Any]) -> None:
    messages = list(answer["messages"])
    if turn.preface is not None:
        preface = say(turn.preface, answer["language"], "sms")
        messages.insert(0, {"text": preface, "buttons": [], "card": None})
    composed = compose(session, messages, sender_name=context.settings.sms_sender_name)
    told = _payment_told(session, messages)
    sent = _queue(session, context, text, composed.body, turn.principal, payment_id=told)
    if sent is not None:
        keep_choices(session, sent.id, composed.choices)
    text.handled_at, text.outcome = context.now(), "answered"


def _payment_told(session: Session, messages: Sequence[Mapping[str, Any]]) -> int | None:
    """The payment whose outcome is told, so that a text that gets lost can be told by mail."""
    cards = [message.get("card") or {} for message in messages]
    references = [card["reference"] for card in cards if card.get("type") == "payment"]
    if not references:
        return None
    return session.scalar(select(Payment.id).where(Payment.reference == references[-1]))


def text_later(
    session: Session, context: Context, chat: ChatSession, message: Mapping[str, Any], *, key: str,
    payment_id: int | None,
) -> None:  # fmt: skip
    """What reaches a conversation by text outside a turn, once per `key`; not to a number that changed hands since."""
    user = session.get_one(PortalUser, chat.portal_user_id)
    if chat.phone is None or user.phone != chat.phone:
        return
    issued = issue_buttons(session, chat.sender, [message], context.now())
    composed = compose(session, issued, sender_name=context.settings.sms_sender_name)
    sent = queue_text(
        session,
        settings=context.settings,
        phone=chat.phone,
        kind="result",
        now=context.now(),
        body=composed.body,
        account_id=chat.account_id,
        portal_user_id=chat.portal_user_id,
        payment_id=payment_id,
        key=f"{chat.sender}:{key}",
    )
    if sent is not None:
        keep_choices(session, sent.id, composed.choices)


def _queue(
    session: Session,
    context: Context,
    text: TextReceived,
    body: str,
    principal: Principal | None = None,
    *,
    payment_id: int | None = None,
    despite_opt_out: bool = False,
) -> TextSent | None:
    return queue_text(
        session,
        settings=context.settings,
        phone=text.phone,
        kind="answer",
        now=context.now(),
        body=body,
        account_id=principal.account_id if principal is not None else None,
        portal_user_id=principal.portal_user_id if principal is not None else None,
        answers=text.id,
        payment_id=payment_id,
        despite_opt_out=despite_opt_out,
    )
