"""What Stripe's objects say, in our words: one table an object. Shapes as in docs.stripe.com/api."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.gateways import stripe_reading as reading
from billing.gateways.base import BillingDetails
from billing.money import Money

MAYA = {
    "email": "maya@northwind.example",
    "name": "Maya Tremblay",
    "phone": None,
    "address": {
        "line1": "1 Rue",
        "line2": None,
        "city": "Montréal",
        "state": "QC",
        "postal_code": "H2W 2M5",
        "country": "CA",
    },
}
CARD = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030, "fingerprint": "fp1", "wallet": None}


def a_method(type_: str = "card", **details: Any) -> dict[str, Any]:
    usual = CARD if type_ == "card" else {"bank_name": "TD", "last4": "6789", "fingerprint": "fp2"}
    return {"id": "pm_1", "type": type_, "customer": "cus_1", "billing_details": MAYA, type_: {**usual, **details}}


def an_intent(status: str = "succeeded", **changes: Any) -> dict[str, Any]:
    told = {
        "id": "pi_1",
        "object": "payment_intent",
        "status": status,
        "amount": 45210,
        "amount_received": 45210 if status == "succeeded" else 0,
        "currency": "cad",
        "created": 1_800_000_000,
        "client_secret": "pi_1_secret_x",
        "customer": None,
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": {"payment_reference": "R1"},
        "next_action": None,
        "payment_method": None,
    }
    return told | changes


DECLINE = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}
ON_PAGE = {"payment_reference": "R1", "confirmed_by": "page"}


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        (an_intent("requires_payment_method"), "requires_confirmation", None),
        (an_intent("requires_confirmation"), "requires_confirmation", None),
        (an_intent("requires_payment_method", last_payment_error=DECLINE), "declined", "insufficient_funds"),
        (
            an_intent("requires_payment_method", last_payment_error={"code": "expired_card"}),
            "declined",
            "expired_card",
        ),
        (an_intent("requires_payment_method", last_payment_error={"type": "api_error"}), "declined", None),
        # Its method was changed after an earlier decline: nothing was charged with this one.
        (an_intent("requires_confirmation", last_payment_error=DECLINE), "requires_confirmation", None),
        (an_intent("requires_payment_method", metadata=ON_PAGE), "requires_action", None),
        (an_intent("requires_confirmation", metadata=ON_PAGE), "requires_action", None),
        (
            an_intent("requires_payment_method", metadata=ON_PAGE, last_payment_error=DECLINE),
            "declined",
            "insufficient_funds",
        ),
        (an_intent("processing", metadata=ON_PAGE), "processing", None),
        (an_intent("requires_action"), "requires_action", None),
        (an_intent("processing"), "processing", None),
        (an_intent("succeeded"), "succeeded", None),
        (an_intent("succeeded", last_payment_error=DECLINE), "succeeded", None),
        (an_intent("canceled"), "canceled", None),
        (an_intent("canceled", last_payment_error=DECLINE), "canceled", "insufficient_funds"),
    ],
)
def test_a_status_is_one_of_ours(told: dict[str, Any], status: str, code: str | None) -> None:
    seen = reading.payment(told)
    assert (seen.status, seen.decline_code) == (status, code)


@pytest.mark.parametrize("status", ["requires_capture", "requires_source", "maybe", "", None, 7, ["succeeded"]])
def test_another_status_is_unreadable_and_no_decline(status: Any) -> None:
    with pytest.raises(reading.UNREADABLE):
        reading.payment(an_intent() | {"status": status})


def everywhere(told: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in it, as a path of keys."""
    for key, value in told.items() if isinstance(told, dict) else ():
        yield (*path, key)
        yield from everywhere(value, (*path, key))


def with_at(told: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(told)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


ODD = [None, "", "x", 7, -1, 1.5, True, [], ["x"], {}, {"id": 7}, {"a": {}}]
CHARGE = {"amount_refunded": 0, "disputed": False, "payment_method_details": {"acss_debit": {"mandate": "mandate_1"}}}


@pytest.mark.parametrize(
    "told",
    [
        an_intent(payment_method=a_method(), latest_charge=CHARGE),
        an_intent("processing", payment_method=a_method("acss_debit"), latest_charge=CHARGE),
        an_intent("requires_payment_method", last_payment_error=DECLINE | {"payment_method": a_method()}),
        an_intent("requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": {"url": "https://b"}}),
    ],
    ids=lambda told: told["status"],
)
def test_whatever_stands_anywhere_is_read_as_agreed_or_is_unreadable(told: dict[str, Any]) -> None:
    genuine = reading.payment(told)
    for path in everywhere(told):
        for value in ODD:
            try:
                seen = reading.payment(with_at(told, path, value))
            except reading.UNREADABLE:
                continue
            # What is odd may hide a method, an address or a reason; it never makes a decline or another charge.
            outcome = (genuine.status, seen.status)
            assert outcome in ((genuine.status, genuine.status), ("declined", "requires_confirmation")), (path, value)
            assert path[0] in ("amount", "amount_received") or seen.captured == genuine.captured
            texts = (seen.id, seen.payment_reference, seen.decline_code, seen.action_url, seen.client_secret)
            named = seen.method
            texts += (named.reference, named.brand, named.email, named.fingerprint, named.mandate) if named else ()
            assert all(isinstance(words, str | None) for words in texts), (path, value)


