"""`python -m benchmarks [turns | events | texts | calls | widget]`: measures us and a peer in one run, prints one JSON.

They run one after the other: two cores cannot carry both without one spoiling the other's figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from benchmarks import calls, events, peer, stack, texts, turns, widget
from remit.folders import ROOT

TARGETS = {
    "turn_p50_of_stock": ("at most", 0.4),
    "throughput_of_stock": ("at least", 3.0),
    "turn_300_of_turn_10": ("at most", 1.3),
    "resident_mb": ("at most", 1500),
    "events_of_djstripe_process": ("at least", 5.0),
    "events_of_floor": ("at least", 0.4),
    "paced_p99_ms": ("at most", 500),
    "texts_p99_ms": ("at most", 1000),
    "call_keys_p95_ms": ("at most", 150),
    "call_speech_p95_ms": ("at most", 250),
    "widget_kb": ("at most", 25),
    "typing_after_ms": ("at most", 1000),
    "push_p95_ms": ("at most", 20),
}


def say(what: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S}  {what}\n")


def measure_turns(arguments: argparse.Namespace) -> dict[str, Any]:
    turn_count, parallel = arguments.turns, arguments.parallel
    say("Rasa as it comes (the first run installs and trains it: about ten minutes)")
    stock = peer.rasa_stock(turn_count, parallel)
    if stock is None:
        say(f"  left out: {peer.SCRIPT} is not there; set PEERS")
    say("our stack: starting")
    with stack.running(ROOT / "var" / "bench") as ours:
        say(f"  ready after {ours.ready_s} s; single turns")
        latency = turns.latency(ours, turn_count)
        say(f"  {parallel} conversations at once")
        rate = turns.throughput(ours, parallel)
        say("  a conversation of 300 turns")
        long = turns.long_conversation(ours)
        memory = ours.resident_mb()
    ratios = {"turn_300_of_turn_10": long["ratio"], "resident_mb": round(sum(memory.values()))}
    if stock is not None:
        ratios |= {
            "turn_p50_of_stock": round(latency.p50_ms / stock["p50_ms"], 2),
            "throughput_of_stock": round(rate / stock["turns_per_s"], 2),
        }
    return {
        "ours": {
            **asdict(latency),
            "turns_per_s": rate,
            "parallel": parallel,
            "long_conversation": long,
            "resident_mb": memory,
            "ready_s": ours.ready_s,
        },
        "stock": stock,
        "ratios": ratios,
    }


def measure_events(arguments: argparse.Namespace) -> dict[str, Any]:
    if not events.FOLDER.exists():
        say(f"  dj-stripe and the floor are left out: {events.FOLDER} is not there; set PEERS")
    say("our stack, dj-stripe and the floor; then a steady stream (the first run installs dj-stripe)")
    figures = events.measure(
        ROOT / "var" / "bench-events", arguments.events, arguments.repeat, arguments.rate, arguments.seconds
    )
    return figures | {"ratios": events.ratios(figures)}


def measure_texts(arguments: argparse.Namespace) -> dict[str, Any]:
    say(f"our stack; then {arguments.text_rate} texts a second for {arguments.text_seconds} s")
    figures = texts.measure(ROOT / "var" / "bench-texts", arguments.text_rate, arguments.text_seconds)
    return figures | {"ratios": texts.ratios(figures)}


def measure_calls(arguments: argparse.Namespace) -> dict[str, Any]:
    say(f"our stack; then {arguments.calls} calls, one after the other")
    figures = calls.measure(ROOT / "var" / "bench-calls", arguments.calls)
    return figures | {"ratios": calls.ratios(figures)}


def measure_widget(arguments: argparse.Namespace) -> dict[str, Any]:
    say(f"our stack; first visits to the portal; then {arguments.streams} quiet conversations")
    figures = widget.measure(ROOT / "var" / "bench-widget", arguments.streams, arguments.pushes)
    return figures | {"ratios": widget.ratios(figures)}


def _against_target(name: str, value: float) -> dict[str, Any]:
    how, limit = TARGETS[name]
    return {
        "value": value,
        "target": f"{how} {limit}",
        "reached": value <= limit if how == "at most" else value >= limit,
    }


MEASURES = {
    "turns": measure_turns,
    "events": measure_events,
    "texts": measure_texts,
    "calls": measure_calls,
    "widget": measure_widget,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=tuple(MEASURES), default="turns")
    of_turns = parser.add_argument_group("turns")
    of_turns.add_argument("--turns", type=int, default=200, help="timed turns of the latency measurement")
    of_turns.add_argument("--parallel", type=int, default=20, help="conversations at once")
    of_events = parser.add_argument_group("events")
    of_events.add_argument("--events", type=int, default=2000, help="events of one window")
    of_events.add_argument("--repeat", type=int, default=3, help="windows; the median counts")
    of_events.add_argument("--rate", type=int, default=100, help="events a second of the steady stream")
    of_events.add_argument("--seconds", type=int, default=600, help="its length; 0: none")
    of_texts = parser.add_argument_group("texts")
    of_texts.add_argument("--text-rate", type=int, default=50, help="texts a second")
    of_texts.add_argument("--text-seconds", type=int, default=60, help="for how long")
    of_calls = parser.add_argument_group("calls")
    of_calls.add_argument("--calls", type=int, default=40, help="calls, of eighteen steps each")
    of_widget = parser.add_argument_group("widget")
    of_widget.add_argument("--streams", type=int, default=500, help="event streams open at once")
    of_widget.add_argument("--pushes", type=int, default=1000, help="events pushed to them")
    arguments = parser.parse_args()
    figures = MEASURES[arguments.what](arguments)
    figures["ratios"] = {name: _against_target(name, value) for name, value in figures["ratios"].items()}
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    json.dump(
        {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine} | figures, sys.stdout, indent=2
    )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
