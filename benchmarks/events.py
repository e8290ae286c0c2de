"""`python -m benchmarks events`: signed events a second, beside dj-stripe and a bare floor; then a steady stream.

The whole stack runs as `remit up` starts it, its worker included, against the peer's stand-in for Stripe's API. The
peer's script measures floor, dj-stripe and us in one run with one load generator, one after the other.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import paced
from benchmarks.peer import PEERS
from benchmarks.stack import Stack, free_port, running

FOLDER = PEERS / "djstripe"
SECRET = "whsec_of_the_benchmark_alone"
CONNECTIONS = 8
HANDLED_WITHIN_S = 600


def measure(var: Path, events: int, repeat: int, rate: int, seconds: int) -> dict[str, Any]:
    """Side by side where the peer is at hand, then `rate` events a second for `seconds`."""
    figures: dict[str, Any] = {}
    with _stripe_api() as api, running(var, demo=False, settings=_settings(api)) as ours:
        if FOLDER.exists():
            figures |= _side_by_side(ours, events, repeat)
        if seconds:
            figures["paced"] = paced.run(ours.port, SECRET, rate, seconds)
        figures["ours_waiting"] = _waiting(ours)
    return figures


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    found = {}
    if "ours" in figures:
        ours = figures["ours"]["events_per_s"]
        found["events_of_djstripe_process"] = round(ours / figures["djstripe_process"]["events_per_s"], 2)
        found["events_of_floor"] = round(ours / figures["floor"]["events_per_s"], 2)
    if "paced" in figures:
        found["paced_p99_ms"] = figures["paced"]["p99_ms"]
    return found


def _settings(api: str) -> dict[str, str]:
    return {
        "STRIPE_API_BASE": api,
        "STRIPE_SECRET_KEY": "sk_test_of_the_benchmark",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_of_the_benchmark",
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "PORTAL_SIGNING_SECRET": "a-portal-that-nobody-comes-from",
    }


@contextmanager
def _stripe_api() -> Iterator[str]:
    """The peer's stand-in for Stripe's read API, where our worker looks as well; a closed port without the peer."""
    port = free_port()
    if not FOLDER.exists():
        yield f"http://127.0.0.1:{port}"
        return
    process = subprocess.Popen([sys.executable, str(FOLDER / "stub_stripe.py"), str(port)])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _side_by_side(ours: Stack, events: int, repeat: int) -> dict[str, Any]:
    url = f"http://127.0.0.1:{ours.port}/webhooks/stripe"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.jsonl"
        environment = os.environ | {"OUT": str(out), "REPEAT": str(repeat), "OURS_URL": url, "OURS_SECRET": SECRET}
        _call(["bash", str(FOLDER / "run.sh"), str(events), str(CONNECTIONS)], environment)
        _wait_until_handled(ours)
        began = time.monotonic()
        for again in range(1, repeat):  # the script measures us once
            load = [sys.executable, str(FOLDER / "loadgen.py"), "--url", url, "--secret", SECRET]
            load += ["--n", str(events), "--conc", str(CONNECTIONS), "--start", str(again * 100_000)]
            _call([*load, "--prefix", f"evt_again{again}", "--label", "ours", "--json", str(out)], environment)
        _wait_until_handled(ours)
        handled = {"handled_per_s": round(events * (repeat - 1) / (time.monotonic() - began), 1)}
        lines = [json.loads(line) for line in out.read_text().splitlines()]
    return {
        "floor": _median(lines, "floor"),
        "djstripe_process": _median(lines, "dj-stripe process"),
        "djstripe_store": _median(lines, "dj-stripe store"),
        "ours": _median(lines, "ours") | handled,
    }


def _call(command: list[str], environment: dict[str, str]) -> None:
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600, check=False)
    if result.returncode != 0:
        raise SystemExit(f"{command[1]} failed: {result.stdout[-500:]} {result.stderr[-500:]}")


def _median(lines: list[dict[str, Any]], label: str) -> dict[str, Any]:
    """The median window of those whose label begins so. Every event of each was taken, or there is no figure."""
    windows = [line for line in lines if line["label"].startswith(label)]
    if not windows or any(line["statuses"] != {"200": line["sent"]} for line in windows):
        raise SystemExit(f"{label}: not every event was answered 200: {windows}")
    middle = {
        name: statistics.median(w[name] for w in windows) for name in ("events_per_s", "p50_ms", "p95_ms", "p99_ms")
    }
    return middle | {"windows": len(windows), "events": windows[0]["sent"]}


def _wait_until_handled(ours: Stack) -> None:
    """Until the worker, which runs beside all that, has looked at every event for the first time."""
    deadline = time.monotonic() + HANDLED_WITHIN_S
    while waiting := _waiting(ours):
        if time.monotonic() > deadline:
            raise SystemExit(f"{waiting} events are not handled after {HANDLED_WITHIN_S} s")
        time.sleep(0.2)


def _waiting(ours: Stack) -> int:
    """Events that nobody has looked at yet; those of payments unknown to us are looked at again later."""
    with psycopg.connect(ours.settings["DATABASE_URL"]) as connection:
        row = connection.execute(
            "select count(*) from events_received where handled_at is null and outcome is null"
        ).fetchone()
    assert row is not None
    return int(row[0])
