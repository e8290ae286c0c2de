"""Texts over real HTTP: once each, never after an opt-out, followed to the phone, told by mail where they are lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from assistant.delivery.email import render
from assistant.delivery.sms import PAUSES, give_up, note_status, send_text, take_for_answer
from assistant.delivery.twilio_api import NotReached, OutcomeUnknown, TwilioApi
from assistant.one_time_codes import digits_of
from assistant.opt_out import is_opted_out, record_consent
from assistant.texts.models import OneTimeCode, TextChoice, TextReceived, TextSent
from assistant.texts.outgoing import queue_text
from billing.context import Context
from billing.database import SessionFactory
from billing.models import Notice, OperatorItem, Payment, PaymentMethod, PortalUser
from tests.billing.builders import NOW, Clock, a_context, a_user, an_account, an_invoice, pay, some_settings
from tests.support.fake_gateway import FakeGateway
from tests.support.fake_twilio import FakeTwilio, fake_twilio, text_settings

PHONE = "+15145550101"
LOST_AT_THE_PHONE = 30003


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with fake_twilio() as double:
        double.now = NOW
        yield double


@pytest.fixture
def context(sessions: SessionFactory, twilio: FakeTwilio, clock: Clock) -> Context:
    return a_context(sessions, FakeGateway(), now=clock, settings=text_settings(twilio))


@pytest.fixture
def api(context: Context) -> TwilioApi:
    return TwilioApi(context.settings)


def queued(context: Context, body: str | None = "Northwind: hello", **more: Any) -> int:
    values: dict[str, Any] = {"phone": PHONE, "kind": "answer"}
    with context.sessions.begin() as session:
        sent = queue_text(session, settings=context.settings, now=context.now(), body=body, **(values | more))
        assert sent is not None
        return sent.id


def row(context: Context, text_id: int) -> TextSent:
    with context.sessions() as session:
        return session.get_one(TextSent, text_id)


def rows(context: Context) -> list[TextSent]:
    with context.sessions() as session:
        return list(session.scalars(select(TextSent).order_by(TextSent.id)))


def told(context: Context, text_id: int, status: str, *, sid: str | None = None, error_code: int | None = None) -> None:
    """Twilio's callback about a text."""
    with context.sessions.begin() as session:
        sid = sid or session.get_one(TextSent, text_id).sid or "SM-early"
        note_status(session, sid=sid, text_id=text_id, status=status, error_code=error_code, now=context.now(),
                    settings=context.settings)  # fmt: skip


def jobs_later(context: Context) -> list[tuple[int, timedelta, str | None]]:
    """(text, pause, lock) of sendings that wait for their time."""
    query = (
        "select (args ->> 'text_id')::bigint, scheduled_at, lock from procrastinate_jobs"
        " where task_name = 'send_text' and scheduled_at is not null order by id"
    )
    with context.sessions() as session:
        return [(found[0], found[1] - context.now(), found[2]) for found in session.execute(text(query))]


# ------------------------------------------------------------------------------------------------------ sent once


def test_a_text_is_sent_once_however_often_the_job_runs(context: Context, api: TwilioApi, twilio: FakeTwilio) -> None:
    text_id = queued(context)
    for _ in range(3):
        send_text(context, api, text_id)
    sent = row(context, text_id)
    assert twilio.bodies == ["Northwind: hello"]
    assert (sent.state, sent.sid, sent.tries) == ("sent", twilio.messages[0]["sid"], 1)
    assert twilio.callbacks == [f"http://127.0.0.1:8000/twilio/sms/status?text={text_id}"]


class Killed(BaseException):
    """What a process that is killed at a place looks like to what runs after it."""


