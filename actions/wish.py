"""What a customer has settled of a payment so far, and what their latest words add to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from rasa_sdk.events import EventType

from actions.turn import Turn, set_slots
from assistant.amounts import Ambiguous, AmountReading, Exact, NoAmount, Relative, named_invoice, read_amount
from assistant.hurried import without_slips
from assistant.later import without_later_day
from assistant.method_choice import Chosen, MethodReading, NewCard, NoMethod, NoSuchMethod, OneOf, read_method
from assistant.shares import asks_for_minimum, read_share
from billing.accounts import get_account
from billing.errors import AmountNotPositive, AmountNotWhole, AmountTooLarge
from billing.invoices import open_invoices
from billing.models import PaymentMethod
from billing.money import Money
from billing.quotes import check_amount

AMOUNT, METHOD, CONFIRMATION = "payment_amount", "payment_method", "payment_confirmation"
NEW = "new"
NOTHING_SAID = NoMethod()
_A_SUM = re.compile(
    r"\$|\b(?:dollars?|bucks?|cad|piastres?|pay|payer|paye|paie|amount|montant|make it|mets)\b", re.IGNORECASE
)
_A_SHARE = re.compile(
    r"(?:\b(?:a|one|two|three|le|un|les|deux|trois)\b[ -])?\b(?:thirds?|quarters?|fourths?|tiers|quarts?)\b"
)
CARD_MARKER = "⟦card⟧"  # what assistant.redact leaves in place of a card number


@dataclass(frozen=True)
class Wish:
    """`invoice_id`: the one invoice that goes first. `methods`: what the account has saved, in the order shown.

    `whole`: the amount is all that is owed; should that change before the yes, the amount goes along.
    """

    methods: Sequence[PaymentMethod]
    amount: Money | None = None
    method: PaymentMethod | None = None
    new_card: bool = False
    invoice_id: int | None = None
    whole: bool = False

    @classmethod
    def of(cls, turn: Turn) -> Wish:
        """What the conversation remembers, as far as it still exists."""
        methods = turn.methods()
        minor, method, invoice = (turn.slot(name) for name in (AMOUNT, METHOD, "payment_invoice"))
        currency = get_account(turn.session, turn.account_id).currency
        return cls(
            methods=methods,
            amount=Money(int(minor), currency) if minor else None,
            method=next((m for m in methods if str(m.id) == method), None),
            new_card=method == NEW,
            invoice_id=int(invoice) if invoice else None,
            whole=bool(turn.slot("payment_whole")),
        )

    def slots(self) -> list[EventType]:
        return set_slots(
            payment_amount=str(self.amount.minor) if self.amount is not None else None,
            payment_method=str(self.method.id) if self.method is not None else NEW if self.new_card else None,
            payment_invoice=str(self.invoice_id) if self.invoice_id is not None else None,
            payment_whole=self.whole or None,
        )

    def as_of(self, turn: Turn) -> Wish:
        """The same wish on what is owed now: somebody may have paid a part of it, or a new invoice may have come."""
        if not self.whole or self.amount is None:
            return self
        return replace(self, amount=turn.position().outstanding or None)

    def with_method(self, method: PaymentMethod | None, *, new_card: bool = False) -> Wish:
        return replace(self, method=method, new_card=new_card)


@dataclass(frozen=True)
class Said:
    """What one message adds: an amount or what is wrong with it, a method or which ones it could be."""

    amount: Money | None = None
    invoice_id: int | None = None
    problem: str | None = None  # finished words: why the amount cannot be taken
    candidates: tuple[Money, ...] = ()  # amounts that the words fit
    method: MethodReading = NOTHING_SAID
    card_typed: bool = False

    @property
    def nothing(self) -> bool:
        return not (self.amount or self.problem or self.candidates or self.card_typed or self.names_method)

    @property
    def names_method(self) -> bool:
        return not isinstance(self.method, NoMethod)

    def added_to(self, wish: Wish, turn: Turn) -> Wish:
        if self.amount is not None:
            whole = self.invoice_id is None and self.amount == turn.position().outstanding
            wish = replace(wish, amount=self.amount, invoice_id=self.invoice_id, whole=whole)
        if isinstance(self.method, Chosen):
            wish = wish.with_method(self.method.method)
        if isinstance(self.method, NewCard) or self.card_typed:
            wish = wish.with_method(None, new_card=True)
        return wish


def listen_to(turn: Turn, wish: Wish, asked: str | None) -> Said:
    """Reads a pressed button, which is certain, or typed words, which are not. `asked` is the slot last asked for."""
    if turn.button is not None:
        return _pressed(turn, wish)
    text = turn.text
    if CARD_MARKER in text:
        return Said(card_typed=True)
    method = _method(turn, wish, asked, _A_SHARE.sub(" ", text) if read_share(text) is not None else text)
    if not isinstance(method, NoMethod) and text.strip(" .!").replace(" ", "").isdigit():
        return Said(method=method)  # digits that were understood as a card or a place in the list are no amount as well
    said = read_sum(turn)
    if isinstance(method, Chosen) and said.amount is not None and _read_twice(method.method, said.amount, text):
        if _A_SUM.search(text) is None:
            return Said(method=method)  # "4242 please", "no wait, 4444"
        method = _method(turn, wish, asked, text.replace(method.method.last4, " "))  # "$4444", "pay 4444 by visa"
    elif isinstance(method, Chosen) and said.nothing:
        said = _beside(turn, method.method, text)  # "pay 20 visa 4242"
    if asked == METHOD and said.nothing and isinstance(method, NoMethod) and turn.intent == "add_card":
        method = NewCard()
    return Said(said.amount, said.invoice_id, said.problem, said.candidates, method)


def _beside(turn: Turn, method: PaymentMethod, text: str) -> Said:
    """The one number that is left when the card's name and digits are taken out, if it is an amount."""
    rest = re.sub(rf"\b(?:{method.brand}|{method.last4})\b", " ", text, flags=re.IGNORECASE)
    reading = read_amount(without_later_day(rest), turn.principal.language)
    return _exact(turn, reading.value, reading.currency) if isinstance(reading, Exact) else Said()


