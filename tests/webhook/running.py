"""The edge as it runs in earnest: gunicorn, one worker, many threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

from billing.config import Settings
from webhook import create_app
from webhook.edge import EXTENSION

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROOT = Path(__file__).parents[2]
_GIVEN = ("bot_url", "bot_token", "actions_token", "portal_signing_secret", "sandbox_url", "sandbox_secret_key")


@contextmanager
def edge_in_this_process(settings: Settings, port: int) -> Iterator[str]:
    """The edge's address, listening in earnest but without a process of its own, which would take seconds a test."""
    app = create_app(settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"}))
    counted = _Counted(app)
    server = make_server("127.0.0.1", port, counted, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        edge = app.extensions[EXTENSION]
        edge.streams.close()
        counted.wait_until_idle()  # a request in flight, an event's for one, would give its connection to no pool
        edge.close()
        edge.context.sessions.kw["bind"].dispose()


class _Counted:
    """An application that knows how many requests it is answering."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app, self._busy, self._changed = app, 0, threading.Condition()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._count(1)
        try:
            answer = self._app(environ, start_response)
        except BaseException:
            self._count(-1)
            raise
        return ClosingIterator(answer, lambda: self._count(-1))

    def wait_until_idle(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._busy == 0, timeout=30), f"{self._busy} requests do not end"

    def _count(self, more: int) -> None:
        with self._changed:
            self._busy += more
            self._changed.notify_all()


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
