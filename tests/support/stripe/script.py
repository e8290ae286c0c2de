"""What our double of Stripe's script asks of the double: `/js/…`, JSON, with the publishable key.

How the real script talks to Stripe is not documented; what it gives to a page (confirmation tokens, payment intents)
is, and is the same here.
"""

from __future__ import annotations

from tests.support.stripe import bank_debits, outcomes, wallet
from tests.support.stripe.errors import Object, StripeFailure, invalid
from tests.support.stripe.methods import TEST_METHODS, typed
from tests.support.stripe.store import Store

ONLINE: Object = {"type": "online", "online": {"ip_address": "127.0.0.1", "user_agent": "tests"}}


def answer(store: Store, method: str, path: str, asked: Object) -> Object:
    """Raises StripeFailure as the API does.

    POST confirmation_tokens {number | payment_method, exp_month, exp_year, billing_details, setup_future_usage}
    GET  payment_intents/<id>?client_secret=…
    POST payment_intents/<id>/next_action {client_secret, passed}: the customer is done with 3-D Secure
    POST payment_intents/<id>/confirm_acss_debit {client_secret, billing_details, number, microdeposits}
    """
    parts = path.strip("/").split("/")
    if (method, parts) == ("post", ["confirmation_tokens"]):
        return _token(store, asked)
    if parts[0] != "payment_intents" or len(parts) not in (2, 3):
        raise StripeFailure(404, "invalid_request_error", f"Unrecognized request URL ({path}).")
    intent = store.get("payment_intent", parts[1])
    if asked.get("client_secret") != intent["client_secret"]:
        raise invalid(
            "The client_secret provided does not match the PaymentIntent.", "payment_intent_invalid_parameter"
        )
    if (method, parts[2:]) == ("post", ["next_action"]):
        return outcomes.pass_step(store, parts[1], passed=bool(asked["passed"]))
    if (method, parts[2:]) == ("post", ["confirm_acss_debit"]):
        billing = asked.get("billing_details")
        made = wallet.make_method(store, TEST_METHODS[_named(asked, "pm_acssDebit")], billing)
        mandate = {"customer_acceptance": ONLINE}
        microdeposits = bool(asked.get("microdeposits"))
        return bank_debits.confirm_debit_on_page(store, parts[1], made, mandate, microdeposits=microdeposits)
    return intent


def _named(asked: Object, usual: str) -> str:
    """The id of the test method that was typed in."""
    found = typed(str(asked.get("number", "")))
    return next((name for name, method in TEST_METHODS.items() if method == found), asked.get("payment_method", usual))


def _token(store: Store, asked: Object) -> Object:
    number = str(asked.get("number", ""))
    behaviour = typed(number) if number else TEST_METHODS.get(asked.get("payment_method", "pm_card_visa"))
    if behaviour is None:
        raise StripeFailure(402, "card_error", "Your card number is invalid.", "invalid_number", param="number")
    method = wallet.make_method(store, behaviour, asked.get("billing_details"))
    if behaviour.type == "card" and "exp_month" in asked:
        method["card"] |= {"exp_month": asked["exp_month"], "exp_year": asked["exp_year"]}
    mandate = None if behaviour.type == "card" else {"customer_acceptance": ONLINE}
    return wallet.make_token(store, method, asked.get("setup_future_usage"), mandate_data=mandate)
