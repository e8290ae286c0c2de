"""A real sandbox process, and something that hears its events."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_block

ROOT = Path(__file__).parent.parent.parent
SECRET_KEY = "sk-of-the-sandbox-in-tests"
WEBHOOK_SECRET = "whsec-of-the-sandbox-in-tests"
PORTAL_SECRET = "portal-signing-secret-in-tests-32b"
GOOD_CARD = "4242424242424242"


@dataclass
class RunningSandbox:
    url: str
    smtp_port: int
    process: subprocess.Popen[bytes]
    log: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {SECRET_KEY}"}
        # No connection is kept: the sandbox closes after each answer, and a test may stop it at any moment.
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def post(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> httpx.Response:
        return self.client.post(path, json=body or {}, headers={"Idempotency-Key": key} if key else {})

    def token(self, number: str = GOOD_CARD, cvc: str | None = None) -> str:
        """A single-use token, as the card fields get one."""
        card = {"number": number, "exp_month": "12", "exp_year": "2039", "cvc": cvc or "1234"[: 3 + (number[0] == "3")]}
        answer = self.client.post("/fields/tokens", json=card)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def customer(self, number: str = "100200") -> str:
        asked = {"account_number": number, "name": "Maya Tremblay", "email": "maya@northwind.example"}
        return str(self.post("/bank/v1/customers", asked).json()["id"])

    def payment(self, number: str = GOOD_CARD, **more: Any) -> dict[str, Any]:
        """A payment created and not confirmed."""
        asked = {"amount": 1000, "currency": "CAD", "method": self.token(number), "payment_reference": "R1"} | more
        answer = self.post("/bank/v1/payments", asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def paid(self, **more: Any) -> dict[str, Any]:
        answer = self.post(f"/bank/v1/payments/{self.payment(**more)['id']}/confirm")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@contextmanager
def running_sandbox(
    database_url: str, folder: Path, public_url: str = "http://127.0.0.1:9", **settings: str
) -> Iterator[RunningSandbox]:
    """`python -m sandbox` on free ports until the block ends. `settings` go into its environment."""
    port = free_block(2)
    smtp_port = port + 1
    environment = {
        "PATH": os.environ["PATH"],
        "SANDBOX_ENABLED": "1",
        "SANDBOX_PORT": str(port),
        "SANDBOX_DATABASE_URL": database_url,
        "SANDBOX_SECRET_KEY": SECRET_KEY,
        "SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "PORTAL_SIGNING_SECRET": PORTAL_SECRET,
        "PUBLIC_URL": public_url,
        "SMTP_PORT": str(smtp_port),
        "SANDBOX_HANG_S": "2",
        "SANDBOX_DEBIT_S": "1",
        **settings,
    }
    log = folder / f"sandbox-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "sandbox"], env=environment, cwd=ROOT, stdout=out, stderr=out)
    running = RunningSandbox(f"http://127.0.0.1:{port}", smtp_port, process, log)
    try:
        _wait_until_healthy(running)
        yield running
    finally:
        running.client.close()
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_until_healthy(sandbox: RunningSandbox) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if sandbox.client.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        if sandbox.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(sandbox.log.read_text())
        time.sleep(0.05)


@dataclass(frozen=True)
class Heard:
    body: bytes
    headers: dict[str, str]
    path: str


class Listener:
    """Takes webhooks on a free port. `answers` are the statuses of the coming ones, then 200."""

    def __init__(self) -> None:
        self.heard: queue.Queue[Heard] = queue.Queue()
        self.answers: queue.SimpleQueue[int] = queue.SimpleQueue()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.heard.put(Heard(body, dict(self.headers.items()), self.path))
                status = 200 if listener.answers.empty() else listener.answers.get()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def next(self, timeout_s: float = 60) -> Heard:
        return self.heard.get(timeout=timeout_s)

    def forget(self) -> None:
        while not self.heard.empty():
            self.heard.get()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
