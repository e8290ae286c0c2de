"""What a person has to look at goes to a person, with everything that is known so far."""

from __future__ import annotations

from typing import Any, ClassVar

from rasa_sdk.events import EventType

from actions.task import Task
from actions.turn import Turn
from assistant.handoff import open_ticket
from billing.payment_records import latest_payment
from billing.quotes import open_quote

SAID_BEFORE = 6  # sentences of the conversation that go with the ticket


class _Handoff(Task):
    reason: ClassVar[str]

    def answer(self, turn: Turn) -> list[EventType]:
        settings = turn.context.settings
        ticket, is_new = open_ticket(
            turn.session, turn.principal, self.reason, _state(turn), turn.now, settings=settings
        )
        key = f"handoff_{self.reason}" if is_new else "handoff_again"
        turn.say(turn.word(key, ticket=ticket.id, contact=settings.company_contact))
        return []


def _state(turn: Turn) -> dict[str, Any]:
    """What the person on the other side needs: the books' side of it, the form, and the last words."""
    position = turn.position()
    payment = latest_payment(turn.session, turn.account_id)
    quote = open_quote(turn.session, turn.account_id, turn.now)
    said = [event for event in turn.tracker.events if event["event"] in ("user", "bot") and event.get("text")]
    return {
        "balance": str(position.balance),
        "past_due": str(position.past_due),
        "last_payment": {"reference": payment.reference, "state": payment.state, "amount": str(payment.amount)}
        if payment is not None
        else None,
        "open_quote": {"id": str(quote.id), "amount": str(quote.amount)} if quote is not None else None,
        "waiting_for": turn.slot("requested_slot"),
        "said": [{"by": event["event"], "text": event["text"]} for event in said[-SAID_BEFORE:]],
    }


class ActionHuman(_Handoff):
    called = "action_human"
    reason = "human"


class ActionRefundOrDispute(_Handoff):
    called = "action_refund_or_dispute"
    reason = "refund_or_dispute"
