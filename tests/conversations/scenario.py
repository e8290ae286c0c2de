"""What a scenario file may say, and how each line of it is carried out and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from tests.conversations.conftest import Customers
from tests.support.customers import Account, Customer, SecurePage, until
from tests.support.keypad import Keypad, can_be_keyed
from tests.support.texter import Texter

EXPECTATIONS = {"hears", "hears_not", "buttons", "card", "asks", "quote", "payment"}
CHANNELS = ("chat", "sms", "voice")
KEYPAD = "keypad"  # the phone again, without a word said
ACTS = {"say", "agree", "click", "bank", "wait_for", "restart", "stop", "start", "kill", "other_tab", "page", "deliver"}
SPEECH = {"say", "agree", "click"}
LETTERS_WITHIN_S = 60
EVENT_WITHIN_S = 60
DOMAIN = Path(__file__).parents[2] / "domain.yml"


class WrongScenario(Exception):
    """The file itself is wrong: an unknown key, an act without a conversation."""


@dataclass
class Play:
    """One scenario under way: the customer's first tab, and what else was opened."""

    customers: Customers
    channel: str
    customer: Customer | Texter
    other: Customer | None = None
    page: SecurePage | None = None
    outcome: dict[str, Any] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, scenario: dict[str, Any], customers: Customers, channel: str) -> Play:
        only(scenario, {"customer", "turns", "then", "about", "channels", "keys"}, "scenario")
        account = customers.account(scenario["customer"])
        go = {"chat": customers.talk, "sms": customers.text, "voice": customers.call, KEYPAD: customers.key}[channel]
        return cls(customers, channel, go(account))

    @property
    def account(self) -> Account:
        return self.customer.account

    def step(self, step: dict[str, Any]) -> None:
        step = here(step, self.channel)
        only(step, ACTS | EXPECTATIONS, "step")
        for act in ACTS & set(step):
            getattr(self, f"_{act}")(step[act])
        expected = {name: step[name] for name in step if name in EXPECTATIONS}
        check(self.customer, expected, silent=not SPEECH & set(step))

    # ------------------------------------------------------------------------------------------------------ acts

    def _say(self, words: Any) -> None:
        self.customer.say(str(words))

    def _agree(self, words: Any) -> None:
        self.customer.agree(str(words))

    def _click(self, title: Any) -> None:
        self.customer.press(str(title))

    def _bank(self, does: str) -> None:
        decision = {"approves": "approve", "declines": "decline"}[does]
        self.account.bank.decide(self.account.bank_customer, decision)

    def _deliver(self, mode: dict[str, Any]) -> None:
        self.account.bank.deliver(**mode)

    def _wait_for(self, what: str) -> None:
        """`payment succeeded`: told in the conversation, outside a turn; anything else: words of such a message."""
        if what.startswith("payment ") and self.channel in (
            "voice",
            KEYPAD,
        ):  # told on the page and by letter, and where asked for
            state = what.removeprefix("payment ")
            until(lambda: self.account.payments()[-1][0] == state, EVENT_WITHIN_S, lambda: str(self.account.payments()))
        elif what.startswith("payment "):
            state = what.removeprefix("payment ")
            until(
                lambda: any(_payment_state(e.payload) == state for e in self.customer.heard),
                EVENT_WITHIN_S,
                lambda: f"no news of a payment {state}; heard {[e.payload for e in self.customer.heard]}",
            )
        else:
            self.customer.wait_for_event(what, within_s=EVENT_WITHIN_S)

    def _restart(self, name: str) -> None:
        self.customers.stack.restart(name)

    def _stop(self, name: str) -> None:
        self.stopped.add(name)
        self.customers.stack.stop(name)

    def _start(self, name: str) -> None:
        self.customers.stack.start(name)
        self.stopped.discard(name)

    def tidy(self) -> None:
        """Leaves the stack as it was, so that a scenario that fails spoils no other."""
        for name in list(self.stopped):
            self._start(name)

    def _kill(self, name: str) -> None:
        self.customers.stack.kill(name)
        self.customers.stack.wait_until_ready()

    def _other_tab(self, step: dict[str, Any]) -> None:
        """A second session of the same person; `user: 2` makes it another portal user of the account."""
        only(step, {"say", "click", "user"} | EXPECTATIONS, "other_tab")
        if self.other is None:
            self.other = self.customers.talk(self.account, step.get("user", 1))
        if "say" in step:
            self.other.say(str(step["say"]))
        if "click" in step:
            self.other.press(str(step["click"]))
        check(self.other, {name: step[name] for name in step if name in EXPECTATIONS})

    def _page(self, step: dict[str, Any]) -> None:
        """The link offered last. `opens: true` only looks; `pays`/`saves` press its button."""
        only(step, {"opens", "amount", "card", "save", "email", "address", "state", "refused", "proposes"}, "page")
        self.page = self.customer.page() if self.page is None or step.get("opens") else self.page
        if "proposes" in step:
            assert self.page.proposed == str(step["proposes"]), f"the page proposes {self.page.proposed}"
        if step.get("opens"):
            assert self.page.opened.is_success, self.page.opened.text
            return
        if "amount" in step:
            answer = self.page.quote(str(step["amount"]))
            if not answer.is_success:
                assert answer.json()["error"]["code"] == step.get("refused"), answer.text
                return
        address = {str(k): str(v) for k, v in (step.get("address") or {}).items()}
        if "card" in step:
            answer = self.page.pay(str(step["card"]), save=bool(step.get("save")), email=step.get("email"), **address)
        else:
            answer = self.page.save(email=step.get("email"), **address)
        if "refused" in step:
            assert answer.json()["error"]["code"] == step["refused"], answer.text
            return
        assert answer.is_success, answer.text
        if "state" in step:
            assert answer.json()["state"] == step["state"], answer.text


