"""Twilio's API, asked by Twilio's own client: messages, their status callbacks, and what goes wrong."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.sandbox.edge import AUTH_TOKEN
from tests.sandbox.telephone import ACCOUNT, LIAM, MAYA, NUMBER, PUBLIC_URL, OverTheSandbox, Telephone, until

CALLBACK = f"{PUBLIC_URL}/twilio/sms/status?text=7"


def refused(telephone: Telephone, **asked: Any) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as refusal:
        telephone.client.messages.create(**{"to": MAYA, "from_": NUMBER, "body": "Hello"} | asked)
    return refusal.value.status, refusal.value.code


def test_a_text_is_taken_and_reaches_the_phone(telephone: Telephone) -> None:
    sent = telephone.send("Northwind: you owe $84.20")
    assert (sent.status, sent.direction, sent.from_, sent.to) == ("queued", "outbound-api", NUMBER, MAYA)
    assert sent.sid.startswith("SM") and len(sent.sid) == 34
    assert (sent.num_segments, sent.num_media, sent.error_code, sent.date_sent) == ("1", "0", None, None)
    assert abs(sent.date_created - datetime.now(UTC)) < timedelta(seconds=10)
    assert sent.uri == f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sent.sid}.json"
    until(lambda: telephone.client.messages(sent.sid).fetch().status == "delivered")
    assert telephone.client.messages(sent.sid).fetch().date_sent is not None
    (shown,) = telephone.thread()
    assert (shown["body"], shown["direction"], shown["status"], shown["sid"]) == (
        *("Northwind: you owe $84.20", "out", "delivered"),
        sent.sid,
    )


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"to": ""}, 400, 21604),
        ({"to": "514 555"}, 400, 21211),
        ({"body": ""}, 400, 21602),
        ({"body": "x" * 1601}, 400, 21617),
        ({"from_": "+15145559999"}, 400, 21606),
        ({"from_": ""}, 400, 21603),
        ({"messaging_service_sid": "MG" + "0" * 32}, 404, 21701),
        ({"status_callback": "not an address"}, 400, 21609),
    ],
)
def test_what_twilio_would_not_take_is_refused_with_its_code(
    telephone: Telephone, asked: dict[str, Any], status: int, code: int
) -> None:
    assert refused(telephone, **asked) == (status, code)
    assert telephone.thread() == []


def test_only_the_account_with_its_token_gets_in(telephone: Telephone) -> None:
    base = f"{telephone.sandbox.url}/twilio"
    for sid, token in ((ACCOUNT, "wrong"), ("AC" + "0" * 32, AUTH_TOKEN)):
        with pytest.raises(TwilioRestException) as refusal:
            Client(sid, token, http_client=OverTheSandbox(base)).messages.create(to=MAYA, from_=NUMBER, body="x")
        assert (refusal.value.status, refusal.value.code) == (401, 20003)
    answer = httpx.post(f"{base}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", data={"To": MAYA}, trust_env=False)
    assert answer.json() == {
        **{"code": 20003, "message": "Authenticate", "status": 401},
        "more_info": "https://www.twilio.com/docs/errors/20003",
    }


def test_what_is_not_there_is_20404(telephone: Telephone) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        telephone.client.messages("SM" + "0" * 32).fetch()
    assert (refusal.value.status, refusal.value.code) == (404, 20404)


def test_texts_are_found_by_number_and_time_newest_first(telephone: Telephone) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    for number, body in ((MAYA, "one"), (LIAM, "two"), (MAYA, "three")):
        telephone.send(body, to=number)
    telephone.text("hello")

    def found(**asked: Any) -> list[str]:
        return [text.body for text in telephone.client.messages.list(**asked)]

    assert found(to=MAYA) == ["three", "one"]
    assert found(from_=MAYA) == ["hello"]
    assert found(to=MAYA, limit=1) == ["three"]
    assert found(to=MAYA, date_sent_after=before) == ["three", "one"]
    assert found(to=MAYA, date_sent_before=before) == found(date_sent_after=before + timedelta(days=2)) == []
    today = datetime.now(UTC).date().isoformat()
    assert found(date_sent=today, to=LIAM) == found(date_sent_before=today, to=LIAM) == ["two"]


def test_a_long_list_comes_in_pages(telephone: Telephone) -> None:
    for number in range(5):
        telephone.send(str(number))
    assert [text.body for text in telephone.client.messages.list(page_size=2)] == ["4", "3", "2", "1", "0"]


def test_every_step_is_told_in_order_and_signed(telephone: Telephone) -> None:
    sent = telephone.send(status_callback=CALLBACK)
    told = [telephone.edge.next() for _ in range(3)]
    assert [post.form["MessageStatus"] for post in told] == ["queued", "sent", "delivered"]
    for post in told:
        assert post.is_signed_for(PUBLIC_URL)
        assert post.path == "/twilio/sms/status?text=7"
        assert post.form == {
            **{"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "From": NUMBER, "To": MAYA},
            **dict.fromkeys(("MessageSid", "SmsSid"), sent.sid),
            **dict.fromkeys(("MessageStatus", "SmsStatus"), post.form["MessageStatus"]),
        }


@pytest.mark.parametrize("code", [30003, 30007])
def test_a_text_that_does_not_arrive_is_told_of(telephone: Telephone, code: int) -> None:
    telephone.behave(fails_with=code)
    sent = telephone.send(status_callback=CALLBACK)
    told = [telephone.edge.next().form for _ in range(3)]
    assert [(t["MessageStatus"], t.get("ErrorCode")) for t in told] == [
        *(("queued", None), ("sent", None)),
        ("undelivered", str(code)),
    ]
    kept = telephone.client.messages(sent.sid).fetch()
    assert (kept.status, kept.error_code) == ("undelivered", code)


def test_callbacks_are_repeated_lost_and_out_of_order_when_asked_to(telephone: Telephone) -> None:
    def told(count: int) -> list[str]:
        return [telephone.edge.next().form["MessageStatus"] for _ in range(count)]

    telephone.trouble(callbacks={"repeat": 1})
    telephone.send(status_callback=CALLBACK)
    assert sorted(told(6)) == ["delivered", "delivered", "queued", "queued", "sent", "sent"]

    telephone.trouble(callbacks={"lose": 1})
    lost = telephone.send(status_callback=CALLBACK)
    until(lambda: telephone.client.messages(lost.sid).fetch().status == "delivered")
    assert telephone.edge.nothing_more()

    telephone.trouble(callbacks={"hold": True})
    telephone.send(status_callback=CALLBACK)
    assert telephone.edge.nothing_more()
    released = telephone.http.post("/twilio/control/release", json={"order": "reverse"})
    assert released.json() == {"texts": 0, "callbacks": 3}
    assert told(3) == ["delivered", "sent", "queued"]


def test_a_hanging_api_takes_the_text_and_never_says_so(telephone: Telephone) -> None:
    telephone.behave(send_hangs=True)
    begun = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        telephone.send("Taken")
    assert time.monotonic() - begun >= 1
    (found,) = telephone.client.messages.list(to=MAYA)
    assert (found.body, found.status) == ("Taken", "delivered")


def test_an_api_that_is_down_takes_nothing(telephone: Telephone) -> None:
    telephone.behave(api_down=True)
    assert refused(telephone) == (503, 20503)
    assert telephone.thread() == []
    assert telephone.send(to=LIAM).status == "queued"


def test_whoever_said_stop_is_texted_nothing(telephone: Telephone) -> None:
    telephone.behave(opted_out=True)
    assert refused(telephone) == (400, 21610)
    assert telephone.thread() == []
