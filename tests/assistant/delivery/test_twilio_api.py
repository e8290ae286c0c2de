"""Twilio's client against a double over real HTTP: what is sent, and what each kind of failure means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from assistant.delivery.twilio_api import NotReached, OutcomeUnknown, TextRefused, TwilioApi, twilio_api
from tests.billing.builders import NOW
from tests.support.fake_twilio import ACCOUNT, SERVICE, TOKEN, FakeTwilio, fake_twilio, text_settings

PHONE, CALLBACK = "+15145550101", "https://pay.northwind.example/twilio/sms/status?text=7"


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with fake_twilio() as double:
        double.now = NOW
        yield double


@pytest.fixture
def api(twilio: FakeTwilio) -> TwilioApi:
    return TwilioApi(text_settings(twilio, twilio_verify_service_sid=SERVICE))


def test_a_text_is_sent_from_our_number_with_its_callback(twilio: FakeTwilio, api: TwilioApi) -> None:
    sid = api.send(PHONE, "Northwind: été, 10 $", CALLBACK)
    assert sid == twilio.messages[0]["sid"]
    assert twilio.paths == [f"/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"]
    assert twilio.auth == {f"{ACCOUNT}:{TOKEN}"}
    assert (twilio.messages[0]["to"], twilio.messages[0]["from"]) == (PHONE, "+15145550100")
    assert twilio.bodies == ["Northwind: été, 10 $"]
    assert twilio.callbacks == [CALLBACK]


def test_the_first_of_two_tokens_signs_our_requests(twilio: FakeTwilio) -> None:
    TwilioApi(text_settings(twilio, twilio_auth_token=f"{TOKEN},another-token-of-the-tests")).send(PHONE, "x", CALLBACK)
    assert twilio.auth == {f"{ACCOUNT}:{TOKEN}"}


@pytest.mark.parametrize("code", [21610, 21211, 21614, 21408, 21617, 30007])
def test_what_is_refused_for_good_says_why(twilio: FakeTwilio, api: TwilioApi, code: int) -> None:
    twilio.answers = [(400, code)]
    with pytest.raises(TextRefused) as refused:
        api.send(PHONE, "x", CALLBACK)
    assert refused.value.code == code


@pytest.mark.parametrize("answer", [(401, 20003), (403, 20005), (429, 20429)])
def test_what_is_about_us_and_not_about_the_text_is_not_sent(
    twilio: FakeTwilio, api: TwilioApi, answer: tuple[int, int]
) -> None:
    twilio.answers = [answer]
    with pytest.raises(NotReached):
        api.send(PHONE, "x", CALLBACK)


def test_a_region_that_is_not_allowed_is_refused_whatever_its_status(twilio: FakeTwilio, api: TwilioApi) -> None:
    twilio.answers = [(403, 21408)]
    with pytest.raises(TextRefused):
        api.send(PHONE, "x", CALLBACK)


def test_nobody_there_is_certainly_not_sent() -> None:
    with pytest.raises(NotReached):
        TwilioApi(text_settings()).send(PHONE, "x", CALLBACK)


@pytest.mark.parametrize("answer", ["lost", "broken", "garbage", (503, 20503)])
def test_without_an_answer_nobody_knows(twilio: FakeTwilio, api: TwilioApi, answer: str) -> None:
    twilio.answers = [answer]
    with pytest.raises(OutcomeUnknown):
        api.send(PHONE, "x", CALLBACK)


def test_no_proxy_of_the_environment_stands_before_this_machine(
    twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    TwilioApi(text_settings(twilio)).send(PHONE, "x", CALLBACK)
    assert len(twilio.messages) == 1


def test_a_text_that_was_taken_is_found_by_what_it_says(twilio: FakeTwilio, api: TwilioApi) -> None:
    first, second = (api.send(PHONE, "the same", CALLBACK) for _ in range(2))
    api.send("+15145550102", "the same", CALLBACK)
    since = NOW - timedelta(minutes=1)
    assert api.find_sent(PHONE, "the same", since) == second
    assert api.find_sent(PHONE, "the same", since, but_not=[second]) == first
    assert api.find_sent(PHONE, "another", since) is None
    assert api.find_sent(PHONE, "the same", NOW + timedelta(minutes=1)) is None
    twilio.messages[0]["status"] = "undelivered"
    assert api.find_sent(PHONE, "the same", since, but_not=[second]) is None


def test_a_trial_account_puts_words_before_ours(twilio: FakeTwilio, api: TwilioApi) -> None:
    sid = api.send(PHONE, "hello", CALLBACK)
    twilio.messages[0]["body"] = "Sent from your Twilio trial account - hello"
    assert api.find_sent(PHONE, "hello", NOW) == sid


def test_verify_sends_and_checks_codes(twilio: FakeTwilio, api: TwilioApi) -> None:
    api.start_verification(PHONE, "fr")
    assert twilio.verifications == [{"To": PHONE, "Channel": "sms", "Locale": "fr"}]
    assert api.check_verification(PHONE, twilio.right_code)
    assert not api.check_verification(PHONE, "000000")
    assert f"/twilio/v2/Services/{SERVICE}/VerificationCheck" in twilio.paths


@pytest.mark.parametrize("answer", [(404, 20404), (400, 60200), (429, 60202)])
def test_a_code_that_verify_does_not_take_is_wrong(twilio: FakeTwilio, api: TwilioApi, answer: tuple[int, int]) -> None:
    twilio.check_answers = [answer]
    assert not api.check_verification(PHONE, twilio.right_code)


def test_a_verify_that_does_not_know_us_is_no_wrong_code(twilio: FakeTwilio, api: TwilioApi) -> None:
    twilio.check_answers = [(401, 20003)]
    with pytest.raises(NotReached):
        api.check_verification(PHONE, twilio.right_code)


def test_there_is_one_client_a_process(twilio: FakeTwilio) -> None:
    settings = text_settings(twilio)
    assert twilio_api(settings) is twilio_api(text_settings(twilio))
