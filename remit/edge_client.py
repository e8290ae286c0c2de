"""A customer's side of the edge, as the chat widget has it: a session, its turns, and what arrives later."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import httpx
import jwt

from remit.errors import CommandFailed

TURN_S = 30  # more than the edge waits for the bot
EVENTS_S = 30  # more than its pauses between two heartbeats


class EdgeError(CommandFailed):
    """The edge refused, or is not there. `code` is its own, or "unreachable"; `request_id` finds it in the logs."""

    def __init__(self, code: str, message: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.code, self.request_id = code, request_id


@dataclass(frozen=True)
class Answer:
    """One turn's answer as the edge sent it."""

    said: str
    messages: list[dict[str, Any]]
    state: dict[str, Any]

    @property
    def text(self) -> str:
        return "\n".join(message["text"] for message in self.messages if message["text"])

    @property
    def buttons(self) -> list[dict[str, str]]:
        return [button for message in self.messages for button in message["buttons"]]

    @property
    def cards(self) -> list[dict[str, Any]]:
        return [message["card"] for message in self.messages if message["card"]]

    @property
    def payment(self) -> dict[str, Any] | None:
        payment: dict[str, Any] | None = self.state.get("payment")
        return payment

    @property
    def quote(self) -> dict[str, Any] | None:
        quote: dict[str, Any] | None = self.state.get("quote")
        return quote


@dataclass(frozen=True)
class Event:
    """What arrived outside a turn: kind "message" (text, buttons, card) or "payment" (as in the state of a turn)."""

    id: int
    kind: str
    payload: dict[str, Any] = field(default_factory=dict)


def sign_portal_token(external_id: str, account_number: str, secret: str, *, life_s: int = 300) -> str:
    """What the billing portal does for a user who is signed in there (HS256; claims as assistant/identity.py wants)."""
    now = int(time.time())
    claims: dict[str, str | int] = {"iss": "portal", "aud": "remit", "sub": external_id, "account": account_number}
    claims |= {"iat": now, "exp": now + life_s, "jti": secrets.token_urlsafe(16)}
    return jwt.encode(claims, secret, algorithm="HS256")


class Conversation:
    """One chat session. Raises EdgeError wherever the edge does not answer as it should."""

    def __init__(self, address: str, portal_token: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=TURN_S, trust_env=False)
        try:
            opened = self._post("/api/chat/sessions", {"token": portal_token})
        except EdgeError:
            self._http.close()
            raise
        self._http.headers["Authorization"] = f"Bearer {opened['token']}"
        self.language: str = opened["language"]
        self.answer = Answer("", opened["messages"], opened["state"])  # the latest one

    def say(self, text: str, *, message_id: str | None = None) -> Answer:
        return self._turn(text, {"text": text}, message_id)

    def press(self, button: dict[str, str], *, message_id: str | None = None) -> Answer:
        return self._turn(f"[{button['title']}]", {"button": button["id"]}, message_id)

    def events(self, last_id: int = 0) -> Iterator[Event | None]:
        """What arrives outside a turn, from the beginning or after `last_id`; None now and then while nothing does."""
        headers = {"Last-Event-ID": str(last_id)} if last_id else {}
        timeout = httpx.Timeout(TURN_S, read=EVENTS_S)
        with self._http.stream("GET", "/api/chat/events", headers=headers, timeout=timeout) as stream:
            if stream.status_code != httpx.codes.OK:
                stream.read()
                raise _refusal(stream)
            yield from _events(stream.iter_lines())

    def history(self) -> dict[str, Any]:
        answer = self._http.get("/api/chat/history")
        if not answer.is_success:
            raise _refusal(answer)
        history: dict[str, Any] = answer.json()
        return history

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _turn(self, said: str, body: dict[str, str], message_id: str | None) -> Answer:
        answer = self._post("/api/chat/messages", {"id": message_id or str(uuid.uuid4()), **body})
        self.language = answer["language"]
        self.answer = Answer(said, answer["messages"], answer["state"])
        return self.answer

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        try:
            answer = self._http.post(path, json=body)
        except httpx.HTTPError as error:
            raise EdgeError("unreachable", f"the edge does not answer at {self._http.base_url} ({error})") from None
        if not answer.is_success:
            raise _refusal(answer)
        parsed: dict[str, Any] = answer.json()
        return parsed


def _refusal(answer: httpx.Response) -> EdgeError:
    try:
        error = answer.json()["error"]
        return EdgeError(error["code"], error["message"], error.get("request_id"))
    except (ValueError, KeyError, TypeError):
        return EdgeError("unreadable", f"HTTP {answer.status_code}: {answer.text[:200]}")


def _events(lines: Iterator[str]) -> Iterator[Event | None]:
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields.get("data") is not None and not line:
            yield Event(int(fields.get("id", 0)), fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}
        else:
            yield None
