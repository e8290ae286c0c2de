"""gunicorn for the edge: one worker of many threads. `gunicorn -c webhook/gunicorn.conf.py 'webhook:create_app()'`"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from types import FrameType
from typing import Any

from billing.config import get_settings

_settings = get_settings()
PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SPARE = 32  # for gateway events, health and metrics, which no crowd of customers may keep out

bind = f"{_settings.edge_host}:{_settings.port}"
worker_class = "gthread"
workers = 1  # streams and rates are counted per process
threads = _settings.stream_limit + _settings.request_limit + _SPARE
worker_connections = 2 * threads
keepalive = 15
graceful_timeout = 3  # streams end at once (below); a turn that is cut off is sent again under the same id
timeout = 30
max_requests = 0
limit_request_line = 4094
limit_request_field_size = 8190
accesslog = None  # the edge writes its own, without addresses that hold a secret
loglevel = "warning"
control_socket_disable = True  # it would open a socket in the home folder


def post_fork(_server: Any, worker: Any) -> None:
    """The worker dies with its master at once: until it noticed by itself, it would answer for a second more on the
    master's socket, into a log that nobody reads any longer."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != worker.ppid:  # it died before that was asked for
            os.kill(os.getpid(), signal.SIGKILL)


def post_worker_init(worker: Any) -> None:
    """SIGTERM ends the event streams first: their clients reconnect, and nobody waits for idle threads."""
    streams = worker.app.wsgi().extensions["remit"].streams
    stop = signal.getsignal(signal.SIGTERM)

    def close_streams_and_stop(number: int, frame: FrameType | None) -> None:
        streams.close()
        if callable(stop):
            stop(number, frame)

    signal.signal(signal.SIGTERM, close_streams_and_stop)
