"""`python -m benchmarks calls`: how soon a caller hears something, by keys and by words.

Each step is posted to the edge of the whole demo stack as Twilio would, signed, one call at a time; sign-in included.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import httpx
from twilio.request_validator import RequestValidator

from benchmarks.stack import Stack, running

ACCOUNT, PIN, PHONE = "100200", "1357", "+15145550101"
# Digits are keys, everything else is said. Nothing is paid, so every call is like the one before.
SCRIPT = (
    *("1", ACCOUNT, PIN, "1", "1", "2", "4000", "2", "*", "what do I owe", "pay 40 with my visa ending 4242"),
    *("actually make it 60", "the mastercard instead", "when is it due", "1", "*", "*", "only what is past due"),
)


def measure(var: Path, calls: int) -> dict[str, Any]:
    with running(var) as ours, httpx.Client(base_url=f"http://127.0.0.1:{ours.port}", trust_env=False) as client:
        took: dict[str, list[float]] = {"keys": [], "speech": []}
        for n in range(calls):
            _call(client, ours, n, took if n else {"keys": [], "speech": []})  # the first one warms up
    return {kind: _figures(times) for kind, times in took.items()}


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    return {"call_keys_p95_ms": figures["keys"]["p95_ms"], "call_speech_p95_ms": figures["speech"]["p95_ms"]}


def _call(client: httpx.Client, ours: Stack, n: int, took: dict[str, list[float]]) -> None:
    step, sid = itertools.count(1), f"CA{n:032x}"
    _post(client, ours, "/twilio/voice", sid, {})
    for turn in SCRIPT:
        keyed = turn.strip("*#").isdigit() or turn == "*"
        heard = {"Digits": turn} if keyed else {"SpeechResult": turn, "Confidence": "0.99"}
        took["keys" if keyed else "speech"].append(
            _post(client, ours, f"/twilio/voice/step?n={next(step)}", sid, heard)
        )
    _post(client, ours, "/twilio/voice/status", sid, {"CallStatus": "completed"})


def _post(client: httpx.Client, ours: Stack, path: str, sid: str, more: dict[str, str]) -> float:
    """Milliseconds until the answer was there."""
    settings = ours.settings
    form = {
        **{"AccountSid": settings["TWILIO_ACCOUNT_SID"], "CallSid": sid, "CallStatus": "in-progress"},
        **{"From": PHONE, "To": settings["TWILIO_FROM_NUMBER"]},
    } | more
    address = settings["PUBLIC_URL"] + path
    signature = RequestValidator(settings["TWILIO_AUTH_TOKEN"]).compute_signature(address, form)
    began = time.perf_counter()
    client.post(path, data=form, headers={"X-Twilio-Signature": signature}).raise_for_status()
    return 1000 * (time.perf_counter() - began)


def _figures(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "turns": len(ordered),
        "p50_ms": round(ordered[len(ordered) // 2], 1),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 1),
        "max_ms": round(ordered[-1], 1),
    }
