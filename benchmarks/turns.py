"""A whole turn, timed from outside: edge → Rasa → action → PostgreSQL → answer."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.stack import Stack

QUESTION = "what do I owe?"
ANSWER = "452.10"  # every timed turn has looked up Maya's balance, or it does not count


class Conversation:
    """One chat session on one connection that is kept open, as a widget has it."""

    def __init__(self, stack: Stack) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=60)
        self._turns = 0
        self._token = ""
        self._token = self._post("/api/chat/sessions", {"token": stack.portal_token()})["token"]

    def ask(self) -> float:
        """One turn with a balance look-up, in milliseconds."""
        self._turns += 1
        began = time.perf_counter()
        answer = self._post("/api/chat/messages", {"id": f"bench-{self._turns}", "text": QUESTION})
        took = (time.perf_counter() - began) * 1000
        if not any(ANSWER in message["text"] for message in answer["messages"]):
            raise SystemExit(f"not an answer to the question: {answer}")
        return took

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        self._connection.request("POST", path, json.dumps(body), headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status >= 400:
            raise SystemExit(f"{path}: {response.status} {answer}")
        return answer


@dataclass(frozen=True)
class Latency:
    p50_ms: float
    p95_ms: float

    @classmethod
    def of(cls, times: list[float]) -> Latency:
        return cls(round(statistics.median(times), 1), round(sorted(times)[int(len(times) * 0.95)], 1))


def latency(stack: Stack, turns: int) -> Latency:
    """One conversation after the other, ten turns each: what a single customer feels."""
    Conversation(stack).ask()
    times: list[float] = []
    while len(times) < turns:
        conversation = Conversation(stack)
        times += [conversation.ask() for _ in range(10)]
    return Latency.of(times)


def throughput(stack: Stack, parallel: int, turns_each: int = 10) -> float:
    """Turns per second of `parallel` conversations at once."""
    conversations = [Conversation(stack) for _ in range(parallel)]
    began = time.perf_counter()
    with ThreadPoolExecutor(parallel) as pool:
        done = sum(pool.map(lambda c: len([c.ask() for _ in range(turns_each)]), conversations))
    return round(done / (time.perf_counter() - began), 1)


def long_conversation(stack: Stack, turns: int = 300, window: int = 5) -> dict[str, float]:
    """Does a conversation get slower? Medians of the turns around the 10th and around the last."""
    conversation = Conversation(stack)
    times = [conversation.ask() for _ in range(turns + window)]
    early = statistics.median(times[10 - window : 10 + window])
    late = statistics.median(times[turns - window : turns + window])
    return {"turn_10_ms": round(early, 1), f"turn_{turns}_ms": round(late, 1), "ratio": round(late / early, 2)}
