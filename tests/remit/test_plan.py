from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from billing.config import Settings
from billing.context import make_gateway
from remit.plan import Plan, make_plan

GIVEN = {"PATH": "/usr/bin", "HOME": "/home/x", "SSH_AUTH_SOCK": "/tmp/agent", "AWS_SECRET_ACCESS_KEY": "not-for-us"}
SERVER = {
    "DATABASE_URL": "postgresql://remit:pw@db/remit",
    "BOT_DATABASE_URL": "postgresql://remit_bot:pw@db/remit",
    "PORTAL_SIGNING_SECRET": "the portal's own key",
}


def test_the_bot_sees_neither_the_books_nor_any_gateway(tmp_path: Path) -> None:
    plan = make_plan(GIVEN, tmp_path, demo=True, port=9000)
    bot = plan.environments["bot"]
    for name in ("DATABASE_URL", "SANDBOX_SECRET_KEY", "PORTAL_SIGNING_SECRET", "SMTP_URL", "POSTGRES_PASSWORD"):
        assert name not in bot
    for name in ("REMIT_DB_PASSWORD", "POSTGRES_PASSWORD", "SANDBOX_SECRET_KEY", "PORTAL_SIGNING_SECRET"):
        assert plan.secrets[name] not in "".join(bot.values())


STRIPE = {
    "STRIPE_SECRET_KEY": "sk_test_1234",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_1234",
    "STRIPE_WEBHOOK_SECRET": "whsec_1234",
    "STRIPE_API_BASE": "http://127.0.0.1:12111",
    "STRIPE_BANK_DEBITS": "acss_debit",
}


def test_stripes_settings_reach_those_who_talk_to_it_and_nobody_else(tmp_path: Path) -> None:
    plan = make_plan(GIVEN | STRIPE, tmp_path, demo=True, port=9000)
    for name in ("edge", "actions", "worker"):
        assert plan.environments[name].items() >= STRIPE.items()
    for name in ("bot", "sandbox", "postgres"):
        assert not [value for value in STRIPE.values() if value in "".join(plan.environments[name].values())]
    assert not set(STRIPE) & set(plan.supervisor)


TWILIO = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "the-users-own-auth-token"}


def test_the_sandboxs_twilio_and_the_service_know_each_other_and_the_bot_knows_neither(tmp_path: Path) -> None:
    plan = make_plan(GIVEN | {"TWILIO_VERIFY_SERVICE_SID": "VA" + "0" * 32}, tmp_path, demo=True, port=9000)
    sandbox = plan.environments["sandbox"]
    names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER", "TWILIO_VERIFY_SERVICE_SID")
    for name in names:
        assert plan.environments["edge"][name] == plan.environments["worker"][name] == sandbox[name]
    assert plan.service["TWILIO_API_BASE"] == "http://127.0.0.1:9001/twilio"
    assert sandbox["SANDBOX_EDGE_URL"] == plan.address
    settings_of(plan)  # whole
    assert "ONE_TIME_CODE_SECRET" not in sandbox
    for name in ("TWILIO_AUTH_TOKEN", "ONE_TIME_CODE_SECRET"):
        assert plan.secrets[name] not in "".join(plan.environments["bot"].values())


def test_with_an_account_at_twilio_the_sandboxs_is_not_used(tmp_path: Path) -> None:
    plan = make_plan(GIVEN | TWILIO | {"TWILIO_FROM_NUMBER": "+15145551234"}, tmp_path, demo=True, port=9000)
    assert plan.service["TWILIO_AUTH_TOKEN"] == TWILIO["TWILIO_AUTH_TOKEN"]
    assert "TWILIO_API_BASE" not in plan.service
    assert not [name for name in plan.environments["sandbox"] if name.startswith("TWILIO_")]
    settings_of(plan)


def test_without_the_sandbox_no_telephone_is_made_up(tmp_path: Path) -> None:
    plan = make_plan(GIVEN | SERVER, tmp_path, demo=False, port=8000)
    assert not [name for name in plan.service if name.startswith(("TWILIO_", "ONE_TIME_"))]


def settings_of(plan: Plan) -> Settings:
    values: dict[str, Any] = {name.lower(): value for name, value in plan.service.items()}
    return Settings(**values)


