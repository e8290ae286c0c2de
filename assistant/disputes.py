"""What a bank took back of a payment, or gave back, in the sentences that letters and open conversations share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.cards import Message, button, pay_button
from assistant.wording import name_invoices, say
from billing.accounts import Position, position
from billing.models import Allocation, Dispute, Invoice, LedgerTransaction, Payment
from billing.money import Money, total
from billing.payment_records import get_payment

# Which news change what the customer owes; the keys are those of the sentences, too.
MOVES_BALANCE = {
    "dispute_opened": False,
    "dispute_won": False,
    "dispute_lost": True,
    "debit_returned": True,
    "dispute_reversed": True,
}
TAKEN = frozenset({"dispute_lost", "debit_returned"})  # what was paid is open again


@dataclass(frozen=True, slots=True)
class DisputeNews:
    """`kind` names the news and its sentence (billing/disputes.py), `amount` is the money that it is about."""

    kind: str
    dispute: Dispute
    payment: Payment
    amount: Money
    open_again: list[tuple[str, Money]]  # number and what is open of each invoice that was uncovered, oldest first
    position: Position

    @property
    def owed(self) -> Money:
        return total((amount for _, amount in self.open_again), self.amount.currency)


def dispute_news(session: Session, dispute_id: int, kind: str, amount_minor: int, today: date) -> DisputeNews:
    dispute = session.get_one(Dispute, dispute_id)
    payment = get_payment(session, dispute.payment_id)
    uncovered = (
        select(Allocation.invoice_id)
        .join(LedgerTransaction, LedgerTransaction.id == Allocation.transaction_id)
        .where(LedgerTransaction.kind == "dispute_lost", LedgerTransaction.payment_id == payment.id)
    )
    still_open = session.scalars(
        select(Invoice).where(Invoice.id.in_(uncovered), Invoice.open_minor > 0).order_by(Invoice.due_on, Invoice.id)
    )
    return DisputeNews(
        kind,
        dispute,
        payment,
        Money(amount_minor, dispute.currency),
        [(invoice.number, Money(invoice.open_minor, invoice.currency)) for invoice in still_open],
        position(session, payment.account_id, today),
    )


def dispute_texts(news: DisputeNews, language: str, channel: str) -> list[str]:
    """What happened, what is open again, that nobody is charged by itself."""
    texts = [say(news.kind, language, channel, amount=news.amount, reference=news.payment.reference)]
    if not MOVES_BALANCE[news.kind]:
        return texts
    if news.kind in TAKEN:
        if news.open_again:
            numbers = name_invoices([number for number, _ in news.open_again], language, channel)
            texts.append(say("dispute_open_again", language, channel, amount=news.owed, invoices=numbers))
        texts.append(say("dispute_not_charged_again", language, channel))
    return [*texts, say("outcome_balance", language, channel, balance=news.position.balance)]


def dispute_message(news: DisputeNews, language: str, channel: str) -> Message:
    """For a conversation; to pay again is an offer, to be quoted and agreed to like any other payment."""
    buttons = []
    if news.kind in TAKEN and news.open_again:
        buttons.append(pay_button(news.owed, language, channel))
    buttons.append(button(say("button_human", language, channel), "human"))
    return {"text": " ".join(dispute_texts(news, language, channel)), "buttons": buttons, "card": None}
