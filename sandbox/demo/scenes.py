"""Behind the scenes: what really went to and fro lately, from the books of bank, mailbox and telephone."""

from __future__ import annotations

from typing import Any

from sandbox.database import Transaction, all_of
from sandbox.twilio.wire import Wire

SHOWN = 40

_EVENTS = """
select e.created_at as at, e.type, e.payment_id, d.state, d.last_answer, d.tries
  from events e left join lateral (
    select state, last_answer, tries from deliveries where event_id = e.id order by id desc limit 1
  ) d on true
 order by e.seq desc limit %s
"""
_MAILS = "select received_at as at, subject, recipients from mails order by id desc limit %s"


def scenes(tx: Transaction, wire: Wire) -> list[dict[str, Any]]:
    """`{at, who: bank | mail | twilio, what, answer}`, newest first, with names as they are on the wire."""
    found = [
        {"at": row["at"], "who": "bank", "what": f"{row['type']} {row['payment_id'] or ''}".strip(),
         "answer": _delivered(row)}
        for row in all_of(tx, _EVENTS, SHOWN)
    ]  # fmt: skip
    found += [
        {"at": row["at"], "who": "mail", "what": row["subject"], "answer": ", ".join(row["recipients"])}
        for row in all_of(tx, _MAILS, SHOWN)
    ]
    found += [
        {
            "at": request["at"],
            "who": "twilio",
            "what": " ".join((f"POST {request['path']}", *(f"{k}={v}" for k, v in request["told"].items()))),
            "answer": f"{request['status'] or 'no answer'} in {request['ms']} ms",
        }
        for request in wire.newest()
    ]
    newest = sorted(found, key=lambda scene: scene["at"], reverse=True)[:SHOWN]
    return [scene | {"at": scene["at"].isoformat()} for scene in newest]


def _delivered(row: dict[str, Any]) -> str:
    if row["state"] is None:
        return ""
    tries = f", try {row['tries']}" if row["tries"] and row["tries"] > 1 else ""
    return f"{row['state']}{tries}" + (f": {row['last_answer']}" if row["last_answer"] else "")
