"""Eight tries at the same bill at once, through every door there is and two processes of each.

ACCOUNTS=500 pytest tests/load/test_many_at_once.py    the figure of docs/reliability.md; without it 18
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from assistant.models import ChatSession
from billing.accounts import position, remember_customer, top_user
from billing.models import Account, Payment
from billing.pay_links import create_pay_link
from billing.verify import verify
from tests.actions.bot import FakeBot
from tests.billing.builders import a_method, a_quote, an_account, an_invoice
from tests.load.conftest import Doors

ACCOUNTS = int(os.environ.get("ACCOUNTS", "18"))
ACCOUNTS_AT_ONCE = 3
EMAIL = "maya@northwind.example"
ADDRESS = {
    **{"name": "Maya Tremblay", "line1": "1 Main St", "line2": "", "city": "Ottawa", "region": "ON"},
    **{"postal_code": "K1A 0B1", "country": "CA"},
}


@pytest.mark.timeout(120 + 6 * ACCOUNTS)
def test_eight_tries_at_once_at_each_account_make_one_payment_each(doors: Doors) -> None:
    with ThreadPoolExecutor(ACCOUNTS_AT_ONCE) as pool, httpx.Client(timeout=60, trust_env=False) as client:
        crowds = [Crowd(doors, client, n) for n in range(ACCOUNTS)]
        statuses = [status for crowd in pool.map(Crowd.run, crowds) for status in crowd]
    assert len(statuses) == 8 * ACCOUNTS
    assert all(status < 500 for status in statuses), sorted(set(statuses))
    with doors.context.sessions() as session:
        assert verify(session) == []
        paid = session.scalars(select(Payment).where(Payment.state == "succeeded")).all()
        assert sorted(p.account_id for p in paid) == sorted(crowd.account.id for crowd in crowds)
        # Besides, at most tries that charged nothing.
        assert set(session.scalars(select(Payment.state).distinct())) <= {"succeeded", "not_attempted"}
        for crowd in crowds:
            assert not position(session, crowd.account.id, datetime.now(UTC).date()).balance
    began = datetime.now(UTC) - timedelta(hours=1)
    charged = [p for p in doors.context.gateway.list_payments(began, began + timedelta(hours=2)) if p.captured]
    assert sorted(str(p.payment_reference) for p in charged) == sorted(p.reference for p in paid)


class Crowd:
    """One account, and the eight who want to pay its bill at the same moment.

    A third of the accounts pays with a saved card in conversations (chat, SMS, phone), a third with a new card on the
    secure page, and in a third both doors have a quote of their own, so that at most one is still good: there somebody
    may have to say yes once more.
    """

    def __init__(self, doors: Doors, client: httpx.Client, number: int) -> None:
        self.doors, self.client = doors, client
        sandbox, now = doors.sandbox, datetime.now(UTC)
        account_number = f"8{number:05d}"
        customer = sandbox.customer(account_number)
        attached = sandbox.post(
            "/bank/v1/methods",
            {"customer": customer, "token": sandbox.token(), "billing_details": {"email": EMAIL, "address": {}}},
        ).json()
        self.card = sandbox.token()
        with doors.context.sessions.begin() as session:
            self.account: Account = an_account(session, number=account_number, method=False)
            an_invoice(session, self.account, "100.00", due_days=-10)
            self.method = a_method(session, self.account, reference=attached["id"], gateway="sandbox")
            remember_customer(session, self.account.id, "sandbox", customer)
            user = top_user(session, self.account.id)
            self.bots = [self._bot(session, user.id, n, now) for n in range(8)]
            in_chat = number % 3 != 1
            quote = a_quote(
                session,
                self.account,
                method=self.method if in_chat else None,
                new_card=not in_chat,
                channel="chat" if in_chat else "page",
                sender=self.bots[0].sender if in_chat else None,
                now=now,
            )
            self.quote_id = str(quote.id)
            self.links = [self._link(session, user.id, now) for _ in range(8)]
        says, presses, asks = self._say_yes, self._press_pay, self._quote_and_press_pay
        everybody: list[list[Callable[[int], int]]] = [[says] * 8, [presses] * 8, [says, asks] * 4]
        self.work = everybody[number % 3]

    def _bot(self, session: Any, user_id: int, number: int, now: datetime) -> FakeBot:
        sender, channel = f"s_{secrets.token_hex(8)}", ("chat", "sms", "voice")[number % 3]
        session.add(
            ChatSession(
                sender=sender,
                token_hash=sender,
                account_id=self.account.id,
                portal_user_id=user_id,
                channel=channel,
                language="en",
                created_at=now,
                last_seen_at=now,
                expires_at=now + timedelta(hours=1),
            )
        )
        session.flush()
        url, token = self.doors.actions[number % 2], self.doors.context.settings.actions_token
        return FakeBot(self.client, url, token, sender, channel)

    def _link(self, session: Any, user_id: int, now: datetime) -> str:
        return create_pay_link(
            session,
            account_id=self.account.id,
            portal_user_id=user_id,
            sender=None,
            channel="chat",
            language="en",
            purpose="pay",
            now=now,
            ttl_s=3600,
        )

    def run(self) -> list[int]:
        start = threading.Barrier(8)

        def one(number: int) -> int:
            start.wait(60)
            return self.work[number](number)

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(one, range(8)))
        if not self._has_paid():  # each door's quote was taken away by the other's: the next yes is alone
            self.bots[0].say("pay it all with visa 4242", "pay")
            self.bots[0].say("yes", "affirm")
        return statuses

    def _has_paid(self) -> bool:
        with self.doors.context.sessions() as session:
            paid = select(Payment.id).where(Payment.account_id == self.account.id, Payment.state == "succeeded")
            return session.scalar(paid) is not None

    def _say_yes(self, number: int) -> int:
        """The quote's button. An answer that says nothing would be a failure too."""
        button = {"intent": "affirm", "data": {"quote_id": self.quote_id}}
        try:
            answer = self.bots[number].press_again(button)
        except httpx.HTTPStatusError as error:
            return error.response.status_code
        assert answer.messages
        return 200

    def _press_pay(self, number: int, quote_id: str | None = None) -> int:
        body = {"quote_id": quote_id or self.quote_id, "token": self.card, "address": ADDRESS, "email": EMAIL}
        url = f"{self.doors.edges[number % 2]}/pay/{self.links[number]}"
        return self.client.post(url, json=body).status_code

    def _quote_and_press_pay(self, number: int) -> int:
        url = f"{self.doors.edges[number % 2]}/pay/{self.links[number]}/quote"
        answer = self.client.post(url, json={"amount": "100.00", "owed_minor": 10000})
        if not answer.is_success:
            return answer.status_code
        return self._press_pay(number, answer.json()["quote"]["id"])
