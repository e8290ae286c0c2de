"""Customers who call: from the sandbox's telephone, over signed HTTP; what they hear is written down as a reader would.

So the scenarios of the other channels can be told by phone: "452 dollars and 10 cents" is $452.10 again, and a key
that is named "For another amount" is the button "Another amount".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
from sqlalchemy import select

from assistant.amounts import Exact, read_amount
from assistant.calls.compose import AT_ONCE, Option
from assistant.calls.models import Call
from assistant.calls.reacting import menu_of
from assistant.models import ChatTurn
from assistant.wording import catalogue, method_label, say
from billing.models import PaymentMethod
from billing.money import Money
from billing.quotes import get_quote
from remit.edge_client import Answer
from tests.support.customers import SecurePage, until
from tests.support.texter import LINK, Texter

SURE = 0.99  # of a recogniser that heard every word
_SUM = re.compile(r"(\d+) dollars?(?: (?:and|et) (\d+) cents?)?|(\d+) cents?\b")
_FOUR = re.compile(r"(?<![\d ] )\b\d(?: \d){3}\b")
_REFERENCE = re.compile(r"\b[0-9A-Z](?: [0-9A-Z]){7}\b")


@dataclass
class Caller(Texter):
    """One person at one telephone, who keys in account number and PIN first. Their phone gets the texts as well."""

    sid: str = ""
    keys_in_cards: bool = False  # else a link is asked for, where the choice is offered
    captions: list[dict[str, Any]] = field(default_factory=list)
    _telephone: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=120, trust_env=False))

    # --------------------------------------------------------------------------------------------- what they do

    def call(self) -> None:
        """Up to the balance."""
        self._do("", {"from": self.number})
        self._do("keys", {"digits": "2" if self._language_on_file == "fr" else "1"})
        self._do("keys", {"digits": f"{self.account.record['number']}#"})
        self._do("keys", {"digits": f"{self.account.record['pin']}#"})
        assert self._row().sender is not None, f"not known: {self.captions}"

    def say(self, words: str) -> Answer:
        """Says it. Where an amount has to be keyed in to be believed, it is."""
        if not self.sid:
            self.call()
        if self._row().stage == "over":
            self.sid = ""
            self.call()
        self.answer = self._heard(words, self._do("speech", {"text": words, "confidence": SURE}))
        return self._after(words)

    def press(self, title: str) -> Answer:
        """The key of what is called so in the other channels."""
        if not self.sid:
            self.call()
        return self._press(lambda shown: shown.casefold().startswith(title.casefold()), title)

    def agree(self, _words: str = "") -> Answer:
        """The yes to the quote: its key, whatever the words would be elsewhere."""
        return self._press(lambda shown: shown.endswith((" now", " maintenant")), "the quote's key")

    @contextmanager
    def saying(self, words: str) -> Iterator[Callable[[], Answer]]:
        with ThreadPoolExecutor(max_workers=1) as beside:
            yield beside.submit(self.say, words).result

    def keyed(self, digits: str) -> Answer:
        """Presses these keys, whatever they mean."""
        self.answer = self._heard(f"[{digits}]", self._do("keys", {"digits": digits}))
        return self.answer

    def telephone_breaks(self) -> None:
        """The line is gone; the switchboard tells of it at once, even while the service is being asked."""
        base = f"{self.account.context.settings.sandbox_url}/twilio/calls"
        httpx.post(f"{base}/{self.sid}/hang-up", json={}, timeout=60, trust_env=False)

    def hang_up(self) -> None:
        self._do("hang-up", {})

    def page(self) -> SecurePage:
        """Follows the link that was texted last."""

        def links() -> list[str]:
            return [link for text in self.thread() if text["direction"] == "out" for link in LINK.findall(text["body"])]

        until(lambda: bool(links()), 30, lambda: f"no link on the phone: {self.thread()}")
        return SecurePage(links()[-1], self.account)

    def leave(self) -> None:
        if self.sid and self._row().ended_at is None:
            self.telephone_breaks()
        self._telephone.close()
        super().leave()

    # --------------------------------------------------------------------------------------------------- inside

    @property
    def _language_on_file(self) -> str:
        return str(self.account.users[self.user - 1]["language"])

    def _press(self, means: Callable[[str], bool], title: str) -> Answer:
        """Goes through the pages of the menu to it, and presses its key."""
        options = self._menu()
        found = [place for place, option in enumerate(options) if means(self._as_read(option))]
        assert len(found) == 1, f"{len(found)} keys “{title}” among {[self._as_read(o) for o in options]}: {self.text}"
        if options[found[0]].intent == "cancel":
            return self._call_off()
        shown = [option for option in options if option.intent not in ("cancel", "human")]
        place = shown.index(options[found[0]])
        if len(shown) <= AT_ONCE:
            return self._key(str(place + 1), title)
        self._to_page_of(place)
        return self._key(str(place % (AT_ONCE - 1) + 1), title)

    def _call_off(self) -> Answer:
        """No key of its own: * goes back step by step, and saying so calls it off at once."""
        return self.say("annuler" if self._row().language == "fr" else "cancel")

    def _to_page_of(self, place: int) -> None:
        """By “for more”, as often as it takes."""
        shown = [option for option in self._menu() if option.intent not in ("cancel", "human")]
        page, pages = place // (AT_ONCE - 1), -(-len(shown) // (AT_ONCE - 1))
        for _ in range((page - self._row().page) % pages):
            here = len(shown[(self._row().page % pages) * (AT_ONCE - 1) :][: AT_ONCE - 1])
            self._do("keys", {"digits": str(here + 1)})

    def _key(self, key: str, title: str) -> Answer:
        digits = key if self._row_plan_keys() == "one" else f"{key}#"
        self.answer = self._heard(title, self._do("keys", {"digits": digits}))
        return self._after(title)

    def _after(self, words: str) -> Answer:
        """Keys in what was said, where it was doubted; and asks for a text, where one is offered."""
        menu = self._menu()
        doubted = [
            place for place, option in enumerate(menu) if option.intent == "pay" and self._row().stage == "amount"
        ]
        if doubted and self._turn() is None:
            reading = read_amount(words, self._row().language)
            said = reading.value if isinstance(reading, Exact) else None
            meant = [place for place in doubted if Decimal(menu[place].data["amount_minor"]) / 100 == said]
            if meant:
                return self._key(str(meant[0] + 1), words)
        link = next((place for place, option in enumerate(menu) if option.intent == "text_link"), None)
        if link is not None and not self.keys_in_cards:
            before = self.answer
            self._to_page_of(link)
            more = self._key(str(link % (AT_ONCE - 1) + 1), words)
            told = [{"text": f"{before.text} {more.text}", "buttons": more.buttons, "card": None}]
            cards = [{"text": "", "buttons": [], "card": card} for card in before.cards]
            self.answer = Answer(words, told + cards, before.state)
        if menu and menu[0].intent == "text_me":
            before = self.answer
            self._do("keys", {"digits": "1"})
            self.answer = before
        return self.answer

    def _do(self, what: str, body: dict[str, Any]) -> list[str]:
        """What is heard until it is the caller's turn again."""
        base = f"{self.account.context.settings.sandbox_url}/twilio/calls"
        answer = self._telephone.post(f"{base}/{self.sid}/{what}" if what else base, json=body)
        assert answer.is_success, answer.text
        call = answer.json()
        assert call["error"] is None, call
        self.sid, before = call["sid"], len(self.captions)
        if not what:
            self.captions, before = [], 0
        self.captions = call["captions"]
        return [caption["text"] for caption in call["captions"][before:] if caption["by"] == "service"]

    def _row(self) -> Call:
        with self.account.context.sessions() as session:
            return session.get_one(Call, self.sid)

    def _row_plan_keys(self) -> str:
        return str((self._row().plan or {}).get("keys", "one"))

    def _menu(self) -> list[Option]:
        return menu_of(self._row())

    def _turn(self) -> ChatTurn | None:
        """The turn of the dialogue behind the newest step, if there was one."""
        row = self._row()
        with self.account.context.sessions() as session:
            return session.scalars(
                select(ChatTurn).where(ChatTurn.message_id == f"{self.sid}:{row.number}")
            ).one_or_none()

    def _heard(self, words: str, said: list[str]) -> Answer:
        turn = self._turn()
        told: dict[str, Any] = (turn.answer if turn is not None else None) or {
            "messages": [],
            "state": self.answer.state,
        }
        language = self._row().language
        buttons = [{"id": o.button, "title": self._as_read(o)} for o in self._menu()]
        messages = [{"text": as_written(" ".join(said), language), "buttons": buttons, "card": None}]
        cards = [{"text": "", "buttons": [], "card": m["card"]} for m in told["messages"] if m.get("card")]
        return Answer(words, messages + cards, told["state"])

    def _as_read(self, option: Option) -> str:
        """The option as a button of the chat is called."""
        language, data = self._row().language, option.data
        fits = {key: _literal(key, language, option.title) for key in catalogue() if key.startswith("button_")}
        key = max(fits, key=lambda key: fits[key])
        if not fits[key]:
            return option.title
        values: dict[str, object] = {}
        if "amount_minor" in data:
            values["amount"] = Money(int(data["amount_minor"]), "CAD")
        with self.account.context.sessions() as session:
            if "quote_id" in data:
                values["amount"] = get_quote(session, data["quote_id"]).amount
            if str(data.get("method", "")).isdigit():
                values["method"] = method_label(session.get_one(PaymentMethod, int(data["method"])), language, "chat")
        shown = say(key, language, "chat", **values)
        return shown[:1].upper() + shown[1:]


