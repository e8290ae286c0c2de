"""`remit chat --channel sms`: the conversation by text, from a portal user's phone at the sandbox's telephone."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import psycopg

from billing.config import Settings
from remit.chat import Screen, find_user
from remit.errors import NoPhone
from remit.phone_client import ANSWER_S, LOOK_S, Phone, Text, TextFailed


def find_phone(database_url: str, email: str) -> tuple[str, str]:
    """Number and name of the portal user with that address. Raises NoSuchUser, NoPhone."""
    _, _, name = find_user(database_url, email)
    with psycopg.connect(database_url) as connection:
        query = "select phone from portal_users where lower(email) = lower(%s) and phone is not null order by id"
        found = connection.execute(query, [email]).fetchone()
    if found is None:
        raise NoPhone(f"{name} has no phone number in the portal")
    return found[0], name


def text_chat(settings: Settings, email: str, script: str | None, *, as_json: bool) -> int:
    """Texts the turns of `script` (separated by "|"), or what is typed. Exit code 0 when every turn was answered.

    Raises NoSuchUser, NoPhone, TextFailed.
    """
    if not settings.sandbox_enabled:
        raise NoPhone("texts from a terminal need the sandbox's telephone, and the sandbox is off (SANDBOX_ENABLED)")
    number, name = find_phone(settings.database_url, email)
    phone = Phone(settings.sandbox_url, number, email)
    try:
        if script is None:
            return _by_hand(phone, name, number)
        turns = [turn.strip() for turn in script.split("|") if turn.strip()]
        return _scripted(phone, name, turns, as_json=as_json)
    finally:
        phone.close()


def _scripted(phone: Phone, name: str, turns: list[str], *, as_json: bool) -> int:
    shown: list[dict[str, Any]] = []
    screen = None if as_json else Screen(name)
    answered = True
    for turn in turns:
        try:
            said = _spelled_out(phone, turn)
            if screen:
                screen.said(said)
            phone.send(said)
            texts = phone.answers()
        except TextFailed as error:
            answered = False
            shown.append({"said": turn, "answered": None, "error": {"message": str(error)}})
            if screen:
                screen.problem(str(error))
            break
        answered = answered and bool(texts)
        shown.append(_as_json(said, texts))
        if screen:
            _show(screen, texts)
            if not texts:
                screen.problem(f"no text came back within {ANSWER_S:.0f} seconds")
    if as_json:
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    return 0 if answered else 1


def _spelled_out(phone: Phone, turn: str) -> str:
    """`turn` with what `[code]` and `[pay]` stand for. Raises TextFailed."""
    if "[code]" in turn:
        turn = turn.replace("[code]", phone.one_time_code())
    return turn.replace("[pay]", phone.pay_code()) if "[pay]" in turn else turn


def _as_json(said: str, texts: list[Text]) -> dict[str, Any]:
    return {
        "said": said,
        "answered": "\n".join(text.body for text in texts),
        "texts": [
            {
                "body": text.body,
                "segments": text.segments,
                "encoding": text.encoding,
                "status": text.status,
                "error_code": text.error_code,
            }
            for text in texts
        ],
    }


def _by_hand(phone: Phone, name: str, number: str) -> int:
    screen = Screen(name)
    screen.hint(f"Texts from {number}. Ctrl-D ends.")
    threading.Thread(target=_show_as_they_arrive, args=(phone, screen), daemon=True).start()
    while True:
        try:
            turn = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            screen.hint("")
            return 0
        if not turn:
            continue
        try:
            phone.send(_spelled_out(phone, turn))
        except TextFailed as error:
            screen.problem(str(error))


def _show_as_they_arrive(phone: Phone, screen: Screen) -> None:
    last_id = phone.last_id
    while True:
        try:
            texts = phone.new_texts(last_id)
        except (TextFailed, RuntimeError):  # RuntimeError: the client was closed
            return
        _show(screen, texts)
        last_id = texts[-1].id if texts else last_id
        time.sleep(LOOK_S)


def _show(screen: Screen, texts: list[Text]) -> None:
    for text in texts:
        size = "1 segment" if text.segments == 1 else f"{text.segments} segments"
        lost = f", {text.status}: error {text.error_code}" if text.error_code else ""
        screen.text(text.body, f"{size}, {text.encoding}{lost}")
