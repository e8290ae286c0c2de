"""The settings for Stripe are whole, of one mode and safe, or the process does not start; no message shows a secret."""

from __future__ import annotations

from typing import Any

import pytest

from billing.config import Settings, get_settings
from billing.stripe_settings import is_live
from tests.billing.builders import some_settings

TEST = {
    "stripe_secret_key": "sk_test_51abc",
    "stripe_publishable_key": "pk_test_51abc",
    "stripe_webhook_secret": "whsec_abc",
    "sandbox_enabled": False,
}
LIVE = TEST | {"stripe_secret_key": "sk_live_51abc", "stripe_publishable_key": "pk_live_51abc"}


def said(**settings: Any) -> str:
    with pytest.raises(ValueError) as caught:
        some_settings(**settings)
    return str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        TEST,
        TEST | {"sandbox_enabled": True},
        TEST | {"stripe_secret_key": "rk_test_51abc"},
        TEST | {"stripe_api_base": "http://127.0.0.1:12111", "stripe_account": "acct_1abc"},
        TEST | {"stripe_api_base": "http://stripe-stand-in:12111/"},
        LIVE,
        LIVE | {"stripe_secret_key": "rk_live_51abc"},
        LIVE | {"stripe_api_base": "http://localhost:12111"},
    ],
)
def test_whole_settings_are_taken(settings: dict[str, Any]) -> None:
    assert isinstance(some_settings(**settings), Settings)


@pytest.mark.parametrize("missing", ["stripe_secret_key", "stripe_publishable_key", "stripe_webhook_secret"])
def test_a_missing_key_is_named(missing: str) -> None:
    message = said(**TEST | {missing: ""})
    assert f"but {missing.upper()} not" in message
    assert "51abc" not in message.partition("[type=")[0]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("stripe_secret_key", "pk_test_51abc"),
        ("stripe_secret_key", "sk_test_"),
        ("stripe_secret_key", "sk_test_51abc\n"),
        ("stripe_secret_key", "${STRIPE_SECRET_KEY}"),
        ("stripe_publishable_key", "sk_test_51abc"),
        ("stripe_webhook_secret", "whsec_"),
        ("stripe_webhook_secret", "abc"),
        ("stripe_webhook_secret", "whsec_a,"),
        ("stripe_webhook_secret", ",whsec_a"),
        ("stripe_webhook_secret", "whsec_a whsec_b"),
        ("stripe_webhook_secret", "whsec_a,whsec_b,whsec_c"),
        ("stripe_account", "cus_1"),
        ("stripe_api_base", "api.stripe.com"),
        ("stripe_api_base", "http://[::1"),
    ],
)
def test_what_has_the_wrong_shape_is_named(setting: str, value: str) -> None:
    assert setting.upper() in said(**TEST | {setting: value})


def test_keys_of_two_modes_are_refused() -> None:
    assert "of live mode" in said(**TEST | {"stripe_publishable_key": "pk_live_51abc"})
    assert "of live mode" in said(**LIVE | {"stripe_publishable_key": "pk_test_51abc"})


def test_real_money_and_the_sandbox_do_not_go_together() -> None:
    assert "SANDBOX_ENABLED must be off" in said(**LIVE | {"sandbox_enabled": True})


def test_a_live_key_does_not_travel_in_the_clear() -> None:
    assert "must be https://" in said(**LIVE | {"stripe_api_base": "http://api.example"})


def test_two_webhook_secrets_stand_side_by_side_while_one_is_rotated() -> None:
    assert some_settings(**TEST).stripe_webhook_secrets == ("whsec_abc",)
    both = some_settings(**TEST | {"stripe_webhook_secret": "whsec_new, whsec_old"})
    assert both.stripe_webhook_secrets == ("whsec_new", "whsec_old")


@pytest.mark.parametrize(
    ("key", "live"), [("sk_live_1", True), ("rk_live_1", True), ("sk_test_1", False), ("pk_live_1", False), ("", False)]
)
def test_the_mode_is_that_of_the_secret_key(key: str, live: bool) -> None:
    assert is_live(key) is live


def test_the_start_stops_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in some_settings().model_dump().items():
        monkeypatch.setenv(name.upper(), str(value))
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_51abc")
    get_settings.cache_clear()
    with pytest.raises(SystemExit) as caught:
        get_settings()
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "STRIPE_PUBLISHABLE_KEY and STRIPE_WEBHOOK_SECRET" in lines[1]
    assert "51abc" not in str(caught.value)
    get_settings.cache_clear()
