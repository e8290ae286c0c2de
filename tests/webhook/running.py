"""The edge as it runs in earnest: gunicorn, one worker, many threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from werkzeug.serving import WSGIRequestHandler, make_server

from billing.config import Settings
from webhook import create_app
from webhook.edge import EXTENSION

ROOT = Path(__file__).parents[2]
_GIVEN = ("bot_url", "bot_token", "actions_token", "portal_signing_secret", "sandbox_url", "sandbox_secret_key")


@contextmanager
def edge_in_this_process(settings: Settings, port: int) -> Iterator[str]:
    """The edge's address, listening in earnest but without a process of its own, which would take seconds a test."""
    app = create_app(settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"}))
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        edge = app.extensions[EXTENSION]
        edge.close()
        edge.context.sessions.kw["bind"].dispose()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """The console is for what goes wrong."""


@contextmanager
def running_edge(settings: Settings, port: int, log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """gunicorn with `settings` on `port` until the block ends; `more` goes into its environment."""
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "DATABASE_URL": settings.database_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SANDBOX_ENABLED": "true",
        "SANDBOX_WEBHOOK_SECRET": settings.sandbox_webhook_secret,
        **{name.upper(): getattr(settings, name) for name in _GIVEN},
        **more,
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "webhook/gunicorn.conf.py", "webhook:create_app()"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=out, stderr=out)
    try:
        _wait_until_alive(port, process, log)
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # at once: SIGTERM would wait for the connections that browsers keep
        process.wait(60)


def _wait_until_alive(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=60, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text())
        time.sleep(0.05)
