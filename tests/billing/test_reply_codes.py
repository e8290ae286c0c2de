"""The two digits of a quote by text stand for nothing else that was said."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from billing.database import SessionFactory
from billing.models import Account, Quote
from billing.money import Money
from billing.reply_codes import ALL, reply_code
from tests.billing.builders import NOW, a_method, a_quote, an_account, an_invoice, cad

HALF = tuple(code for code in ALL if int(code) % 2)


@pytest.fixture
def account(sessions: SessionFactory) -> Account:
    with sessions.begin() as session:
        return an_account(session)


def drawn(
    sessions: SessionFactory, account: Account, *, amounts: list[Money], ending: str = "", many: int = 300
) -> set[str]:
    with sessions() as session:
        return {reply_code(session, account.id, amounts=amounts, card_ending=ending, now=NOW) for _ in range(many)}


def test_codes_are_two_digits_and_no_round_amount(sessions: SessionFactory, account: Account) -> None:
    codes = drawn(sessions, account, amounts=[], many=2000)
    assert codes <= {str(number) for number in range(11, 100)}
    assert not [code for code in codes if int(code) % 5 == 0]
    assert len(codes) > 60  # of 71: nobody guesses the next one


def test_no_code_is_an_amount_or_part_of_the_card(sessions: SessionFactory, account: Account) -> None:
    taken = [cad(f"{code}.{cents}") for code, cents in zip(HALF, ["00", "99"] * len(HALF), strict=False)]
    codes = drawn(sessions, account, amounts=taken, ending="4268")
    assert codes.isdisjoint({str(int(Decimal(amount.minor) // 100)) for amount in taken})
    assert codes.isdisjoint({"42", "26", "68"})


def test_when_every_number_is_some_amount_a_code_is_still_found(sessions: SessionFactory, account: Account) -> None:
    assert drawn(sessions, account, amounts=[cad(f"{code}.00") for code in ALL], many=1) <= set(ALL)


def test_a_code_is_not_given_again_within_a_day(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        account = an_account(session, method=False)
        a_method(session, account)
        an_invoice(session, account, "5000.00")
        codes = [
            a_quote(session, account, channel="sms", now=NOW + timedelta(seconds=n)).reply_code for n in range(len(ALL))
        ]
        assert sorted(code or "" for code in codes) == list(ALL)
        again = a_quote(session, account, channel="sms", now=NOW + timedelta(minutes=5))
        assert again.reply_code == codes[0]  # the one that was used the longest ago
        session.execute(update(Quote).values(created_at=NOW - timedelta(days=2)))
        assert a_quote(session, account, channel="sms", now=NOW).reply_code in ALL


@pytest.mark.parametrize("channel", ["chat", "voice", "page"])
def test_other_channels_have_none(sessions: SessionFactory, channel: str) -> None:
    with sessions.begin() as session:
        account = an_account(session)
        an_invoice(session, account, "50.00")
        assert a_quote(session, account, channel=channel).reply_code is None