def test_a_sender_that_is_killed_between_answer_and_commit_sends_nothing_twice(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_id, really = queued(context), api.send

    def send_and_die(*arguments: str) -> str:
        really(*arguments)
        raise Killed

    monkeypatch.setattr(api, "send", send_and_die)
    with pytest.raises(Killed):
        send_text(context, api, text_id)
    monkeypatch.setattr(api, "send", really)
    assert row(context, text_id).state == "sending"
    clock.forward(seconds=40)  # as long as it takes to notice that a worker is dead
    send_text(context, api, text_id)
    assert len(twilio.messages) == 1
    assert (row(context, text_id).state, row(context, text_id).sid) == ("sent", twilio.messages[0]["sid"])


def test_a_sender_that_is_killed_before_the_call_sends_it_later(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_id, really = queued(context), api.send

    def die(*_: str) -> str:
        raise Killed

    monkeypatch.setattr(api, "send", die)
    with pytest.raises(Killed):
        send_text(context, api, text_id)
    monkeypatch.setattr(api, "send", really)
    clock.forward(seconds=40)
    send_text(context, api, text_id)
    assert len(twilio.messages) == 1
    assert row(context, text_id).tries == 2


@pytest.mark.parametrize("answer", ["lost", "broken", "garbage"])
def test_an_answer_that_got_lost_is_looked_up_before_another_try(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock, answer: str
) -> None:
    text_id = queued(context)
    twilio.answers = [answer]
    with pytest.raises(OutcomeUnknown):
        send_text(context, api, text_id)
    clock.forward(seconds=2)
    with pytest.raises(OutcomeUnknown):  # the request may still be under way: too early to look
        send_text(context, api, text_id)
    clock.forward(seconds=20)
    send_text(context, api, text_id)
    assert len(twilio.messages) == 1
    assert row(context, text_id).sid == twilio.messages[0]["sid"]


def test_a_text_that_says_the_same_is_not_taken_for_it(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock
) -> None:
    first, second = queued(context), queued(context)
    send_text(context, api, first)
    twilio.answers = [(503, 20503)]  # not taken, though nobody says so
    with pytest.raises(OutcomeUnknown):
        send_text(context, api, second)
    clock.forward(seconds=25)
    send_text(context, api, second)
    assert len(twilio.messages) == 2
    assert row(context, first).sid != row(context, second).sid


def test_what_may_have_gone_is_looked_up_however_many_tries_fail_in_between(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_id = queued(context)
    twilio.answers = ["lost"]
    with pytest.raises(OutcomeUnknown):
        send_text(context, api, text_id)
    clock.forward(seconds=25)
    with pytest.raises(NotReached):  # nobody there to look it up
        send_text(context, TwilioApi(text_settings()), text_id)
    clock.forward(seconds=25)
    send_text(context, api, text_id)
    assert len(twilio.messages) == 1


def test_what_was_not_listed_yet_is_looked_up_again_even_after_a_try_that_did_not_leave(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock
) -> None:
    text_id = queued(context)
    twilio.answers, twilio.lists_nothing = ["lost", (429, 20429)], True
    with pytest.raises(OutcomeUnknown):
        send_text(context, api, text_id)
    clock.forward(seconds=25)
    with pytest.raises(NotReached):
        send_text(context, api, text_id)
    clock.forward(seconds=25)
    twilio.lists_nothing = False
    send_text(context, api, text_id)
    assert len(twilio.messages) == 1


def test_a_text_that_certainly_was_not_sent_is_sent_without_looking(
    context: Context, api: TwilioApi, twilio: FakeTwilio
) -> None:
    text_id = queued(context)
    with pytest.raises(NotReached):
        send_text(context, TwilioApi(text_settings()), text_id)
    assert row(context, text_id).state == "queued"
    send_text(context, api, text_id)
    assert len(twilio.paths) == 1
    assert row(context, text_id).state == "sent"


def test_two_workers_with_the_same_text_send_it_once(context: Context, api: TwilioApi, twilio: FakeTwilio) -> None:
    text_id, start = queued(context), threading.Barrier(6)

    def work() -> None:
        start.wait()
        with suppress(OutcomeUnknown):
            send_text(context, api, text_id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(twilio.messages) == 1


# ------------------------------------------------------------------------------------------------- not sent at all


def test_a_stop_between_queueing_and_sending_holds(context: Context, api: TwilioApi, twilio: FakeTwilio) -> None:
    text_id = queued(context)
    with context.sessions.begin() as session:
        record_consent(session, PHONE, "out", "keyword", "STOP", NOW)
        confirmation = queue_text(session, settings=context.settings, phone=PHONE, kind="answer", now=NOW,
                                  body="Northwind: no more texts", despite_opt_out=True)  # fmt: skip
        assert confirmation is not None
    send_text(context, api, text_id)
    send_text(context, api, confirmation.id)
    assert (row(context, text_id).state, row(context, text_id).withheld_because) == ("withheld", "opted_out")
    assert twilio.bodies == ["Northwind: no more texts"]


def test_an_opt_out_that_the_carrier_knows_is_written_down(
    context: Context, api: TwilioApi, twilio: FakeTwilio
) -> None:
    text_id = queued(context)
    twilio.answers = [(400, 21610)]
    send_text(context, api, text_id)
    send_text(context, api, text_id)
    failed = row(context, text_id)
    assert (failed.state, failed.error_code, len(twilio.paths)) == ("failed", 21610, 1)
    with context.sessions() as session:
        assert is_opted_out(session, PHONE)
        assert session.execute(text("select source from text_consents")).scalar_one() == "carrier"
    assert row(context, queued(context)).state == "withheld"


@pytest.mark.parametrize("code", [21211, 21614, 21408])
def test_what_is_refused_for_good_is_not_tried_again(
    context: Context, api: TwilioApi, twilio: FakeTwilio, code: int
) -> None:
    text_id = queued(context)
    twilio.answers = [(400, code)]
    send_text(context, api, text_id)
    assert (row(context, text_id).state, row(context, text_id).error_code) == ("failed", code)
    assert jobs_later(context) == []


def test_an_hour_late_a_text_is_not_sent_any_more(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock
) -> None:
    text_id = queued(context)
    clock.forward(minutes=61)
    send_text(context, api, text_id)
    assert (row(context, text_id).state, row(context, text_id).withheld_because) == ("withheld", "too_late")
    assert twilio.messages == []


def test_given_up_it_is_an_operators_and_a_late_callback_still_counts(context: Context) -> None:
    first, second = queued(context), queued(context)
    give_up(context, first)
    give_up(context, second)
    assert row(context, first).state == "failed"
    with context.sessions() as session:
        assert session.scalars(select(OperatorItem.kind)).all() == ["texts_failed"]
    told(context, first, "delivered", sid="SM1")
    assert (row(context, first).state, row(context, first).sid) == ("delivered", "SM1")


# --------------------------------------------------------------------------------------------------------- codes


def a_code(context: Context, language: str = "en") -> tuple[int, int]:
    """(text, code)"""
    with context.sessions.begin() as session:
        user = a_user(session, an_account(session, users=0), phone=PHONE, language=language)
        code = OneTimeCode(phone=PHONE, sent_by="sms", created_at=NOW, expires_at=NOW + timedelta(minutes=10))
        session.add(code)
        session.flush()
    return queued(context, None, kind="code", code_id=code.id, portal_user_id=user.id), code.id


def test_the_text_of_a_code_is_made_when_it_goes_out(context: Context, api: TwilioApi, twilio: FakeTwilio) -> None:
    text_id, code_id = a_code(context)
    send_text(context, api, text_id)
    digits = digits_of(code_id, context.settings)
    assert twilio.bodies[0].startswith(f"Northwind: {digits} is your code, valid 10 minutes.")
    assert row(context, text_id).body is None


def test_a_lost_answer_about_a_code_is_looked_up_by_its_words(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock
) -> None:
    text_id, _ = a_code(context, "fr")
    twilio.answers = ["lost"]
    with pytest.raises(OutcomeUnknown):
        send_text(context, api, text_id)
    clock.forward(seconds=25)
    send_text(context, api, text_id)
    assert len(twilio.messages) == 1
    assert "est votre code, valable 10 minutes. Répondez" in twilio.bodies[0]


def test_a_code_that_has_run_out_is_not_sent(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock
) -> None:
    text_id, _ = a_code(context)
    clock.forward(minutes=10)
    send_text(context, api, text_id)
    assert twilio.messages == []
    assert row(context, text_id).state == "withheld"


# ----------------------------------------------------------------------------------------------- what became of it


@pytest.mark.parametrize(
    ("heard", "state"),
    [
        (["queued", "sent", "delivered"], "delivered"),
        (["delivered", "sent", "queued"], "delivered"),
        (["sent", "sending"], "sent"),
        (["accepted"], "sent"),
        (["delivered", "failed"], "delivered"),
        (["undelivered", "delivered"], "undelivered"),
        (["sent", "read"], "delivered"),
        (["nonsense", "", "DELIVERED"], "sent"),
        (["delivered", "delivered"], "delivered"),
    ],
)
def test_what_twilio_says_is_taken_in_in_any_order(
    context: Context, api: TwilioApi, heard: list[str], state: str
) -> None:
    text_id = queued(context)
    send_text(context, api, text_id)
    for status in heard:
        told(context, text_id, status)
    assert row(context, text_id).state == state


def test_a_callback_that_comes_before_our_own_note_is_kept(
    context: Context, api: TwilioApi, twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_id, really = queued(context), api.send

    def send_and_hear(*arguments: str) -> str:
        sid = really(*arguments)
        told(context, text_id, "delivered", sid=sid)
        return sid

    monkeypatch.setattr(api, "send", send_and_hear)
    send_text(context, api, text_id)
    assert (row(context, text_id).state, row(context, text_id).sid) == ("delivered", twilio.messages[0]["sid"])


def test_a_callback_with_another_texts_sid_changes_nothing(context: Context, api: TwilioApi) -> None:
    first, second, third = queued(context), queued(context), queued(context)
    send_text(context, api, first)
    send_text(context, api, second)
    told(context, first, "delivered", sid=row(context, second).sid)
    told(context, third, "delivered", sid=row(context, second).sid)
    told(context, 4711, "delivered", sid="SM9")
    assert [row(context, text_id).state for text_id in (first, second, third)] == ["sent", "sent", "queued"]
    assert row(context, third).sid is None


def test_what_a_phone_did_not_take_is_tried_twice_more_with_pauses(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock
) -> None:
    text_id = queued(context, key="told once")
    for pause in PAUSES:
        send_text(context, api, text_id)
        for _ in range(3):  # a callback may come more than once
            told(context, text_id, "undelivered", error_code=LOST_AT_THE_PHONE)
        later = jobs_later(context)[-1]
        assert later[1:] == (pause, None)
        assert row(context, text_id).state == "undelivered"
        text_id = later[0]
        clock.forward(seconds=pause.total_seconds())
    send_text(context, api, text_id)
    told(context, text_id, "undelivered", error_code=LOST_AT_THE_PHONE)
    assert twilio.bodies == ["Northwind: hello"] * 3
    assert len(rows(context)) == 3
    assert len(jobs_later(context)) == 2


def test_a_try_at_the_phone_that_went_unanswered_is_not_taken_for_the_one_that_was_lost(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock
) -> None:
    text_id = queued(context)
    send_text(context, api, text_id)
    told(context, text_id, "undelivered", error_code=LOST_AT_THE_PHONE)
    again = rows(context)[-1].id
    twilio.answers = [(503, 20503)]
    with pytest.raises(OutcomeUnknown):
        send_text(context, api, again)
    clock.forward(seconds=25)
    send_text(context, api, again)
    assert len(twilio.messages) == 2


def test_the_choices_of_a_lost_text_are_those_of_its_repeat(context: Context, api: TwilioApi) -> None:
    text_id = queued(context)
    with context.sessions.begin() as session:
        user = a_user(session, an_account(session, users=0))
        session.add(TextChoice(text_id=text_id, reply="1", portal_user_id=user.id))
    send_text(context, api, text_id)
    told(context, text_id, "undelivered", error_code=LOST_AT_THE_PHONE)
    with context.sessions() as session:
        choices = session.execute(select(TextChoice.text_id, TextChoice.reply).order_by(TextChoice.text_id)).all()
    assert [tuple(choice) for choice in choices] == [(text_id, "1"), (rows(context)[-1].id, "1")]


@pytest.mark.parametrize("error_code", [30005, 30006, 30007, None])
def test_what_will_not_pass_is_not_tried_again(context: Context, api: TwilioApi, error_code: int | None) -> None:
    text_id = queued(context)
    send_text(context, api, text_id)
    told(context, text_id, "undelivered", error_code=error_code)
    assert jobs_later(context) == []
    assert len(rows(context)) == 1


def test_a_stop_holds_for_the_repeat_too(context: Context, api: TwilioApi, twilio: FakeTwilio) -> None:
    text_id = queued(context)
    send_text(context, api, text_id)
    told(context, text_id, "undelivered", error_code=LOST_AT_THE_PHONE)
    with context.sessions.begin() as session:
        record_consent(session, PHONE, "out", "keyword", "STOP", NOW)
    send_text(context, api, rows(context)[-1].id)
    assert len(twilio.messages) == 1


# ------------------------------------------------------------------------------------------------------- by mail


def a_result(context: Context, *, notifications: bool, behaviour: str = "succeeded") -> tuple[int, Payment, PortalUser]:
    """(text, payment, user): the text tells the user what became of a payment."""
    with context.sessions.begin() as session:
        account = an_account(session, users=0)
        user = a_user(session, account, phone=PHONE, notifications=notifications, language="fr")
        an_invoice(session, account, "60.00")
        token = session.scalars(select(PaymentMethod.gateway_reference)).one()
    assert isinstance(context.gateway, FakeGateway)
    context.gateway.behaviours[token] = behaviour  # type: ignore[assignment]
    payment = pay(context, account)
    with context.sessions.begin() as session:
        if not notifications:  # the quote's billing email is the user's own here
            session.execute(text("delete from notices"))
    result = queued(context, kind="result", payment_id=payment.id, portal_user_id=user.id, account_id=account.id)
    return result, payment, user


def letters(context: Context) -> list[tuple[str, str]]:
    with context.sessions() as session:
        return [(kind, to) for kind, to in session.execute(select(Notice.kind, Notice.recipient).order_by(Notice.id))]


def lose(context: Context, api: TwilioApi, text_id: int) -> None:
    send_text(context, api, text_id)
    told(context, text_id, "undelivered", error_code=30006)


def test_a_result_that_got_lost_is_told_by_mail_to_whom_it_was_for(context: Context, api: TwilioApi) -> None:
    text_id, _, user = a_result(context, notifications=False)
    for _ in range(2):
        lose(context, api, text_id)
    assert letters(context) == [("receipt", user.email)]


def test_who_gets_the_receipt_anyway_gets_no_second_letter(context: Context, api: TwilioApi) -> None:
    text_id, _, user = a_result(context, notifications=True)
    assert letters(context) == [("receipt", user.email)]
    lose(context, api, text_id)
    assert letters(context) == [("receipt", user.email)]


def test_a_result_without_a_letter_of_its_own_gets_one(context: Context, api: TwilioApi) -> None:
    text_id, payment, user = a_result(context, notifications=True, behaviour="processing")
    lose(context, api, text_id)
    assert letters(context) == [("text_lost_processing", user.email)]
    with context.sessions() as session:
        letter = render(session, session.scalars(select(Notice)).one(), context)
    assert letter.subject == f"Au sujet de votre paiement de 60,00\xa0$ ({payment.reference})"
    assert letter.intro.startswith("Notre texto au sujet de ce paiement ne vous est pas parvenu. ")
    assert payment.reference in [value for _, value in letter.facts]


def test_the_letter_says_what_is_true_when_it_is_written(context: Context, api: TwilioApi) -> None:
    text_id, payment, _ = a_result(context, notifications=False, behaviour="processing")
    lose(context, api, text_id)
    with context.sessions.begin() as session:
        session.execute(text("update payments set state = 'succeeded' where id = :id"), {"id": payment.id})
    with context.sessions() as session:
        letter = render(session, session.scalars(select(Notice).where(Notice.kind.like("text_lost%"))).one(), context)
    assert letter.subject.startswith("Paiement reçu")


@pytest.mark.parametrize("how", ["refused", "given up", "stopped", "late", "tried thrice"])
def test_however_a_result_is_lost_it_is_told(
    context: Context, api: TwilioApi, twilio: FakeTwilio, clock: Clock, how: str
) -> None:
    text_id, _, user = a_result(context, notifications=False)
    match how:
        case "refused":
            twilio.answers = [(400, 21614)]
            send_text(context, api, text_id)
        case "given up":
            give_up(context, text_id)
        case "stopped":
            with context.sessions.begin() as session:
                record_consent(session, PHONE, "out", "keyword", "STOP", NOW)
            send_text(context, api, text_id)
        case "late":
            clock.forward(hours=2)
            send_text(context, api, text_id)
        case _:
            for _ in range(3):
                assert letters(context) == []
                text_id = rows(context)[-1].id
                send_text(context, api, text_id)
                told(context, text_id, "undelivered", error_code=LOST_AT_THE_PHONE)
    assert letters(context) == [("receipt", user.email)]


# -------------------------------------------------------------------------------------- in the webhook's own answer


def test_without_an_account_the_texts_ride_in_the_webhooks_own_answer(sessions: SessionFactory) -> None:
    context = a_context(sessions, settings=some_settings(one_time_code_secret="a secret of the tests"))
    with sessions.begin() as session:
        received = TextReceived(sid="SM1", phone=PHONE, to="+15145550100", body="hi", received_at=NOW)
        session.add(received)
        session.flush()
    for body in ("first", "second"):
        queued(context, body, answers=received.id)
    with sessions.begin() as session:
        assert take_for_answer(session, received.id, context=context) == ["first", "second"]
    with sessions.begin() as session:
        assert take_for_answer(session, received.id, context=context) == []
    assert [sent.state for sent in rows(context)] == ["sent", "sent"]


def test_no_transaction_is_open_while_twilio_thinks(
    context: Context, api: TwilioApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_id, really = queued(context), api.send

    def send_and_look(*arguments: str) -> str:
        with context.sessions() as session:
            others = "select count(*) from pg_stat_activity where state like 'idle in transaction%'"
            here = f"{others} and datname = current_database()"
            assert session.execute(text(here)).scalar_one() == 0
        return really(*arguments)

    monkeypatch.setattr(api, "send", send_and_look)
    send_text(context, api, text_id)
    assert row(context, text_id).state == "sent"
