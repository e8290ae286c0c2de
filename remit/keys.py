"""Secrets of a stack that was given none: made once, kept in `var/secrets.env` (mode 0600), never logged."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

GENERATED = (
    "POSTGRES_PASSWORD",
    "REMIT_DB_PASSWORD",
    "BOT_DB_PASSWORD",
    "SANDBOX_DB_PASSWORD",
    "BOT_TOKEN",
    "ACTIONS_TOKEN",
    "PORTAL_SIGNING_SECRET",
    "SANDBOX_SECRET_KEY",
    "SANDBOX_WEBHOOK_SECRET",
    "TWILIO_AUTH_TOKEN",
    "ONE_TIME_CODE_SECRET",
)


def read_env_file(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # losing it would lock us out of our own database
    fresh.replace(path)


def keys(var: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Every secret of GENERATED: as given in the environment, else from the file, else new."""
    path = var / "secrets.env"
    kept = read_env_file(path)
    missing = [name for name in GENERATED if name not in kept]
    if missing:
        kept |= {name: secrets.token_urlsafe(32) for name in missing}
        lines = [f"{name}={value}" for name, value in kept.items()]
        write_private(path, "\n".join(["# Made by `remit up`. Not for any log, chat or repository.", *lines, ""]))
    return {name: given.get(name) or kept[name] for name in GENERATED}
