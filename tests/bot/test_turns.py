"""What a turn leaves behind: everything, or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.bot.conftest import (
    ROOT,
    Bot,
    FakeActions,
    says,
    start_bot,
    stop,
    turn,
    wait_until_healthy,
)
from tests.support.ports import free_port


def open_form(actions: FakeActions) -> None:
    """The payment form asks for an amount, again and again."""
    asked = (
        {"event": "slot", "name": "payment_amount", "value": None},
        {"event": "slot", "name": "payment_method", "value": "pm-1"},
        {"event": "slot", "name": "requested_slot", "value": "payment_amount"},
    )
    actions.answer("validate_payment_form", says("How much?"), events=asked)


def test_a_failed_action_leaves_the_conversation_as_it_was(bot: Bot, actions: FakeActions, sender: str) -> None:
    bot.say("hello", sender)
    before = bot.events(sender)
    actions.fail("action_balance")
    answer = bot.post(turn(sender=sender, text="how much do I owe"))
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "actions_unavailable"
    assert bot.events(sender) == before
    actions.answer("action_balance", says("$5"))
    assert bot.say("how much do I owe", sender)[0]["text"] == "$5"


@pytest.mark.parametrize("body", ["not an object", {"events": [{"event": "no_such_event"}]}, {"responses": "text"}])
def test_a_malformed_answer_of_an_action_is_a_failure(
    bot: Bot, actions: FakeActions, sender: str, body: object
) -> None:
    actions.answers["action_balance"] = lambda _: (200, body)
    assert bot.post(turn(sender=sender, text="how much do I owe")).status_code == 503
    assert bot.events(sender) == []


def test_an_action_that_takes_too_long_is_a_failure(bot: Bot, actions: FakeActions, sender: str) -> None:
    over = threading.Event()

    def slow(_: object) -> tuple[int, object]:
        over.wait(100)
        return 200, {"events": [], "responses": [says("too late")]}

    actions.answers["action_balance"] = slow
    try:
        assert bot.post(turn(sender=sender, text="how much do I owe")).status_code == 503
    finally:
        over.set()


def test_a_turn_without_an_answer_says_so_and_is_not_kept(bot: Bot, actions: FakeActions, sender: str) -> None:
    actions.answer("action_balance")
    answer = bot.post(turn(sender=sender, text="how much do I owe"))
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "no_answer"
    assert bot.events(sender) == []


def test_two_messages_of_one_sender_are_answered_one_after_the_other(
    bot: Bot, actions: FakeActions, sender: str
) -> None:
    running: list[str] = []
    together: list[int] = []

    def slow(call: dict[str, Any]) -> tuple[int, Any]:
        running.append(call["sender_id"])
        together.append(len(running))
        time.sleep(0.4)
        running.pop()
        return 200, {"events": [], "responses": [says("You owe $5.")]}

    actions.answers["action_balance"] = slow
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: bot.post(turn(sender=sender, text="how much do I owe")), range(2)))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert together == [1, 1]
    assert len([kind for kind, _, _ in bot.events(sender) if kind == "user"]) == 2


def test_different_senders_do_not_wait_for_each_other(bot: Bot, actions: FakeActions) -> None:
    together = threading.Barrier(3, timeout=60)

    def slow(_: object) -> tuple[int, object]:
        together.wait()
        return 200, {"events": [], "responses": [says("You owe $5.")]}

    actions.answers["action_balance"] = slow
    with ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(lambda _: bot.post(turn(text="how much do I owe")), range(9)))
    assert {answer.status_code for answer in answers} == {200}


def test_slots_and_form_survive_a_restart_of_the_bot(bot: Bot, actions: FakeActions, sender: str) -> None:
    open_form(actions)
    assert bot.say("pay my bill", sender) == [{"text": "How much?", "buttons": [], "card": None}]
    assert stop(bot.process) == 0
    bot.process = start_bot(bot.environment, bot.log)
    wait_until_healthy(bot)
    actions.calls.clear()
    bot.say("fifty dollars", sender)
    assert actions.calls[0]["next_action"] == "validate_payment_form"
    assert actions.calls[0]["tracker"]["active_loop"]["name"] == "payment_form"


def test_a_long_conversation_is_rolled_over_and_loses_neither_slots_nor_form(
    bot: Bot, actions: FakeActions, sender: str
) -> None:
    open_form(actions)
    bot.say("pay my bill", sender)
    sizes = []
    for _ in range(60):
        bot.say("how much do I owe", sender)
        sizes.append(len(actions.calls[-1]["tracker"]["events"]))
    last = actions.calls[-1]["tracker"]
    assert max(sizes) < 120
    assert last["active_loop"]["name"] == "payment_form"
    assert last["slots"]["payment_method"] == "pm-1"
    assert last["slots"]["requested_slot"] == "payment_amount"
    assert len([kind for kind, _, _ in bot.events(sender) if kind == "session_started"]) > 3


def test_the_last_words_are_known_after_a_roll_over(bot: Bot, actions: FakeActions, sender: str) -> None:
    for number in range(40):
        actions.answer("action_balance", says(f"You owe ${number}."))
        bot.say("how much do I owe", sender)
        events = actions.calls[-1]["tracker"]["events"]
        uttered = [event["text"] for event in events if event["event"] == "bot"]
        assert number == 0 or f"You owe ${number - 1}." in uttered


def test_a_database_that_went_away_for_a_moment_is_found_again(bot: Bot, actions: FakeActions, sender: str) -> None:
    bot.say("hello", sender)
    with psycopg.connect(bot.admin_url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()",
            [bot.database],
        )
    bot.say("hello", sender)
    assert len([kind for kind, _, _ in bot.events(sender) if kind == "user"]) == 2


def test_without_a_database_nothing_is_answered_from_memory(bot: Bot, actions: FakeActions, sender: str) -> None:
    bot.say("hello", sender)
    elsewhere = bot.admin_url.replace(f"/{bot.database}?", "/postgres?")
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(f"alter database {bot.database} allow_connections false")
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [bot.database])
        try:
            assert bot.health().status_code == 503
            answer = bot.post(turn(sender=sender))
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "store_unavailable"
        finally:
            connection.execute(f"alter database {bot.database} allow_connections true")
    assert bot.health().status_code == 200
    bot.say("hello", sender)
    assert len([kind for kind, _, _ in bot.events(sender) if kind == "user"]) == 2


def test_the_questions_asked_of_the_table_have_indexes(bot: Bot) -> None:
    with psycopg.connect(bot.admin_url) as connection:
        names = {row[0] for row in connection.execute("select indexname from pg_indexes where schemaname = 'bot'")}
    assert {"events_of_sender", "session_starts_of_sender"} <= names


def test_the_log_holds_nothing_that_was_said(bot: Bot, actions: FakeActions, sender: str) -> None:
    actions.fail("action_out_of_scope")
    bot.post(turn(sender=sender, text="my zebra ate the tulips"))
    assert "zebra" not in bot.log.read_text()


def test_the_bot_listens_on_loopback_only_and_carries_no_tensorflow(bot: Bot) -> None:
    pid = bot.process.pid
    port = f"{int(bot.environment['BOT_PORT']):04X}"
    sockets = [line.split()[1] for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    assert f"0100007F:{port}" in sockets
    assert f"00000000:{port}" not in sockets
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "tensorflow" not in maps
    assert "sklearn" not in maps


REFUSED = [
    ({"BOT_TOKEN": ""}, "BOT_TOKEN"),
    ({"BOT_TOKEN": "${BOT_TOKEN}"}, "BOT_TOKEN"),
    ({"ACTIONS_TOKEN": ""}, "ACTIONS_TOKEN"),
    ({"ACTIONS_TOKEN": "x${ACTIONS_TOKEN}"}, "ACTIONS_TOKEN"),
    ({"BOT_DATABASE_URL": ""}, "BOT_DATABASE_URL"),
    ({"ACTIONS_URL": " "}, "ACTIONS_URL"),
    ({"BOT_PORT": "eighty"}, "BOT_PORT"),
    ({"BOT_MODEL": "/nowhere/model.tar.gz"}, "no model at"),
]


@pytest.mark.parametrize(("change", "named"), REFUSED, ids=str)
def test_the_start_is_refused_in_one_line(change: dict[str, str], named: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "BOT_TOKEN": "a",
        "ACTIONS_TOKEN": "b",
        "ACTIONS_URL": "http://127.0.0.1:9/webhook",
        "BOT_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "BOT_PORT": str(free_port()),
        **change,
    }
    command = [str(ROOT / "bot" / ".venv" / "bin" / "python"), "-m", "bot", "run"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_sigterm_ends_the_bot_quickly_and_cleanly(bot: Bot) -> None:
    bot.process.send_signal(signal.SIGTERM)
    assert bot.process.wait(8) == 0  # then the supervisor kills it (deploy/supervisord.conf)
    bot.process = start_bot(bot.environment, bot.log)
    wait_until_healthy(bot)
