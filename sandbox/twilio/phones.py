"""The phones: what goes wrong with each, and who has said STOP."""

from __future__ import annotations

from typing import Any, Literal

from sandbox.bank.errors import invalid
from sandbox.database import Row, Transaction, all_of, one, run

# The whole message, in any case: https://help.twilio.com/articles/223134027
STOP_WORDS = frozenset(("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"))
START_WORDS = frozenset(("start", "yes", "unstop"))
# Twilio's own words to whoever opts out or back in; it answers before the service does.
STOPPED = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe."
)
STARTED = (
    "You have successfully been re-subscribed to messages from this number. "
    "Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
UNTROUBLED: dict[str, Any] = {"opted_out": False, "fails_with": None, "send_hangs": False, "api_down": False}
ERROR_CODES = range(10_000, 100_000)


def behaviour(tx: Transaction, number: str) -> Row:
    """`opted_out`, `fails_with`, `send_hangs` and `api_down` of the phone."""
    return one(tx, "select * from phones where number = %s", number) or {"number": number, **UNTROUBLED}


def set_behaviour(tx: Transaction, number: str, wanted: dict[str, Any]) -> Row:
    """Changes what `wanted` names. Raises BankError for what no phone can be."""
    for name, value in wanted.items():
        if name not in UNTROUBLED:
            raise invalid(f"{name}: no phone has that")
        if name == "fails_with":
            if value is not None and (isinstance(value, bool) or value not in ERROR_CODES):
                raise invalid("fails_with: one of Twilio's error codes, like 30003, or null")
        elif not isinstance(value, bool):
            raise invalid(f"{name}: true or false")
    new = behaviour(tx, number) | wanted
    run(
        tx,
        "insert into phones (number, opted_out, fails_with, send_hangs, api_down) values (%s, %s, %s, %s, %s)"
        " on conflict (number) do update set opted_out = excluded.opted_out, fails_with = excluded.fails_with,"
        " send_hangs = excluded.send_hangs, api_down = excluded.api_down",
        *(number, new["opted_out"], new["fails_with"], new["send_hangs"], new["api_down"]),
    )
    return new


def obey(tx: Transaction, number: str, body: str) -> Literal["stopped", "started"] | None:
    """Takes the phone off the list or back on it; None where the text changes nothing."""
    word, is_out = body.strip().lower(), behaviour(tx, number)["opted_out"]
    if word in STOP_WORDS and not is_out:
        set_behaviour(tx, number, {"opted_out": True})
        return "stopped"
    if word in START_WORDS and is_out:
        set_behaviour(tx, number, {"opted_out": False})
        return "started"
    return None


def listed(tx: Transaction) -> list[dict[str, Any]]:
    """Every phone that has a thread, the one with the newest text first."""
    query = (
        "select phone, count(*) as texts, max(created_at) as last_at from texts group by phone order by max(id) desc"
    )
    return [
        behaviour(tx, row["phone"]) | {"texts": row["texts"], "last_at": row["last_at"].isoformat()}
        for row in all_of(tx, query)
    ]
