"""A text from a phone: the webhook as Twilio posts it, the answer as Twilio reads it, STOP as Twilio obeys it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from twilio.base.exceptions import TwilioRestException

from remit.postgres import EmbeddedPostgres
from tests.sandbox.databases import empty_database
from tests.sandbox.running import RunningSandbox, running_sandbox
from tests.sandbox.telephone import (
    ACCOUNT,
    LIAM,
    MAYA,
    MESSAGING_SERVICE,
    NUMBER,
    PUBLIC_URL,
    SETTINGS,
    Telephone,
    until,
)
from tests.support.ports import free_port


def twiml(*messages: str) -> tuple[int, bytes]:
    inner = "".join(f"<Message>{message}</Message>" for message in messages)
    return 200, f"<?xml version='1.0' encoding='UTF-8'?><Response>{inner}</Response>".encode()


def test_the_webhook_has_twilios_fields_and_signature(telephone: Telephone) -> None:
    answer = telephone.text("Ça va? What do I owe?")
    post = telephone.edge.next()
    assert post.path == "/twilio/sms"
    assert post.is_signed_for(PUBLIC_URL) and not post.is_signed_for(telephone.edge.url)
    sid = answer["message_sid"]
    assert post.form == {
        **{"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "Body": "Ça va? What do I owe?"},
        **{"From": MAYA, "FromCity": "MONTREAL", "FromCountry": "CA", "FromState": "QC", "FromZip": ""},
        **{"To": NUMBER, "ToCity": "MONTREAL", "ToCountry": "CA", "ToState": "QC", "ToZip": ""},
        **{"MessageSid": sid, "SmsMessageSid": sid, "SmsSid": sid, "SmsStatus": "received"},
        **{"NumMedia": "0", "NumSegments": "1"},
    }
    assert post.headers["I-Twilio-Idempotency-Token"]
    assert answer["webhook"]["status"] == 200 and answer["webhook"]["error"] is None
    (shown,) = telephone.thread()
    assert (shown["direction"], shown["status"], shown["encoding"]) == ("in", "received", "GSM-7")
    assert (shown["from"], shown["to"], shown["error_code"]) == (MAYA, NUMBER, None)


def test_pictures_groups_and_odd_fields_come_as_twilio_sends_them(telephone: Telephone) -> None:
    sid = telephone.text(media=["image/png", "video/mp4"], group=True, extra={"OptOutType": "STOP"})["message_sid"]
    form = telephone.edge.next().form
    assert sid.startswith("MM") and form["NumMedia"] == "2" and form["Body"] == ""
    assert (form["MediaContentType0"], form["MediaContentType1"]) == ("image/png", "video/mp4")
    assert form["MediaUrl1"].startswith(f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}/Media/ME")
    assert form["OtherRecipients0"] and form["OptOutType"] == "STOP"
    telephone.text("x", media=1, to="+15145559999")
    form = telephone.edge.next().form
    assert (form["MediaContentType0"], form["To"]) == ("image/jpeg", "+15145559999")


def test_an_answer_in_twiml_is_texted(telephone: Telephone) -> None:
    telephone.edge.answers.put(twiml(escape("A & B"), "<Body>Second</Body>"))
    telephone.text("hello")
    assert telephone.bodies() == ["A & B", "Second"]
    telephone.text("and an empty answer is silence")
    assert len(telephone.bodies()) == 2
    until(lambda: {text["status"] for text in telephone.thread()} == {"received", "delivered"})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, b"<Response/>"), 11200),
        ((302, b""), 11200),
        ((200, b"OK"), 12100),
        ((200, b""), 12100),
        ((200, b"<html><Message>no</Message></html>"), 12100),
        ((200, b"<Response><Message>cut off"), 12100),
    ],
)
def test_an_answer_that_is_none_is_noted_with_the_text(
    telephone: Telephone, answer: tuple[int, bytes], error: int
) -> None:
    telephone.edge.answers.put(answer)
    webhook = telephone.text("hello")["webhook"]
    assert (webhook["status"], webhook["error"]) == (answer[0], error)
    assert [(text["direction"], text["error_code"]) for text in telephone.thread()] == [("in", error)]


def test_nobody_there_is_noted_too(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with empty_database(postgres) as url, running_sandbox(url, tmp_path, nobody, **SETTINGS) as running:
        answer = running.post(f"/twilio/phones/{MAYA}/texts", {"body": "hello"})
        assert (answer.json()["webhook"]["status"], answer.json()["webhook"]["error"]) == (None, 11200)


def test_a_text_is_told_of_again_under_its_sid(telephone: Telephone) -> None:
    sid = telephone.text("once")["message_sid"]
    assert telephone.text("", message_sid=sid)["message_sid"] == sid
    first, second = telephone.edge.next(), telephone.edge.next()
    assert first.form == second.form
    assert first.headers["I-Twilio-Idempotency-Token"] == second.headers["I-Twilio-Idempotency-Token"]
    assert len(telephone.thread()) == 1


def test_texts_are_repeated_lost_and_out_of_order_when_asked_to(telephone: Telephone) -> None:
    telephone.trouble(texts={"repeat": 2})
    sid = telephone.text("thrice")["message_sid"]
    assert [telephone.edge.next().form["MessageSid"] for _ in range(3)] == [sid] * 3

    telephone.trouble(texts={"lose": 1})
    assert telephone.text("lost")["webhook"] is None
    assert telephone.edge.nothing_more()

    telephone.trouble(texts={"hold": True})
    for body, phone in (("1", MAYA), ("2", LIAM), ("3", MAYA)):
        assert telephone.text(body, phone=phone)["webhook"] is None
    assert telephone.edge.nothing_more()
    released = telephone.http.post("/twilio/control/release", json={"order": "reverse"})
    assert released.json() == {"texts": 3, "callbacks": 0}
    assert [telephone.edge.next().form["Body"] for _ in range(3)] == ["3", "2", "1"]

    telephone.trouble()
    assert telephone.text("calm again")["webhook"]["status"] == 200


@pytest.mark.parametrize("word", ["STOP", "stopall", " Unsubscribe ", "CANCEL", "End", "QUIT", "revoke", "OPTOUT"])
def test_a_word_of_stop_is_obeyed_and_told_all_the_same(telephone: Telephone, word: str) -> None:
    telephone.text(word)
    assert telephone.edge.next().form["Body"] == word
    with pytest.raises(TwilioRestException) as refusal:
        telephone.send()
    assert refusal.value.code == 21610
    (said,) = telephone.bodies()
    assert said.startswith("You have successfully been unsubscribed")


@pytest.mark.parametrize("word", ["START", "yes", "Unstop"])
def test_a_word_of_start_opts_back_in(telephone: Telephone, word: str) -> None:
    telephone.behave(opted_out=True)
    telephone.text(word)
    telephone.send("Welcome back")
    assert telephone.bodies()[0].startswith("You have successfully been re-subscribed")
    assert telephone.bodies()[1] == "Welcome back"


@pytest.mark.parametrize("words", ["please stop", "stop it", "ARRET", "yes"])
def test_other_words_opt_nobody_in_or_out(telephone: Telephone, words: str) -> None:
    telephone.text(words)
    telephone.send("Still here")
    assert telephone.bodies() == ["Still here"]


def test_an_answer_in_twiml_does_not_reach_whoever_said_stop(telephone: Telephone) -> None:
    telephone.edge.answers.put(twiml("You are unsubscribed"))
    telephone.text("STOP")
    shown = [(text["status"], text["error_code"]) for text in telephone.thread() if text["direction"] == "out"]
    assert shown[1] == ("failed", 21610)


def test_a_thread_goes_on_behind_an_id(telephone: Telephone) -> None:
    for number in range(4):
        telephone.send(str(number))
    ids = [text["id"] for text in telephone.thread()]
    assert [text["body"] for text in telephone.thread(after=ids[1])] == ["2", "3"]
    assert [text["body"] for text in telephone.thread(after=ids[0], limit=1)] == ["1"]
    assert [text["body"] for text in telephone.thread(limit=2)] == ["2", "3"]


def test_phones_with_a_thread_are_listed_and_a_reset_forgets_them(telephone: Telephone) -> None:
    telephone.send("x")
    telephone.text("y", phone=LIAM)
    telephone.behave(LIAM, api_down=True)
    listed = telephone.http.get("/twilio/phones").json()["phones"]
    assert [(phone["number"], phone["texts"], phone["api_down"]) for phone in listed] == [
        (LIAM, 1, True),
        (MAYA, 1, False),
    ]
    telephone.trouble(texts={"hold": True})
    telephone.sandbox.post("/demo/internal/reset")
    assert telephone.http.get("/twilio/phones").json() == {"phones": []}
    assert telephone.text("z", phone=LIAM)["webhook"]["status"] == 200
    assert telephone.send("z", to=LIAM).status == "queued"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("phones/5145550101/texts", {"body": "x"}),
        (f"phones/{MAYA}/texts", {"body": 1}),
        (f"phones/{MAYA}/texts", {"body": "x" * 1601}),
        (f"phones/{MAYA}/texts", {"media": 11}),
        (f"phones/{MAYA}/texts", {"message_sid": "SM1"}),
        (f"phones/{MAYA}/texts", {"extra": {"To": 1}}),
        (f"phones/{MAYA}/texts", {"to": "me"}),
        (f"phones/{MAYA}", {"opted_out": 1}),
        (f"phones/{MAYA}", {"fails_with": "30003"}),
        (f"phones/{MAYA}", {"colour": True}),
        ("control/release", {"order": "sideways"}),
    ],
)
def test_what_no_phone_can_do_is_refused(telephone: Telephone, path: str, body: dict[str, Any]) -> None:
    assert telephone.http.post(f"/twilio/{path}", json=body).status_code == 400
    assert telephone.edge.nothing_more(0.05)


@pytest.mark.parametrize("mode", [{"texts": {"delay_s": 1}}, {"voice": {}}, {"callbacks": {"lose": 2}}, {"texts": 1}])
def test_modes_that_are_none_are_refused(telephone: Telephone, mode: dict[str, Any]) -> None:
    assert telephone.http.put("/twilio/control/delivery", json=mode).status_code == 400


def test_a_page_elsewhere_can_text_nobody(telephone: Telephone) -> None:
    for path in (f"/twilio/phones/{MAYA}/texts", f"/demo/phones/{MAYA}/texts", f"/demo/phones/{MAYA}"):
        assert telephone.http.post(path, content=b'{"body": "x"}').status_code == 415


def test_with_a_messaging_service_both_ways_name_it(
    postgres: EmbeddedPostgres, tmp_path: Path, telephone: Telephone
) -> None:
    settings = SETTINGS | {
        "SANDBOX_EDGE_URL": telephone.edge.url,
        "TWILIO_MESSAGING_SERVICE_SID": MESSAGING_SERVICE,
        "SANDBOX_SMS_WEBHOOK_URL": f"{PUBLIC_URL}/elsewhere",
    }
    with empty_database(postgres) as url, running_sandbox(url, tmp_path, PUBLIC_URL, **settings) as running:
        with_service = Telephone(running, telephone.edge)
        with_service.text("hello")
        post = telephone.edge.next()
        assert (post.path, post.form["MessagingServiceSid"]) == ("/elsewhere", MESSAGING_SERVICE)
        sent = with_service.client.messages.create(to=MAYA, messaging_service_sid=MESSAGING_SERVICE, body="x")
        assert (sent.messaging_service_sid, sent.from_) == (MESSAGING_SERVICE, NUMBER)


def test_without_a_token_there_is_no_telephone(sandbox: RunningSandbox) -> None:
    for path in ("/twilio/phones", f"/demo/phones/{MAYA}/texts"):
        assert sandbox.client.get(path).status_code == 404
