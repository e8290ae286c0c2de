"""Texts on their way out: what is written, what is withheld, and what waits for the worker."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from assistant.gsm import ALPHABET
from assistant.opt_out import record_consent
from assistant.texts.models import TextSent
from assistant.texts.outgoing import LONGEST_BODY, TOO_MANY, parts, queue_text
from assistant.wording import catalogue
from billing.config import Settings
from billing.database import SessionFactory
from billing.models import Notice, OperatorItem
from tests.billing.builders import NOW, a_context, a_user, an_account, an_invoice, pay, some_settings
from tests.support.fake_twilio import text_settings

PHONE, OTHER = "+15145550101", "+15145550102"


def queued(session: Session, settings: Settings | None = None, *, phone: str = PHONE, **more: Any) -> TextSent | None:
    values: dict[str, Any] = {"kind": "answer", "now": NOW, "body": "Northwind: hello"}
    return queue_text(session, settings=settings or text_settings(), phone=phone, **(values | more))


def jobs(sessions: SessionFactory) -> list[tuple[int, str | None]]:
    """(text, lock) of every sending that was deferred, in the order of the queue."""
    query = (
        "select (args ->> 'text_id')::bigint, lock from procrastinate_jobs where task_name = 'send_text' order by id"
    )
    with sessions() as session:
        return [(row[0], row[1]) for row in session.execute(text(query))]


def rows(sessions: SessionFactory) -> list[TextSent]:
    with sessions() as session:
        return list(session.scalars(select(TextSent).order_by(TextSent.id)))


def test_a_text_is_written_and_its_sending_deferred_behind_those_to_the_same_phone(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        first, second = queued(session), queued(session, phone=OTHER)
        assert first is not None
        assert second is not None
    assert jobs(sessions) == [(first.id, f"text-to:{PHONE}"), (second.id, f"text-to:{OTHER}")]
    assert [row.state for row in rows(sessions)] == ["queued", "queued"]


def test_a_rollback_takes_both_along(sessions: SessionFactory) -> None:
    with sessions() as session:
        queued(session)
        session.rollback()
    assert rows(sessions) == []
    assert jobs(sessions) == []


def test_what_has_a_key_is_told_once(sessions: SessionFactory) -> None:
    settings = text_settings(sms_per_phone_per_day=2)
    for _ in range(3):
        with sessions.begin() as session:
            queued(session, settings, key="payment:7:succeeded")
    assert len(rows(sessions)) == 1
    assert len(jobs(sessions)) == 1
    with sessions.begin() as session:
        assert queued(session, settings, key="payment:7:succeeded") is None


def test_a_body_is_plain_gsm(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        sent = queued(session, body="Northwind: été — 1\u202f452,10\u00a0$ “là”")
        assert sent is not None
        assert sent.body == 'Northwind: été - 1 452,10 $ "là"'
        assert set(sent.body) <= ALPHABET


@pytest.mark.parametrize("key", ["text_code", "text_too_many"])
def test_what_is_said_around_the_dialogue_keeps_its_accents(key: str) -> None:
    for variant in catalogue()[key].values():
        assert set(variant.text) - set("{}") <= ALPHABET


# ------------------------------------------------------------------------------------------------------ withheld


def test_nothing_goes_to_whoever_is_opted_out(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        record_consent(session, PHONE, "out", "keyword", "STOP", NOW)
        queued(session)
        queued(session, phone=OTHER)
    assert [(row.state, row.withheld_because) for row in rows(sessions)] == [
        ("withheld", "opted_out"),
        ("queued", None),
    ]
    assert [lock for _, lock in jobs(sessions)] == [f"text-to:{OTHER}"]


def test_an_opt_out_is_confirmed_once_and_whatever_the_limits_say(sessions: SessionFactory) -> None:
    settings = text_settings(sms_per_phone_per_day=1, sms_per_day=1)
    with sessions.begin() as session:
        queued(session, settings)
        record_consent(session, PHONE, "out", "keyword", "STOP", NOW)
        queued(session, settings, despite_opt_out=True)
        record_consent(session, PHONE, "out", "sentence", "stop texting me", NOW)
        queued(session, settings, despite_opt_out=True)
    assert [row.state for row in rows(sessions)] == ["queued", "queued", "withheld"]


def test_stop_and_start_in_turns_get_around_no_limit(sessions: SessionFactory) -> None:
    settings = text_settings(sms_per_phone_per_day=3)
    for minute in range(20):
        at = NOW + timedelta(minutes=minute)
        with sessions.begin() as session:
            record_consent(session, PHONE, "out", "keyword", "STOP", at)
            queued(session, settings, now=at, despite_opt_out=True)
            record_consent(session, PHONE, "in", "keyword", "START", at + timedelta(seconds=30))
    assert len(jobs(sessions)) == 3


@pytest.mark.parametrize("phone", ["+18765550101", "+33612345678", "12345", "Northwind"])
def test_texts_stay_in_the_countries_of_the_settings(sessions: SessionFactory, phone: str) -> None:
    with sessions.begin() as session:
        queued(session, phone=phone)
        queued(session, phone=phone, despite_opt_out=True)
    assert {(row.state, row.withheld_because) for row in rows(sessions)} == {("withheld", "country")}
    assert jobs(sessions) == []


def test_the_last_text_that_a_number_gets_says_so(sessions: SessionFactory) -> None:
    settings = text_settings(sms_per_phone_per_day=3)
    for minute in range(6):
        with sessions.begin() as session:
            queued(session, settings, now=NOW + timedelta(minutes=minute))
            queued(session, settings, phone=OTHER, now=NOW, key=f"only once {minute // 6}")
    sent = [row for row in rows(sessions) if row.phone == PHONE and row.state == "queued"]
    assert [row.kind for row in sent] == ["answer", "answer", TOO_MANY]
    assert sent[-1].body == "Northwind: We cannot text you any more today. To go on, please call 1 800 555 0199."
    assert {row.withheld_because for row in rows(sessions) if row.state == "withheld"} == {"limit_of_phone"}
    assert [row.state for row in rows(sessions) if row.phone == OTHER] == ["queued"]
    assert len(jobs(sessions)) == 4


def test_a_day_is_twenty_four_hours_back_and_the_sentence_is_said_once_in_it(sessions: SessionFactory) -> None:
    settings = text_settings(sms_per_phone_per_day=3)
    for hours in (0, 10, 20, 21):
        with sessions.begin() as session:
            queued(session, settings, now=NOW + timedelta(hours=hours))
    with sessions.begin() as session:
        later = queued(session, settings, now=NOW + timedelta(hours=25))
        assert later is not None
        assert later.state == "queued"
    assert [(row.kind, row.state) for row in rows(sessions)] == [
        ("answer", "queued"),
        ("answer", "queued"),
        ("answer", "withheld"),
        (TOO_MANY, "queued"),
        ("answer", "withheld"),
        ("answer", "queued"),
    ]


def test_the_sentence_is_in_the_language_of_whoever_has_the_number(sessions: SessionFactory) -> None:
    settings = text_settings(sms_per_phone_per_day=2)
    with sessions.begin() as session:
        account = an_account(session)
        a_user(session, account, phone=PHONE, language="fr")
        for _ in range(2):
            queued(session, settings)
    assert "Nous ne pouvons plus vous texter" in str(rows(sessions)[-1].body)


def test_the_limit_on_everybody_is_told_an_operator_once_a_day(sessions: SessionFactory) -> None:
    settings = text_settings(sms_per_day=2)
    for number in range(5):
        with sessions.begin() as session:
            queued(session, settings, phone=f"+1514555010{number}")
            for item in session.scalars(select(OperatorItem)):
                item.resolved_at = NOW  # closed at once; it is the same day
    assert [row.withheld_because for row in rows(sessions)] == [None, None, *["limit_of_all"] * 3]
    with sessions() as session:
        assert session.scalars(select(OperatorItem.kind)).all() == ["texts_limit"]


def test_texts_at_the_same_time_count_like_texts_one_after_the_other(sessions: SessionFactory) -> None:
    settings = text_settings(sms_per_phone_per_day=5)

    def one() -> None:
        with sessions.begin() as session:
            queued(session, settings)

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.kind for row in rows(sessions) if row.state == "queued"].count("answer") == 4
    assert len(jobs(sessions)) == 5
    assert [job for job, _ in jobs(sessions)] == sorted(job for job, _ in jobs(sessions))


def test_without_an_account_only_an_answer_can_go(sessions: SessionFactory) -> None:
    settings = some_settings()
    with sessions.begin() as session:
        result = queued(session, settings, kind="result")
        assert result is not None
        assert result.withheld_because == "no_account"
    assert jobs(sessions) == []


def test_a_result_that_may_not_be_texted_is_told_by_mail(sessions: SessionFactory) -> None:
    context = a_context(sessions)
    with sessions.begin() as session:
        account = an_account(session, users=0)
        user = a_user(session, account, phone=PHONE, notifications=False)
        an_invoice(session, account, "60.00")
        record_consent(session, PHONE, "out", "keyword", "STOP", NOW)
    payment = pay(context, account)
    with sessions.begin() as session:
        session.execute(text("delete from notices"))
        for _ in range(2):
            queued(session, kind="result", payment_id=payment.id, portal_user_id=user.id)
    with sessions() as session:
        letters = session.execute(select(Notice.kind, Notice.recipient)).all()
    assert [tuple(letter) for letter in letters] == [("receipt", user.email)]


# ------------------------------------------------------------------------------------------------ too long for one


def test_what_is_too_long_for_one_text_becomes_several_in_order(sessions: SessionFactory) -> None:
    body = "\n".join(f"INV-{number} is still open, and it was due long ago." for number in range(60)) + "\n1 = Pay"
    with sessions.begin() as session:
        last = queued(session, body=body, key="list")
        assert last is not None
        assert str(last.body).endswith("1 = Pay")  # what can be chosen stands in the text that choices belong to
    written = rows(sessions)
    assert len(written) == 2
    assert [job for job, _ in jobs(sessions)] == [row.id for row in written]
    assert "\n".join(str(row.body) for row in written) == body
    with sessions.begin() as session:
        assert queued(session, body=body, key="list") is None


@pytest.mark.parametrize(
    ("body", "first"),
    [
        ("a" * 1000 + "\n" + "b" * 1000, "a" * 1000),
        ("a" * 1000 + ". " + "b" * 1000, "a" * 1000 + "."),
        ("a" * 1000 + " " + "b" * 1000, "a" * 1000),
        ("a" * 2000, "a" * LONGEST_BODY),
        ("a" * LONGEST_BODY, "a" * LONGEST_BODY),
    ],
)
def test_it_is_cut_where_a_line_ends_else_a_sentence_else_a_word(body: str, first: str) -> None:
    found = parts(body)
    assert found[0] == first
    assert max(map(len, found)) <= LONGEST_BODY
    assert "".join(found).replace(" ", "") == body.replace("\n", "").replace(" ", "")
