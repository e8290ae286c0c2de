"""Customers for conversation tests: each test gets accounts of its own, made through the importer and the bank."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import text

from billing.accounts import position
from billing.context import Context
from billing.imports import import_file
from billing.methods import sync_methods
from remit.edge_client import Answer, Conversation, EdgeError, Event, sign_portal_token
from tests.support.sandbox_client import Bank

NORTHWIND = Path(__file__).parents[2] / "sandbox" / "demo"
PAGE_S = 60
LEAVES_WITHIN_S = 0.7  # a request, on a busy machine; the slow card of the sandbox takes three seconds
# Of Canadian numbers; none of the demo's own people has one of these.
AREAS = ("204", "226", "236", "249", "250", "289", "306", "343", "365", "403", "416", "431", "437", "438", "450", "506",
         "519", "548", "579", "581", "587", "613", "639", "647", "705", "709", "778", "780", "807", "819")  # fmt: skip
_serial = itertools.count(1)


def like(context: Context, bank: Bank, who: str, folder: Path) -> Account:
    """A new account that is as `maya`, `liam`, `chloe`, `noah` or `zoe` of the demo, under names of its own.

    Invoice numbers stay (they are the account's own); account number, addresses and external ids change.
    """
    everybody = json.loads((NORTHWIND / "northwind.json").read_text())["accounts"]
    found = next(a for a in everybody if a["portal_users"][0]["email"].startswith(f"{who}@"))
    methods = json.loads((NORTHWIND / "methods.json").read_text()).get(found["number"], [])
    n = next(_serial)
    account = json.loads(json.dumps(found))
    account["number"] = f"7{n:05d}"
    for user in account["portal_users"]:
        user["external_id"] += f"-{n}"
        user["email"] = user["email"].replace("@northwind", f"@t{n}")
        user["phone"] = None
    account["portal_users"][0]["phone"] = phone_of(n)
    for thing in (*account["invoices"], *account["credits"], *account["payments"]):
        thing["external_id"] += f"-{n}"
    return new_account(context, bank, account, methods, folder)


def phone_of(n: int) -> str:
    """A number that exists in stories only (555-01xx), another one for every n."""
    return f"+1{AREAS[n // 100]}55501{n % 100:02d}"


def today_of(context: Context) -> date:
    return context.now().astimezone(ZoneInfo(context.settings.time_zone)).date()


def new_account(
    context: Context, bank: Bank, account: dict[str, Any], methods: list[dict[str, Any]], folder: Path
) -> Account:
    """Imports one account (a record as in northwind.json) and saves its methods at the bank."""
    file = folder / f"{account['number']}.json"
    file.write_text(json.dumps({"accounts": [account]}))
    import_file(context.sessions, file, today=today_of(context), now=context.now())
    with context.sessions() as session:
        query = text("select id from accounts where number = :number")
        account_id = session.execute(query, {"number": account["number"]}).scalar_one()
    top = account["portal_users"][0]
    customer = bank.customer(account["number"], account["name"], top["email"])
    for method in methods:
        kind = "debit" if method["kind"] == "bank_debit" else "card"
        bank.attach(customer, method["last4"], kind=kind, email=top["email"], address=account["billing_address"])
    sync_methods(context, account_id)
    return Account(context, bank, account_id, customer, account)


@dataclass(frozen=True)
class Account:
    context: Context
    bank: Bank
    id: int
    bank_customer: str
    record: dict[str, Any]

    @property
    def users(self) -> list[dict[str, Any]]:
        return list(self.record["portal_users"])

    def talk(self, address: str, user: int = 1) -> Customer:
        """A chat session of the account's n-th portal user."""
        who = self.users[user - 1]
        secret = self.context.settings.portal_signing_secret
        return Customer(
            self, Conversation(address, sign_portal_token(who["external_id"], self.record["number"], secret))
        )

    @property
    def balance(self) -> Decimal:
        """Open invoices less credit, in dollars: negative for a credit."""
        with self.context.sessions() as session:
            return position(session, self.id, today_of(self.context)).balance.decimal

    def open_invoices(self) -> dict[str, Decimal]:
        return {
            number: cents / Decimal(100)
            for number, cents in self._rows(
                "select number, open_minor::numeric from invoices"
                " where account_id = :id and open_minor > 0 order by due_on, id"
            )
        }

    def payments(self) -> list[tuple[str, Decimal]]:
        """State and amount of every payment made by chat or page, oldest first."""
        rows = self._rows(
            "select state, amount_minor::numeric from payments"
            " where account_id = :id and quote_id is not null order by id"
        )
        return [(state, cents / Decimal(100)) for state, cents in rows]

    def charged(self) -> list[Decimal]:
        """What the bank really took, payment by payment, oldest first."""
        taken = [p for p in self.bank.payments(self.bank_customer) if p["status"] == "succeeded"]
        return [Decimal(p["amount"]) / 100 for p in reversed(taken)]

    def tickets(self) -> int:
        """Conversations handed to a person."""
        return int(self._rows("select count(*) from tickets where account_id = :id")[0][0])

    def attach(self, ending: str, *, kind: str = "card") -> None:
        """Saves another card (by its ending, see sandbox_client) or bank account."""
        top = self.users[0]["email"]
        self.bank.attach(self.bank_customer, ending, kind=kind, email=top, address=self.record["billing_address"])
        sync_methods(self.context, self.id)

    def wait_until_bank_is_asked(self, within_s: float = 60) -> None:
        """A confirm is on its way, and its answer has not come yet."""
        query = (
            "select 1 from attempts join payments on payments.id = payment_id"
            " where account_id = :id and state = 'submitting' and confirm_sent_at is not null"
        )
        until(lambda: bool(self._rows(query)), within_s, lambda: "no confirm was sent")
        time.sleep(LEAVES_WITHIN_S)  # it is written down before it leaves

    def wait_for_letters(self, count: int, within_s: float = 60) -> None:
        until(lambda: len(self.mails()) >= count, within_s, lambda: f"letters: {[m['subject'] for m in self.mails()]}")
        assert len(self.mails()) == count

    def mails(self) -> list[dict[str, Any]]:
        """Letters to anyone of the account, newest first."""
        return self.bank.mails(*[user["email"] for user in self.users])

    def _rows(self, query: str) -> list[Any]:
        with self.context.sessions() as session:
            return list(session.execute(text(query), {"id": self.id}))


class Hearing:
    """Whoever is told things outside a turn: at the widget or on the phone."""

    heard: list[Event]
    _seen: int = 0

    def wait_for_event(self, words: str = "", *, within_s: float = 60) -> Event:
        """The next message outside a turn that holds these words; one that was waited for does not count again."""

        def found() -> bool:
            return any(words.casefold() in str(e.payload.get("text", "")).casefold() for e in self.heard[self._seen :])

        until(found, within_s, lambda: f"no event with “{words}” among {[e.payload for e in self.heard[self._seen :]]}")
        for place, event in enumerate(self.heard[self._seen :], self._seen):
            if words.casefold() in str(event.payload.get("text", "")).casefold():
                self._seen = place + 1
                return event
        raise AssertionError("unreachable")


@dataclass
class Customer(Hearing):
    """One person at one chat widget."""

    account: Account
    conversation: Conversation
    heard: list[Event] = field(default_factory=list)
    _listening: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    # --------------------------------------------------------------------------------------------- what they do

    def say(self, words: str, *, message_id: str | None = None) -> Answer:
        return self.conversation.say(words, message_id=message_id)

    def press(self, title: str, *, message_id: str | None = None) -> Answer:
        """The button of the latest answer whose title begins so."""
        return self.conversation.press(self.button(title), message_id=message_id)

    def agree(self, words: str) -> Answer:
        """The yes to the quote, in these words."""
        return self.say(words)

    @contextmanager
    def saying(self, words: str) -> Iterator[Callable[[], Answer]]:
        """Says it in the background; what is yielded waits for the answer."""
        with ThreadPoolExecutor(max_workers=1) as beside:
            yield beside.submit(self.say, words).result

    def button(self, title: str) -> dict[str, str]:
        found = [b for b in self.answer.buttons if b["title"].casefold().startswith(title.casefold())]
        assert len(found) == 1, f"{len(found)} buttons “{title}…” among {[b['title'] for b in self.answer.buttons]}"
        return found[0]

    def page(self) -> SecurePage:
        """Follows the link that was offered last."""
        links = [card["url"] for card in self.answer.cards if card["type"] == "link"]
        assert len(links) == 1, f"{len(links)} links in: {self.answer.text}"
        return SecurePage(links[0], self.account)

    # ------------------------------------------------------------------------------------------- what they see

    @property
    def answer(self) -> Answer:
        return self.conversation.answer

    @property
    def text(self) -> str:
        return self.answer.text

    @property
    def quote(self) -> dict[str, Any] | None:
        return self.answer.quote

    @property
    def payment(self) -> dict[str, Any] | None:
        return self.answer.payment

    def leave(self) -> None:
        self.conversation.close()

    def _listen(self) -> None:
        try:
            for event in self.conversation.events():
                if event and event.kind == "message":
                    self.heard.append(event)
        except (httpx.HTTPError, RuntimeError, EdgeError):  # the test ended, or the edge was stopped meanwhile
            return


class SecurePage:
    """The secure page, used as its script does: quote an amount, fetch a card token, press Pay."""

    def __init__(self, url: str, account: Account) -> None:
        self.url, self.account = url, account
        self.opened = httpx.get(url, timeout=PAGE_S, trust_env=False)
        self.quote_id: str | None = None
        self.consent = ""

    @property
    def html(self) -> str:
        return self.opened.text

    @property
    def proposed(self) -> str:
        """What stands in the amount field."""
        found = re.search(r'id="amount"[^>]*\bvalue="([^"]*)"', self.html)
        return found[1] if found else ""

    @property
    def owed_minor(self) -> int:
        """What stands above the form as owed."""
        found = re.search(r'"owed_minor": (\d+)', self.html)
        assert found is not None, "the page shows nothing as owed"
        return int(found[1])

    def quote(self, amount: str | None = None) -> httpx.Response:
        """Another amount; what the page shows then is the quote that Pay means."""
        answer = self._post("/quote", {"amount": amount or self.proposed, "owed_minor": self.owed_minor})
        if answer.is_success:
            self.quote_id = answer.json()["quote"]["id"]
            self.consent = answer.json()["consent"]
        return answer

    def pay(self, ending: str, *, save: bool = False, email: str | None = None, **address: str) -> httpx.Response:
        if self.quote_id is None:
            assert self.quote().is_success
        body = {"quote_id": self.quote_id, "token": self.account.bank.token(ending), "save": save}
        return self._post("", body | self._details(email, address))

    def save(self, *, email: str | None = None, **address: str) -> httpx.Response:
        """The page of a saved method: its address and email."""
        return self._post("", self._details(email, address))

    def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", json=body, timeout=PAGE_S, trust_env=False)

    def _details(self, email: str | None, address: dict[str, str]) -> dict[str, Any]:
        usual = {"line2": "", **self.account.record["billing_address"]}
        return {"address": usual | address, "email": email or self.account.users[0]["email"]}


def until(true: Callable[[], bool], within_s: float, otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)
