"""What is owed, when it is due, what is late, and why the balance is what it is."""

from __future__ import annotations

from typing import Any

from rasa_sdk.events import EventType

from actions.task import Task
from actions.turn import Turn
from assistant.cards import button, pay_button
from assistant.wording import name_invoices
from billing.accounts import Position
from billing.allocation import OpenInvoice
from billing.invoices import open_invoices
from billing.models import Payment
from billing.payment_records import latest_payment, payment_under_way
from billing.payment_states import SUCCEEDED

LISTED = 5  # invoices that are told one by one; more are summed up


def offers(turn: Turn, position: Position) -> list[dict[str, Any]]:
    """Buttons to pay the whole balance, and what is late of it if that is less."""
    if not position.outstanding:
        return []
    buttons = [pay_button(position.outstanding, *turn.place)]
    if position.past_due and position.past_due < position.outstanding:
        buttons.append(pay_button(position.past_due, *turn.place, key="button_pay_past_due"))
    return buttons


def offers_outside(turn: Turn, position: Position, pending: Payment | None) -> list[dict[str, Any]]:
    """In the middle of a payment its own question follows, and a second row of amounts would only confuse.

    While the bank decides on a payment there is nothing to offer but a look at it. A caller cannot type an amount.
    """
    if turn.in_form:
        return []
    if pending is not None:
        return [button(turn.word("button_status"), "payment_status")]
    buttons = offers(turn, position)
    return [*buttons, other_amount(turn)] if buttons and turn.principal.channel == "voice" else buttons


def other_amount(turn: Turn) -> dict[str, Any]:
    return button(turn.word("button_other_amount"), "inform_amount", change="amount")


def tell_pending(turn: Turn, pending: Payment | None) -> list[str]:
    """Who asks what is owed must not pay it again because the bank is slow."""
    return [] if pending is None else [turn.word("explain_pending", amount=pending.amount)]


def tell_balance(turn: Turn, position: Position) -> str:
    """One sentence: what is owed, and the most pressing date about it."""
    if not position.outstanding:
        return turn.word("balance_credit" if position.balance else "balance_zero", balance=position.balance)
    if position.past_due:
        return turn.word("balance_past_due", balance=position.balance, past_due=position.past_due)
    return turn.word("balance_due", balance=position.balance, due=position.next_due)


class ActionBalance(Task):
    called = "action_balance"

    def answer(self, turn: Turn) -> list[EventType]:
        position, pending = turn.position(), payment_under_way(turn.session, turn.account_id)
        texts = [tell_balance(turn, position), *tell_pending(turn, pending)]
        turn.say(*texts, buttons=offers_outside(turn, position, pending), card=turn.cards.balance(position))
        return []


class ActionDueDate(Task):
    called = "action_due_date"

    def answer(self, turn: Turn) -> list[EventType]:
        position = turn.position()
        if not position.outstanding:
            turn.say(turn.word("due_none"), tell_balance(turn, position))
            return []
        invoices = open_invoices(turn.session, turn.account_id)
        late = [invoice for invoice in invoices if invoice.due_on < turn.today]
        coming = invoices[len(late) :]
        texts = []
        if late:
            texts.append(turn.word("due_passed", past_due=position.past_due, since=late[0].due_on))
        if coming:
            following = coming[0]
            texts.append(
                turn.word("due_next", number=turn.number(following.number), amount=following.open, due=following.due_on)
            )
        pending = payment_under_way(turn.session, turn.account_id)
        texts += tell_pending(turn, pending)
        turn.say(*texts, buttons=offers_outside(turn, position, pending), card=turn.cards.balance(position))
        return []


class ActionOverdue(Task):
    called = "action_overdue"

    def answer(self, turn: Turn) -> list[EventType]:
        position = turn.position()
        late = [i.number for i in open_invoices(turn.session, turn.account_id) if i.due_on < turn.today]
        if not late:
            turn.say(turn.word("overdue_none"), tell_balance(turn, position))
            return []
        invoices = name_invoices(late, *turn.place)
        pending = payment_under_way(turn.session, turn.account_id)
        texts = [turn.word("overdue_some", past_due=position.past_due, invoices=invoices), *tell_pending(turn, pending)]
        buttons = offers_outside(turn, position, pending)
        if buttons and pending is None:  # of what could be paid, only what was asked about
            buttons = [pay_button(min(position.past_due, position.outstanding), *turn.place)]
        turn.say(*texts, buttons=buttons)
        return []


class ActionExplainBalance(Task):
    """The open invoices, credit, and the payments that do or do not count yet."""

    called = "action_explain_balance"

    def answer(self, turn: Turn) -> list[EventType]:
        position = turn.position()
        texts = [self._invoices(turn, position)]
        if position.credit:
            key = "explain_credit" if position.open else "explain_credit_only"
            texts.append(turn.word(key, credit=position.credit))
        pending = payment_under_way(turn.session, turn.account_id)
        texts += tell_pending(turn, pending)
        if pending is None and (latest := latest_payment(turn.session, turn.account_id)) and latest.state == SUCCEEDED:
            on = turn.local(latest.decided_at or latest.created_at).date()
            texts.append(turn.word("explain_last_payment", amount=latest.amount, on=on))
        turn.say(*texts, buttons=offers_outside(turn, position, pending), card=turn.cards.balance(position))
        return []

    @staticmethod
    def _invoices(turn: Turn, position: Position) -> str:
        invoices = open_invoices(turn.session, turn.account_id)
        if not invoices:
            return turn.word("explain_nothing_open", balance=position.balance)
        if len(invoices) == 1:
            return turn.word("explain_one", balance=position.balance, line=_line(turn, invoices[0]))
        if len(invoices) > turn.most(LISTED):
            names = name_invoices([i.number for i in invoices], *turn.place)
            return turn.word("explain_many", balance=position.balance, invoices=names)
        lines = [_line(turn, invoice) for invoice in invoices]
        return turn.word("explain_few", balance=position.balance, lines=lines)


def _line(turn: Turn, invoice: OpenInvoice) -> str:
    return turn.word("explain_invoice", number=turn.number(invoice.number), amount=invoice.open, due=invoice.due_on)
