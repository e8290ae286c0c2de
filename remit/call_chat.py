"""`remit chat --channel voice`: a call from a portal user's phone at the sandbox's telephone, keys and words typed."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import httpx

from billing.config import Settings
from remit.chat import Screen
from remit.errors import CommandFailed, NoPhone
from remit.text_chat import find_phone

KEYS = re.compile(r"[0-9*#]+")
SILENCE = "-"
WAITS_S = 120.0  # a bank may take its time, and the line is held meanwhile


class CallFailed(CommandFailed):
    """The sandbox does not answer, or the service gave Twilio nothing that a call can go on with."""


class Line:
    """A call that is placed when this is made. What is heard comes back from every act."""

    def __init__(self, sandbox_url: str, number: str) -> None:
        """Raises NoPhone, CallFailed."""
        self._http = httpx.Client(base_url=sandbox_url, timeout=WAITS_S, trust_env=False)
        self._heard = 0
        self.is_over = False
        answer = self._post("", {"from": number})
        if answer is None:
            raise NoPhone("this sandbox has no telephone: calls go through the account at Twilio that is configured")
        self._sid = answer["sid"]
        self.greeting = self._new(answer)

    def act(self, turn: str) -> list[dict[str, str]]:
        """Keys where `turn` is nothing else, silence for "-", and words otherwise. Raises CallFailed."""
        if turn == SILENCE:
            answer = self._post(f"/{self._sid}/silence", {})
        elif KEYS.fullmatch(turn):
            answer = self._post(f"/{self._sid}/keys", {"digits": turn})
        else:
            answer = self._post(f"/{self._sid}/speech", {"text": turn})
        return self._new(answer or {"captions": [], "status": "completed", "error": None})

    def close(self) -> None:
        if not self.is_over:
            self._post(f"/{self._sid}/hang-up", {})
        self._http.close()

    def _new(self, call: dict[str, Any]) -> list[dict[str, str]]:
        captions = call["captions"][self._heard :]
        self._heard, self.is_over = len(call["captions"]), call["status"] == "completed"
        if call["error"]:
            raise CallFailed(f"the service did not go on with the call: Twilio's error {call['error']}")
        return [caption for caption in captions if caption["by"] != "caller"]

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any] | None:
        """None for what is not there."""
        try:
            answer = self._http.post(f"/twilio/calls{path}", json=body)
        except httpx.HTTPError as error:
            raise CallFailed(f"the sandbox does not answer at {self._http.base_url} ({error})") from None
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise CallFailed(f"the sandbox answers HTTP {answer.status_code}: {answer.text[:200]}")
        told: dict[str, Any] = answer.json()
        return told


def call_chat(settings: Settings, email: str, script: str | None, *, as_json: bool) -> int:
    """Carries out the turns of `script` (separated by "|"), or what is typed. Exit code 0 when each was answered.

    Raises NoSuchUser, NoPhone, CallFailed.
    """
    if not settings.sandbox_enabled:
        raise NoPhone("calls from a terminal need the sandbox's telephone, and the sandbox is off (SANDBOX_ENABLED)")
    number, name = find_phone(settings.database_url, email)
    line = Line(settings.sandbox_url, number)
    try:
        if script is None:
            return _by_hand(line, name, number)
        turns = [turn.strip() for turn in script.split("|") if turn.strip()]
        return _scripted(line, name, turns, as_json=as_json)
    finally:
        line.close()


def _scripted(line: Line, name: str, turns: list[str], *, as_json: bool) -> int:
    screen = None if as_json else Screen(name)
    shown = [{"said": "", "answered": _words(line.greeting)}]
    if screen:
        _show(screen, line.greeting)
    for turn in turns:
        if screen:
            screen.said(turn)
        heard = line.act(turn)
        shown.append({"said": turn, "answered": _words(heard)})
        if screen:
            _show(screen, heard)
    if as_json:
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    return 0 if all(entry["answered"] for entry in shown) else 1


def _by_hand(line: Line, name: str, number: str) -> int:
    screen = Screen(name)
    screen.hint(f"Calls from {number}. Digits, * and # are keys, - is silence, other words are said. Ctrl-D hangs up.")
    _show(screen, line.greeting)
    while not line.is_over:
        try:
            turn = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            screen.hint("")
            return 0
        if turn:
            _show(screen, line.act(turn))
    return 0


def _words(captions: list[dict[str, str]]) -> str:
    return "\n".join(caption["text"] for caption in captions)


def _show(screen: Screen, captions: list[dict[str, str]]) -> None:
    for caption in captions:
        if caption["by"] == "service":
            screen.spoken(caption["text"])
        else:
            screen.hint(caption["text"])
