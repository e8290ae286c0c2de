"""The one way into the bot: `POST /webhooks/remit/turn`, for the edge alone.

Rasa's own channels authenticate nobody, split replies and take identity from the body. This one checks a service
token in constant time, validates the body strictly, takes buttons that the edge has resolved as intents, and answers
one object per message with the fields that the edge knows.
"""

from __future__ import annotations

import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from rasa.core.lock_store import LockError
from sanic import Blueprint
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse

from bot.errors import NoAnswer, TurnFailed
from bot.settings import require
from bot.tracker_store import StoreUnavailable

logger = logging.getLogger(__name__)

CHANNELS = ("chat", "sms", "voice")
LANGUAGES = ("en", "fr")
# The edge caps what customers type; these limits only keep a broken caller from filling the conversation tables.
MAX_TEXT = 2_000
MAX_ID = 200
MAX_BUTTON_BYTES = 8_000


class BadTurn(Exception):
    """The body is not a turn; `str(error)` says which field, never what stood in it."""


@dataclass(frozen=True)
class Turn:
    """One message of one sender, as the edge hands it over. `button` is trusted: the edge resolved an id that it had
    issued.
    """

    sender: str
    message_id: str
    text: str
    channel: str
    language: str
    button: dict[str, Any] | None


def read_turn(body: Any, intents: frozenset[str]) -> Turn:
    """Checks a decoded body field by field.

    Args:
        body: whatever JSON the caller sent.
        intents: the names a button may carry, from the trained domain.

    Raises:
        BadTurn: a field is missing, unknown, of another type or too long.
    """
    if not isinstance(body, dict):
        raise BadTurn("the body must be a JSON object")
    unknown = sorted(set(body) - set(Turn.__dataclass_fields__))
    if unknown:
        raise BadTurn(f"unknown field {unknown[0][:40]!r}")
    sender = _text(body, "sender", limit=MAX_ID)
    message_id = _text(body, "message_id", limit=MAX_ID)
    button = _button(body.get("button"), intents)
    # Rasa runs a text that begins with a slash as an intent; only buttons may do that.
    text = _text(body, "text", limit=MAX_TEXT, empty=True).replace("\x00", "").lstrip("/ \t\r\n").rstrip()
    if not text and button is None:
        raise BadTurn("text is empty and there is no button")
    return Turn(
        sender=sender,
        message_id=message_id,
        text=text,
        channel=_choice(body, "channel", CHANNELS),
        language=_choice(body, "language", LANGUAGES),
        button=button,
    )


