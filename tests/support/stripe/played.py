"""Parameters that Stripe knows and the double plays. Another one is a deviation: to pass over it would be a lie."""

from __future__ import annotations

from collections.abc import Mapping

_METHOD = "confirmation_token mandate_data payment_method payment_method_data payment_method_options"
_CONFIRM = f"{_METHOD} expand mandate off_session receipt_email return_url setup_future_usage use_stripe_sdk"
_TYPES = "allowed_payment_method_types automatic_payment_methods excluded_payment_method_types"
_EDIT = "allow_redisplay billing_details card expand metadata"
_CUSTOMER = "address description email expand metadata name phone preferred_locales"

PLAYED: Mapping[str, frozenset[str]] = {
    address: frozenset(names.split())
    for address, names in {
        "post /v1/customers": _CUSTOMER,
        "post /v1/customers/{customer}": _CUSTOMER,
        "post /v1/payment_methods": f"{_EDIT} acss_debit type us_bank_account",
        "post /v1/payment_methods/{pm}": _EDIT,
        "post /v1/test_helpers/confirmation_tokens": (
            "expand payment_method payment_method_data return_url setup_future_usage"
        ),
        "post /v1/payment_intents": (
            f"{_CONFIRM} {_TYPES} amount capture_method confirm currency customer description metadata"
            " statement_descriptor_suffix"
        ),
        "post /v1/payment_intents/{pi}": (
            "amount description expand metadata payment_method receipt_email setup_future_usage"
        ),
        "post /v1/payment_intents/{pi}/confirm": _CONFIRM,
        "post /v1/setup_intents": (
            f"{_METHOD} {_TYPES} confirm customer description expand metadata usage use_stripe_sdk"
        ),
        "post /v1/setup_intents/{si}": "expand metadata",
        "post /v1/setup_intents/{si}/confirm": (
            "confirmation_token expand mandate_data payment_method payment_method_data return_url use_stripe_sdk"
        ),
        "post /v1/refunds": "amount charge expand metadata payment_intent reason",
        "post /v1/refunds/{refund}": "expand metadata",
    }.items()
}


def unplayed(method: str, path: str, asked: Mapping[str, object]) -> list[str]:
    """What of a request the double would pass over; of other addresses it plays everything."""
    names = set(asked) - PLAYED.get(f"{method} {path}", frozenset(asked))
    if asked.get("capture_method") == "manual":
        names.add("capture_method=manual")
    return [f"{name}: Stripe knows it, this double does not play it" for name in sorted(names)]
