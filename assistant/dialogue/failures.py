"""What a customer is told when the dialogue engine gives no answer (reliability.md, "What happens when").

"Nothing was charged" is said only when no payment exists for what this conversation heard last, and it is made to stay
true: an action that is still on its way finds its quote void.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from assistant.cards import link_card
from assistant.identity import Principal
from assistant.outcomes import outcome_message
from assistant.wording import say
from billing import outbox
from billing.accounts import lock_account, position
from billing.config import Settings
from billing.context import Context
from billing.models import Payment
from billing.pay_links import create_pay_link
from billing.payment_records import payment_of_quote, payment_under_way
from billing.payment_states import OPEN_STATES
from billing.quotes import last_delivered, open_quote, void_open_quote


def words_for_failure(
    session: Session, context: Context, principal: Principal, *, started_at: datetime, reached: bool
) -> list[dict[str, Any]]:
    """The messages of a turn that the engine did not answer.

    `reached` is False when it cannot have seen the turn, so that nothing can still be on its way. Locks the account:
    a payment that an action is starting has committed by then, or will find its quote void.
    """
    now = context.now()
    lock_account(session, principal.account_id)
    heard = last_delivered(session, principal.sender)
    paid = payment_of_quote(session, heard.id) if heard is not None else None
    if paid is not None and (paid.state in OPEN_STATES or paid.created_at >= started_at):
        if paid.state in OPEN_STATES:
            _announce_later(session, context, paid, now)
        return [outcome_message(session, paid, principal.language, principal.channel, now, context.settings)]
    if under_way := payment_under_way(session, principal.account_id):
        text = under_way_words(context.settings, under_way, principal.language, principal.channel)
        return [{"text": text, "buttons": [], "card": None}]
    if reached:
        _void_what_was_not_heard(session, principal, now)
    return [_try_again(session, context, principal, now, something_was_charged=paid is not None)]


def under_way_words(settings: Settings, payment: Payment, language: str, channel: str) -> str:
    """Why nothing else can be paid now: which payment, since when (in the company's zone)."""
    since = settings.local(payment.created_at)
    return say("payment_under_way", language, channel, amount=payment.amount, since=since)


def _announce_later(session: Session, context: Context, payment: Payment, now: datetime) -> None:
    """Whoever started the payment thinks that its answer was heard: the job tells the conversation what came of it."""
    at = now + timedelta(seconds=context.settings.turn_timeout_s)
    outbox.defer(session, "announce_payment", at=at, payment_id=payment.id, state="present")


def _void_what_was_not_heard(session: Session, principal: Principal, now: datetime) -> None:
    """A quote of this conversation may have been made, or be about to be consumed, by the turn that was lost."""
    quote = open_quote(session, principal.account_id, now)
    if quote is not None and quote.sender == principal.sender:
        void_open_quote(session, principal.account_id, cause="turn_failed", actor="system:dialogue", now=now)


def _try_again(
    session: Session, context: Context, principal: Principal, now: datetime, *, something_was_charged: bool
) -> dict[str, Any]:
    """The fixed reply; with the secure page where there is something to pay.

    After an earlier payment of the same quote it says nothing about charges: the sentence could be taken for that one.
    """
    owed = position(session, principal.account_id, now.date()).outstanding
    key = "engine_down_neutral" if something_was_charged else "engine_down" if owed else "engine_down_no_link"
    text = say(key, principal.language, principal.channel)
    return {"text": text, "buttons": [], "card": _link_card(session, context, principal, now) if owed else None}


def _link_card(session: Session, context: Context, principal: Principal, now: datetime) -> dict[str, Any]:
    ttl_s = context.settings.quote_ttl_link_s
    token = create_pay_link(
        session,
        account_id=principal.account_id,
        portal_user_id=principal.portal_user_id,
        sender=principal.sender,
        channel=principal.channel,
        language=principal.language,
        purpose="pay",
        now=now,
        ttl_s=ttl_s,
    )
    url = f"{context.settings.public_url}/pay/{token}"
    return link_card(url, "pay", now + timedelta(seconds=ttl_s))
