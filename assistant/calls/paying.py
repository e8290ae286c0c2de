"""A card that was keyed in to Twilio pays the quote that was read out, like one that was entered on the secure page."""

from __future__ import annotations

from assistant.calls.reacting import Charge
from assistant.dialogue.failures import under_way_words
from assistant.wording import say
from billing.accounts import get_account
from billing.context import Context
from billing.errors import NotFound, PaymentUnderWay, QuoteNotOpen, QuoteRefused, TooManyTries
from billing.gateways.base import BillingDetails
from billing.payment_records import get_payment
from billing.payments import ConsentGiven, NewMethod, start_payment
from billing.quotes import get_quote


def charge(context: Context, wanted: Charge) -> tuple[int | None, str | None]:  # noqa: PLR0911  (one an outcome)
    """The payment's id, or finished words that say why nothing was charged. Address and email are those on file."""
    who = wanted.principal
    with context.sessions() as session:
        try:
            quote = get_quote(session, wanted.quote_id)
        except NotFound:
            return None, say("call_card_not_charged", who.language, "voice")
        details = BillingDetails(quote.billing_email, get_account(session, who.account_id).billing_address)
        given = ConsentGiven(
            said=quote.said or "",
            answered=say("call_key_and_save" if wanted.save else "call_key_card", who.language, "voice"),
            channel="voice",
            sender=who.sender,
            portal_user_id=who.portal_user_id,
            address=who.address,
        )
    try:
        payment = start_payment(context, wanted.quote_id, given, NewMethod(wanted.token, details, wanted.save))
    except QuoteNotOpen as refused:
        if refused.payment_id is not None:
            return refused.payment_id, None
        return None, say("call_card_not_charged", who.language, "voice")
    except PaymentUnderWay as refused:
        with context.sessions() as session:
            other = get_payment(session, refused.payment_id)
            return None, under_way_words(context.settings, other, who.language, "voice")
    except TooManyTries as refused:
        return None, say("too_many_tries", who.language, "voice", until=context.settings.local(refused.until))
    except QuoteRefused:
        return None, say("call_card_not_charged", who.language, "voice")
    return payment.id, None
