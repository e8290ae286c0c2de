"""Processes killed (SIGKILL) while customers pay: nothing lost, nothing doubled. The supervisor starts them again.

KILLS=200 pytest tests/conversations/test_kills.py    the figure of docs/reliability.md; without it 6
"""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from billing.verify import verify
from remit.edge_client import Answer, EdgeError
from tests.conversations.conftest import Customers
from tests.support.customers import Account, Customer, until
from tests.support.stack import TestStack
from tests.support.texter import Texter, TextLost

KILLS = int(os.environ.get("KILLS", "6"))
VICTIMS = ("worker", "edge", "actions")
AT_ONCE = ("chat", "chat", "sms")  # customers who pay at the same time, and where
PATIENCE_S = 180  # in which a customer gets through to the quote, whatever is being killed
SETTLED_WITHIN_S = 120


@dataclass
class Story:
    """What one customer did and heard."""

    account: Account
    amount: Decimal
    heard: str = ""  # the answer to the yes; empty if it never came


@pytest.mark.timeout(600 + 15 * KILLS)
def test_killed_processes_lose_no_payment_and_make_none_twice(customers: Customers, stack: TestStack) -> None:
    stories: list[Story] = []
    over = threading.Event()
    with ThreadPoolExecutor(len(AT_ONCE)) as pool:
        paying = [pool.submit(_pay_bills, customers, stories, over, channel) for channel in AT_ONCE]
        try:
            killed = [_kill_one(stack, n) for n in range(KILLS)]
        finally:
            over.set()
        for payers in paying:
            payers.result()
    stack.wait_until_ready(60)
    assert sorted(set(killed)) == sorted(VICTIMS) and len(killed) == KILLS
    assert len(stories) >= KILLS // 3, f"only {len(stories)} customers got as far as a yes"
    _everything_is_decided(customers, stories)
    wrong = [found for story in stories for found in _wrong_with(story)]
    assert not wrong, wrong
    with customers.context.sessions() as session:
        assert verify(session) == []


def _kill_one(stack: TestStack, number: int) -> str:
    """The next victim, at a moment of nobody's choosing. A round begins with everything up, so that somebody pays."""
    victim = VICTIMS[number % len(VICTIMS)]
    if victim == VICTIMS[0]:
        until(stack.is_ready, PATIENCE_S, lambda: "the stack does not get up again")
    time.sleep(random.uniform(0.2, 2))
    until(lambda: stack.is_running(victim), PATIENCE_S, lambda: f"{victim} was not started again")
    stack.kill(victim)
    return victim


def _pay_bills(customers: Customers, stories: list[Story], over: threading.Event, channel: str) -> None:
    """One account after the other: a part of its bill, once, with the patience of a customer on a bad line."""
    while not over.is_set():
        account = customers.account("maya")
        amount = Decimal(random.randint(100, 40_000)) / 100
        with _talking(customers, account, channel) as customer:
            if not _hear_quote(customer, amount):
                continue
            story = Story(account, amount)
            stories.append(story)
            answer = _send(customer, "yes" if channel == "chat" else customer.pay_code(), PATIENCE_S)
            story.heard = answer.text if answer is not None else ""


@contextmanager
def _talking(customers: Customers, account: Account, channel: str) -> Iterator[Any]:
    if channel == "sms":
        yield customers.text(account)
        return
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            customer = customers.talk(account)
            break
        except EdgeError:
            assert time.monotonic() < deadline, "the edge opened no conversation"
            time.sleep(0.2)
    yield customer


def _hear_quote(customer: Customer | Texter, amount: Decimal) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = _send(customer, f"pay {amount} with the visa ending 4242", 30)
        if answer is not None and answer.quote is not None:
            return True
    return False


def _send(customer: Customer | Texter, words: str, within_s: float) -> Answer | None:
    """The same message under the same id until it is answered, as the chat page sends it; a text that nobody took is
    written again."""
    message_id, deadline = str(uuid.uuid4()), time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            return customer.say(words) if isinstance(customer, Texter) else customer.say(words, message_id=message_id)
        except (EdgeError, TextLost):
            time.sleep(0.2)
    return None


def _everything_is_decided(customers: Customers, stories: list[Story]) -> None:
    """Every payment final, every event handled, every letter and text sent."""
    ids = [story.account.id for story in stories]
    undecided = text(
        "select (select count(*) from payments where account_id = any(:ids)"
        "         and state in ('submitting', 'unknown', 'requires_action', 'processing'))"
        "     + (select count(*) from notices where account_id = any(:ids) and state = 'queued')"
        "     + (select count(*) from texts_sent where account_id = any(:ids) and state in ('queued', 'sending'))"
        "     + (select count(*) from events_received where handled_at is null and outcome is distinct from 'orphan')"
    )

    def left() -> int:
        with customers.context.sessions() as session:
            return int(session.execute(undecided, {"ids": ids}).scalar_one())

    until(lambda: left() == 0, SETTLED_WITHIN_S, lambda: f"{left()} payments, letters, texts or events are left")


def _wrong_with(story: Story) -> list[str]:
    """The customer said yes once: what the bank took, what we booked, what was said and written agree."""
    who, paid = story.account.record["number"], story.account.payments()
    booked = [amount for state, amount in paid if state == "succeeded"]
    charged = story.account.charged()
    found = []
    if charged != booked:
        found.append(f"{who}: the bank took {charged}, {booked} is booked")
    if len(charged) > 1 or any(amount != story.amount for amount in charged):
        found.append(f"{who}: {charged} was taken for one yes to {story.amount}")
    if "paid with" in story.heard and not charged:
        found.append(f"{who} heard “{story.heard}” and nothing was taken")
    if charged and "othing was charged" in story.heard:
        found.append(f"{who} heard “{story.heard}” and {charged} was taken")
    if charged and not story.account.mails():
        found.append(f"{who}: {charged} was taken and no letter came")
    return found
