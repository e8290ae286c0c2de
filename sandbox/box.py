"""What every part of the sandbox shares: settings, tables, the post, the telephone line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from sandbox.bank.events import Post
from sandbox.bank.idempotency import KeysUnderWay
from sandbox.config import SandboxSettings
from sandbox.database import Database
from sandbox.twilio.calls import Switchboard
from sandbox.twilio.line import Line


@dataclass
class Decisions:
    """`when_told`: whatever would be accepted waits, as a bank debit does, until somebody approves or declines it."""

    when_told: bool = False


@dataclass(frozen=True)
class Box:
    settings: SandboxSettings
    database: Database
    post: Post = field(default_factory=Post)
    decisions: Decisions = field(default_factory=Decisions)
    keys_under_way: KeysUnderWay = field(default_factory=KeysUnderWay)
    line: Line = field(default_factory=Line)
    switchboard: Switchboard = field(default_factory=Switchboard)


def box() -> Box:
    """The running application's."""
    return cast("Box", current_app.extensions["sandbox"])
