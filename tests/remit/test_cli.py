from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from remit.chat import find_user
from remit.demo import reset_demo
from remit.errors import DemoRefused, NoSuchUser
from tests.billing.builders import some_settings


def remit(*arguments: str, var: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return subprocess.run(
        [sys.executable, "-m", "remit", *arguments],
        env={**clean, "REMIT_VAR": str(var), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", [["chat"], ["demo", "reset"], ["migrate"], ["health"]])
def test_without_a_running_stack_a_command_says_how_to_start_one(tmp_path: Path, command: list[str]) -> None:
    done = remit(*command, var=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("remit: Remit is not running here: start it with `make demo`")
    assert done.stderr.count("\n") == 1


def test_settings_that_are_missing_are_named_one_a_line(tmp_path: Path) -> None:
    done = remit("migrate", var=tmp_path, DATABASE_URL="postgresql://nowhere/x")
    assert done.returncode == 1
    assert "settings are wrong (docs/settings.md)" in done.stderr and "  BOT_TOKEN: Field required" in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_commands_refuse_while_the_sandbox_is_off() -> None:
    with pytest.raises(DemoRefused, match="nothing was done"):
        reset_demo(some_settings(sandbox_enabled=False))


def test_an_unknown_address_is_answered_with_those_that_exist(database_url: str) -> None:
    with pytest.raises(NoSuchUser, match=r"no portal user nobody@x\.example; there are none at all"):
        find_user(database_url, "nobody@x.example")
