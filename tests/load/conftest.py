"""Two edges, two action servers and the sandbox bank, as processes of their own over one PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from billing.config import Settings
from billing.context import Context
from billing.database import SessionFactory
from billing.gateways.sandbox import SandboxGateway
from tests.billing.builders import some_settings
from tests.sandbox.running import ROOT, SECRET_KEY, WEBHOOK_SECRET, RunningSandbox, running_sandbox
from tests.support.ports import free_block
from tests.webhook.running import running_edge

MANY = "100000"  # requests a minute: what is measured here is money, not the limits on requests


@dataclass(frozen=True)
class Doors:
    edges: list[str]
    actions: list[str]
    sandbox: RunningSandbox
    context: Context


@pytest.fixture
def settings(database_url: str) -> Settings:
    return some_settings(
        database_url=database_url,
        sandbox_secret_key=SECRET_KEY,
        sandbox_webhook_secret=WEBHOOK_SECRET,
        bot_url="http://127.0.0.1:9",  # nobody listens there, and nobody asks
    )


@pytest.fixture
def doors(settings: Settings, sessions: SessionFactory, tmp_path: Path) -> Iterator[Doors]:
    with ExitStack() as stack:
        sandbox = stack.enter_context(running_sandbox(settings.database_url, tmp_path))
        known = settings.model_copy(update={"sandbox_url": sandbox.url})
        first = free_block(4)
        ports = range(first, first + 4)
        for port in ports[:2]:
            log = tmp_path / f"edge-{port}.log"
            stack.enter_context(running_edge(known, port, log, REQUESTS_PER_MINUTE=MANY))
        for port in ports[2:]:
            stack.enter_context(running_actions(known, port, tmp_path / f"actions-{port}.log"))
        addresses = [f"http://127.0.0.1:{port}" for port in ports]
        context = Context(sessions, SandboxGateway.from_settings(known), known)
        yield Doors(addresses[:2], addresses[2:], sandbox, context)


@contextmanager
def running_actions(settings: Settings, port: int, log: Path) -> Iterator[None]:
    """`python -m actions` on `port` until the block ends."""
    names = ("database_url", "bot_token", "actions_token", "portal_signing_secret")
    names += ("sandbox_url", "sandbox_secret_key", "sandbox_webhook_secret")
    environment = {name.upper(): str(getattr(settings, name)) for name in names}
    environment |= {"PATH": os.environ["PATH"], "ACTIONS_PORT": str(port), "SANDBOX_ENABLED": "true"}
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "actions"], env=environment, cwd=ROOT, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 30
        while not _is_alive(port):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _is_alive(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False