def _literal(key: str, language: str, title: str) -> int:
    """How much of the title is the wording's own, 0 where it is none of this key's."""
    variants = catalogue()[key]
    variant = variants.get((language, "voice")) or variants[language, None]
    own = [words for words, _ in variant.parts]
    pattern = ".+".join(re.escape(words) for words in (own if len(own) > len(variant.placeholders) else [*own, ""]))
    return sum(map(len, own)) if re.fullmatch(pattern, title) else 0


def as_written(heard: str, language: str) -> str:
    """Sums, card endings, invoice numbers and references in figures, as the chat writes them."""
    text = re.sub(
        r"(end(?:ing|s) in|se termin(?:ant|e) par) ((?:\d ){3}\d)",
        lambda m: f"{m[1].removesuffix(' in')} {m[2].replace(' ', '')}",
        heard,
    )
    text = _REFERENCE.sub(lambda m: m[0].replace(" ", ""), text)
    text = _FOUR.sub(lambda m: "INV-" + m[0].replace(" ", ""), text)
    text = re.sub(r"\b(?:invoices?|(?:les |la )?factures?) (?=INV-)", "", text)
    text = re.sub(r"\b(no(?: open)?) (?=INV-)", r"\1 invoice ", text)
    return _SUM.sub(lambda m: _sum(m, language), text)


def _sum(found: re.Match[str], language: str) -> str:
    whole, cents = (found[1] or "0", found[2] or found[3] or "0")
    if language == "fr":
        return f"{int(whole):,}".replace(",", " ") + f",{int(cents):02} $"
    return f"${int(whole):,}.{int(cents):02}"
