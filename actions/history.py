"""Invoices and payments of the last 24 months: the newest in words, more of them in the card."""

from __future__ import annotations

from rasa_sdk.events import EventType

from actions.task import Task
from actions.turn import Turn
from assistant.wording import counted
from billing.invoices import REACHES_BACK, HistoryLine, history

IN_WORDS = 5
IN_CARD = 24  # lines; more of them is a portal page


class ActionHistory(Task):
    called = "action_history"

    def answer(self, turn: Turn) -> list[EventType]:
        lines = history(turn.session, turn.account_id, turn.today - REACHES_BACK, turn.local)
        if not lines:
            turn.say(turn.word("history_none"))
            return []
        counts = {
            f"{kind}s": counted(f"count_{kind}s", sum(line.kind == kind for line in lines), *turn.place)
            for kind in ("invoice", "payment")
        }
        summary = turn.word("history_summary", **counts)
        listed = "\n".join([summary, *(_line(turn, line) for line in lines[: turn.most(IN_WORDS)])])
        turn.say(listed, card=turn.cards.history(lines[:IN_CARD]))
        return []


def _line(turn: Turn, line: HistoryLine) -> str:
    state = turn.word(f"state_{line.state}")
    return turn.word(
        f"history_line_{line.kind}", on=line.on, label=turn.number(line.label), amount=line.amount, state=state
    )