def _text(body: dict[str, Any], name: str, *, limit: int, empty: bool = False) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise BadTurn(f"{name} must be a string")
    if not empty and not value.strip():
        raise BadTurn(f"{name} is empty")
    if len(value) > limit:
        raise BadTurn(f"{name} is longer than {limit} characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadTurn(f"{name} is not valid Unicode") from error
    if not empty and "\x00" in value:
        raise BadTurn(f"{name} holds a null character")
    return value


def _choice(body: dict[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = body.get(name)
    if value not in allowed:
        raise BadTurn(f"{name} must be one of {', '.join(allowed)}")
    return str(value)


def _button(button: Any, intents: frozenset[str]) -> dict[str, Any] | None:
    if button is None:
        return None
    if not isinstance(button, dict) or set(button) - {"intent", "data"}:
        raise BadTurn("button must be null or an object of intent and data")
    if not isinstance(button.get("intent"), str) or button["intent"] not in intents:
        raise BadTurn("button.intent is not an intent of this bot")
    data = {} if button.get("data") is None else button["data"]
    if not isinstance(data, dict):
        raise BadTurn("button.data must be an object")
    if len(json.dumps(data)) > MAX_BUTTON_BYTES:
        raise BadTurn("button.data is too large")
    return {"intent": button["intent"], "data": data}


class Reply(OutputChannel):
    """Collects the answers of one turn under the name of the customer's channel, one object per message."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.messages: list[dict[str, Any]] = []

    def name(self) -> str:  # type: ignore[override]
        """The customer's channel, which Rasa hands to whatever renders the answer."""
        return self.channel

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:  # noqa: ARG002
        """Keeps text, buttons and card; the base class would split the text and send template variables along."""
        custom = message.get("custom") or {}
        answer = {
            "text": message.get("text") or "",
            "buttons": [_button_out(button) for button in message.get("buttons") or []],
            "card": custom.get("card"),
        }
        if answer["text"] or answer["buttons"] or answer["card"]:
            self.messages.append(answer)


def _button_out(button: dict[str, Any]) -> dict[str, Any]:
    """An action's button carries `{"intent": …, "data": …}` as JSON in its payload."""
    payload = json.loads(button["payload"])
    return {"title": button["title"], "intent": payload["intent"], "data": payload.get("data") or {}}


class RemitChannel(InputChannel):
    """Configured in credentials.yml as `bot.channel.RemitChannel: {token: ${BOT_TOKEN}}`."""

    def __init__(self, token: str) -> None:
        self._token = require("BOT_TOKEN", token).encode()

    @classmethod
    def name(cls) -> str:
        return "remit"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> RemitChannel:
        return cls((credentials or {}).get("token", ""))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        routes = Blueprint("remit")

        @routes.get("/health")
        async def health(request: Request) -> HTTPResponse:
            return _health(request.app.ctx.agent)

        @routes.post("/turn")
        async def turn(request: Request) -> HTTPResponse:
            if not self.authenticates(request.headers.get("Authorization")):
                return _error(401, "unauthorized", "Send the bot's service token as a bearer token.")
            try:
                intents = frozenset(request.app.ctx.agent.domain.intents)
                asked = read_turn(json.loads(request.body), intents)
            except (ValueError, RecursionError):
                return _error(400, "bad_json", "The body is not valid JSON.")
            except BadTurn as error:
                return _error(400, "bad_turn", f"{error}.")
            return await _answer(asked, on_new_message)

        return routes

    def authenticates(self, header: str | None) -> bool:
        """Compares in constant time, so that the time of the answer says nothing about the token."""
        scheme, _, given = (header or "").partition(" ")
        return hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token) and scheme.lower() == "bearer"


async def _answer(turn: Turn, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> HTTPResponse:
    reply = Reply(turn.channel)
    started = time.perf_counter()
    try:
        await on_new_message(user_message(turn, reply))
    except StoreUnavailable:
        logger.exception("A turn could not be stored.")
        return _error(503, "store_unavailable", "The conversation cannot be read or written now; nothing was kept.")
    except LockError as error:
        if error.__context__ is not None:
            logger.exception("The lock store does not answer.")
            return _error(503, "store_unavailable", "Conversations cannot be locked now; nothing was kept.")
        return _error(409, "busy", "An earlier message of this sender is still being answered.")
    except NoAnswer as error:
        # Rasa itself would answer with an empty list. Silence is a failure, and must not look like success.
        logger.error("No answer to a turn: %s.", error)
        return _error(502, "no_answer", "The bot found nothing to say; the conversation is as before.")
    except TurnFailed:
        return _error(503, "actions_unavailable", "The action server did not finish; the conversation is as before.")
    logger.info("turn channel=%s messages=%d ms=%.1f", turn.channel, len(reply.messages), _ms_since(started))
    return _json(200, {"messages": reply.messages})


def user_message(turn: Turn, reply: Reply) -> UserMessage:
    """A button skips the classifier: its intent is certain. Its data travels in the metadata, which customers cannot
    write.
    """
    metadata = {"channel": turn.channel, "language": turn.language, "button": turn.button}
    text, parse_data = turn.text, None
    if turn.button:
        text = "/" + turn.button["intent"]
        intent = {"name": turn.button["intent"], "confidence": 1.0}
        parse_data = {"text": text, "intent": intent, "entities": [], "intent_ranking": [intent]}
    return UserMessage(
        text,
        reply,
        turn.sender,
        parse_data=parse_data,
        input_channel=turn.channel,
        message_id=turn.message_id,
        metadata=metadata,
    )


def _health(agent: Any) -> HTTPResponse:
    """Ready: a model is loaded and PostgreSQL answers. Rasa alone would go on from memory and call itself well."""
    try:
        agent.tracker_store.check()
    except StoreUnavailable:
        return _error(503, "store_unavailable", "PostgreSQL does not answer.")
    return _json(200, {"status": "ok", "model": agent.processor.model_filename})


def answer_error(_: Request, error: Exception) -> HTTPResponse:
    """What Sanic answers instead of its own pages: no route, wrong method, too large, or a fault of ours."""
    if isinstance(error, SanicException) and error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _error(
            error.status_code, "refused", "There is no such route, not with this method, or not in this size."
        )
    logger.error("A request broke.", exc_info=error)
    return _error(500, "internal", "The bot failed; see its log.")


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _json(status: int, body: dict[str, Any]) -> HTTPResponse:
    return HTTPResponse(json.dumps(body, ensure_ascii=False), status, content_type="application/json")


def _error(status: int, code: str, message: str) -> HTTPResponse:
    return _json(status, {"error": {"code": code, "message": message}})
