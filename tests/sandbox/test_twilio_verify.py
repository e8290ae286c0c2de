"""Verify, asked by Twilio's own client: the code lands on the phone, and five of each are enough."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from twilio.base.exceptions import TwilioRestException

from tests.sandbox.telephone import LIAM, MAYA, VERIFY_SERVICE, Telephone


def start(telephone: Telephone, phone: str = MAYA, **asked: Any) -> Any:
    asked = {"to": phone, "channel": "sms"} | asked
    return telephone.client.verify.v2.services(VERIFY_SERVICE).verifications.create(**asked)


def check(telephone: Telephone, code: str, phone: str = MAYA) -> Any:
    return telephone.client.verify.v2.services(VERIFY_SERVICE).verification_checks.create(to=phone, code=code)


def texted_code(telephone: Telephone, phone: str = MAYA) -> str:
    found = re.search(r"\d{6}", telephone.bodies(phone=phone)[-1])
    assert found
    return found.group()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def code_of(refusal: pytest.ExceptionInfo[TwilioRestException]) -> tuple[int, int]:
    return refusal.value.status, refusal.value.code


def test_the_code_on_the_phone_is_approved_once(telephone: Telephone) -> None:
    started = start(telephone)
    assert (started.status, started.channel, started.to, started.valid) == ("pending", "sms", MAYA, False)
    assert started.sid.startswith("VE") and len(started.send_code_attempts) == 1
    code = texted_code(telephone)
    tried = check(telephone, wrong(code))
    assert (tried.status, tried.valid) == ("pending", False)
    approved = check(telephone, code)
    assert (approved.status, approved.valid, approved.sid) == ("approved", True, started.sid)
    with pytest.raises(TwilioRestException) as refusal:
        check(telephone, code)
    assert code_of(refusal) == (404, 20404)


def test_codes_are_each_phones_own_and_no_messages_of_the_account(telephone: Telephone) -> None:
    start(telephone)
    with pytest.raises(TwilioRestException) as refusal:
        check(telephone, texted_code(telephone), LIAM)
    assert code_of(refusal) == (404, 20404)
    assert telephone.client.messages.list() == []


def test_the_same_code_is_sent_five_times(telephone: Telephone) -> None:
    sids = {start(telephone).sid for _ in range(5)}
    assert len(sids) == len(set(telephone.bodies())) == 1
    with pytest.raises(TwilioRestException) as refusal:
        start(telephone)
    assert code_of(refusal) == (429, 60203)
    assert len(telephone.bodies()) == 5


def test_five_wrong_tries_are_the_last(telephone: Telephone) -> None:
    start(telephone)
    code = texted_code(telephone)
    for _ in range(5):
        assert check(telephone, wrong(code)).status == "pending"
    with pytest.raises(TwilioRestException) as refusal:
        check(telephone, code)
    assert code_of(refusal) == (429, 60202)


def test_a_code_is_good_for_ten_minutes(telephone: Telephone, telephone_database: str) -> None:
    start(telephone)
    code = texted_code(telephone)
    with psycopg.connect(telephone_database) as connection:
        connection.execute("update sandbox.verifications set expires_at = expires_at - interval '10 minutes'")
    with pytest.raises(TwilioRestException) as refusal:
        check(telephone, code)
    assert code_of(refusal) == (404, 20404)
    start(telephone)
    assert len(telephone.bodies()) == 2


@pytest.mark.parametrize("asked", [{"to": "maya"}, {"channel": "call"}])
def test_what_verify_does_not_do_is_refused(telephone: Telephone, asked: dict[str, Any]) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        start(telephone, **asked)
    assert code_of(refusal) == (400, 60200)


def test_another_service_is_not_there(telephone: Telephone) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        telephone.client.verify.v2.services("VA" + "0" * 32).verifications.create(to=MAYA, channel="sms")
    assert code_of(refusal) == (404, 20404)
