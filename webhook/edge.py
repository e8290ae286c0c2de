"""What the routes share: one object per app, made in `create_app` and found through `edge()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

    from assistant.dialogue.turns import Dialogue
    from billing.config import Settings
    from billing.context import Context
    from webhook.metrics import Metrics
    from webhook.rates import Rates
    from webhook.streams import Streams
    from webhook.voice import CallDesk

EXTENSION = "remit"


@dataclass(frozen=True)
class Edge:
    settings: Settings
    context: Context
    statements: Engine  # for what is one statement and a transaction by itself
    metrics: Metrics
    rates: Rates
    dialogue: Dialogue
    streams: Streams
    calls: CallDesk
    sandbox: httpx.Client  # for the demo's pages

    def close(self) -> None:
        """Ends the streams and gives the connections back."""
        self.streams.close()
        self.calls.close()
        self.dialogue.close()
        self.sandbox.close()
        self.statements.dispose()


def edge() -> Edge:
    return cast("Edge", current_app.extensions[EXTENSION])
