"""The chat widget's four routes: a session, its turns, its events, its history."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from sqlalchemy import func, select

from assistant.dialogue.state import language_and_state
from assistant.dialogue.turns import LARGEST_ID, Message, take_turn
from assistant.identity import open_chat_session, verify_portal_token
from assistant.models import ChatEvent, ChatTurn
from assistant.wording import say
from webhook import schemas
from webhook.edge import edge
from webhook.errors import Refused
from webhook.guards import chat_messages, chat_session, guarded, portal_token

blueprint = Blueprint("chat", __name__)

LONGEST_HISTORY = 200  # turns and events, the newest of them


@blueprint.post("/api/chat/sessions")
@guarded(
    who=portal_token,
    summary="Open a chat session with a portal token",
    body=schemas.SessionRequest,
    max_body=8_192,
    answers={201: schemas.SessionAnswer},
    refusals=("token_refused", "token_expired", "token_used"),
)
def open_session() -> tuple[Response, int]:
    shared, now = edge(), edge().context.now()
    identity = verify_portal_token(g.body.token, shared.settings, now)
    if wait_s := shared.rates.over("opened", identity.external_id, shared.settings.chat_sessions_per_minute):
        raise Refused("too_many_requests", retry_after_s=wait_s)
    with shared.context.sessions.begin() as session:
        opened, token = open_chat_session(
            session, identity, now, ttl_s=shared.settings.chat_session_ttl_s, address=request.remote_addr
        )
        g.language = opened.language
        greeting: dict[str, Any] = {"text": say("greet", opened.language, opened.channel), "buttons": [], "card": None}
        answer = {
            "token": token,
            "language": opened.language,
            "expires_at": opened.expires_at.isoformat(),
            "messages": [greeting],
            "state": language_and_state(session, opened.sender, now)[1],
        }
    return jsonify(answer), 201


@blueprint.post("/api/chat/messages")
@guarded(
    who=chat_messages,
    summary="One turn: a text, or the id of a button that the server issued",
    body=schemas.MessageRequest,
    max_body=16_384,
    answers={200: schemas.Answer},
    refusals=(
        *("message_empty", "message_too_long", "message_id_reused"),
        *("button_unknown", "button_expired", "too_many_turns", "busy"),
    ),
)
def messages() -> Response:
    return jsonify(take_turn(edge().dialogue, g.principal, Message(**g.body.model_dump())))


@blueprint.get("/api/chat/events")
@guarded(
    who=chat_session,
    summary="Server-sent events of the conversation, replayed from Last-Event-ID",
    answers={200: "text/event-stream"},
    refusals=("streams_full",),
)
def events() -> Response:
    """Without Last-Event-ID everything from the conversation's start is sent: nothing is lost, clients drop repeats."""
    last_id = request.headers.get("Last-Event-ID", "").strip() or "0"
    if not (last_id.isascii() and last_id.isdigit() and int(last_id[:20]) <= LARGEST_ID and len(last_id) < 20):  # noqa: PLR2004
        raise Refused("bad_field", field="Last-Event-ID")
    streams = edge().streams
    stream = streams.open(g.principal.sender)
    response = Response(streams.run(stream, int(last_id)), mimetype="text/event-stream")
    response.call_on_close(lambda: streams.leave(stream))  # also when it was closed before the first byte
    response.headers["X-Accel-Buffering"] = "no"
    return response


@blueprint.get("/api/chat/history")
@guarded(
    who=chat_session,
    summary="Turns and events of this conversation, in order",
    answers={200: schemas.History},
)
def history() -> Response:
    shared, principal = edge(), g.principal
    with shared.context.sessions() as session:
        turns = session.scalars(
            select(ChatTurn)
            .where(ChatTurn.sender == principal.sender)
            .order_by(ChatTurn.id.desc())
            .limit(LONGEST_HISTORY)
        ).all()
        pushed = session.scalars(
            select(ChatEvent)
            .where(ChatEvent.sender == principal.sender)
            .order_by(ChatEvent.id.desc())
            .limit(LONGEST_HISTORY)
        ).all()
        last_event_id = session.scalar(select(func.max(ChatEvent.id)).where(ChatEvent.sender == principal.sender)) or 0
        _, state = language_and_state(session, principal.sender, shared.context.now())
    entries = [(turn.started_at, _turn(turn)) for turn in turns] + [(e.created_at, _event(e)) for e in pushed]
    entries.sort(key=lambda entry: (entry[0], entry[1]["id"]))
    shown = [entry for _, entry in entries[-LONGEST_HISTORY:]]
    return jsonify({"entries": shown, "state": state, "last_event_id": last_event_id})


def _turn(turn: ChatTurn) -> dict[str, Any]:
    return {
        "kind": "turn",
        "id": turn.id,
        "at": turn.started_at.isoformat(),
        "said": turn.said,
        "answered": turn.answer is not None,
        "messages": turn.answer["messages"] if turn.answer is not None else [],
    }


def _event(event: ChatEvent) -> dict[str, Any]:
    return {
        "kind": "event",
        "id": event.id,
        "at": event.created_at.isoformat(),
        "event": event.kind,
        "payload": event.payload,
    }
