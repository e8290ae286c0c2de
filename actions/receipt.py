"""The receipt of the last accepted payment, told from the books, and papers as PDF: that receipt, or an invoice."""

from __future__ import annotations

import re

from rasa_sdk.events import EventType

from actions.task import Task
from actions.turn import Turn
from assistant.amounts import named_invoice
from assistant.cards import link_card
from assistant.documents.links import LIFE_S, DocumentLink, Kind, document_url, link_until
from assistant.folding import fold
from assistant.outcomes import label_of, outcome_card
from assistant.wording import invoice_phrase
from billing.invoices import issued_invoices
from billing.models import Invoice
from billing.payment_records import latest_payment, payment_under_way
from billing.payment_states import SUCCEEDED
from billing.quotes import open_quote
from billing.receipts import Receipt, receipt

_AN_INVOICE = re.compile(r"\b(?:invoices?|bills?|factures?)\b")
_A_RECEIPT = re.compile(r"\b(?:rece?i?e?p?t|recu|payments?|paiements?|paid|paye|proof|preuve|confirmation)\b")


class ActionReceipt(Task):
    called = "action_receipt"

    def answer(self, turn: Turn) -> list[EventType]:
        if (invoice := _wanted_invoice(turn)) is not None:
            _hand_over_invoice(turn, invoice)
            return []
        if under_way := payment_under_way(turn.session, turn.account_id):
            turn.say(turn.word("receipt_not_yet", amount=under_way.amount))
            return []
        if quote := open_quote(turn.session, turn.account_id, turn.now):
            turn.say(turn.word("receipt_will_go", email=quote.billing_email))
            return []
        payment = latest_payment(turn.session, turn.account_id)
        if payment is None or payment.state != SUCCEEDED:
            turn.say(turn.word("receipt_none"))
            return []
        told = receipt(turn.session, payment.id, turn.today)
        _hand_over_receipt(turn, told)
        return []


def _hand_over_receipt(turn: Turn, told: Receipt) -> None:
    words, card = _words(turn, told), outcome_card(told, turn.principal.language)
    url, link = _link(turn, "receipt", told.payment.id)
    as_pdf = turn.word("receipt_pdf", minutes=LIFE_S // 60, url=url)
    match turn.principal.channel:
        case "chat":
            turn.say(*words, card=card)
            turn.say(as_pdf, card=link)
        case "sms":
            turn.say(*words, as_pdf)
        case _:  # an address cannot be heard: it goes out by text (assistant/calls/answering.py)
            turn.say(words[0], card=card)
            turn.say(as_pdf, card=link)


def _hand_over_invoice(turn: Turn, invoice: Invoice) -> None:
    url, link = _link(turn, "invoice", invoice.id)
    values = {"number": turn.number(invoice.number), "due": invoice.due_on, "minutes": LIFE_S // 60, "url": url}
    turn.say(turn.word("invoice_pdf", **values), card=link)


def _wanted_invoice(turn: Turn) -> Invoice | None:
    """ "A copy of my bill", "INV-1001 as pdf": the one that is named, or the newest; None where a receipt is meant."""
    folded = fold(turn.text).text
    number = named_invoice(turn.text)
    if _A_RECEIPT.search(folded) or not (number or _AN_INVOICE.search(folded)):
        return None
    invoices = issued_invoices(turn.session, turn.account_id)
    wanted = [invoice for invoice in invoices if number is None or invoice.number.upper() == number]
    return max(wanted, key=lambda invoice: (invoice.issued_on, invoice.id), default=None)


def _link(turn: Turn, kind: Kind, identity: int) -> tuple[str, dict[str, object]]:
    until = link_until(turn.now)
    url = document_url(turn.context.settings, DocumentLink(kind, identity, turn.principal.language, until))
    return url, link_card(url, kind, until)


def _words(turn: Turn, told: Receipt) -> list[str]:
    payment = told.payment
    on = turn.local(told.at).date()
    texts = [turn.word("receipt", reference=payment.reference, amount=payment.amount, on=on)]
    if told.method is not None:
        texts.append(turn.word("receipt_method", method=label_of(told, *turn.place)))
    if told.shares:
        texts.append(turn.word("outcome_paid", invoices=invoice_phrase(told.shares, *turn.place)))
    if told.credit:
        texts.append(turn.word("outcome_credit", credit=told.credit))
    if payment.billing_email:
        texts.append(turn.word("receipt_sent", email=payment.billing_email))
    return texts
