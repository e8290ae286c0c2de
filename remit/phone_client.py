"""A phone at the sandbox's telephone, and the mailbox beside it: texts out, texts back, one-time codes."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from remit.errors import CommandFailed, NoPhone

ANSWER_S = 20.0  # the longest wait for a first text, and for a code in the mail
QUIET_S = 0.7  # after the last one: nothing more is coming
LOOK_S = 0.1
SENDING_S = 45.0  # more than the 15 seconds that the service has for a webhook, and the second try
CODE = re.compile(r"\b\d{6}\b")
PAY_CODE = re.compile(r"\b(?:Reply|Répondez) (\d\d)\b", re.IGNORECASE)
MAILS_READ = 5


class TextFailed(CommandFailed):
    """The sandbox or the service did not take the text, or what it should say is nowhere."""


@dataclass(frozen=True)
class Text:
    id: int
    is_answer: bool
    body: str
    at: datetime
    status: str
    error_code: int | None
    segments: int
    encoding: str


class Phone:
    def __init__(self, sandbox_url: str, number: str, email: str) -> None:
        """Raises NoPhone, TextFailed."""
        self._http = httpx.Client(base_url=sandbox_url, timeout=SENDING_S, trust_env=False)
        self._texts = f"/twilio/phones/{number}/texts"
        self._email = email
        thread = self._get(self._texts, limit=1)
        if thread is None:
            raise NoPhone("this sandbox has no telephone: texts go through the account at Twilio that is configured")
        self.last_id: int = max((text["id"] for text in thread["texts"]), default=0)
        self._from_id, self._from_mail = self.last_id, max((mail["id"] for mail in self._mails()), default=0)

    def close(self) -> None:
        self._http.close()

    def send(self, body: str) -> None:
        """Raises TextFailed."""
        try:
            answer = self._http.post(self._texts, json={"body": body})
        except httpx.HTTPError as error:
            raise TextFailed(f"the sandbox does not answer ({error})") from None
        if not answer.is_success:
            raise TextFailed(f"the sandbox refused the text: HTTP {answer.status_code}")
        webhook: dict[str, Any] | None = answer.json()["webhook"]  # None: held or lost, because somebody asked for it
        if webhook and webhook["error"]:
            said = f"HTTP {webhook['status']}" if webhook["status"] else "no answer"
            raise TextFailed(f"the service did not take the text: {said}, Twilio's error {webhook['error']}")

    def new_texts(self, after: int) -> list[Text]:
        """The service's texts behind the id `after`. Raises TextFailed."""
        return [text for text in self._thread(after=after) if text.is_answer]

    def answers(self) -> list[Text]:
        """The texts that come back to what was sent last, as soon as no more of them come; empty when none does."""
        found: list[Text] = []
        began = quiet_since = time.monotonic()
        while True:
            newest = self.new_texts(self.last_id)
            now = time.monotonic()
            if len(newest) > len(found):
                quiet_since = now
            found = newest
            if now - (quiet_since if found else began) > (QUIET_S if found else ANSWER_S):
                self.last_id = found[-1].id if found else self.last_id
                return found
            time.sleep(LOOK_S)

    def one_time_code(self) -> str:
        """The newest since this conversation began, by text or by mail, which takes a moment. Raises TextFailed."""
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            seen = [(text.at, text.body) for text in self._arrived(after=self._from_id)] + self._letters()
            codes = [(at, found.group()) for at, words in seen if (found := CODE.search(words))]
            if codes:
                return max(codes)[1]
            time.sleep(LOOK_S)
        raise TextFailed("[code]: no text and no mail has a one-time code")

    def pay_code(self) -> str:
        """Raises TextFailed."""
        for text in reversed(self._arrived()):
            if found := PAY_CODE.search(text.body):
                return found.group(1)
        raise TextFailed("[pay]: no text says which two digits pay")

    def _thread(self, **query: int) -> list[Text]:
        thread = self._get(self._texts, **query)
        return [_text(told) for told in (thread or {"texts": []})["texts"]]

    def _arrived(self, **query: int) -> list[Text]:
        return [text for text in self._thread(**query) if text.is_answer and text.error_code is None]

    def _mails(self) -> list[dict[str, Any]]:
        listed = self._get("/mailbox/messages", to=self._email, limit=MAILS_READ)
        return list(listed["messages"]) if listed else []

    def _letters(self) -> list[tuple[datetime, str]]:
        new = [self._get(f"/mailbox/messages/{mail['id']}") for mail in self._mails() if mail["id"] > self._from_mail]
        return [(datetime.fromisoformat(letter["received_at"]), letter["text"]) for letter in new if letter]

    def _get(self, path: str, **query: str | int) -> dict[str, Any] | None:
        """None for what is not there. Raises TextFailed."""
        try:
            answer = self._http.get(path, params=query)
        except httpx.HTTPError as error:
            raise TextFailed(f"the sandbox does not answer at {self._http.base_url} ({error})") from None
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise TextFailed(f"the sandbox answers {path} with HTTP {answer.status_code}")
        told: dict[str, Any] = answer.json()
        return told


def _text(told: dict[str, Any]) -> Text:
    return Text(
        id=told["id"],
        is_answer=told["direction"] == "out",
        body=told["body"],
        at=datetime.fromisoformat(told["at"]),
        status=told["status"],
        error_code=told["error_code"],
        segments=told["num_segments"],
        encoding=told["encoding"],
    )
