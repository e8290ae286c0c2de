"""`python -m benchmarks events`: signed events a second, beside dj-stripe and a bare floor; then a steady stream.

The whole stack runs as `remit up` starts it, its worker included, against the peer's stand-in for Stripe's API. The
peer's script measures floor, dj-stripe and us in one run with one load generator, one after the other.
"""

from __future__ import annotations

import hashlib
import hmac
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
            _book_payments(ours, events)
            figures |= _side_by_side(ours, events, repeat)
        if seconds:
            figures["paced"] = paced.run(ours.port, _request, rate, seconds)
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


_BOOKED = """
    with a as (
        insert into accounts (number, name, currency)
        select 'bench-' || n, 'Account ' || n, 'CAD' from generate_series(0, %s - 1) n returning id, number
    ), q as (
        insert into quotes (id, account_id, currency, amount_minor, allocation, billing_email, state, channel,
                            expires_at, created_at)
        select gen_random_uuid(), id, 'CAD', 1000, '[]', 'nobody@northwind.example', 'consumed', 'chat', now(), now()
          from a returning id, account_id
    ), p as (
        insert into payments (reference, account_id, quote_id, currency, amount_minor, state, gateway, channel,
                              captured_minor, unapplied_minor, created_at, decided_at)
        select 'BENCH' || account_id, account_id, id, 'CAD', 1000, 'succeeded', 'stripe', 'chat',
               1000, 1000, now(), now()
          from q returning id, account_id
    )
    insert into attempts (payment_id, number, idempotency_key, method_token, gateway_object_id, created_at)
    select p.id, 1, 'bench-' || p.id, 'pm_bench', 'pi_lab' || lpad(substr(a.number, 7), 8, '0'), now()
      from p join a on a.id = p.account_id
"""


def _book_payments(ours: Stack, count: int) -> None:
    """The payments that the load generator's events tell of, captured already, as most are when their events come."""
    with psycopg.connect(ours.settings["DATABASE_URL"]) as connection:
        connection.execute(_BOOKED, [count])


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
            load += ["--n", str(events), "--conc", str(CONNECTIONS)]
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
    """Until the worker, which runs beside all that, has handled every event."""
    deadline = time.monotonic() + HANDLED_WITHIN_S
    while waiting := _waiting(ours):
        if time.monotonic() > deadline:
            raise SystemExit(f"{waiting} events are not handled after {HANDLED_WITHIN_S} s")
        time.sleep(0.2)


def _waiting(ours: Stack) -> int:
    with psycopg.connect(ours.settings["DATABASE_URL"]) as connection:
        row = connection.execute("select count(*) from events_received where handled_at is null").fetchone()
    assert row is not None
    return int(row[0])


# -------------------------------------------------------------------------------------------- the steady stream

# What a shop's account tells of: payments, their charges, cards, and much that is nobody's business here.
TYPES = (
    *(["payment_intent.succeeded"] * 5 + ["charge.succeeded"] * 2),
    *("payment_method.updated", "customer.updated", "invoice.paid"),
)


def _request(n: int) -> bytes:
    body, now = json.dumps(_event(n), indent=2).encode(), int(time.time())
    signature = hmac.new(SECRET.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
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
