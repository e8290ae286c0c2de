"""The way to the dialogue engine: one turn, one request, one deadline, over connections that are kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.dialogue.errors import TurnRefused
from assistant.identity import Principal
from billing.config import Settings

LARGEST_ANSWER = 1_000_000  # bytes; a history of 24 months is about 50,000
KEPT_S = 4.0  # shorter than the engine keeps an idle connection, so that we never write into a closed one


class BotFailed(Exception):
    """No answer that can be shown. `reached` is False when the engine cannot have seen the turn at all."""

    def __init__(self, result: str, *, reached: bool) -> None:
        super().__init__(result)
        self.result, self.reached = result, reached


class BotButton(BaseModel):
    model_config = ConfigDict(extra="ignore")
    title: str
    intent: str
    data: dict[str, Any] = Field(default_factory=dict)


class BotMessage(BaseModel):
    """Only what a client may see gets through; the engine's own variables stay behind."""

    model_config = ConfigDict(extra="ignore")
    text: str = ""
    buttons: list[BotButton] = Field(default_factory=list)
    card: dict[str, Any] | None = None


class BotAnswer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    messages: list[BotMessage]


class BotClient:
    def __init__(self, settings: Settings) -> None:
        self._timeout_s = settings.turn_timeout_s
        self._slots = threading.BoundedSemaphore(settings.turn_limit)
        self._http = httpx.Client(
            base_url=settings.bot_url,
            headers={"Authorization": f"Bearer {settings.bot_token}"},
            limits=httpx.Limits(
                max_connections=settings.turn_limit,
                max_keepalive_connections=settings.turn_limit,
                keepalive_expiry=KEPT_S,
            ),
            trust_env=False,  # the engine is next door: never through a proxy
        )

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Room for one turn, or TurnRefused(busy) at once: a queue here would only make all of them late."""
        if not self._slots.acquire(blocking=False):
            raise TurnRefused("busy")
        try:
            yield
        finally:
            self._slots.release()

    def turn(self, principal: Principal, message_id: str, text: str, button: dict[str, Any] | None) -> list[BotMessage]:
        """What the engine answers to one message, at least one message. Raises BotFailed."""
        body = {
            "sender": principal.sender,
            "message_id": message_id,
            "text": text,
            "channel": principal.channel,
            "language": principal.language,
            "button": button,
        }
        try:
            raw = self._post(body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise BotFailed("unreachable", reached=False) from None
        except httpx.TimeoutException:
            raise BotFailed("timeout", reached=True) from None
        except httpx.HTTPError:
            raise BotFailed("broken_off", reached=True) from None
        try:
            answer = BotAnswer.model_validate_json(raw)
        except ValidationError:
            raise BotFailed("unreadable", reached=True) from None
        shown = [m for m in answer.messages if m.text or m.buttons or m.card]
        if not shown:  # the engine's way of saying that an action failed
            raise BotFailed("empty", reached=True)
        return shown

    def _post(self, body: dict[str, Any]) -> bytes:
        """One deadline for the whole exchange: httpx's own limits hold for each read, not for all of them together."""
        deadline = time.monotonic() + self._timeout_s
        limits = httpx.Timeout(self._timeout_s, connect=min(2.0, self._timeout_s))
        chunks, size = [], 0
        with self._http.stream("POST", "/webhooks/remit/turn", json=body, timeout=limits) as response:
            if response.status_code != httpx.codes.OK:
                raise BotFailed(f"status_{response.status_code}", reached=response.status_code >= 500)  # noqa: PLR2004
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if time.monotonic() > deadline:
                    raise BotFailed("timeout", reached=True)
                if size > LARGEST_ANSWER:
                    raise BotFailed("unreadable", reached=True)
        return b"".join(chunks)
