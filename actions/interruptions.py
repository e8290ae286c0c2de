"""The questions that may come in the middle of a payment: answered, then the payment goes on where it was.

Rasa wants one rule for each, and they differ in two words: `python -m actions.interruptions` writes them all to
data/rules/interruptions.yml, with the action that answers the same question outside a payment. A test checks that the
file is up to date. Every other intent is the form's own business: an amount, a card, a yes, a no, giving up.
"""

from __future__ import annotations

from pathlib import Path

import yaml

INTERRUPTIONS = (
    "accepted_methods",
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
    "list_invoices",
    "list_methods",
    "not_offered",
    "overdue",
    "page_question",
    "payment_status",
    "receipt",
    "refund_or_dispute",
    "remove_method",
    "thanks",
)

RULES = Path(__file__).parents[1] / "data" / "rules"
OUTPUT = RULES / "interruptions.yml"
HEADER = "# Written by `python -m actions.interruptions`; the list stands there.\n"


def answers() -> dict[str, str]:
    """The action with which each intent is answered outside a payment, from the rule files."""
    found: dict[str, str] = {}
    for path in sorted(RULES.glob("*.yml")):
        if path == OUTPUT:
            continue
        for rule in yaml.safe_load(path.read_text("utf-8"))["rules"]:
            if intent := rule["steps"][0].get("intent"):
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
    return HEADER + yaml.safe_dump({"version": "3.1", "rules": rules}, sort_keys=False, width=120)


if __name__ == "__main__":
    OUTPUT.write_text(render(), "utf-8")
