"""Where the databases of a test run lie: in memory where there is room for them, since every test makes its own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
ROOM = 6 * 2**30  # bytes; the servers of a run took less than half of one GiB


def scratch_folder(prefix: str) -> Path:
    """A new folder that nobody else can look into; whoever asks for it removes it."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if _has_room() else None))


def _has_room() -> bool:
    return MEMORY.is_dir() and min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > ROOM
