"""What the trained classifier makes of sentences that it has never seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bot.conftest import ROOT, run_bot

UTTERANCES = yaml.safe_load((Path(__file__).parent / "utterances.yml").read_text("utf-8"))
ANSWERS = yaml.safe_load((Path(__file__).parent / "yes.yml").read_text("utf-8"))
HELD_OUT = yaml.safe_load((ROOT / "data" / "heldout.yml").read_text("utf-8"))
HEARD = [(text, intent) for intent, texts in ANSWERS["heard"].items() for text in texts]
# A no and a cancel are told apart where it matters little: both void the quote.
BACK_OUT = {"deny", "cancel"}
LEAST_RIGHT, MOST_WRONG = 0.80, 0.10  # of the held-out sentences: understood, and taken for something else
EXPECTED = [(text, intent) for intent, texts in UTTERANCES["expected"].items() for text in texts]
# What a sentence that is not understood may be called: all of them end in the same kind of answer.
NOT_UNDERSTOOD = {"out_of_scope", "nlu_fallback"}


@pytest.fixture(scope="module")
def readings(model: Path) -> dict[str, str]:
    """Every utterance of the file with the intent it was given, read in one process."""
    texts = [text for text, _ in EXPECTED + HEARD] + UTTERANCES["never_affirm"] + UTTERANCES["never_pay"]
    texts += ANSWERS["clear"] + ANSWERS["not_clear"] + [str(text) for held in HELD_OUT.values() for text in held]
    done = run_bot("parse", "--json", input="\n".join(texts) + "\n")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [reading["text"] for reading in found] == texts
    return {reading["text"]: reading["intent"]["name"] for reading in found}


@pytest.mark.parametrize(("text", "intent"), EXPECTED)
def test_an_unseen_sentence_is_understood(readings: dict[str, str], text: str, intent: str) -> None:
    found = readings[text]
    assert found == intent or {found, intent} <= NOT_UNDERSTOOD


@pytest.mark.parametrize("text", UTTERANCES["never_affirm"])
def test_what_is_not_clearly_a_yes_never_becomes_one(readings: dict[str, str], text: str) -> None:
    assert readings[text] != "affirm"


@pytest.mark.parametrize("text", ANSWERS["not_clear"])
def test_nothing_but_a_clear_yes_is_one(readings: dict[str, str], text: str) -> None:
    assert readings[text] != "affirm"


@pytest.mark.parametrize("text", ANSWERS["clear"])
def test_a_clear_yes_is_heard(readings: dict[str, str], text: str) -> None:
    assert readings[text] == "affirm"


@pytest.mark.parametrize(("text", "intent"), HEARD)
def test_no_cancel_and_a_person_are_always_heard(readings: dict[str, str], text: str, intent: str) -> None:
    assert readings[text] == intent or {readings[text], intent} == BACK_OUT


def test_most_held_out_sentences_are_understood_and_few_are_taken_for_something_else(readings: dict[str, str]) -> None:
    pairs = [(readings[str(text)], intent) for intent, texts in HELD_OUT.items() for text in texts]
    right = sum(found == intent or {found, intent} <= NOT_UNDERSTOOD for found, intent in pairs)
    wrong = sum(found not in {intent, *NOT_UNDERSTOOD} for found, intent in pairs)
    assert right / len(pairs) >= LEAST_RIGHT
    assert wrong / len(pairs) <= MOST_WRONG
    assert [pair for pair in pairs if pair[0] == "affirm" and pair[1] in {*BACK_OUT, "unsure"}] == []


def test_only_a_wish_to_pay_starts_a_payment(readings: dict[str, str]) -> None:
    wrong = [text for text in UTTERANCES["never_pay"] if readings[text] == "pay"]
    # A payment that is started by mistake asks for an amount and charges nothing, so a few are bearable.
    assert len(wrong) <= len(UTTERANCES["never_pay"]) // 10, wrong


def examples() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for block in yaml.safe_load(path.read_text("utf-8"))["nlu"]:
            for line in block["examples"].splitlines():
                yield block["intent"], line.removeprefix("- ")


def test_the_sentences_of_this_test_are_not_learned_by_heart() -> None:
    known = {text.lower() for _, text in examples() if len(text.split()) > 3}
    assert [text for text, _ in EXPECTED if text.lower() in known] == []


def test_no_held_out_sentence_is_an_example() -> None:
    known = {text.lower() for _, text in examples()}
    assert [text for texts in HELD_OUT.values() for text in texts if str(text).lower() in known] == []


def test_every_intent_of_the_domain_has_examples_and_the_other_way_round() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text("utf-8"))
    assert {intent for intent, _ in examples()} == set(domain["intents"])


def test_no_example_stands_twice() -> None:
    seen: dict[str, Any] = {}
    for intent, text in examples():
        assert text.lower() not in seen, (text, intent, seen[text.lower()])
        seen[text.lower()] = intent


def test_domain_rules_and_examples_pass_the_check() -> None:
    done = run_bot("train", "--check")
    assert (done.returncode, done.stdout.strip()) == (0, "data  domain, rules and examples are in order"), done.stderr
