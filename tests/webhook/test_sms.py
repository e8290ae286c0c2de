"""Twilio's webhooks at the edge: what is stored before it is answered, and what is answered."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from assistant.one_time_codes import digits_of
from assistant.texts.models import OneTimeCode, TextReceived, TextSent
from assistant.texts.outgoing import queue_text
from billing.config import Settings
from billing.database import SessionFactory
from billing.models import PortalUser
from tests.support.fake_bot import FakeBot
from tests.webhook import text_forgery as forgery
from tests.webhook.conftest import RunningClock

PHONE = "+15145550101"
_serial = itertools.count(1)
TWILIO = {
    "twilio_auth_token": forgery.TOKEN,
    "twilio_account_sid": forgery.ACCOUNT,
    "twilio_from_number": "+15145550100",
    "one_time_code_secret": "a-secret-of-the-tests-for-one-time-codes",
    "public_url": forgery.PUBLIC,
}


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(**TWILIO)


def posts(client: FlaskClient, path: str = forgery.PATH, **fields: str) -> TestResponse:
    fields = forgery.a_text(next(_serial)) | fields
    signed = forgery.signature(fields, address=forgery.PUBLIC + path)
    return client.post(path, data=fields, headers={"X-Twilio-Signature": signed})


def said(response: TestResponse) -> list[str]:
    """The messages of a TwiML answer."""
    assert (response.status_code, response.mimetype) == (200, "text/xml")
    root = ET.fromstring(response.get_data(as_text=True))
    assert root.tag == "Response"
    return [message.text or "" for message in root]


def stored(sessions: SessionFactory) -> list[TextReceived]:
    with sessions() as session:
        return list(session.scalars(select(TextReceived).order_by(TextReceived.id)))


def test_a_text_is_stored_with_its_job_and_acknowledged_without_words(
    client: FlaskClient, sessions: SessionFactory, bot: FakeBot
) -> None:
    assert said(posts(client, Body="BALANCE")) == []
    (received,) = stored(sessions)
    assert (received.body, received.phone, received.to) == ("BALANCE", PHONE, "+15145550100")
    with sessions() as session:
        assert session.execute(text("select task_name from procrastinate_jobs")).scalars().all() == ["answer_text"]
    assert bot.turns == []


def test_the_second_token_is_believed_while_tokens_change(make_app: Callable[..., Flask]) -> None:
    rotated = TWILIO | {"twilio_auth_token": f"the-new-token-of-tests, {forgery.TOKEN}"}
    assert said(posts(make_app(**rotated).test_client())) == []


def test_without_twilio_there_is_no_such_address(make_app: Callable[..., Flask]) -> None:
    assert posts(make_app().test_client()).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"), [("NumMedia", "x"), ("MessageSid", "SM1"), ("From", ""), ("To", "+1" * 30)]
)
def test_what_is_no_text_is_refused_by_its_field(
    client: FlaskClient, sessions: SessionFactory, field: str, value: str
) -> None:
    refused = posts(client, **{field: value})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (422, "bad_field")
    assert stored(sessions) == []


def test_pictures_groups_and_the_carriers_own_answer_are_noted(client: FlaskClient, sessions: SessionFactory) -> None:
    posts(client, NumMedia="2", Body="")
    posts(client, OtherRecipients0="+15145550102")
    posts(client, OptOutType="STOP", Body="STOP")
    noted = [(row.media, row.is_group, row.told_by_carrier) for row in stored(sessions)]
    assert noted == [(2, False, False), (0, True, False), (0, False, True)]


def test_while_the_database_is_down_the_customer_hears_so_at_once(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise OperationalError("insert", {}, Exception("connection refused"))

    monkeypatch.setattr("webhook.sms.receive_text", lost)
    (answer,) = said(posts(client, Body="payer ma facture"))
    assert "1 800 555 0199" in answer
    assert "Réécrivez" in answer


# ------------------------------------------------------------------------------------ answered in the webhook itself


@pytest.fixture
def inline(make_app: Callable[..., Flask], sessions: SessionFactory, user: PortalUser) -> FlaskClient:
    """An edge that can verify texts and has no account to send any; Maya's phone is known."""
    with sessions.begin() as session:
        session.execute(update(PortalUser).where(PortalUser.id == user.id).values(phone=PHONE))
        session.execute(update(PortalUser).values(phone_changed_at=None))  # as if it always was hers
    return make_app(**TWILIO | {"twilio_account_sid": "", "twilio_from_number": ""}).test_client()


def code_of(sessions: SessionFactory, settings: Settings) -> str:
    with sessions() as session:
        newest = session.scalars(select(OneTimeCode.id).order_by(OneTimeCode.id.desc()).limit(1)).one()
    return digits_of(newest, settings.model_copy(update=TWILIO))


def test_without_an_account_the_answer_rides_back(
    inline: FlaskClient, sessions: SessionFactory, settings: Settings
) -> None:
    (asked,) = said(posts(inline, Body="what do I owe"))
    code = code_of(sessions, settings)
    assert code in asked
    assert said(posts(inline, Body=code)) == ["Northwind: Thank you, it is you. You said what do I owe"]
    assert said(posts(inline, Body="thanks")) == ["Northwind: You said thanks"]
    with sessions() as session:
        assert set(session.scalars(select(TextSent.state))) == {"sent"}


def test_a_repeat_is_answered_without_words(inline: FlaskClient) -> None:
    once = {"MessageSid": f"SM{'a' * 32}", "Body": "HELP"}
    assert len(said(posts(inline, **once))) == 1
    assert said(posts(inline, **once)) == []


# ----------------------------------------------------------------------------------------------- what became of it


def sent(sessions: SessionFactory, settings: Settings, clock: RunningClock) -> int:
    with sessions.begin() as session:
        row = queue_text(
            session,
            settings=settings.model_copy(update=TWILIO),
            phone=PHONE,
            kind="answer",
            now=clock(),
            body="Northwind: hello",
        )
        assert row is not None
        return row.id


def test_the_way_of_a_text_is_followed(
    client: FlaskClient, sessions: SessionFactory, settings: Settings, clock: RunningClock
) -> None:
    text_id, sid = sent(sessions, settings, clock), f"SM{'b' * 32}"
    path = f"/twilio/sms/status?text={text_id}"
    for status in ("sent", "delivered", "sent"):
        assert posts(client, path, MessageSid=sid, MessageStatus=status).status_code == 200
    with sessions() as session:
        row = session.get_one(TextSent, text_id)
        assert (row.state, row.sid) == ("delivered", sid)


@pytest.mark.parametrize("path", ["", "?text=", "?text=x", "?text=-1", f"?text={'9' * 30}"])
def test_a_status_of_no_text_of_ours_is_refused(client: FlaskClient, path: str) -> None:
    refused = posts(client, f"/twilio/sms/status{path}", MessageStatus="delivered")
    assert refused.status_code == 422


def test_a_status_signed_for_another_address_is_refused(client: FlaskClient) -> None:
    fields = forgery.a_text(1)
    signed = forgery.signature(fields, address=f"{forgery.PUBLIC}/twilio/sms/status?text=1")
    refused = client.post("/twilio/sms/status?text=2", data=fields, headers={"X-Twilio-Signature": signed})
    assert refused.status_code == 400
