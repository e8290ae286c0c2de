"""One turn: cleaned, stored, put to the bot, its buttons issued, its answer stored with the state of things.

Nothing sees the text before card numbers are out of it, and no transaction is open while the bot thinks.
"""

from __future__ import annotations

import unicodedata
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from assistant.buttons import issue_buttons, resolve_button
from assistant.cards import button as button_to
from assistant.dialogue.bot_client import BotClient, BotFailed
from assistant.dialogue.errors import TurnRefused
from assistant.dialogue.failures import words_for_failure
from assistant.dialogue.state import language_and_state
from assistant.dialogue.turn_queue import Place, TurnQueue
from assistant.identity import Principal
from assistant.models import ChatTurn, IssuedButton
from assistant.outcomes import outcome_message
from assistant.redact import TAIL_CHARS, Redaction, redact
from assistant.wording import say
from billing.context import Context
from billing.errors import NotFound
from billing.models import Payment
from billing.payment_records import payment_of_quote
from billing.quotes import get_quote

LONGEST_MESSAGE = 500  # characters; nothing that pays a bill needs more
SLASHES = "/\uff0f\u2044\u2215\u29f8"  # the engine runs a text that begins with a slash as a command
LARGEST_ID = 2**63 - 1  # of PostgreSQL's bigint
MESSAGES_LOOKED_BACK = 4  # for a card number typed in pieces


class Watch:
    """Hears of turns; this one keeps nothing. The edge counts them (webhook/metrics.py)."""

    def at_bot(self) -> AbstractContextManager[object]:
        """Around the time that the bot thinks."""
        return nullcontext()

    def ended(self, result: str, turn_id: int) -> None:
        """`result`: answered, repeat, redacted, second_click, or bot_… for a bot that gave no answer."""


@dataclass(frozen=True)
class Dialogue:
    """The way to the dialogue engine, made once a process: by the edge, and by the worker for text messages."""

    context: Context
    bot: BotClient
    queue: TurnQueue
    watch: Watch

    def close(self) -> None:
        self.bot.close()


def make_dialogue(context: Context, watch: Watch | None = None) -> Dialogue:
    return Dialogue(context, BotClient(context.settings), TurnQueue(context), watch or Watch())


@dataclass(frozen=True, slots=True)
class Message:
    """What a customer sent: a text, or a button that was issued to them. `id` is the same for every repeat.

    `card_removed`: whoever stored the text before took a card number out of it.
    """

    id: str
    text: str | None = None
    button: str | None = None
    card_removed: bool = False


def take_turn(dialogue: Dialogue, principal: Principal, message: Message) -> dict[str, Any]:
    """The answer to one message (schemas.Answer), the same one for every repeat of its id.

    Raises TurnRefused and ButtonRefused; a bot that fails is no error here but an answer (failures.py).
    """
    started_at = dialogue.context.now()
    text = clean(message.text) if message.text is not None else ""
    with dialogue.context.sessions.begin() as session:
        button = _button(session, dialogue, principal, message, started_at)
        said = Redaction(button.title, False) if button is not None else _redacted(session, principal, message, text)
        place = dialogue.queue.enter(session, principal.sender, message.id, said.text, started_at)
    if not place.ours:
        dialogue.watch.ended("repeat", place.turn_id)
        return dialogue.queue.wait_for_answer(place)
    try:
        dialogue.queue.wait_for_turn(principal.sender, place)
        return _answer(dialogue, principal, place, message.id, said, button)
    except Exception:
        dialogue.queue.forget(place)  # so that sending it again tries again; a lost database leaves that to the lease
        raise
    finally:
        dialogue.queue.signal()


def clean(text: str) -> str:
    """Without leading blanks, slashes and invisible characters. Raises TurnRefused: message_empty, message_too_long."""
    start = 0
    while start < len(text) and (text[start] in SLASHES or text[start].isspace() or _invisible(text[start])):
        start += 1
    cleaned = text[start:].rstrip()
    if not cleaned:
        raise TurnRefused("message_empty")
    if len(cleaned) > LONGEST_MESSAGE:
        raise TurnRefused("message_too_long", limit=LONGEST_MESSAGE)
    return cleaned


def _invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cc", "Mn")


_FIRST_TIME = select(ChatTurn.id).where(
    ChatTurn.sender == bindparam("sender"), ChatTurn.message_id == bindparam("message_id")
)
_SAID_BEFORE = (
    select(ChatTurn.__table__.c.said)
    .where(
        ChatTurn.sender == bindparam("sender"),
        ChatTurn.id < func.coalesce(_FIRST_TIME.scalar_subquery(), LARGEST_ID),
    )
    .order_by(ChatTurn.id.desc())
    .limit(MESSAGES_LOOKED_BACK)
)


