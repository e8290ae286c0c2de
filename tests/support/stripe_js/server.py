"""Serves the double of Stripe's script on a loopback address: STRIPE_JS_URL of a test."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

FILES = Path(__file__).parent / "files"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


@contextmanager
def running_script(api_url: str) -> Iterator[str]:
    """The script's address, good inside the block. `api_url`: a running tests.support.stripe double."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(FILES)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/stripe.js?{urlencode({'api': api_url})}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
