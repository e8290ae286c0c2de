"""What a chat shows beside the words: cards, and buttons. Amounts carry their minor units and their finished text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assistant.wording import MethodLike, say, write
from billing.accounts import Position
from billing.allocation import Share
from billing.invoices import HistoryLine
from billing.models import Quote
from billing.money import Money
from billing.quotes import shares_of

Message = dict[str, Any]  # {"text", "buttons": [button(…)], "card": {…} | None}
IN_A_CARD = 12  # invoices; a card with more of them says how many
AS_CHAT = "chat"  # cards are seen, never heard: their amounts are written as in the chat, whatever the channel


def button(title: str, intent: str, **data: object) -> dict[str, Any]:
    """A reply to press. What it means stays on the server: the customer sees the title and sends back an id."""
    return {"title": title, "intent": intent, "data": data}


@dataclass(frozen=True, slots=True)
class Cards:
    """Builds the cards of one reader, in their language."""

    language: str

    def amount(self, money: Money) -> dict[str, Any]:
        return {"minor": money.minor, "currency": money.currency, "text": write(money, self.language, AS_CHAT)}

    def share(self, share: Share) -> dict[str, Any]:
        return {"number": share.number, "amount": self.amount(share.amount), "left": self.amount(share.left)}

    def shares(self, shares: Sequence[Share]) -> dict[str, Any]:
        """The first of them, and how many more there are."""
        listed = [self.share(share) for share in shares[:IN_A_CARD]]
        return {"invoices": listed, "more_invoices": len(shares) - len(listed)}

    def balance(self, position: Position) -> dict[str, Any]:
        return {
            "type": "balance",
            "balance": self.amount(position.balance),
            "past_due": self.amount(position.past_due),
            "due": position.next_due.isoformat() if position.next_due and position.outstanding else None,
            "invoices_open": position.open_count,
        }

    def quote(self, quote: Quote, method: MethodLike | None) -> dict[str, Any]:
        return {
            "type": "quote",
            "quote_id": str(quote.id),
            "amount": self.amount(quote.amount),
            "method": method_of(method) if method is not None else None,
            **self.shares(shares_of(quote)),
            "credit": self.amount(Money(quote.credit_minor, quote.currency)),
            "billing_email": quote.billing_email,
            "expires_at": quote.expires_at.isoformat(),
        }

    def history(self, lines: Sequence[HistoryLine]) -> dict[str, Any]:
        return {
            "type": "history",
            "lines": [
                {
                    "on": line.on.isoformat(),
                    "kind": line.kind,
                    "label": line.label,
                    "amount": self.amount(line.amount),
                    "state": line.state,
                }
                for line in lines
            ],
        }


def method_of(method: MethodLike) -> dict[str, Any]:
    return {"brand": method.brand, "last4": method.last4, "kind": method.kind}


def methods_card(methods: Sequence[MethodLike]) -> dict[str, Any]:
    """The message's first buttons choose these methods, in the same order."""
    return {
        "type": "methods",
        "methods": [
            {
                "button": index,
                **method_of(method),
                "expiry": f"{method.exp_month:02}/{method.exp_year}" if method.exp_month and method.exp_year else None,
            }
            for index, method in enumerate(methods)
        ],
    }


def link_card(url: str, purpose: str, expires_at: datetime) -> dict[str, Any]:
    return {"type": "link", "url": url, "purpose": purpose, "expires_at": expires_at.isoformat()}


def pay_button(money: Money, language: str, channel: str, key: str = "button_pay_amount") -> dict[str, Any]:
    """Starts a payment of exactly this amount; nothing is charged before the quote and its yes."""
    return button(say(key, language, channel, amount=money), "pay", amount_minor=money.minor)