def played_in(scenario: dict[str, Any]) -> list[str]:
    """The channels that the scenario is played in; by keys wherever keys can tell it."""
    channels: list[str] = scenario.get("channels", list(CHANNELS))
    keyed = "voice" in channels and can_be_keyed(scenario, [here(step, KEYPAD) for step in scenario["turns"]])
    return [*channels, KEYPAD] if keyed else channels


def here(step: dict[str, Any], channel: str) -> dict[str, Any]:
    """The step as it is in this channel: what stands under the channel's name takes the place of the rest."""
    own = step.get(channel) or {}
    if channel == KEYPAD:
        own = (step.get("voice") or {}) | own
    return {name: value for name, value in step.items() if name not in (*CHANNELS, KEYPAD) and name not in own} | {
        name: value for name, value in own.items() if value is not None
    }


# ----------------------------------------------------------------------------------------------------------- checks


def check(customer: Customer | Texter, expected: dict[str, Any], *, silent: bool = False) -> None:
    answer = customer.answer
    where = f"\n  said: {answer.said}\n  answered: {answer.text}\n  buttons: {[b['title'] for b in answer.buttons]}"
    assert answer.messages or silent, f"no answer{where}"
    for words in several(expected.get("hears")):
        assert plain(words) in plain(answer.text), f"“{words}” was not said{where}"
    for words in several(expected.get("hears_not")):
        assert plain(words) not in plain(answer.text), f"“{words}” was said{where}"
    for title in several(expected.get("buttons")):
        assert any(plain(b["title"]).startswith(plain(title)) for b in answer.buttons), f"no button {title}…{where}"
    if "card" in expected:
        assert expected["card"] in [card["type"] for card in answer.cards], f"no {expected['card']} card{where}"
    if "asks" in expected:
        assert asked(customer) == expected["asks"], f"asks {asked(customer)}{where}"
    if "quote" in expected:
        check_quote(customer.quote, expected["quote"], where)
    if "payment" in expected:
        ours = customer.payment is not None and customer.payment["quote_id"] is not None  # not one made elsewhere
        state = customer.payment["state"] if ours else "none"
        assert state == expected["payment"], f"payment {state}{where}"


