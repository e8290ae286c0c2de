"""`python -m sandbox`: bank, mailbox, telephone and demo page on loopback, in one process."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import FrameType

from sandbox.app import create_app
from sandbox.bank.delivery import Delivery
from sandbox.box import Box
from sandbox.config import read_settings
from sandbox.database import Database
from sandbox.mailbox.smtp import start_smtp
from sandbox.server import make_server
from sandbox.twilio.callbacks import Callbacks

log = logging.getLogger("sandbox")


def main() -> None:
    settings = read_settings()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for chatty in ("httpx", "mail.log", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    shared = Box(settings, Database(settings.database_url))
    shared.database.create_tables()
    delivery = Delivery(shared.database, shared.post, settings.webhook_url, settings.webhook_secret)
    callbacks = Callbacks(shared.database, shared.line, settings.twilio) if settings.twilio else None
    smtp = start_smtp(shared.database, settings.smtp_port)
    server = make_server(create_app(shared), settings.port)

    def stop(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()  # it waits for the loop that runs below

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    delivery.start()
    if callbacks:
        callbacks.start()
    log.info("sandbox on http://127.0.0.1:%d, mail on port %d", server.server_port, settings.smtp_port)
    try:
        server.serve_forever(poll_interval=0.2)
    finally:
        server.server_close()
        smtp.stop()
        delivery.stop()
        if callbacks:
            callbacks.stop()
        shared.database.close()


if __name__ == "__main__":
    main()