def test_what_succeeded_without_saying_how_much_was_taken_whole() -> None:
    told = {key: value for key, value in an_intent().items() if key != "amount_received"}
    seen = reading.payment(told)
    assert seen.captured == seen.amount


def test_what_was_taken_is_what_stripe_received_and_nothing_before() -> None:
    seen = reading.payment(an_intent(amount_received=45000))
    assert (seen.amount, seen.captured) == (Money(45210, "CAD"), Money(45000, "CAD"))
    assert reading.payment(an_intent("processing")).captured is None
    assert (seen.payment_reference, seen.client_secret) == ("R1", "pi_1_secret_x")
    assert seen.created_at == datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert "secret_x" not in repr(seen)


@pytest.mark.parametrize("metadata", [None, {}, {"payment_reference": ""}, {"order": "7"}])
def test_somebody_elses_payment_has_no_reference_of_ours(metadata: Any) -> None:
    assert reading.payment(an_intent(metadata=metadata)).payment_reference is None


def test_others_charges_in_two_halves_are_passed_over_in_a_list() -> None:
    assert reading.payment_of_anyone(an_intent("requires_capture")) is None
    assert reading.payment_of_anyone(an_intent()) is not None


@pytest.mark.parametrize(
    ("action", "url"),
    [
        ({"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank", "return_url": None}}, "https://bank"),
        ({"type": "use_stripe_sdk", "use_stripe_sdk": {}}, None),
        (
            {
                "type": "verify_with_microdeposits",
                "verify_with_microdeposits": {"hosted_verification_url": "https://stripe/verify"},
            },
            "https://stripe/verify",
        ),
        (None, None),
    ],
)
def test_a_step_at_the_bank_is_an_address_or_our_own_page(action: Any, url: str | None) -> None:
    assert reading.payment(an_intent("requires_action", next_action=action)).action_url == url
    assert reading.payment(an_intent("succeeded", next_action=action)).action_url is None


def test_a_card_is_named_with_its_address_and_owner() -> None:
    info = reading.payment(an_intent(payment_method=a_method())).method
    assert info is not None
    assert (info.reference, info.kind, info.brand, info.last4, info.exp_month, info.exp_year) == (
        "pm_1",
        "card",
        "visa",
        "4242",
        12,
        2030,
    )
    assert (info.email, info.fingerprint, info.customer, info.mandate) == (MAYA["email"], "fp1", "cus_1", None)
    assert info.address == {
        "name": "Maya Tremblay",
        "line1": "1 Rue",
        "city": "Montréal",
        "region": "QC",
        "postal_code": "H2W 2M5",
        "country": "CA",
    }


@pytest.mark.parametrize("wallet", ["apple_pay", "google_pay"])
def test_a_wallets_card_is_called_by_the_cards_own_name(wallet: str) -> None:
    info = reading.method(a_method(wallet={"type": wallet, "dynamic_last4": "9999"}))
    assert info is not None
    assert (info.kind, info.brand, info.last4) == ("card", "visa", "4242")


@pytest.mark.parametrize("kind", ["us_bank_account", "acss_debit"])
@pytest.mark.parametrize("status", ["processing", "succeeded"])
def test_a_bank_debit_is_named_by_its_bank_and_its_mandate_stands_in_the_charge(kind: str, status: str) -> None:
    charge = {"payment_method_details": {"type": kind, kind: {"mandate": "mandate_1"}}}
    info = reading.payment(an_intent(status, payment_method=a_method(kind), latest_charge=charge)).method
    assert info is not None
    assert (info.kind, info.brand, info.last4, info.exp_year, info.mandate) == (
        "bank_debit",
        "TD",
        "6789",
        None,
        "mandate_1",
    )


def test_an_expanded_mandate_is_its_id() -> None:
    charge = {"payment_method_details": {"acss_debit": {"mandate": {"id": "mandate_1", "status": "active"}}}}
    info = reading.payment(an_intent(payment_method=a_method("acss_debit"), latest_charge=charge)).method
    assert info is not None and info.mandate == "mandate_1"


@pytest.mark.parametrize(
    "told",
    [
        {"id": "pm_1", "type": "link", "link": {"email": "a@b.example"}, "billing_details": MAYA},
        {"id": "pm_1", "type": "cashapp", "cashapp": {}, "billing_details": None},
        a_method(last4=None),
        a_method("acss_debit", last4="12"),
    ],
)
def test_what_cannot_be_called_by_four_digits_hides_no_charge(told: dict[str, Any]) -> None:
    seen = reading.payment(an_intent(payment_method=told))
    assert (seen.status, seen.method) == ("succeeded", None)


