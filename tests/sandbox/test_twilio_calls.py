"""The telephone that calls: what it posts, and what it makes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.twilio.voice_twiml import (
    INVALID_ATTRIBUTE,
    INVALID_VERB,
    NO_CONNECTOR,
    PARSE_FAILURE,
    Gather,
    NoCall,
    read,
)
from tests.sandbox.telephone import MAYA, NUMBER, PUBLIC_URL, Telephone

ASKS = (
    b'<Response><Say>Welcome.</Say><Gather input="dtmf speech" action="/next" numDigits="1" %s>'
    b"<Say>Press 1.</Say></Gather></Response>"
)
TELLS = ASKS % b'actionOnEmptyResult="true"'
KEYS_ONLY = (
    b'<Response><Gather input="dtmf" action="/next" finishOnKey="#"><Say>Key it in.</Say></Gather>'
    b"<Say>Nothing came.</Say></Response>"
)


def call(telephone: Telephone, *answers: bytes, **more: Any) -> dict[str, Any]:
    """Places a call that the service answers so."""
    for answer in answers:
        telephone.edge.answers.put((200, answer))
    placed = telephone.http.post("/twilio/calls", json={"from": MAYA, **more})
    assert placed.status_code == 200, placed.text
    return dict(placed.json())


def act(telephone: Telephone, sid: str, what: str, *answers: bytes, **body: Any) -> dict[str, Any]:
    for answer in answers:
        telephone.edge.answers.put((200, answer))
    told = telephone.http.post(f"/twilio/calls/{sid}/{what}", json=body)
    assert told.status_code == 200, told.text
    return dict(told.json())


def heard(told: dict[str, Any]) -> list[str]:
    return [caption["text"] for caption in told["captions"] if caption["by"] == "service"]


def test_a_call_is_told_of_as_twilio_does_and_signed(telephone: Telephone) -> None:
    placed = call(telephone, TELLS)
    post = telephone.edge.next()
    assert post.path == "/twilio/voice"
    assert post.is_signed_for(PUBLIC_URL)
    assert post.form["CallSid"] == placed["sid"]
    assert (post.form["From"], post.form["To"], post.form["CallStatus"]) == (MAYA, NUMBER, "ringing")
    assert heard(placed) == ["Welcome.", "Press 1."]
    assert placed["listening"] == {"keys": "one", "speech": True}


def test_keys_and_words_go_to_the_action_and_one_key_is_one(telephone: Telephone) -> None:
    sid = call(telephone, TELLS)["sid"]
    telephone.edge.next()
    act(telephone, sid, "keys", TELLS, digits="12")
    post = telephone.edge.next()
    assert (post.path, post.form["Digits"], post.form["CallStatus"]) == ("/next", "1", "in-progress")
    act(telephone, sid, "speech", TELLS, text="pay my bill", confidence=0.5)
    post = telephone.edge.next()
    assert (post.form["SpeechResult"], float(post.form["Confidence"])) == ("pay my bill", 0.5)
    assert "Digits" not in post.form


def test_digits_end_with_their_key_and_nobody_listens_to_words_there(telephone: Telephone) -> None:
    sid = call(telephone, KEYS_ONLY)["sid"]
    telephone.edge.next()
    told = act(telephone, sid, "speech", text="one hundred")
    assert told["listening"] == {"keys": "many", "speech": False}
    assert telephone.edge.nothing_more(0.2)
    act(telephone, sid, "keys", TELLS, digits="100200#9")
    assert telephone.edge.next().form["Digits"] == "100200"


def test_silence_is_told_of_where_it_is_wanted_and_falls_through_where_not(telephone: Telephone) -> None:
    sid = call(telephone, TELLS)["sid"]
    telephone.edge.next()
    act(telephone, sid, "silence", TELLS)
    assert telephone.edge.next().form["Digits"] == ""
    other = call(telephone, KEYS_ONLY)["sid"]
    telephone.edge.next()
    told = act(telephone, other, "silence")
    assert heard(told)[-1] == "Nothing came."
    assert (told["status"], telephone.edge.next().form["CallStatus"]) == ("completed", "completed")


def test_a_redirect_is_followed_and_a_transfer_ends_as_it_was_asked_to(telephone: Telephone) -> None:
    dial = b'<Response><Dial action="/after">+18005550199</Dial></Response>'
    call(telephone, b"<Response><Redirect>/dial</Redirect></Response>", dial, TELLS, dialled="busy")
    assert [telephone.edge.next().path for _ in range(2)] == ["/twilio/voice", "/dial"]
    assert telephone.edge.next().form["DialCallStatus"] == "busy"


def test_who_hangs_up_is_told_of_once(telephone: Telephone) -> None:
    sid = call(telephone, TELLS)["sid"]
    telephone.edge.next()
    for _ in range(2):
        assert act(telephone, sid, "hang-up")["status"] == "completed"
    post = telephone.edge.next()
    assert (post.path, post.form["CallStatus"]) == ("/twilio/voice/status", "completed")
    assert telephone.edge.nothing_more(0.2)
    assert act(telephone, sid, "keys", digits="1")["listening"] is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"Internal Server Error", PARSE_FAILURE),
        (b"<Answer/>", PARSE_FAILURE),
        (b"<Response><Sing>la</Sing></Response>", INVALID_VERB),
        (b'<Response><Say loudly="yes">Hello</Say></Response>', INVALID_VERB),
        (b"<Response><Say> </Say></Response>", INVALID_VERB),
        (b'<Response><Gather input="dtmf" speechTimeout="auto"/></Response>', INVALID_VERB),
        (b"<Response><Gather><Dial>1</Dial></Gather></Response>", INVALID_VERB),
        (b'<Response><Gather input="speech" speechTimeout="auto" speechModel="x"/></Response>', INVALID_ATTRIBUTE),
        (b'<Response><Pay action="/paid" chargeAmount="0" tokenType="payment-method"/></Response>', NO_CONNECTOR),
        (b'<Response><Pay action="/paid" chargeAmount="5.00" paymentConnector="x"/></Response>', INVALID_VERB),
    ],
)
def test_an_answer_that_twilio_would_not_take_ends_the_call_with_its_error(
    telephone: Telephone, answer: bytes, code: int
) -> None:
    with pytest.raises(NoCall) as wrong:
        read(answer)
    assert wrong.value.code == code
    told = call(telephone, answer)
    assert (told["status"], told["error"]) == ("completed", code)


PAYS = (
    b'<Response><Pay action="/paid" chargeAmount="0" tokenType="payment-method" paymentConnector="sandbox"/></Response>'
)


def test_a_card_that_is_keyed_in_becomes_a_token_and_is_shown_nowhere(telephone: Telephone) -> None:
    placed = call(telephone, PAYS)
    assert placed["listening"] == {"keys": "card", "speech": False}
    telephone.edge.next()
    act(telephone, placed["sid"], "speech", text="4242")
    act(telephone, placed["sid"], "keys", digits="4242424242424242#")
    told = act(telephone, placed["sid"], "keys", TELLS, digits="1239#123#")
    post = telephone.edge.next()
    assert (post.path, post.form["Result"]) == ("/paid", "success")
    assert post.form["PaymentToken"].startswith("tok_")
    assert post.form["PaymentCardNumber"] == "xxxxxxxxxxxx4242"
    assert "4242424242" not in str(told)


@pytest.mark.parametrize(
    ("keys", "result"),
    [
        ("4242424242424241#1239#123#", "too-many-failed-attempts"),
        ("4242#*", "caller-interrupted-with-star"),
    ],
)
def test_what_is_no_card_has_another_result(telephone: Telephone, keys: str, result: str) -> None:
    sid = call(telephone, PAYS)["sid"]
    telephone.edge.next()
    act(telephone, sid, "keys", TELLS, digits=keys)
    assert telephone.edge.next().form["Result"] == result


def test_no_answer_is_an_error_too(telephone: Telephone) -> None:
    telephone.edge.answers.put((500, b""))
    told = telephone.http.post("/twilio/calls", json={"from": MAYA}).json()
    assert (told["status"], told["error"]) == ("completed", 11200)


def test_what_no_telephone_can_do_is_refused(telephone: Telephone) -> None:
    sid = call(telephone, TELLS)["sid"]
    for path, body in [
        ("", {"from": "514"}),
        ("", {"from": MAYA, "dialled": "eaten"}),
        (f"/{sid}/keys", {"digits": "1a"}),
        (f"/{sid}/speech", {"text": ""}),
        (f"/{sid}/speech", {"text": "x", "confidence": 2}),
    ]:
        assert telephone.http.post(f"/twilio/calls{path}", json=body).status_code == 400
    assert telephone.http.get("/twilio/calls/CA0").status_code == 404


def test_the_defaults_of_a_gather_are_twilios() -> None:
    (gather,) = read(b"<Response><Gather/></Response>").verbs
    assert isinstance(gather, Gather)
    assert (gather.keys, gather.ends_with, gather.speech, gather.timeout_s, gather.tells_of_nothing) == (
        *(None, "#", False, 5.0),
        False,
    )
