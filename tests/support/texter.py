"""Customers who text: from phones of the sandbox's telephone, over signed HTTP, read back as the phone shows it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import select

from assistant.models import ChatTurn, IssuedButton
from assistant.texts.models import TextChoice, TextReceived, TextSent
from remit.edge_client import Answer, Event
from tests.support.customers import Account, Hearing, SecurePage, until

ANSWERED_WITHIN_S = 120
ON_ITS_WAY = ("queued", "sending")
CODE = re.compile(r"\b\d{6}\b")
PAY_CODE = re.compile(r"(?:Reply|Répondez) (\d\d)\b")
CHOICE = re.compile(r"^(\d) = (.+)$", re.MULTILINE)
LINK = re.compile(r"https?://\S+")


class TextLost(Exception):
    """Nobody took the text: its sender would write again."""


@dataclass(frozen=True)
class Bubble:
    """One text as it stands on the phone."""

    sid: str
    body: str
    segments: int
    encoding: str


@dataclass
class Texter(Hearing):
    """One person at one phone. What was asked first waits for the one-time code, which is read and sent back."""

    account: Account
    user: int = 1
    texts: list[Bubble] = field(default_factory=list)  # every one that answered, for whoever looks at them afterwards
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, trust_env=False))
    answer: Answer = field(default_factory=lambda: Answer("", [], {}))

    @property
    def number(self) -> str:
        return str(self.account.users[self.user - 1]["phone"])

    # --------------------------------------------------------------------------------------------- what they do

    def say(self, words: str) -> Answer:
        """The answer to a text; the code that may be asked for first is given."""
        sid, said = self.send(words)
        if said and (code := self._code(sid)):
            sid, said = self.send(code)
        self.answer = self._as_answer(words, sid, said)
        return self.answer

    def press(self, title: str) -> Answer:
        """The number that stands before the choice, or the quote's two digits."""
        found = [b for b in self.answer.buttons if b["title"].casefold().startswith(title.casefold())]
        assert len(found) == 1, f"{len(found)} choices “{title}…” in: {self.text}"
        return self.say(found[0]["id"])

    def agree(self, _words: str = "") -> Answer:
        """The yes to the quote that was texted last: its two digits, whatever the words would be elsewhere."""
        return self.say(self.pay_code())

    def pay_code(self) -> str:
        """The two digits of the latest quote."""
        codes = [code for text in self.texts for code in PAY_CODE.findall(text.body)]
        assert codes, f"no quote's two digits before: {self.text}"
        return codes[-1]

    @contextmanager
    def saying(self, words: str) -> Iterator[Callable[[], Answer]]:
        """Texts it in the background; what is yielded waits for the answer."""
        with ThreadPoolExecutor(max_workers=1) as beside:
            yield beside.submit(self.say, words).result

    def send(self, body: str, **more: Any) -> tuple[str, list[Bubble]]:
        """Sends a text and waits until everything that answers it is on the phone. Raises TextLost."""
        told = self.post(body, **more)
        if told["webhook"] is not None and told["webhook"]["error"]:
            raise TextLost(str(told["webhook"]))
        sid = str(told["message_sid"])
        until(lambda: self.is_settled(sid), ANSWERED_WITHIN_S, lambda: f"“{body}” was not answered")
        said = [self._shown(sent.sid) for sent in self._answers(sid) if sent.sid is not None]
        self.texts += said
        return sid, said

    def post(self, body: str, **more: Any) -> dict[str, Any]:
        """Only sends it."""
        answer = self._http.post(self._address, json={"body": body, **more})
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def page(self) -> SecurePage:
        """Follows the link that was texted last."""
        links = LINK.findall(self.text)
        assert len(links) == 1, f"{len(links)} links in: {self.text}"
        return SecurePage(links[0], self.account)

    def leave(self) -> None:
        self._http.close()

    # ------------------------------------------------------------------------------------------- what they see

    @property
    def text(self) -> str:
        return self.answer.text

    @property
    def quote(self) -> dict[str, Any] | None:
        return self.answer.quote

    @property
    def payment(self) -> dict[str, Any] | None:
        return self.answer.payment

    @property
    def heard(self) -> list[Event]:
        """Texts that came later by themselves, and are on the phone."""
        with self.account.context.sessions() as session:
            later = list(
                session.scalars(
                    select(TextSent)
                    .where(TextSent.phone == self.number, TextSent.kind == "result", TextSent.sid.is_not(None))
                    .order_by(TextSent.id)
                )
            )
        return [Event(text.id, "message", self._as_payload(text)) for text in later]

    def thread(self) -> list[dict[str, Any]]:
        """All that stands on the phone, oldest first."""
        listed: list[dict[str, Any]] = self._http.get(self._address, params={"limit": 500}).json()["texts"]
        return listed

    # --------------------------------------------------------------------------------------------------- inside

    @property
    def _address(self) -> str:
        return f"{self.account.context.settings.sandbox_url}/twilio/phones/{self.number}/texts"

    def is_settled(self, sid: str) -> bool:
        with self.account.context.sessions() as session:
            received = session.scalars(select(TextReceived).where(TextReceived.sid == sid)).one_or_none()
            if received is None or received.handled_at is None:
                return False
        return all(sent.state not in ON_ITS_WAY for sent in self._answers(sid))

    def _answers(self, sid: str) -> list[TextSent]:
        with self.account.context.sessions() as session:
            sent = select(TextSent).join(TextReceived, TextReceived.id == TextSent.answers)
            return list(session.scalars(sent.where(TextReceived.sid == sid).order_by(TextSent.id)))

    def _shown(self, sid: str) -> Bubble:
        deadline = time.monotonic() + ANSWERED_WITHIN_S
        while True:
            found = [b for b in self.thread() if b["sid"] == sid]
            if found:
                (bubble,) = found
                return Bubble(sid, bubble["body"], bubble["num_segments"], bubble["encoding"])
            assert time.monotonic() < deadline, f"the text {sid} is not on the phone"
            time.sleep(0.05)

    def _code(self, sid: str) -> str | None:
        """The one-time code that `sid` was answered with."""
        code = next((sent for sent in self._answers(sid) if sent.code_id is not None), None)
        if code is None or code.sid is None:
            return None
        found = CODE.search(self._shown(code.sid).body)
        assert found, "a one-time code without six digits"
        return found[0]

    def _as_answer(self, words: str, sid: str, said: list[Bubble]) -> Answer:
        """What the phone shows, with the cards and the state that the turn behind it had."""
        body = "\n".join(bubble.body for bubble in said)
        with self.account.context.sessions() as session:
            turn = session.scalars(select(ChatTurn).where(ChatTurn.message_id == sid)).one_or_none()
        told: dict[str, Any] = (turn.answer if turn is not None else None) or {"messages": [], "state": {}}
        buttons = [{"id": reply, "title": title} for reply, title in CHOICE.findall(body)] + self._pay_button(sid, body)
        messages = [{"text": body, "buttons": buttons, "card": None}] if body else []
        cards = [{"text": "", "buttons": [], "card": m["card"]} for m in told["messages"] if m.get("card")]
        return Answer(words, messages + cards if messages else [], told["state"])

    def _pay_button(self, sid: str, body: str) -> list[dict[str, str]]:
        """The quote's own button, which its two digits press."""
        code = PAY_CODE.search(body)
        if code is None:
            return []
        pressed = (
            select(IssuedButton.title)
            .join(TextChoice, TextChoice.button_id == IssuedButton.id)
            .join(TextSent, TextSent.id == TextChoice.text_id)
            .join(TextReceived, TextReceived.id == TextSent.answers)
            .where(TextReceived.sid == sid, TextChoice.reply == code[1])
        )
        with self.account.context.sessions() as session:
            title = session.scalars(pressed).one_or_none()
        assert title, f"the two digits {code[1]} press nothing, in: {body}"
        return [{"id": code[1], "title": title}]

    def _as_payload(self, text: TextSent) -> dict[str, Any]:
        assert text.sid is not None
        payload: dict[str, Any] = {"text": self._shown(text.sid).body}
        if text.key and ":payment:" in text.key:
            payload["card"] = {"type": "payment", "state": text.key.rsplit(":", 1)[1]}
        return payload
