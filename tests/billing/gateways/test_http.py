"""The wire: what is certain about a request that got no answer, and no request that outlives its time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from billing.gateways.http import LARGEST_ANSWER, NeverSent, NoAnswer, Wire
from tests.billing.gateways.servers import reply, scripted


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire(headers={"X-Ours": "1"})
    yield wire
    wire.close()


def test_an_answer_comes_with_status_headers_and_body(wire: Wire) -> None:
    with scripted(reply(418, {"a": 1}, "X-Theirs: 2")) as server:
        answer = wire.send("POST", f"{server.url}/tea", 2, headers={"Idempotency-Key": "k"}, content=b"x=1")
    assert (answer.status, answer.content, answer.headers["x-THEIRS"]) == (418, b'{"a": 1}', "2")
    (first, headers), *_ = server.asked
    assert (first, headers["x-ours"], headers["idempotency-key"], headers["content-length"]) == (
        "POST /tea",
        "1",
        "k",
        "3",
    )


def test_every_request_has_a_connection_of_its_own(wire: Wire) -> None:
    with scripted(reply(200, {})) as server:
        for _ in range(3):
            wire.send("GET", server.url, 2)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 5000, reply(200, b" " * 5000), b"\r\n" * 2500],
    ids=["head", "body", "blank lines"],
)
def test_an_answer_that_trickles_ends_with_its_time(wire: Wire, said: bytes) -> None:
    with scripted(said, pause_s=0.02) as server:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            wire.send("GET", server.url, 0.4)
        assert time.monotonic() - began < 30  # a minute and more, had each byte been given time of its own


def test_an_answer_without_end_is_given_up(wire: Wire) -> None:
    with scripted(reply(200, b" " * (LARGEST_ANSWER + 1))) as server, pytest.raises(NoAnswer):
        wire.send("GET", server.url, 10)


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 O"], ids=["nothing", "ssh", "cut"])
def test_what_is_no_http_is_no_answer(wire: Wire, said: bytes) -> None:
    with scripted(said) as server, pytest.raises(NoAnswer):
        wire.send("GET", server.url, 2)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ftp://127.0.0.1", "http://", "http://[::1", "http://a\x00b"])
def test_what_cannot_leave_was_never_sent(wire: Wire, url: str) -> None:
    with pytest.raises(NeverSent):
        wire.send("GET", url, 1)


def test_a_header_that_is_none_is_never_sent(wire: Wire) -> None:
    with scripted(reply(200, {})) as server:
        for headers in ({"Key": "a\nb"}, {"Clé": "a"}, {"日": "a"}, {"Key": "\ud800"}):
            with pytest.raises(NeverSent):
                wire.send("GET", server.url, 1, headers=headers)
    assert {first for first, _ in server.asked} <= {""}  # connected, and not a byte said
