"""The sandbox's settings: read once from the environment. It refuses to start unless it was asked for by name."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

SHORTEST_SECRET = 16
LOOPBACK_NAMES = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class TwilioAccount:
    """The only account of the sandbox's Twilio, and what its console would hold."""

    sid: str
    auth_token: str = field(repr=False)
    number: str
    messaging_service_sid: str
    verify_service_sid: str
    sms_webhook_url: str
    voice_webhook_url: str
    voice_status_url: str
    public_url: str
    edge_url: str

    def on_this_machine(self, url: str) -> str:
        """Where to post what is signed for `url`: the public address may be a proxy's that only others can reach."""
        is_public = url.startswith(f"{self.public_url}/")
        return self.edge_url + url.removeprefix(self.public_url) if is_public else url


@dataclass(frozen=True)
class SandboxSettings:
    """One field per setting; docs/sandbox.md describes them."""

    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    portal_signing_secret: str = field(repr=False)
    port: int
    smtp_port: int
    url: str
    public_url: str
    webhook_url: str
    hang_s: float  # how long a bank that never answers in time keeps the caller waiting
    debit_s: float  # how long a bank debit of a test account takes, from step to step
    reset_command: tuple[str, ...]
    twilio: TwilioAccount | None  # None: there is no telephone in this sandbox

    @property
    def parents(self) -> tuple[str, ...]:
        """Origins that may frame the card fields: the public one, and its other name when it is this machine."""
        parts = urlsplit(self.public_url)
        if parts.hostname not in LOOPBACK_NAMES:
            return (f"{parts.scheme}://{parts.netloc}",)
        port = f":{parts.port}" if parts.port else ""
        names = sorted(LOOPBACK_NAMES, key=lambda name: name != parts.hostname)
        return tuple(f"{parts.scheme}://{name}{port}" for name in names)


def read_settings(environment: Mapping[str, str] = os.environ) -> SandboxSettings:
    """Raises SystemExit with one line per missing or bad setting."""
    if environment.get("SANDBOX_ENABLED", "").lower() not in ("1", "true", "yes", "on"):
        raise SystemExit("the sandbox is off: it starts with SANDBOX_ENABLED=1 only, and never in production")
    problems: list[str] = []

    def text(name: str, default: str | None = None) -> str:
        value = environment.get(name) or default
        if not value:
            problems.append(f"  {name}: missing")
        return value or ""

    def secret(name: str) -> str:
        value = text(name)
        if value and (len(value) < SHORTEST_SECRET or "${" in value):
            problems.append(f"  {name}: must be a random text of at least {SHORTEST_SECRET} characters")
        return value

    def number(name: str, default: str) -> float:
        value = text(name, default)
        try:
            return float(value)
        except ValueError:
            problems.append(f"  {name}: must be a number")
            return 0

    def twilio() -> TwilioAccount:
        return TwilioAccount(
            sid=text("TWILIO_ACCOUNT_SID"),
            auth_token=secret("TWILIO_AUTH_TOKEN"),
            number=text("TWILIO_FROM_NUMBER"),
            messaging_service_sid=environment.get("TWILIO_MESSAGING_SERVICE_SID", ""),
            verify_service_sid=environment.get("TWILIO_VERIFY_SERVICE_SID", ""),
            sms_webhook_url=text("SANDBOX_SMS_WEBHOOK_URL", f"{public_url}/twilio/sms"),
            voice_webhook_url=text("SANDBOX_VOICE_WEBHOOK_URL", f"{public_url}/twilio/voice"),
            voice_status_url=text("SANDBOX_VOICE_STATUS_URL", f"{public_url}/twilio/voice/status"),
            public_url=public_url,
            edge_url=text("SANDBOX_EDGE_URL", public_url).rstrip("/"),
        )

    port = int(number("SANDBOX_PORT", "8001"))
    public_url = text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
    settings = SandboxSettings(
        database_url=text("SANDBOX_DATABASE_URL"),
        secret_key=secret("SANDBOX_SECRET_KEY"),
        webhook_secret=secret("SANDBOX_WEBHOOK_SECRET"),
        portal_signing_secret=secret("PORTAL_SIGNING_SECRET"),
        port=port,
        smtp_port=int(number("SMTP_PORT", "8004")),
        url=text("SANDBOX_URL", f"http://127.0.0.1:{port}").rstrip("/"),
        public_url=public_url,
        webhook_url=text("SANDBOX_WEBHOOK_URL", f"{public_url}/webhooks/sandbox"),
        hang_s=number("SANDBOX_HANG_S", "30"),
        debit_s=number("SANDBOX_DEBIT_S", "20"),
        reset_command=tuple(shlex.split(text("SANDBOX_RESET_COMMAND", _default_reset()))),
        twilio=twilio() if environment.get("TWILIO_AUTH_TOKEN") else None,
    )
    if problems:
        raise SystemExit("the sandbox cannot start, settings are wrong (docs/sandbox.md):\n" + "\n".join(problems))
    return settings


def _default_reset() -> str:
    return shlex.join([str(Path(sys.executable).parent / "remit"), "demo", "reset"])
