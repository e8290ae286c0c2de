"""Starts the bot: one Sanic process on loopback with the one channel, a loaded model, and PostgreSQL behind it."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import rasa.shared.utils.io
from rasa.core.channels.channel import register
from rasa.core.lock_store import LockStore
from rasa.core.tracker_store import create_tracker_store
from rasa.core.utils import AvailableEndpoints
from rasa.shared.utils.common import class_from_module_path
from rasa.utils.endpoints import EndpointConfig
from sanic import Sanic

from bot import engine, slim
from bot.channel import answer_error
from bot.settings import ROOT, BotSettings, require

logger = logging.getLogger(__name__)


def serve(settings: BotSettings, model: Path) -> None:
    """Runs until SIGTERM or Ctrl-C. Whatever is wrong stops the start; nothing is served half."""
    slim.quiet_known_warnings()
    started = time.perf_counter()
    engine.check_rasa()
    engine.validate_answers_quickly()
    engine.resolve_events_quickly()
    engine.run_graphs_directly()
    channels = _channels(ROOT / "bot" / "credentials.yml")
    agent = _agent(settings, model)
    app = Sanic("remit_bot", configure_logging=False)
    app.ctx.agent = agent
    app.error_handler.add(Exception, answer_error)
    register(channels, app, route="/webhooks/")

    @app.listener("after_server_stop")
    async def close(*_: Any) -> None:
        await agent.action_endpoint.close()
        agent.tracker_store.close()

    logger.info("ready on 127.0.0.1:%d with %s after %.1f s", settings.port, model.name, time.perf_counter() - started)
    app.run(host="127.0.0.1", port=settings.port, access_log=False, debug=False, motd=False, backlog=500)


def _channels(credentials: Path) -> list[Any]:
    wanted: dict[str, Any] = rasa.shared.utils.io.read_config_file(credentials)
    return [class_from_module_path(name).from_credentials(values) for name, values in wanted.items()]


def _agent(settings: BotSettings, model: Path) -> engine.TurnAgent:
    endpoints = AvailableEndpoints.read_endpoints(str(ROOT / "bot" / "endpoints.yml"))
    for config in (endpoints.action, endpoints.tracker_store):
        require("url in bot/endpoints.yml", config.url)
    require("Authorization in bot/endpoints.yml", endpoints.action.headers["Authorization"])
    agent = engine.TurnAgent(
        tracker_store=create_tracker_store(endpoints.tracker_store),
        lock_store=LockStore.create(_redis_locks(settings.redis_url)),
        action_endpoint=engine.ActionEndpoint.of(endpoints.action, settings.action_timeout_s),
    )
    agent.load_model(model)
    return agent


def _redis_locks(url: str | None) -> EndpointConfig | None:
    """`redis://user:password@host:port/0` as Rasa wants it, or None: one bot needs no shared lock."""
    if url is None:
        return None
    parts = urlsplit(url)
    return EndpointConfig(
        url=parts.hostname or "localhost",
        type="redis",
        port=parts.port or 6379,
        db=int(parts.path.strip("/") or 0),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_ssl=parts.scheme == "rediss",
    )