def test_a_declined_intent_has_lost_its_method_but_the_error_names_it() -> None:
    seen = reading.payment(
        an_intent("requires_payment_method", last_payment_error=DECLINE | {"payment_method": a_method()})
    )
    assert seen.method is not None and seen.method.last4 == "4242"


def test_a_method_that_was_not_expanded_is_left_out() -> None:
    assert reading.payment(an_intent(payment_method="pm_1")).method is None


def test_what_was_given_back_and_disputed_comes_with_the_charge() -> None:
    charge = {"amount_refunded": 210, "disputed": True, "payment_method_details": {"type": "card", "card": {}}}
    seen = reading.payment(an_intent(latest_charge=charge))
    assert (seen.refunded, seen.disputed) == (Money(210, "CAD"), True)
    unexpanded = reading.payment(an_intent(latest_charge="ch_1"))
    assert (unexpanded.refunded, unexpanded.disputed) == (None, None)


def test_a_token_is_called_by_its_own_id() -> None:
    preview = a_method()
    del preview["id"], preview["customer"]
    info = reading.token({"id": "ctoken_1", "object": "confirmation_token", "payment_method_preview": preview})
    assert info is not None
    assert (info.reference, info.last4, info.customer) == ("ctoken_1", "4242", None)


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("pending", "pending"),
        ("requires_action", "pending"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("canceled", "failed"),
    ],
)
def test_a_refund_is_pending_made_or_failed(status: str, ours: str) -> None:
    told = {"id": "re_1", "status": status, "amount": 100, "currency": "cad", "metadata": {"key": "k"}}
    assert reading.refund(told).status == ours
    assert reading.refund(told).key == "k"
    assert reading.refund(told | {"metadata": {}}).key is None


def a_dispute(status: str = "needs_response", **changes: Any) -> dict[str, Any]:
    told = {"id": "du_1", "status": status, "amount": 45210, "currency": "cad", "reason": "fraudulent"}
    return told | {"charge": "ch_1", "payment_intent": "pi_1", "balance_transactions": []} | changes


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("needs_response", "open"),
        ("under_review", "open"),
        ("appeal_needs_response", "open"),
        ("appeal_under_review", "open"),
        ("won", "won"),
        ("lost", "lost"),
        ("warning_needs_response", None),
        ("warning_under_review", None),
        ("warning_closed", None),
        ("prevented", None),
    ],
)
def test_a_dispute_is_open_won_or_lost_and_an_inquiry_is_none(status: str, ours: str | None) -> None:
    seen = reading.dispute(a_dispute(status))
    assert (seen.status if seen else None) == ours


def test_a_prevented_dispute_that_cost_the_money_is_lost() -> None:
    seen = reading.dispute(a_dispute("prevented", balance_transactions=[{"amount": -45210}]))
    assert seen is not None
    assert (seen.status, seen.payment_id, seen.amount) == ("lost", "pi_1", Money(45210, "CAD"))
    back = [{"amount": -45210}, {"amount": 45210}]
    assert reading.dispute(a_dispute("prevented", balance_transactions=back)) is None


def test_a_dispute_without_an_intent_is_none_of_ours() -> None:
    assert reading.dispute(a_dispute(payment_intent=None)) is None


@pytest.mark.parametrize(
    ("charge", "reason", "is_return"),
    [
        ({"id": "ch_1", "payment_method_details": {"type": "us_bank_account"}}, "insufficient_funds", True),
        ({"id": "ch_1", "payment_method_details": {"type": "acss_debit"}}, "debit_not_authorized", True),
        ({"id": "ch_1", "payment_method_details": {"type": "card"}}, "fraudulent", False),
        ("ch_1", "insufficient_funds", True),
        ("ch_1", "product_not_received", False),
        (None, "", False),
    ],
)
def test_a_return_is_told_by_what_was_charged_or_by_the_banks_reason(charge: Any, reason: str, is_return: bool) -> None:
    seen = reading.dispute(a_dispute("lost", charge=charge, reason=reason))
    assert seen is not None and seen.is_return is is_return


def test_of_two_customers_everybody_takes_the_older_one() -> None:
    def one(id_: str, created: int, number: str = "777") -> dict[str, Any]:
        return {"id": id_, "created": created, "metadata": {"account_number": number}}

    listed = [one("cus_3", 30), one("cus_1", 20), one("cus_2", 20), one("cus_0", 1, "778"), {"id": "x", "metadata": {}}]
    found = reading.oldest_of("777", listed)
    assert found is not None and found["id"] == "cus_1"
    assert reading.oldest_of("779", listed) is None


def test_the_same_details_need_not_be_sent() -> None:
    info = reading.method(a_method())
    assert info is not None
    address = dict(info.address)
    assert reading.same_details(info, BillingDetails(MAYA["email"], address | {"line2": ""}))
    assert not reading.same_details(info, BillingDetails("m@northwind.example", address))
    assert not reading.same_details(info, BillingDetails(MAYA["email"], address | {"line2": "Apt 4"}))
    assert not reading.same_details(info, BillingDetails(MAYA["email"], {"city": "Montréal"}))
