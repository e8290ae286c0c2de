"""Requests at a fixed rate, whatever the answers take: each is timed from the moment at which it was due."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CONNECTIONS = 50  # a stall of half a second at 100/s, before anything is sent late for want of a connection

_LENGTH = re.compile(rb"content-length: (\d+)")


@dataclass
class Seen:
    took_ms: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


def run(port: int, request: Callable[[int], bytes], rate: int, seconds: int) -> dict[str, Any]:
    """`request`: the n-th one, whole, made just before it is sent."""
    seen = asyncio.run(_send_all(port, request, rate, rate * seconds))
    times = sorted(seen.took_ms)
    return {
        **{"rate": rate, "seconds": seconds, "sent": len(times), "answers": dict(seen.answers)},
        **{f"p{q}_ms": round(times[min(len(times) - 1, len(times) * q // 100)], 1) for q in (50, 95, 99)},
        "max_ms": round(times[-1], 1),
    }


async def _send_all(port: int, request: Callable[[int], bytes], rate: int, count: int) -> Seen:
    seen, due = Seen(), asyncio.Queue[tuple[int, float]]()
    senders = [asyncio.create_task(_sender(port, request, due, seen)) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for n in range(count):
        at = began + n / rate
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        due.put_nowait((n, at))
    await due.join()
    for sender in senders:
        sender.cancel()
    return seen


async def _sender(
    port: int, request: Callable[[int], bytes], due: asyncio.Queue[tuple[int, float]], seen: Seen
) -> None:
    reader: asyncio.StreamReader | None = None
    while True:
        n, at = await due.get()
        try:
            if reader is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(n))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            answer = head[9:12].decode()
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            if length is None or b"connection: close" in head:
                writer.close()
                reader = None
        except (OSError, asyncio.IncompleteReadError) as error:
            answer, reader = type(error).__name__, None
        seen.took_ms.append((time.perf_counter() - at) * 1000)
        seen.answers[answer] += 1
        due.task_done()
