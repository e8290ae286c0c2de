"""What Stripe is asked for. That it is all documented is checked by the double, on every request of every suite."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.errors import GatewayRejected
from billing.gateways import stripe_asking as asking
from billing.gateways.base import BANK_DEBIT_ON_PAGE, BillingDetails, ChargeOrder
from billing.money import Money

ADDRESS = {"name": "Maya Tremblay", "line1": "1 Rue", "city": "Montréal", "region": "QC", "country": "CA"}
DETAILS = BillingDetails("maya@northwind.example", ADDRESS)
SAVED = ChargeOrder(Money(45210, "CAD"), "pm_1", "cus_1", "R1", DETAILS, description="Bill payment R1")
NEW = replace(SAVED, token="ctoken_1", save=True)


def test_a_saved_method_is_named_at_the_create_and_not_again() -> None:
    params = asking.create_params(SAVED)
    assert params == {
        "amount": 45210,
        "currency": "cad",
        "customer": "cus_1",
        "payment_method": "pm_1",
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {"payment_reference": "R1"},
        "description": "Bill payment R1",
        "expand": ["payment_method", "latest_charge"],
    }
    assert "payment_method" not in asking.confirm_params(SAVED)


def test_a_confirmation_token_is_taken_at_the_confirm_only() -> None:
    assert "payment_method" not in asking.create_params(NEW)
    assert asking.confirm_params(NEW)["confirmation_token"] == "ctoken_1"
    assert asking.confirm_params(NEW)["use_stripe_sdk"] is True


def test_a_method_is_kept_only_if_the_box_is_ticked() -> None:
    assert asking.create_params(NEW)["setup_future_usage"] == "off_session"
    assert "setup_future_usage" not in asking.create_params(replace(NEW, save=False))


def test_nothing_is_confirmed_along_with_the_create_and_no_receipt_is_stripes() -> None:
    for order in (SAVED, NEW, replace(SAVED, token=BANK_DEBIT_ON_PAGE)):
        asked = {*asking.create_params(order), *asking.confirm_params(order)}
        assert not asked & {"confirm", "receipt_email", "return_url", "payment_method_types", "off_session"}


def test_a_debit_that_the_page_confirms_says_so_and_has_its_mandates_terms() -> None:
    params = asking.create_params(replace(SAVED, token=BANK_DEBIT_ON_PAGE, save=True))
    assert params["allowed_payment_method_types"] == ["acss_debit"]
    assert "automatic_payment_methods" not in params and "payment_method" not in params
    assert params["metadata"] == {"payment_reference": "R1", "confirmed_by": "page"}
    assert params["payment_method_options"] == {
        "acss_debit": {
            "mandate_options": {"payment_schedule": "sporadic", "transaction_type": "personal"},
            "verification_method": "instant",
        }
    }


def test_a_saved_bank_account_is_debited_under_its_mandate() -> None:
    assert asking.confirm_params(replace(SAVED, mandate="mandate_1"))["mandate"] == "mandate_1"
    assert "mandate" not in asking.confirm_params(SAVED)
    assert "mandate" not in asking.confirm_params(replace(NEW, mandate="mandate_1"))


def test_what_an_address_lacks_is_cleared_at_stripe() -> None:
    assert asking.billing_details(DETAILS) == {
        "email": "maya@northwind.example",
        "name": "Maya Tremblay",
        "address": {
            "line1": "1 Rue",
            "line2": "",
            "city": "Montréal",
            "state": "QC",
            "postal_code": "",
            "country": "CA",
        },
    }


def test_neighbouring_periods_share_no_second() -> None:
    noon = datetime(2026, 11, 22, 12, 0, 0, 500_000, tzinfo=UTC)
    before, after = asking.period(noon - timedelta(hours=1), noon), asking.period(noon, noon + timedelta(hours=1))
    assert before["lt"] == after["gte"]
    assert before["lt"] - before["gte"] == 3600


@pytest.mark.parametrize(
    ("number", "query"),
    [
        ("777", "metadata['account_number']:'777'"),
        ("O'Neil", "metadata['account_number']:'O\\'Neil'"),
        ("a\\", "metadata['account_number']:'a\\\\'"),
    ],
)
def test_an_account_number_cannot_break_out_of_the_search(number: str, query: str) -> None:
    assert asking.by_account_number(number) == query


@pytest.mark.parametrize("id_", ["", "a/b", "..", "a b", "é"])
def test_an_id_that_is_none_is_refused(id_: str) -> None:
    with pytest.raises(GatewayRejected) as caught:
        asking.an_id(id_)
    assert caught.value.code == "resource_missing"
