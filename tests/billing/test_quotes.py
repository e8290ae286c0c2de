"""Quotes: what will happen, said before it does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from billing import quotes
from billing.accounts import position
from billing.database import SessionFactory
from billing.errors import AmountNotPositive, AmountTooLarge, MethodNotUsable, NotFound
from billing.models import Account, Invoice, Quote
from billing.money import Money
from tests.billing.builders import (
    NOW,
    TODAY,
    a_credit,
    a_method,
    a_quote,
    a_user,
    an_account,
    an_invoice,
    cad,
    some_settings,
)


def owing(sessions: SessionFactory, *totals: str) -> Account:
    with sessions.begin() as session:
        account = an_account(session)
        for day, amount in enumerate(totals):
            an_invoice(session, account, amount, due_days=day, number=f"INV-{day + 1}")
    return account


def test_a_quote_previews_which_invoices_it_pays(sessions: SessionFactory) -> None:
    account = owing(sessions, "60.00", "60.00")
    with sessions.begin() as session:
        quote = a_quote(session, account, "100.00")
    assert [(s.number, str(s.amount), str(s.left)) for s in quotes.shares_of(quote)] == [
        ("INV-1", "60.00 CAD", "0.00 CAD"),
        ("INV-2", "40.00 CAD", "20.00 CAD"),
    ]


def test_a_named_invoice_goes_before_the_oldest(sessions: SessionFactory) -> None:
    account = owing(sessions, "60.00", "70.00")
    with sessions.begin() as session:
        invoice = session.scalars(select(Invoice).where(Invoice.number == "INV-2")).one()
        quote = a_quote(session, account, "100.00", invoice=invoice)
    assert [(s.number, str(s.amount)) for s in quotes.shares_of(quote)] == [
        ("INV-2", "70.00 CAD"),
        ("INV-1", "30.00 CAD"),
    ]


def test_more_than_is_owed_is_named_as_credit(sessions: SessionFactory) -> None:
    account = owing(sessions, "60.00")
    with sessions.begin() as session:
        assert a_quote(session, account, "75.50").credit_minor == 15_50


def test_the_outstanding_amount_takes_credit_off_and_is_never_negative(sessions: SessionFactory) -> None:
    account = owing(sessions, "60.00")
    with sessions.begin() as session:
        a_credit(session, account, "100.00")
        standing = position(session, account.id, TODAY)
    assert (str(standing.balance), str(standing.outstanding)) == ("-40.00 CAD", "0.00 CAD")


@pytest.mark.parametrize("minor", [0, -1, -50_00])
def test_nothing_and_less_than_nothing_are_refused(sessions: SessionFactory, minor: int) -> None:
    with pytest.raises(AmountNotPositive):
        quotes.check_amount(Money(minor, "CAD"), some_settings())


def test_the_largest_payment_is_a_setting(sessions: SessionFactory) -> None:
    settings = some_settings(max_payment_minor=500_00)
    quotes.check_amount(cad("500.00"), settings)
    with pytest.raises(AmountTooLarge):
        quotes.check_amount(cad("500.01"), settings)


@given(st.integers(min_value=1, max_value=1_000_000))
def test_every_amount_between_a_cent_and_the_limit_is_accepted(minor: int) -> None:
    quotes.check_amount(Money(minor, "CAD"), some_settings())


def test_a_new_quote_replaces_the_open_one(sessions: SessionFactory) -> None:
    account = owing(sessions, "60.00")
    with sessions.begin() as session:
        first = a_quote(session, account, "10.00")
        second = a_quote(session, account, "20.00")
    with sessions() as session:
        assert session.get_one(Quote, first.id).state == "replaced"
        opened = quotes.open_quote(session, account.id, NOW)
    assert opened is not None
    assert opened.id == second.id


@pytest.mark.parametrize(
    ("method", "why"),
    [({"state": "removed"}, "removed"), ({"exp": (10, 2026)}, "expired"), ({"state": "single_use"}, "single_use")],
)
def test_a_card_that_cannot_be_charged_is_refused(
    sessions: SessionFactory, method: dict[str, object], why: str
) -> None:
    account = owing(sessions, "60.00")
    with sessions.begin() as session, pytest.raises(MethodNotUsable, match=why):
        a_quote(session, account, "10.00", method=a_method(session, account, **method))  # type: ignore[arg-type]


def test_a_card_is_good_to_the_end_of_its_month(sessions: SessionFactory) -> None:
    account = owing(sessions, "60.00")
    with sessions.begin() as session:
        assert a_quote(session, account, "10.00", method=a_method(session, account, exp=(11, 2026))).state == "open"


def test_somebody_elses_card_does_not_exist(sessions: SessionFactory) -> None:
    account, other = owing(sessions, "60.00"), owing(sessions, "60.00")
    with sessions.begin() as session, pytest.raises(NotFound):
        a_quote(session, account, "10.00", method=a_method(session, other))


def test_the_receipt_goes_to_the_methods_email_or_else_to_the_top_user(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        account = an_account(session, users=0, method=False)
        a_user(session, account, email="top@northwind.example")
        a_user(session, account, email="second@northwind.example")
        an_invoice(session, account, "60.00")
        bare = a_quote(session, account, "10.00", method=a_method(session, account))
        named = a_quote(session, account, "10.00", method=a_method(session, account, billing_email="own@card.example"))
    assert (bare.billing_email, named.billing_email) == ("top@northwind.example", "own@card.example")


def test_quotes_expire_and_are_swept(sessions: SessionFactory) -> None:
    account = owing(sessions, "60.00")
    with sessions.begin() as session:
        chat = a_quote(session, account, "10.00")
        later = NOW + timedelta(minutes=5)
        assert quotes.open_quote(session, account.id, later) is None
        assert quotes.expire_quotes(session, later) == 1
        assert session.get_one(Quote, chat.id, populate_existing=True).state == "expired"
        page = a_quote(session, account, "10.00", channel="page")
        assert page.expires_at - NOW == timedelta(minutes=15)


def test_a_typed_yes_means_the_quote_this_conversation_heard_last(sessions: SessionFactory) -> None:
    account = owing(sessions, "60.00")
    with sessions.begin() as session:
        mine = a_quote(session, account, "10.00", sender="me")
        a_quote(session, account, "20.00", sender="someone-else", now=NOW + timedelta(seconds=1))
        heard = quotes.last_delivered(session, "me")
    assert heard is not None
    assert heard.id == mine.id


def test_changing_ones_mind_voids_the_quote(sessions: SessionFactory) -> None:
    account = owing(sessions, "60.00")
    with sessions.begin() as session:
        quote = a_quote(session, account, "10.00")
        quotes.void_open_quote(session, account.id, cause="cancel", actor="portal_user:1", now=NOW)
    with sessions() as session:
        assert session.get_one(Quote, quote.id).state == "void"
