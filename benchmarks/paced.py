"""Signed events at a fixed rate, whatever the answers take: each is timed from the moment at which it was due."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

CONNECTIONS = 50  # a stall of half a second at 100/s, before anything is sent late for want of a connection
# What a shop's account tells of: payments, their charges, cards, and much that is nobody's business here.
TYPES = (
    *(["payment_intent.succeeded"] * 5 + ["charge.succeeded"] * 2),
    *("payment_method.updated", "customer.updated", "invoice.paid"),
)


@dataclass
class Seen:
    took_ms: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


def run(port: int, secret: str, rate: int, seconds: int) -> dict[str, Any]:
    seen = asyncio.run(_send_all(port, secret, rate, rate * seconds))
    times = sorted(seen.took_ms)
    return {
        **{"rate": rate, "seconds": seconds, "sent": len(times), "answers": dict(seen.answers)},
        **{f"p{q}_ms": round(times[min(len(times) - 1, len(times) * q // 100)], 1) for q in (50, 95, 99)},
        "max_ms": round(times[-1], 1),
    }


async def _send_all(port: int, secret: str, rate: int, count: int) -> Seen:
    seen, due = Seen(), asyncio.Queue[tuple[int, float]]()
    senders = [asyncio.create_task(_sender(port, secret, due, seen)) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for n in range(count):
        at = began + n / rate
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        due.put_nowait((n, at))
    await due.join()
    for sender in senders:
        sender.cancel()
    return seen


async def _sender(port: int, secret: str, due: asyncio.Queue[tuple[int, float]], seen: Seen) -> None:
    reader: asyncio.StreamReader | None = None
    while True:
        n, at = await due.get()
        try:
            if reader is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_request(n, secret))
            head = await reader.readuntil(b"\r\n\r\n")
            answer = head[9:12].decode()
            if b"connection: close" in head.lower() or b"content-length: 0" not in head.lower():
                writer.close()  # errors have a body, which nobody reads
                reader = None
        except (OSError, asyncio.IncompleteReadError) as error:
            answer, reader = type(error).__name__, None
        seen.took_ms.append((time.perf_counter() - at) * 1000)
        seen.answers[answer] += 1
        due.task_done()


def _request(n: int, secret: str) -> bytes:
    body, now = json.dumps(_event(n), indent=2).encode(), int(time.time())
    signature = hmac.new(secret.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
    return (
        "POST /webhooks/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Stripe-Signature: t={now},v1={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _event(n: int) -> dict[str, Any]:
    """About two thousand bytes, as Stripe's are."""
    type_ = TYPES[n % len(TYPES)]
    kind = type_.partition(".")[0]
    object_ = {
        **{
            "id": f"{kind}_paced{n}",
            "object": kind,
            "amount": 1000 + n,
            "currency": "cad",
            "customer": f"cus_{n % 500}",
        },
        **{"payment_intent": f"payment_intent_paced{n}" if kind == "charge" else None, "created": 1_790_000_000 + n},
        **{"metadata": {"order": f"o-{n}"}, "status": "succeeded", "description": "Order of somebody else " * 40},
    }
    return {
        **{"id": f"evt_paced{n}", "object": "event", "api_version": "2026-10-28.endive", "created": 1_790_000_000 + n},
        **{"data": {"object": object_}, "livemode": False, "pending_webhooks": 1, "type": type_},
    }
