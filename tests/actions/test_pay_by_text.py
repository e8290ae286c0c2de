"""By text only the quote's own two digits are the yes, and the words beside them say so."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from billing.context import Context
from billing.models import Account, Consent, Quote
from tests.actions.bot import FakeBot
from tests.actions.conftest import People
from tests.billing.builders import Clock
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def texting(people: People, maya: Account) -> FakeBot:
    """At the quote for all that is owed, with the Visa."""
    bot = people.talk(maya, channel="sms")
    bot.say("pay it all with visa 4242", "pay")
    return bot


def digits(bot: FakeBot) -> str:
    assert bot.last is not None
    found = re.search(r"Reply (\d\d) to pay", bot.last.text)
    assert found, bot.last.text
    return found[1]


def quote_of(context: Context, account: Account) -> Quote:
    with context.sessions() as session:
        return session.scalars(select(Quote).where(Quote.account_id == account.id, Quote.state == "open")).one()


def test_the_quote_says_which_digits_pay_what(texting: FakeBot, context: Context, maya: Account) -> None:
    assert texting.last is not None
    code = digits(texting)
    assert texting.last.text == (
        f"Reply {code} to pay $452.10 with Visa 4242. Then: INV-1001, INV-1002 and INV-1003 paid. "
        f"Receipt to {quote_of(context, maya).billing_email}."
    )
    assert texting.last.buttons["Pay $452.10 now"]["data"]["reply"] == code == quote_of(context, maya).reply_code


@pytest.mark.parametrize("said", ["yes", "Yes please!", "ok", "go ahead", "oui", "yes, pay 452.10"])
def test_a_typed_yes_reads_the_digits_out_again_and_pays_nothing(
    texting: FakeBot, gateway: FakeGateway, said: str
) -> None:
    code = digits(texting)
    answer = texting.say(said, "affirm")
    assert answer.text.startswith("Only the two digits pay, and nothing was charged. Reply ")
    assert digits(texting) == code
    assert not gateway.calls


def test_the_digits_pay_and_are_the_consent(texting: FakeBot, context: Context, maya: Account) -> None:
    code = digits(texting)
    assert "$452.10 paid with Visa 4242" in texting.press("Pay $452.10 now").text
    with context.sessions() as session:
        consent = session.scalars(select(Consent).where(Consent.account_id == maya.id)).one()
    assert (consent.answered, consent.channel) == (code, "sms")
    assert f"Reply {code} to pay $452.10" in consent.said


def test_the_digits_of_a_quote_that_was_replaced_read_out_the_new_one(texting: FakeBot, gateway: FakeGateway) -> None:
    assert texting.last is not None
    old = texting.last.buttons["Pay $452.10 now"]
    texting.say("make it 50", "inform_amount")
    code = digits(texting)
    assert code != old["data"]["reply"]
    answer = texting.press_again(old)
    assert "newer offer" in answer.text
    assert digits(texting) == code
    assert not gateway.calls


def test_the_digits_of_a_quote_that_ran_out_read_out_a_new_one(
    texting: FakeBot, gateway: FakeGateway, clock: Clock
) -> None:
    assert texting.last is not None
    old = texting.last.buttons["Pay $452.10 now"]
    clock.forward(minutes=16)
    assert "run out" in texting.press_again(old).text
    assert digits(texting) != old["data"]["reply"]
    assert not gateway.calls


def test_the_digits_pay_once(texting: FakeBot, gateway: FakeGateway) -> None:
    assert texting.last is not None
    pays = texting.last.buttons["Pay $452.10 now"]
    texting.press_again(pays)
    assert "nothing more was charged" in texting.press_again(pays).text
    assert len(gateway.charges()) == 1


def test_a_quote_of_the_chat_has_no_digits(people: People, maya: Account, context: Context) -> None:
    people.talk(maya).say("pay it all with visa 4242", "pay")
    assert quote_of(context, maya).reply_code is None