def check_quote(quote: dict[str, Any] | None, expected: Any, where: str) -> None:
    if expected == "none":
        assert quote is None, f"a quote of {quote['amount']['text']} is open{where}" if quote else ""
        return
    assert quote is not None, f"no quote is open{where}"
    shown: dict[str, Any] = {
        "amount": dollars(quote["amount"]),
        "method": quote["method"]["last4"] if quote["method"] else "new",
        "pays": {invoice["number"]: dollars(invoice["amount"]) for invoice in quote["invoices"]},
        "credit": dollars(quote["credit"]),
        "email": quote["billing_email"],
    }
    only(expected, set(shown), "quote")
    assert {name: shown[name] for name in expected} == expected, f"quote {shown}{where}"


def asked(customer: Customer | Texter) -> str:
    """What the last answer asks for: confirm, method, amount or nothing."""
    cards = [card["type"] for card in customer.answer.cards]
    if cards and cards[-1] == "quote":
        return "confirm"
    if cards and cards[-1] == "methods":
        return "method"
    if isinstance(customer, Keypad) and customer.asks_for_an_amount:
        return "amount"
    return "amount" if any(re.search(p, plain(customer.text)) for p in amount_questions()) else "nothing"


def amount_questions() -> list[str]:
    """Every wording of the question for an amount, as patterns, from the catalogue."""
    responses = yaml.safe_load(DOMAIN.read_text())["responses"]
    asking = [key for key in responses if key.startswith("ask_") and "amount" in key]
    texts = [variant["text"] for key in asking for variant in responses[key]]
    return [re.sub(r"\\{\w+\\}", ".+", re.escape(plain(text.strip()))) for text in texts]


def check_then(play: Play, then: dict[str, Any]) -> None:
    """How it ended: in the books, at the bank and in the mailbox."""
    account = play.account
    only(then, {"balance", "open", "payments", "charges", "mails", "tickets"}, "then")
    if "balance" in then:
        assert account.balance == Decimal(then["balance"])
    if "open" in then:
        assert account.open_invoices() == {number: Decimal(left) for number, left in then["open"].items()}
    if "payments" in then:
        assert [f"{state} {amount:.2f}" for state, amount in account.payments()] == then["payments"]
    if "charges" in then:
        assert account.charged() == [Decimal(amount) for amount in then["charges"]]
    if "tickets" in then:
        assert account.tickets() == then["tickets"]
    for subject, count in (then.get("mails") or {}).items():
        wait_for_letters(account, subject, count)


def wait_for_letters(account: Account, subject: str, count: int) -> None:
    def found() -> list[str]:
        return [m["subject"] for m in account.mails() if plain(m["subject"]).startswith(plain(subject))]

    until(
        lambda: len(found()) >= count, LETTERS_WITHIN_S, lambda: f"letters: {[m['subject'] for m in account.mails()]}"
    )
    assert len(found()) == count, f"letters: {found()}"


def _payment_state(payload: dict[str, Any]) -> str | None:
    card = payload.get("card") or {}
    return card.get("state") if card.get("type") == "payment" else payload.get("state")


def dollars(amount: dict[str, Any]) -> str:
    return f"{Decimal(amount['minor']) / 100:.2f}"


def plain(text: str) -> str:
    """As a reader sees it: case and kinds of blanks aside."""
    return " ".join(text.casefold().replace("\u00a0", " ").replace("\u202f", " ").replace("’", "'").split())


def several(value: Any) -> list[str]:
    return [] if value is None else [str(v) for v in value] if isinstance(value, list) else [str(value)]


def only(found: dict[str, Any], known: set[str], what: str) -> None:
    if unknown := set(found) - known:
        raise WrongScenario(f"{what}: unknown {', '.join(sorted(unknown))} (known: {', '.join(sorted(known))})")
