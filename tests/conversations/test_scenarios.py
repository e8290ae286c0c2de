"""Runs every file of `scenarios/` in every channel, by phone by words and by keys: what a customer does, as its name.

about: one sentence, when the name does not say it
channels: [chat]              # of all, where it cannot be in the others
customer: maya                # a fresh copy of that customer of the demo (fixtures of conftest.py)
turns:
  - say: pay my bill          # or `click: Pay`: a button of the latest answer, by the beginning of its title
  - agree: yes please         # the yes to the quote: by chat in these words, by text with the quote's two digits
    hears: [452.10, "4242"]   # each is in the answer, whatever the case
    hears_not: declined
    buttons: [Visa]           # buttons that begin so are offered (more may be)
    card: quote               # a card of this type came along
    asks: method              # amount | method | confirm | nothing
    quote: {amount: "452.10", method: "4242", pays: {INV-1001: "200.00"}, credit: "0.00", email: …}   # or `none`
    payment: succeeded        # of the payment under way or made last; or `none`
    sms: {say: never mind}    # what is another in this channel, say or expectation; ~ takes one away
    keypad: {say: "226.05"}   # the phone again, by keys alone, where keys can tell all of it
  - other_tab: {say: pay 50, user: 2, quote: {amount: "50.00"}}    # a second session; all expectations work in it
  - page: {opens: true, proposes: "452.10"}                        # the secure page of the link offered last
  - page: {amount: "50", card: "4242", save: true, email: a@b.example, state: succeeded}   # or `refused: <code>`
  - page: {email: new@b.example, address: {line1: …}}              # the page of a saved method
  - bank: approves            # or declines: the one payment that waits at the bank
  - wait_for: payment succeeded     # told by itself, outside a turn; or words of such a message
  - restart: bot              # also stop, start, kill: edge, bot, actions, worker, sandbox, postgres
  - deliver: {repeat: 3}      # how the bank's events travel from now on; {} is the plain way
keys: false                   # keys could, but it is about words
then:
  balance: "0.00"             # negative for a credit
  open: {INV-1003: "50.00"}   # open invoices, exactly
  payments: [succeeded 452.10]      # ours, oldest first
  charges: ["452.10"]         # what the bank really took
  mails: {"Payment received": 3}    # letters to anyone of the account by the beginning of their subject, exactly
  tickets: 1                  # handed to a person
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.conversations.conftest import Customers
from tests.conversations.scenario import KEYPAD, Play, check_then, played_in

SCENARIOS = Path(__file__).parent / "scenarios"
FILES = {str(file.relative_to(SCENARIOS).with_suffix("")): file for file in sorted(SCENARIOS.rglob("*.yml"))}


SCENARIOS_OF = {name: yaml.safe_load(file.read_text()) for name, file in FILES.items()}
# About how something is put, which by text and by phone goes through what the others go through: `make test-all` only.
WORDINGS = ("amounts/", "questions/")
PLAYED = [
    (name, channel)
    for name, told in SCENARIOS_OF.items()
    for channel in played_in(told)
    if channel in ("chat", KEYPAD) or os.environ.get("FULL") or not name.startswith(WORDINGS)
]


@pytest.mark.parametrize(("name", "channel"), PLAYED)
def test_conversation(name: str, channel: str, customers: Customers) -> None:
    scenario = SCENARIOS_OF[name]
    play = Play.of(scenario, customers, channel)
    try:
        for number, step in enumerate(scenario["turns"], 1):
            try:
                play.step(step)
            except AssertionError as error:
                pytest.fail(f"step {number}, {step}: {error}", pytrace=False)
        check_then(play, scenario.get("then") or {})
    finally:
        play.tidy()
        if any("deliver" in step for step in scenario["turns"]):
            play.account.bank.deliver()


def test_keys_alone_tell_more_than_a_third() -> None:
    """Where a sentence changes, so that keys can no longer tell it, its scenario silently leaves the keypad."""
    keyed = [name for name, channel in PLAYED if channel == KEYPAD]
    assert len(keyed) > len(FILES) / 3
