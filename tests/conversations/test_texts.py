"""What only texts can do: arrive twice, in a bunch, from somebody who wants no more of them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest
from sqlalchemy import select

from assistant.texts.models import TextReceived, TextSent
from tests.conversations.conftest import Customers
from tests.support.customers import until
from tests.support.texter import Texter


@pytest.fixture
def maya(customers: Customers) -> Texter:
    """At her phone, which is proved."""
    texter = customers.text(customers.account("maya"))
    texter.say("BALANCE")
    return texter


@pytest.fixture
def chloe(customers: Customers) -> Texter:
    """French; with a bank debit that stays pending until the bank decides."""
    texter = customers.text(customers.account("chloe"))
    texter.say("SOLDE")
    return texter


@pytest.fixture
def repeating(customers: Customers) -> Iterator[None]:
    """Twilio tells of every text three times, and of every status twice."""
    control = f"{customers.context.settings.sandbox_url}/twilio/control/delivery"
    asked = {"texts": {"repeat": 2}, "callbacks": {"repeat": 1}}
    httpx.put(control, json=asked, trust_env=False).raise_for_status()
    yield
    httpx.put(control, json={}, trust_env=False).raise_for_status()


@pytest.mark.usefixtures("repeating")
def test_texts_that_are_delivered_three_times_pay_once(maya: Texter) -> None:
    maya.say("pay 50 with visa 4242")
    maya.agree()
    assert maya.account.charged() == [Decimal("50.00")]
    said = [shown["body"] for shown in maya.thread() if shown["direction"] == "out"]
    assert len(said) == len(set(said))


def test_texts_in_a_bunch_are_answered_in_their_order(maya: Texter) -> None:
    sids = [str(maya.post(words)["message_sid"]) for words in ("pay 50", "visa 4242", "make it 60")]
    until(lambda: all(maya.is_settled(sid) for sid in sids), 120, lambda: "the bunch was not answered")
    answers = [shown["body"] for shown in maya.thread() if shown["direction"] == "out"][-3:]
    assert "How would you like to pay $50.00?" in answers[0]
    assert "to pay $50.00 with Visa 4242" in answers[1]
    assert "to pay $60.00 with Visa 4242" in answers[2]


def test_an_old_list_and_a_yes_pay_nothing(maya: Texter) -> None:
    maya.say("pay 50 with visa 4242")
    maya.say("yes")
    assert "Only the two digits pay" in maya.text
    maya.say("ok")
    assert "to pay $50.00" in maya.text
    assert maya.account.charged() == []
    maya.agree()
    assert maya.account.charged() == [Decimal("50.00")]


def test_who_stops_while_the_bank_decides_is_told_by_mail(chloe: Texter) -> None:
    chloe.say("payer 30 avec mon compte bancaire")
    chloe.agree()
    assert (chloe.payment or {})["state"] == "processing"
    chloe.say("ARRET")
    assert "plus de textos" in chloe.text
    chloe.account.bank.decide(chloe.account.bank_customer, "approve")
    chloe.account.wait_for_letters(1)
    until(lambda: chloe.account.payments() == [("succeeded", Decimal("30.00"))], 60, lambda: "it stays undecided")
    assert chloe.thread()[-1]["body"].startswith("Northwind: Vous n'aurez plus de textos")
    with chloe.account.context.sessions() as session:
        later = select(TextSent.state, TextSent.withheld_because).where(TextSent.phone == chloe.number)
        states = session.execute(later.where(TextSent.kind == "result")).all()
    assert [tuple(row) for row in states] == [("withheld", "opted_out")]


def test_a_stop_ends_the_quote_and_a_start_begins_anew(maya: Texter) -> None:
    maya.say("pay 50 with visa 4242")
    code = maya.pay_code()
    maya.say("stop texting me")
    assert "no more texts" in maya.text
    assert maya.say(code).text == ""
    maya.say("START")
    maya.say(code)
    assert maya.account.charged() == []


def test_a_card_number_stands_nowhere(maya: Texter) -> None:
    maya.say("pay with 4000 0566 5566 5556 please")
    with maya.account.context.sessions() as session:
        kept = session.scalars(select(TextReceived.body).where(TextReceived.phone == maya.number)).all()
    assert not [body for body in kept if "5566" in body]
