"""`python -m actions`: the action server on 127.0.0.1:$ACTIONS_PORT, until told to stop."""

from __future__ import annotations

import logging
import os

from actions.server import make_app
from billing.config import get_settings
from billing.context import make_context


def main() -> None:
    settings = get_settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("rasa_sdk").setLevel(logging.WARNING)  # its debug lines hold what customers said
    logging.getLogger("sanic").setLevel(logging.WARNING)
    os.environ["SANIC_HOST"] = "127.0.0.1"
    app = make_app(make_context(settings))
    app.run(host="127.0.0.1", port=settings.actions_port, single_process=True, access_log=False, motd=False)


if __name__ == "__main__":
    main()
