"""The `remit` command beside the running stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from remit.health import processes
from tests.conversations.conftest import Customers
from tests.support.stack import TestStack

MEMORY_LIMIT = 1_500_000_000


@pytest.fixture
def remit(stack: TestStack, customers: Customers) -> Remit:
    return Remit(stack, customers)


class Remit:
    def __init__(self, stack: TestStack, customers: Customers) -> None:
        self._stack, self._customers = stack, customers

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        return subprocess.run(
            [sys.executable, "-m", "remit", *arguments],
            env={**clean, "REMIT_VAR": str(self._stack.var), **environment},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def someone(self, who: str) -> str:
        return str(self._customers.account(who).users[0]["email"])


def test_scripted_chat_prints_the_transcript(remit: Remit) -> None:
    done = remit("chat", AS=remit.someone("maya"), SAY="pay my bill|yes all of it|the visa ending 4242|yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Maya   yes all of it\n" in done.stdout and "[1] Visa ending 4242" in done.stdout
    assert "Your balance\n" in done.stdout or "balance is now $0.00" in done.stdout.replace("\n       ", " ")


def test_scripted_chat_prints_json_with_the_payments_state(remit: Remit) -> None:
    done = remit("chat", AS=remit.someone("maya"), SAY="pay 50|[Mastercard]|yes", JSON="1")
    turns = json.loads(done.stdout)
    assert [turn["said"] for turn in turns] == ["pay 50", "[Mastercard]", "yes"]
    assert all(turn["answered"] for turn in turns)
    assert turns[1]["quote"]["amount"]["minor"] == 5_000 and "Pay $50.00 now" in turns[1]["buttons"]
    assert turns[2]["payment"]["state"] == "succeeded"


def test_a_compare_finds_a_payment_on_both_sides(remit: Remit) -> None:
    """Other tests may have left their bank in a state that differs; this payment is right on both sides."""
    paid = json.loads(remit("chat", AS=remit.someone("maya"), SAY="pay 40|[Visa ending 4242]|yes", JSON="1").stdout)
    done = remit("compare", "--json")
    told = json.loads(done.stdout)
    assert told["gateway"] == "sandbox" and told["payments"] >= 1
    assert paid[-1]["payment"]["reference"] not in {d["payment"] for d in told["differences"]["first"]}
    assert done.returncode == (0 if told["agrees"] else 1)


def test_a_turn_without_an_answer_is_an_exit_code(remit: Remit) -> None:
    done = remit("chat", AS=remit.someone("maya"), SAY="pay 50|[No such button]")
    assert done.returncode == 1 and "no one button is [No such button]" in done.stdout


def test_an_unknown_customer_is_answered_with_known_ones(remit: Remit) -> None:
    done = remit("chat", AS="nobody@northwind.example", SAY="hi")
    assert done.returncode == 1 and "no portal user nobody@northwind.example; there are maya@" in done.stderr


def test_verify_finds_the_settings_of_the_stack_beside_it(remit: Remit) -> None:
    done = remit("verify")
    assert done.returncode == 0 and "checks hold" in done.stdout, done.stdout + done.stderr


def test_all_processes_together_stay_below_a_gigabyte_and_a_half(stack: TestStack) -> None:
    found = {process.name: process.resident_bytes for process in processes(stack.var)}
    assert {"edge", "bot", "actions", "worker", "sandbox", "postgres"} <= set(found)
    assert sum(found.values()) <= MEMORY_LIMIT, found
