"""What the telephone has asked the service lately, for the demo page's log."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

KEPT = 200
TOLD = ("Body", "Digits", "SpeechResult", "MessageStatus")


@dataclass
class Wire:
    """The telephone's requests to the service, newest last; in memory, for the demo page only."""

    _requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    _lock: Lock = field(default_factory=Lock)

    def note(self, url: str, form: dict[str, str], status: int | None, ms: int) -> None:
        parts = urlsplit(url)
        told = {name: form[name] for name in TOLD if form.get(name)}
        if "/voice/" in parts.path and "Digits" in told and len(told["Digits"]) > 1:
            told["Digits"] = "…"  # an account number or a PIN
        with self._lock:
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            self._requests.append({"at": datetime.now(UTC), "path": path, "told": told, "status": status, "ms": ms})

    def newest(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._requests)

    def forget(self) -> None:
        with self._lock:
            self._requests.clear()
