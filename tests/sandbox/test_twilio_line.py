"""The line to the service: tried once more where nobody takes the call, and never where somebody did."""

from __future__ import annotations

import httpx
import pytest

from sandbox.config import TwilioAccount
from sandbox.twilio.line import Answer, Line
from tests.sandbox.edge import AUTH_TOKEN
from tests.sandbox.telephone import ACCOUNT, NUMBER

URL = "http://pay.example/twilio/sms"
OURS = TwilioAccount(ACCOUNT, AUTH_TOKEN, NUMBER, "", "", URL, URL, URL, "http://pay.example", "http://pay.example")


def posted(*answers: httpx.Response | httpx.TransportError) -> tuple[Answer, list[httpx.Request]]:
    coming, requests = iter(answers), []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        answer = next(coming)
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    with httpx.Client(transport=httpx.MockTransport(handle)) as client:
        return Line(client=client).post(OURS, URL, {"Body": "hello"}), requests


def test_a_call_that_nobody_took_is_made_once_more() -> None:
    answer, requests = posted(httpx.ConnectError("refused"), httpx.Response(200))
    assert (answer.status, answer.error) == (200, None)
    first, second = requests
    assert first.headers["I-Twilio-Idempotency-Token"] == second.headers["I-Twilio-Idempotency-Token"]
    answer, requests = posted(httpx.ConnectError("refused"), httpx.ConnectError("refused"))
    assert (answer.status, answer.error, len(requests)) == (None, 11200, 2)


@pytest.mark.parametrize("what", [httpx.ReadTimeout("slow"), httpx.ReadError("cut"), httpx.Response(500)])
def test_a_call_that_somebody_took_is_not(what: httpx.Response | httpx.TransportError) -> None:
    answer, requests = posted(what)
    assert (answer.error, len(requests)) == (11200, 1)
