"""Writes data/rules/interruptions.yml: a question in the middle of a payment is answered, then the payment goes on.

Rasa wants one rule for each; they differ in two words. What a question is answered with outside a payment (the other
rule files) answers it inside, too. `python data/interruptions.py` writes the file; tests/actions checks that it is up to date.
"""

from __future__ import annotations

from pathlib import Path

import yaml

RULES = Path(__file__).parent / "rules"
OUTPUT = RULES / "interruptions.yml"

# Everything else is the form's own business: an amount, a card, a yes, a no, giving up, or not being understood.
INTERRUPTIONS = (
    "balance",
    "bot_challenge",
    "change_language",
    "declined_question",
    "due_date",
    "edit_method",
    "explain_balance",
    "greet",
    "help",
    "history",
    "human",
    "not_offered",
    "overdue",
    "payment_status",
    "receipt",
    "refund_or_dispute",
    "thanks",
)

HEADER = "# Written by data/interruptions.py; change the list there.\n"


def answers() -> dict[str, str]:
    """The action with which each intent is answered outside a payment."""
    found: dict[str, str] = {}
    for path in sorted(RULES.glob("*.yml")):
        if path == OUTPUT:
            continue
        for rule in yaml.safe_load(path.read_text("utf-8"))["rules"]:
            intent = rule["steps"][0].get("intent")
            if intent:
                found[intent] = rule["steps"][1]["action"]
    return found


def render() -> str:
    answer = answers()
    rules = [
        {
            "rule": f"{intent} in the middle of a payment",
            "condition": [{"active_loop": "payment_form"}],
            "steps": [
                {"intent": intent},
                {"action": answer[intent]},
                {"action": "payment_form"},
                {"active_loop": "payment_form"},
            ],
        }
        for intent in INTERRUPTIONS
    ]
    return HEADER + yaml.safe_dump({"version": "3.1", "rules": rules}, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    OUTPUT.write_text(render(), "utf-8")
