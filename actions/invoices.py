"""Invoices one by one: the open ones, the one that is named, or those of a month."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rasa_sdk.events import EventType

from actions.balance import LISTED, offers_outside, tell_balance, tell_pending
from actions.task import Task
from actions.turn import Turn
from assistant.amounts import named_invoice
from assistant.folding import fold
from billing.invoices import HistoryLine, issued_invoices
from billing.models import Invoice
from billing.money import Money
from billing.payment_records import payment_under_way

IN_CARD = 24  # lines; more of them is a portal page
OF_MONTH = 3  # invoices of one month that are told in full
_MONTHS = (
    r"jan(?:uary|vier)?", r"feb(?:ruary)?|fev(?:rier)?", r"mar(?:ch|s)", r"a[pv]r(?:il)?", r"may|mai", r"june?|juin",
    r"july?|juillet", r"aug(?:ust)?|aout", r"sept(?:emb(?:er|re))?", r"oct(?:ob(?:er|re))?", r"nov(?:emb(?:er|re))?",
    r"dec(?:emb(?:er|re))?",
)  # fmt: skip
_LAST_MONTH = re.compile(r"\blast month|\bmois (?:passe|dernier)")
_NEWEST = re.compile(r"\b(?:latest|last|newest|most recent|derniere|plus recente)\b")
_BARE_NUMBER = re.compile(r"\b(?:invoice|bill|facture|number|no|numero|n°|#)\s*#?\s*(\d{3,})\b|^\D{0,20}#(\d{3,})\b")


class ActionListInvoices(Task):
    called = "action_list_invoices"

    def answer(self, turn: Turn) -> list[EventType]:
        invoices = issued_invoices(turn.session, turn.account_id)  # the oldest first
        number = _number(turn.text)
        if number is not None:
            _tell_one(turn, number, [i for i in invoices if i.number.upper() == number])
        elif (month := _month(turn)) is not None:
            _tell_month(turn, [i for i in invoices if i.issued_on.month == month][-OF_MONTH:])
        elif _NEWEST.search(fold(turn.text).text) and invoices:
            _tell(turn, [_detail(turn, max(invoices, key=lambda i: (i.issued_on, i.id)))])
        else:
            _tell_open(turn, [i for i in invoices if i.open_minor])
        return []


def _number(text: str) -> str | None:
    """ "INV-1001", "invoice 1001", "la facture 1001"."""
    if number := named_invoice(text):
        return number
    found = _BARE_NUMBER.search(fold(text).text)
    return f"INV-{found[1] or found[2]}" if found else None


def _month(turn: Turn) -> int | None:
    """1 to 12, where a month is named or "last month" is."""
    folded = fold(turn.text).text
    if _LAST_MONTH.search(folded):
        return (turn.today.month - 2) % 12 + 1
    for month, names in enumerate(_MONTHS, 1):
        if re.search(rf"\b(?:{names})\b", folded):
            return month
    return None


def _tell_one(turn: Turn, number: str, found: Sequence[Invoice]) -> None:
    if found:
        _tell(turn, [_detail(turn, found[0])])
    else:
        _tell(turn, [turn.word("invoice_not_yours", number=turn.number(number))])


def _tell_month(turn: Turn, found: Sequence[Invoice]) -> None:
    if found:
        _tell(turn, [_detail(turn, invoice) for invoice in found])
    else:
        _tell(turn, [turn.word("invoices_not_that_month"), tell_balance(turn, turn.position())])


def _tell_open(turn: Turn, invoices: Sequence[Invoice]) -> None:
    position = turn.position()
    if not invoices:
        _tell(turn, [turn.word("explain_nothing_open", balance=position.balance)])
        return
    told = invoices[: turn.most(LISTED)]
    lines = [turn.word("explain_invoice", number=turn.number(i.number), amount=i.open, due=i.due_on) for i in told]
    key = "invoices_open_one" if len(invoices) == 1 else "invoices_open"
    texts = [turn.word(key, count=len(invoices), lines=lines, line=lines[0])]
    if rest := invoices[len(told) :]:
        left = sum((i.open for i in rest), Money(0, rest[0].currency))
        texts.append(turn.word("invoices_open_more", count=len(rest), amount=left))
    listed = [HistoryLine(i.issued_on, "invoice", i.number, i.open, "open") for i in invoices[:IN_CARD]]
    _tell(turn, [*texts, turn.word("invoices_balance", balance=position.balance)], listed)


def _detail(turn: Turn, invoice: Invoice) -> str:
    total = Money(invoice.total_minor, invoice.currency)
    if not invoice.open_minor:
        return turn.word("invoice_paid", number=turn.number(invoice.number), amount=total, issued=invoice.issued_on)
    key = "invoice_open" if invoice.open_minor == invoice.total_minor else "invoice_part_open"
    return turn.word(
        key,
        number=turn.number(invoice.number),
        amount=total,
        issued=invoice.issued_on,
        due=invoice.due_on,
        left=invoice.open,
    )


def _tell(turn: Turn, texts: Sequence[str], listed: Sequence[HistoryLine] = ()) -> None:
    pending = payment_under_way(turn.session, turn.account_id)
    buttons = offers_outside(turn, turn.position(), pending)
    card = turn.cards.history(listed) if listed else None
    turn.say(*texts, *tell_pending(turn, pending), buttons=buttons, card=card)
