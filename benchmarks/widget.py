"""`python -m benchmarks widget`: what the chat widget weighs, how soon one can type, and what quiet conversations cost.

The page is the sandbox's portal, in Debian's chromium, slowed down as a cheap phone on a slow mobile line is.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import CDPSession, Page, sync_playwright
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from assistant.delivery.push import push
from assistant.models import ChatSession
from benchmarks.stack import Stack, running
from tests.browser.driver import CHROMIUM, FLAGS

# The phone and the line that Lighthouse calls "mobile": https://github.com/GoogleChrome/lighthouse, throttling.md
CPU_SLOWDOWN = 4
LINE = {"offline": False, "latency": 150, "downloadThroughput": 1_638_400 / 8, "uploadThroughput": 750_000 / 8}
VISITS = 7
PUSHES_PER_S = 50
PATIENCE_S = 10


def measure(var: Path, streams: int, pushes: int) -> dict[str, Any]:
    with running(var) as ours:
        return {"page": _page(ours), "streams": asyncio.run(_streams(ours, streams, pushes))}


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    return {
        "widget_kb": figures["page"]["compressed_kb"],
        "typing_after_ms": figures["page"]["typing_after_ms"],
        "push_p95_ms": figures["streams"]["push_p95_ms"],
    }


# ------------------------------------------------------------------------------------------------------- the page


def _page(ours: Stack) -> dict[str, Any]:
    """Medians of some first visits, each with an empty cache."""
    visits = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for _ in range(VISITS):
            context = browser.new_context(viewport={"width": 390, "height": 844})
            visits.append(_visit(context.new_page(), f"http://127.0.0.1:{ours.port}/portal/?customer=maya&lang=en"))
            context.close()
        browser.close()
    return {name: round(statistics.median(visit[name] for visit in visits), 1) for name in visits[0]}


def _visit(page: Page, address: str) -> dict[str, float]:
    wire = page.context.new_cdp_session(page)
    sizes = _Sizes(wire)
    page.goto(address)
    page.locator("remit-assistant .button").wait_for()
    page.wait_for_load_state("networkidle")
    before = sizes.of("/widget")
    wire.send("Network.emulateNetworkConditions", LINE)
    wire.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    # Timed inside the page: what drives the browser is slower than what is measured.
    took = page.evaluate(
        """() => new Promise((resolve) => {
          const began = performance.now();
          document.addEventListener("remit:ready", () => resolve(performance.now() - began));
          window.Remit.open();
        })"""
    )
    return {
        "script_kb": before / 1024,
        "compressed_kb": sizes.of("/widget") / 1024,
        "requests": sizes.count("/widget"),
        "typing_after_ms": took,
    }


class _Sizes:
    """Bytes on the wire by path, headers and all, as the browser counts them."""

    def __init__(self, wire: CDPSession) -> None:
        self._paths: dict[str, str] = {}
        self._bytes: dict[str, float] = {}
        wire.on("Network.requestWillBeSent", lambda e: self._paths.update({e["requestId"]: e["request"]["url"]}))
        wire.on("Network.loadingFinished", lambda e: self._bytes.update({e["requestId"]: e["encodedDataLength"]}))
        wire.send("Network.enable")

    def of(self, path: str) -> float:
        return sum(size for key, size in self._bytes.items() if path in self._paths.get(key, ""))

    def count(self, path: str) -> int:
        return sum(path in self._paths.get(key, "") for key in self._bytes)


# ---------------------------------------------------------------------------------------------- quiet conversations


async def _streams(ours: Stack, count: int, pushes: int) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ours.port}", trust_env=False, timeout=30) as client:
        await _until(lambda: _open_streams(client), lambda found: found == 0)  # the visits' are given up
        tokens = [await _open_session(client, ours) for _ in range(count)]
        before = ours.resident_mb()["webhook"]
        arrived: dict[int, float] = {}
        reading = [asyncio.create_task(_read(ours.port, token, arrived)) for token in tokens]
        await _until(lambda: _open_streams(client), lambda found: found == count)
        after = ours.resident_mb()["webhook"]
        sent = await asyncio.to_thread(_push, ours, count, pushes)
        deadline = time.monotonic() + PATIENCE_S
        while len(arrived) < pushes and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    took = sorted(1000 * (arrived[n] - at) for n, at in sent.items() if n in arrived)
    return {
        "open": count,
        "edge_mb_before": before,
        "edge_mb_with_them": after,
        "kb_each": round(1024 * (after - before) / count, 1),
        "pushed": pushes,
        "arrived": len(took),
        "push_p50_ms": round(took[len(took) // 2], 1),
        "push_p95_ms": round(took[int(len(took) * 0.95)], 1),
        "push_max_ms": round(took[-1], 1),
    }


async def _open_session(client: httpx.AsyncClient, ours: Stack) -> str:
    answer = await client.post("/api/chat/sessions", json={"token": ours.portal_token()})
    return str(answer.raise_for_status().json()["token"])


async def _read(port: int, token: str, arrived: dict[int, float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /api/chat/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    while line := await reader.readline():
        if line.startswith(b'data: {"probe"'):
            arrived[json.loads(line[6:])["probe"]] = time.monotonic()


async def _open_streams(client: httpx.AsyncClient) -> int:
    metrics = (await client.get("/metrics")).text
    return next(int(float(line.split()[-1])) for line in metrics.splitlines() if line.startswith("remit_edge_streams "))


async def _until(look: Callable[[], Awaitable[int]], enough: Callable[[int], bool]) -> None:
    deadline = time.monotonic() + 60
    while not enough(found := await look()):
        if time.monotonic() > deadline:
            raise SystemExit(f"{found} streams are open after a minute")
        await asyncio.sleep(0.2)


def _push(ours: Stack, count: int, pushes: int) -> dict[int, float]:
    """To conversations at random, at a steady rate. When each was committed."""
    engine = create_engine(ours.settings["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1))
    chance = random.Random(1)
    sent: dict[int, float] = {}
    with Session(engine) as session:
        newest = select(ChatSession.sender).order_by(ChatSession.created_at.desc()).limit(count)
        senders = list(session.scalars(newest))
        began = time.monotonic()
        for n in range(pushes):
            time.sleep(max(0.0, began + n / PUSHES_PER_S - time.monotonic()))
            push(session, chance.choice(senders), "probe", {"probe": n})
            sent[n] = time.monotonic()
            session.commit()
    engine.dispose()
    return sent