def test_with_test_keys_the_demo_keeps_its_mailbox_and_page(tmp_path: Path) -> None:
    plan = make_plan(GIVEN | STRIPE, tmp_path, demo=True, port=9000)
    assert plan.sandbox and "sandbox" in plan.processes
    assert plan.service["SMTP_URL"] == "smtp://127.0.0.1:9004"
    assert make_gateway(settings_of(plan)).name == "stripe"


def test_live_keys_are_refused_where_the_sandbox_is_on(tmp_path: Path) -> None:
    live = {name: value.replace("_test_", "_live_") for name, value in STRIPE.items()}
    plan = make_plan(GIVEN | live, tmp_path, demo=True, port=9000)
    with pytest.raises(ValidationError, match="SANDBOX_ENABLED must be off where real money moves"):
        settings_of(plan)


def test_with_stripe_alone_no_sandbox_is_started(tmp_path: Path) -> None:
    plan = make_plan(GIVEN | SERVER | STRIPE, tmp_path, demo=False, port=8000)
    assert "sandbox" not in plan.processes and plan.service["SANDBOX_ENABLED"] == "false"
    assert not [name for name in plan.service if name.startswith("SANDBOX_") and name != "SANDBOX_ENABLED"]


def test_the_sandbox_sees_its_own_schema_only(tmp_path: Path) -> None:
    plan = make_plan(GIVEN, tmp_path, demo=True, port=9000)
    seen = "".join(plan.environments["sandbox"].values())
    assert "remit_sandbox" in seen
    assert plan.secrets["REMIT_DB_PASSWORD"] not in seen and plan.secrets["BOT_TOKEN"] not in seen


def test_no_process_sees_more_of_the_callers_environment_than_it_needs(tmp_path: Path) -> None:
    plan = make_plan(GIVEN, tmp_path, demo=True, port=9000)
    for settings in (*plan.environments.values(), plan.supervisor):
        assert "SSH_AUTH_SOCK" not in settings and "AWS_SECRET_ACCESS_KEY" not in settings
        assert settings["PATH"] == "/usr/bin"


def test_one_port_moves_the_whole_stack(tmp_path: Path) -> None:
    plan = make_plan(GIVEN, tmp_path, demo=True, port=9000)
    assert plan.ports.of(plan.processes) == {
        9000: "edge",
        9001: "sandbox",
        9002: "bot",
        9003: "actions",
        9004: "sandbox",
    }
    edge = plan.environments["edge"]
    assert (edge["PORT"], edge["BOT_URL"], edge["PUBLIC_URL"]) == ("9000", "http://127.0.0.1:9002", plan.address)
    assert plan.environments["bot"]["ACTIONS_URL"] == "http://127.0.0.1:9003/webhook"


def test_with_a_server_of_ones_own_nothing_is_embedded(tmp_path: Path) -> None:
    plan = make_plan(GIVEN | SERVER, tmp_path, demo=False, port=8000)
    assert plan.postgres is None
    assert plan.processes == ("bot", "actions", "worker", "edge")  # no sandbox either: nobody asked for it
    assert plan.service["DATABASE_URL"] == SERVER["DATABASE_URL"]
    assert plan.environments["bot"]["BOT_DATABASE_URL"] == SERVER["BOT_DATABASE_URL"]


def test_what_is_set_in_the_environment_goes_before_what_would_be_chosen(tmp_path: Path) -> None:
    given = GIVEN | {
        "PUBLIC_URL": "https://pay.example",
        "BOT_TOKEN": "a token of our own choice",
        "BOT_REDIS_URL": "redis://r",
    }
    plan = make_plan(given, tmp_path, demo=True, port=8000)
    assert plan.service["PUBLIC_URL"] == "https://pay.example"
    assert plan.service["BOT_TOKEN"] == plan.environments["bot"]["BOT_TOKEN"] == "a token of our own choice"
    assert plan.environments["bot"]["BOT_REDIS_URL"] == "redis://r"


def test_outside_the_demo_the_portals_key_is_not_made_up(tmp_path: Path) -> None:
    assert "PORTAL_SIGNING_SECRET" not in make_plan(GIVEN, tmp_path, demo=False, port=8000).service


def test_secrets_stay_the_same_from_start_to_start(tmp_path: Path) -> None:
    assert (
        make_plan(GIVEN, tmp_path, demo=True, port=8000).secrets
        == make_plan(GIVEN, tmp_path, demo=True, port=8000).secrets
    )


def test_an_unknown_process_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no process edgy"):
        make_plan(GIVEN, tmp_path, demo=True, port=8000, only=("edgy",))
