"""Are the settings for Stripe whole, of one mode, and safe? Pure; `billing/config.py` asks when the process starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

SECRET_KEY = re.compile(r"(?:sk|rk)_(test|live)_[A-Za-z0-9_]+")
PUBLISHABLE_KEY = re.compile(r"pk_(test|live)_[A-Za-z0-9_]+")
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]+")
ACCOUNT = re.compile(r"acct_[A-Za-z0-9]+")
MOST_SECRETS = 2  # the old and the new one, while it is rotated
LIVE = "live"


def webhook_secrets(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",")) if value else ()


def complaint(
    *,
    secret_key: str,
    publishable_key: str,
    webhook_secret: str,
    api_base: str,
    account: str,
    sandbox_enabled: bool,
) -> str | None:
    """What is wrong, in one sentence that names the setting and never shows a secret; None if nothing is."""
    keys = {
        "STRIPE_SECRET_KEY": secret_key,
        "STRIPE_PUBLISHABLE_KEY": publishable_key,
        "STRIPE_WEBHOOK_SECRET": webhook_secret,
    }
    if not any(keys.values()):
        return None
    return _incomplete(keys) or _misshapen(keys, account) or _unsafe(keys, api_base, sandbox_enabled)


def _incomplete(keys: Mapping[str, str]) -> str | None:
    missing = [name for name, value in keys.items() if not value]
    given = [name for name, value in keys.items() if value]
    if not missing:
        return None
    return f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} set, but {' and '.join(missing)} not"


def _misshapen(keys: Mapping[str, str], account: str) -> str | None:
    if not SECRET_KEY.fullmatch(keys["STRIPE_SECRET_KEY"]):
        return "STRIPE_SECRET_KEY must begin with sk_test_, sk_live_, rk_test_ or rk_live_"
    if not PUBLISHABLE_KEY.fullmatch(keys["STRIPE_PUBLISHABLE_KEY"]):
        return "STRIPE_PUBLISHABLE_KEY must begin with pk_test_ or pk_live_"
    secrets = webhook_secrets(keys["STRIPE_WEBHOOK_SECRET"])
    if not all(WEBHOOK_SECRET.fullmatch(secret) for secret in secrets):
        return "STRIPE_WEBHOOK_SECRET must begin with whsec_, twice if there are two with a comma between them"
    if len(secrets) > MOST_SECRETS:
        return f"STRIPE_WEBHOOK_SECRET holds {len(secrets)} secrets, at most {MOST_SECRETS} make sense"
    if account and not ACCOUNT.fullmatch(account):
        return "STRIPE_ACCOUNT must begin with acct_"
    return None


def _unsafe(keys: Mapping[str, str], api_base: str, sandbox_enabled: bool) -> str | None:
    mode, page_mode = _mode(keys["STRIPE_SECRET_KEY"]), _mode(keys["STRIPE_PUBLISHABLE_KEY"])
    if mode != page_mode:
        return f"STRIPE_SECRET_KEY is of {mode} mode, STRIPE_PUBLISHABLE_KEY of {page_mode} mode"
    try:
        address = urlsplit(api_base)
        scheme, host = address.scheme, address.hostname or ""
    except ValueError:
        scheme, host = "", ""
    if scheme not in ("http", "https") or not host:
        return "STRIPE_API_BASE must be an http:// or https:// address"
    if mode != LIVE:
        return None
    if sandbox_enabled:
        return "STRIPE_SECRET_KEY is a live key: SANDBOX_ENABLED must be off where real money moves"
    if scheme != "https" and not _is_loopback(host):
        return "STRIPE_API_BASE must be https:// with a live key"
    return None


def is_live(secret_key: str) -> bool:
    shape = SECRET_KEY.fullmatch(secret_key)
    return shape is not None and shape[1] == LIVE


def _mode(key: str) -> str:
    return key.split("_")[1]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
