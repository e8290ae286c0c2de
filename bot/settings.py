"""What the bot reads from its environment, once, into one frozen object. A missing or unexpanded secret stops the
start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A quoted "${NAME}" in a Rasa YAML file is not expanded: the literal text would become the token, and Rasa would
# still say that it is up.
UNEXPANDED = "${"


class SettingsError(Exception):
    """A setting is missing or unusable; the message names it and says what to do."""


def require(name: str, value: str | None) -> str:
    """Returns `value` stripped, or raises when it is empty or still holds an unexpanded `${…}`."""
    text = (value or "").strip()
    if not text:
        raise SettingsError(f"{name} is empty: set it in the environment of the bot.")
    if UNEXPANDED in text:
        raise SettingsError(
            f"{name} holds an unexpanded ${{…}}: leave it unquoted in the YAML file and set the variable."
        )
    return text


@dataclass(frozen=True)
class BotSettings:
    """`port` on loopback; `actions_url` is the action server's whole webhook address; `action_timeout_s` covers one
    action call.
    """

    port: int
    token: str
    actions_url: str
    actions_token: str
    database_url: str
    redis_url: str | None
    model: Path | None
    action_timeout_s: float

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> BotSettings:
        model = environ.get("BOT_MODEL", "").strip()
        return cls(
            port=_number("BOT_PORT", environ.get("BOT_PORT", "8002"), int),
            token=require("BOT_TOKEN", environ.get("BOT_TOKEN")),
            actions_url=require("ACTIONS_URL", environ.get("ACTIONS_URL")),
            actions_token=require("ACTIONS_TOKEN", environ.get("ACTIONS_TOKEN")),
            database_url=require("BOT_DATABASE_URL", environ.get("BOT_DATABASE_URL")),
            redis_url=environ.get("BOT_REDIS_URL", "").strip() or None,
            model=Path(model) if model else None,
            # The turn's deadline is handed down: edge to bot 12 s > one action 10 s > all gateway calls of it 8 s.
            action_timeout_s=_number("BOT_ACTION_TIMEOUT_S", environ.get("BOT_ACTION_TIMEOUT_S", "10"), float),
        )


def _number(name: str, text: str, kind: type) -> int | float:
    try:
        value = kind(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be a number, not {text!r}.") from error
    if value <= 0:
        raise SettingsError(f"{name} must be greater than 0, not {text!r}.")
    return value
