"""Domain, rules and actions are one thing in three places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from actions import interruptions
from actions.server import TASKS

ROOT = Path(__file__).parents[2]
DOMAIN: dict[str, Any] = yaml.load((ROOT / "domain.yml").read_text("utf-8"), yaml.CSafeLoader)
RULES = {
    path.stem: yaml.safe_load(path.read_text("utf-8"))["rules"] for path in sorted((ROOT / "data/rules").glob("*.yml"))
}


def test_the_interruption_rules_are_up_to_date() -> None:
    assert interruptions.OUTPUT.read_text("utf-8") == interruptions.render(), "run `python -m actions.interruptions`"


def test_every_action_of_the_domain_exists_and_none_is_forgotten() -> None:
    assert sorted(DOMAIN["actions"]) == sorted(task.called for task in TASKS)


def test_every_intent_leads_somewhere() -> None:
    started = {rule["steps"][0].get("intent") for rules in RULES.values() for rule in rules}
    assert set(DOMAIN["intents"]) | {"nlu_fallback"} == started - {None}


def test_every_rule_calls_what_exists() -> None:
    known = {*DOMAIN["actions"], *DOMAIN["forms"], "action_listen"}
    called = {
        step["action"] for rules in RULES.values() for rule in rules for step in rule["steps"] if "action" in step
    }
    assert called <= known


def test_rules_and_actions_share_their_files_names() -> None:
    generated = {"interruptions"}
    assert {stem for stem in RULES if not (ROOT / "actions" / f"{stem}.py").exists()} <= generated


def test_slots_never_steer_the_rules() -> None:
    for name, slot in DOMAIN["slots"].items():
        assert slot["type"] == "any" or slot["influence_conversation"] is False, name


def test_no_action_gets_the_domain_sent() -> None:
    assert all(isinstance(action, str) for action in DOMAIN["actions"])
