"""The receipt of the last accepted payment, told from the books."""

from __future__ import annotations

from rasa_sdk.events import EventType

from actions.task import Task
from actions.turn import Turn
from assistant.cards import link_card
from assistant.documents.links import LIFE_S, DocumentLink, document_url, link_until
from assistant.outcomes import label_of, outcome_card
from assistant.wording import invoice_phrase
from billing.payment_records import latest_payment, payment_under_way
from billing.payment_states import SUCCEEDED
from billing.quotes import open_quote
from billing.receipts import Receipt, receipt


class ActionReceipt(Task):
    called = "action_receipt"

    def answer(self, turn: Turn) -> list[EventType]:
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
        words, card = _words(turn, told), outcome_card(told, turn.principal.language)
        until = link_until(turn.now)
        link = DocumentLink("receipt", told.payment.id, turn.principal.language, until)
        url = document_url(turn.context.settings, link)
        as_pdf = turn.word("receipt_pdf", minutes=LIFE_S // 60, url=url)
        match turn.principal.channel:
            case "chat":
                turn.say(*words, card=card)
                turn.say(as_pdf, card=link_card(url, "receipt", until))
            case "sms":
                turn.say(*words, as_pdf)
            case _:  # an address cannot be heard
                turn.say(*words, card=card)
        return []


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