def _only_number_is(ending: str, text: str) -> bool:
    return re.findall(r"\d+", text) == [ending]


def _read_twice(method: PaymentMethod, amount: Money, text: str) -> bool:
    """The same four digits were taken for the card and for the sum."""
    return _only_number_is(method.last4, text) and amount == Money.from_decimal(Decimal(method.last4), amount.currency)


def _pressed(turn: Turn, wish: Wish) -> Said:
    data = turn.pressed
    amount = None
    if (minor := data.get("amount_minor")) is not None:
        amount = Money(int(minor), get_account(turn.session, turn.account_id).currency)
    method: MethodReading = NOTHING_SAID
    if data.get("method") == NEW:
        method = NewCard()
    elif data.get("method") is not None:
        found = next((m for m in wish.methods if str(m.id) == data["method"]), None)
        method = Chosen(found) if found is not None else NoSuchMethod()
    elif data.get("other"):
        method = OneOf(tuple(m for m in wish.methods if str(m.id) != data.get("not")), instead=True)
    return Said(amount=amount, method=method)


def _method(turn: Turn, wish: Wish, asked: str | None, text: str) -> MethodReading:
    choices = (turn.slot("choices") or {}).get("methods") or []
    offered = [m for m in wish.methods if m.id in choices] or wish.methods
    bare = any(_only_number_is(m.last4, text) for m in wish.methods) and _A_SUM.search(text) is None
    names_ending = asked == CONFIRMATION and bare
    about_methods = asked == METHOD or turn.intent in ("choose_method", "add_card") or names_ending
    reading = read_method(text, wish.methods, offered=offered, current=wish.method, asked=about_methods)
    if turn.intent == "add_card" and isinstance(reading, NoMethod | OneOf):
        return NewCard()
    if isinstance(reading, NoSuchMethod) and not about_methods:
        return NoMethod()
    if isinstance(reading, OneOf) and asked == AMOUNT and turn.intent == "inform_amount":
        return NoMethod()  # "another one" is an amount there
    return reading


