"""`remit chat`: the chat widget in a terminal, scripted or by hand, as any portal user of the running stack."""

from __future__ import annotations

import json
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
from rich.console import Console
from rich.text import Text

from billing.config import Settings
from remit.edge_client import Answer, Conversation, EdgeError, Event, sign_portal_token
from remit.errors import NoSuchUser

ME = "Remit"
INVOICES_SHOWN = 8


def find_user(database_url: str, email: str) -> tuple[str, str, str]:
    """External id, account number and name of the portal user with that address. Raises NoSuchUser."""
    with psycopg.connect(database_url) as connection:
        query = "select u.external_id, a.number, u.name from portal_users u join accounts a on a.id = u.account_id"
        found = connection.execute(f"{query} where lower(u.email) = lower(%s) order by a.number", [email]).fetchone()
        some = connection.execute("select email from portal_users order by id limit 6").fetchall()
    if found is None:
        raise NoSuchUser(f"no portal user {email}; there are {', '.join(row[0] for row in some) or 'none at all'}")
    return found[0], found[1], found[2]


def chat(settings: Settings, address: str, email: str, script: str | None, *, as_json: bool) -> int:
    """Runs `script` (turns separated by "|") or talks by hand. The exit code: 0 when every turn was answered."""
    external_id, account, name = find_user(settings.database_url, email)
    token = sign_portal_token(external_id, account, settings.portal_signing_secret)
    with Conversation(address, token) as conversation:
        if script is None:
            return _by_hand(conversation, name)
        turns = [turn.strip() for turn in script.split("|") if turn.strip()]
        return _scripted(conversation, name, turns, as_json=as_json)


def _scripted(conversation: Conversation, name: str, turns: list[str], *, as_json: bool) -> int:
    shown: list[dict[str, Any]] = []
    screen = Screen(name)
    if not as_json:
        screen.answer(conversation.answer)
    answered = True
    for turn in turns:
        try:
            answer = _take(conversation, turn)
        except EdgeError as error:
            answered = False
            shown.append({"said": turn, "answered": None, "error": {"code": error.code, "message": str(error)}})
            if not as_json:
                screen.said(turn)
                screen.error(error)
            break
        answered = answered and bool(answer.messages)
        shown.append(_as_json(turn, answer))
        if not as_json:
            screen.said(turn)
            screen.answer(answer)
    if as_json:
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    return 0 if answered else 1


def _take(conversation: Conversation, turn: str) -> Answer:
    """A turn of a script: a text, or `[1]` or `[its title's beginning]` for a button of the latest answer."""
    if turn.startswith("[") and turn.endswith("]"):
        wanted, buttons = turn[1:-1].strip(), conversation.answer.buttons
        found = [b for n, b in enumerate(buttons, 1) if str(n) == wanted or b["title"].startswith(wanted)]
        if len(found) == 1:
            return conversation.press(found[0])
        titles = ", ".join(f"[{b['title']}]" for b in buttons)
        raise EdgeError("no_such_button", f"no one button is {turn}; there are {titles or 'none'}")
    return conversation.say(turn)


def _as_json(said: str, answer: Answer) -> dict[str, Any]:
    return {
        "said": said,
        "answered": answer.text,
        "buttons": [button["title"] for button in answer.buttons],
        "cards": answer.cards,
        "quote": answer.quote,
        "payment": answer.payment,
    }


def _by_hand(conversation: Conversation, name: str) -> int:
    screen = Screen(name)
    screen.hint("Numbers choose buttons. Ctrl-D ends.")
    screen.answer(conversation.answer)
    threading.Thread(target=_show_events, args=(conversation, screen), daemon=True).start()
    buttons = conversation.answer.buttons
    while True:
        try:
            turn = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            screen.hint("")
            return 0
        if not turn:
            continue
        try:
            chosen = turn.isdecimal() and 0 < int(turn) <= len(buttons)
            answer = conversation.press(buttons[int(turn) - 1]) if chosen else conversation.say(turn)
        except EdgeError as error:
            screen.error(error)
            if error.code in ("session_expired", "session_unknown"):
                return 1
            continue
        buttons = answer.buttons
        screen.answer(answer)


def _show_events(conversation: Conversation, screen: Screen) -> None:
    """Results that arrive later, until the conversation is closed."""
    last_id = 0
    while True:
        try:
            for event in conversation.events(last_id):
                if event:
                    last_id = event.id or last_id
                    screen.event(event)
        except (EdgeError, httpx.HTTPError, RuntimeError):  # RuntimeError: the client was closed
            return


class Screen:
    """How a transcript looks: who, what, the buttons by number, and what a card adds to the words."""

    def __init__(self, name: str) -> None:
        self._name = name.split(maxsplit=1)[0]
        self._width = max(len(self._name), len(ME)) + 2
        self._console = Console(highlight=False, soft_wrap=True)

    def said(self, text: str) -> None:
        self._line(self._name, text, "bold cyan")

    def answer(self, answer: Answer) -> None:
        number = 0
        for message in answer.messages:
            self._message(message, number)
            number += len(message["buttons"])

    def event(self, event: Event) -> None:
        if event.kind == "message":
            self._console.print()
            self._message(event.payload, 0)

    def error(self, error: EdgeError) -> None:
        request = f", request id {error.request_id}" if error.request_id else ""
        self.problem(f"{error} ({error.code}{request})")

    def text(self, body: str, note: str) -> None:
        """A text message, and small below it what the network made of it."""
        self._line(ME, body, "bold green")
        self._console.print(Text(" " * self._width + note, style="dim"))

    def spoken(self, text: str) -> None:
        """What is heard on the phone."""
        self._line(ME, text, "bold green")

    def problem(self, text: str) -> None:
        self._line("!", text, "bold red")

    def hint(self, text: str) -> None:
        self._console.print(Text(text, style="dim"))

    def _message(self, message: dict[str, Any], number: int) -> None:
        self._line(ME, message["text"], "bold green")
        for line in _card_lines(message.get("card") or {}):
            self._console.print(Text(" " * self._width), line, sep="")
        buttons = "  ".join(f"[{n}] {b['title']}" for n, b in enumerate(message["buttons"], number + 1))
        if buttons:
            self._console.print(Text(" " * self._width + buttons, style="yellow"))

    def _line(self, who: str, text: str, style: str) -> None:
        """`who` in a column of its own, the words wrapped beside it."""
        width = max(20, self._console.width - self._width)
        lines = [part for line in text.splitlines() for part in textwrap.wrap(line, width) or [""]]
        for number, line in enumerate(lines or [""]):
            name = who if number == 0 else ""
            self._console.print(Text(name.ljust(self._width), style=style), Text(line), sep="")


def _card_lines(card: dict[str, Any]) -> Iterator[Text]:
    """Only what the words beside it leave out."""
    if card.get("type") in ("quote", "payment"):
        invoices = card["invoices"]
        for invoice in invoices[:INVOICES_SHOWN]:
            yield Text(f"{invoice['number']}  {invoice['amount']['text']}", style="dim")
        if more := len(invoices[INVOICES_SHOWN:]) + card.get("more_invoices", 0):
            yield Text(f"… and {more} more", style="dim")
    if card.get("type") == "payment":
        yield Text(f"{card['reference']}  {card['state']}", style="dim")
    if card.get("type") == "link":
        yield Text(card["url"], style="underline")
    if card.get("type") == "history":
        for line in card["lines"]:
            yield Text(f"{line['on']}  {line['label']}  {line['amount']['text']}  {line['state']}", style="dim")