def _redacted(session: Session, principal: Principal, message: Message, text: str) -> Redaction:
    """The text without card numbers, also one whose beginning was in the messages before this one.

    A repeat is cleaned exactly as it was the first time: with what came before its first time.
    """
    if message.card_removed:
        return Redaction(text, True)
    before = list(session.scalars(_SAID_BEFORE, {"sender": principal.sender, "message_id": message.id}))
    return redact(text, before="\n".join(reversed(before))[-TAIL_CHARS:])


def _button(
    session: Session, dialogue: Dialogue, principal: Principal, message: Message, now: datetime
) -> IssuedButton | None:
    if (message.text is None) == (message.button is None):
        raise TurnRefused("bad_field", field="text or button, one of them")
    if message.button is None:
        return None
    return resolve_button(
        session, principal.sender, message.button, now, ttl_s=dialogue.context.settings.chat_session_ttl_s
    )


def _answer(
    dialogue: Dialogue,
    principal: Principal,
    place: Place,
    message_id: str,
    said: Redaction,
    button: IssuedButton | None,
) -> dict[str, Any]:
    if said.removed:
        messages, result = [_card_number_removed(principal)], "redacted"
    elif button is not None and (paid := _already_paid_with(dialogue, principal, button)) is not None:
        messages, result = [paid], "second_click"
    else:
        return _ask_bot(dialogue, principal, place, message_id, said.text, button)
    with dialogue.context.sessions.begin() as session:
        return _finish(session, dialogue, principal, place, messages, button, result)


def _ask_bot(
    dialogue: Dialogue, principal: Principal, place: Place, message_id: str, text: str, button: IssuedButton | None
) -> dict[str, Any]:
    asked_at = dialogue.context.now()
    pressed = {"intent": button.intent, "data": button.data} if button is not None else None
    with dialogue.bot.slot(), dialogue.watch.at_bot():
        try:
            answer = dialogue.bot.turn(principal, message_id, text, pressed)
            failure = None
        except BotFailed as failed:
            answer, failure = [], failed
    with dialogue.context.sessions.begin() as session:
        if failure is None:
            messages, result = [m.model_dump() for m in answer], "answered"
        else:
            messages = words_for_failure(
                session, dialogue.context, principal, started_at=asked_at, reached=failure.reached
            )
            result = f"bot_{failure.result}"
        return _finish(session, dialogue, principal, place, messages, button, result)


def _finish(
    session: Session,
    dialogue: Dialogue,
    principal: Principal,
    place: Place,
    messages: list[dict[str, Any]],
    button: IssuedButton | None,
    result: str,
) -> dict[str, Any]:
    """Issues the buttons and stores the answer, in one transaction: an answer that was seen can always be repeated."""
    now = dialogue.context.now()
    language, state = language_and_state(session, principal.sender, now)  # an action may have changed the language
    if button is not None:
        session.execute(update(IssuedButton).where(IssuedButton.id == button.id).values(used_at=now))
    answer = {
        "turn": place.turn_id,
        "messages": issue_buttons(session, principal.sender, messages, now),
        "state": state,
        "language": language,
    }
    dialogue.queue.answer(session, place, answer, now)
    dialogue.watch.ended(result, place.turn_id)
    return answer


def _card_number_removed(principal: Principal) -> dict[str, Any]:
    """Neither the number nor the rest of the sentence goes any further; the secure page is the place for it."""
    return {
        "text": say("card_number_removed", principal.language, principal.channel),
        "buttons": [button_to(say("button_new_card", principal.language, principal.channel), "add_card", method="new")],
        "card": None,
    }


def _already_paid_with(dialogue: Dialogue, principal: Principal, button: IssuedButton) -> dict[str, Any] | None:
    """A quote's button dies after one click: the next one answers with what became of the payment."""
    quote_id = button.data.get("quote_id")
    if button.intent != "affirm" or not isinstance(quote_id, str):
        return None
    with dialogue.context.sessions.begin() as session:
        payment: Payment | None
        try:
            payment = payment_of_quote(session, get_quote(session, quote_id).id)
        except NotFound:
            payment = None
        if payment is None or payment.account_id != principal.account_id:
            return None
        now = dialogue.context.now()
        return outcome_message(session, payment, principal.language, principal.channel, now, dialogue.context.settings)