def read_sum(turn: Turn) -> Said:  # noqa: PLR0911  (one answer a kind of reading)
    """Turns a reading of words into an amount of this account; refusals come as finished words."""
    text = without_later_day(turn.text)  # "on the 15th" is no amount, whatever else it is
    reading = _reading(text, turn.principal.language)
    if number := named_invoice(text):
        return _of_invoice(turn, number, reading)
    if isinstance(reading, NoAmount) and (share := read_share(text)) is not None:
        return _share(turn, share)
    if isinstance(reading, NoAmount) and asks_for_minimum(text):
        return Said(problem=turn.word("amount_no_minimum"))
    match reading:
        case Exact(value, currency):
            return _exact(turn, value, currency)
        case Relative(base, minus):
            return _relative(turn, base, minus)
        case Ambiguous(candidates):
            amounts = (_exact(turn, value, None).amount for value in candidates)
            return Said(candidates=tuple(amount for amount in amounts if amount is not None))
        case NoAmount():
            return Said()


def _exact(turn: Turn, value: Decimal, currency: str | None, invoice_id: int | None = None) -> Said:
    own = get_account(turn.session, turn.account_id).currency
    if currency not in (None, own):
        return Said(problem=turn.word("amount_other_currency", currency=own))
    try:
        amount = Money.from_decimal(value, own)
        check_amount(amount, turn.context.settings)
    except AmountNotWhole:
        return Said(problem=turn.word("amount_not_whole"))
    except AmountNotPositive:
        return Said(problem=turn.word("amount_not_positive"))
    except AmountTooLarge as error:
        return Said(problem=turn.word("amount_too_large", limit=Money(error.limit_minor, error.currency)))
    return Said(amount=amount, invoice_id=invoice_id)


def _reading(text: str, language: str) -> AmountReading:
    """Words for all or half that hurried thumbs have bent are read once more; a number never comes of that."""
    reading = read_amount(text, language)
    if isinstance(reading, NoAmount) and (corrected := without_slips(text)) is not None:
        again = read_amount(corrected, language)
        return again if isinstance(again, Relative) else reading
    return reading


def _share(turn: Turn, share: Fraction) -> Said:
    """A part of what is owed, rounded up to the cent like a half; the quote says what came of it."""
    owed = turn.position().outstanding
    if not owed:
        return Said(problem=turn.word("nothing_owed", balance=turn.position().balance))
    if share > 1:
        return Said(problem=turn.word("amount_more_than_all"))
    amount = Money(-(-owed.minor * share.numerator // share.denominator), owed.currency)
    return Said(amount=amount) if amount else Said(problem=turn.word("amount_not_positive"))


def _relative(turn: Turn, base: str, minus: Decimal) -> Said:
    """A share of what is owed. Half of an odd number of cents is rounded up; the quote says what came of it."""
    position = turn.position()
    owed = position.outstanding
    if not owed:
        return Said(problem=turn.word("nothing_owed", balance=position.balance))
    if base == "oldest_invoice":
        oldest = open_invoices(turn.session, turn.account_id)[0]
        return Said(amount=oldest.open, invoice_id=oldest.id)
    if base == "past_due" and not position.past_due:
        return Said(problem=turn.word("overdue_none"))
    shares = {
        "full": owed,
        "half": Money(-(-owed.minor // 2), owed.currency),
        "past_due": min(position.past_due, owed),
    }
    if base in shares:
        return Said(amount=shares[base])
    less = _exact(turn, owed.decimal - minus, None)  # full_minus
    return less if less.amount is not None else Said(problem=turn.word("amount_minus_too_much"))


def _of_invoice(turn: Turn, number: str, reading: object) -> Said:
    found = next((i for i in open_invoices(turn.session, turn.account_id) if i.number.upper() == number), None)
    if found is None:
        return Said(problem=turn.word("invoice_unknown", number=turn.number(number)))
    if isinstance(reading, Exact):
        return _exact(turn, reading.value, reading.currency, found.id)
    return Said(amount=found.open, invoice_id=found.id)
