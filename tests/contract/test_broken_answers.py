"""A gateway that answers nonsense: a confirm stays unknown, a read changed nothing, and nobody waits for ever."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from billing.errors import GatewayRejected, GatewayUnreachable, OutcomeUnknown
from billing.gateways.base import BillingDetails, ChargeOrder
from billing.money import Money
from tests.contract.worlds import World

ORDER = ChargeOrder(Money(100, "CAD"), "tok_x", None, "R-x", BillingDetails("maya@northwind.example"))
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def answered(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


NONSENSE = {
    "nothing at all": b"",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "half a head": b"HTTP/1.1 200 O",
    "half a body": OK + b'Content-Length: 500\r\n\r\n{"id": "pay_',
    "no JSON": answered("200 OK", b"<html>hello</html>"),
    "not UTF-8": answered("200 OK", b'{"id": "\xff\xfe"}'),
    "an array": answered("200 OK", b"[]"),
    "null": answered("200 OK", b"null"),
    "a number": answered("200 OK", b"7"),
    "nested too deeply": answered("200 OK", b"[" * 100_000),
    "an empty object": answered("200 OK", b"{}"),
    "another status than agreed": answered("200 OK", json.dumps({"id": "x", "status": "maybe"}).encode()),
    "broken gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    "bad gateway": answered("502 Bad Gateway", b"{}"),
    "a 500 that looks like a decline": answered(
        "500 Oops", json.dumps({"error": {"type": "card_error", "code": "card_declined", "message": "no"}}).encode()
    ),
    "a 402 without its payment": answered("402 Payment Required", b'{"error": "declined"}'),
    "the same key is under way": answered("409 Conflict", b'{"error": {"message": "x", "code": "y"}}'),
}


@contextmanager
def server_that_says(reply: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """Answers every connection with `reply`; with `pause_s`, byte by byte."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                return
            with line:
                try:
                    line.recv(65536)
                    for start in range(0, len(reply), 1 if pause_s else len(reply) or 1):
                        line.sendall(reply[start : start + 1] if pause_s else reply)
                        time.sleep(pause_s)
                except OSError:
                    continue  # the client had enough

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_leaves_a_confirm_unknown_and_a_read_undone(world: World, name: str) -> None:
    with server_that_says(NONSENSE[name]) as url:
        gateway = world.at_address(url)
        with pytest.raises(OutcomeUnknown):
            gateway.confirm_payment("pay_x", ORDER, "key")
        with pytest.raises(GatewayUnreachable):
            gateway.retrieve_payment("pay_x")


def test_too_many_requests_means_that_nothing_happened(world: World) -> None:
    with server_that_says(answered("429 Too Many Requests", b"{}")) as url, pytest.raises(GatewayUnreachable):
        world.at_address(url).confirm_payment("pay_x", ORDER, "key")


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found"])
def test_a_refusal_of_the_request_is_no_decline_and_not_unknown(world: World, status: str) -> None:
    body = json.dumps({"error": {"type": "invalid_request", "code": "resource_missing", "message": "No."}}).encode()
    with server_that_says(answered(status, body)) as url, pytest.raises(GatewayRejected) as caught:
        world.at_address(url).confirm_payment("pay_x", ORDER, "key")
    assert caught.value.code == "resource_missing"


def test_an_answer_that_trickles_is_given_up_in_time(world: World) -> None:
    reply = OK + b"Content-Length: 5000\r\n\r\n" + b" " * 5000
    with server_that_says(reply, pause_s=0.02) as url:
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            world.at_address(url).confirm_payment("pay_x", ORDER, "key")
        assert time.monotonic() - began < 30  # a minute and more, had each byte been given time of its own


def test_an_endless_answer_is_given_up(world: World) -> None:
    reply = OK + b"Content-Length: 50000000\r\n\r\n" + b" " * 5_000_000
    with server_that_says(reply) as url, pytest.raises(OutcomeUnknown):
        world.at_address(url).confirm_payment("pay_x", ORDER, "key")
