"""Proof of a phone: who gets a code by which way, how often, and what a guess is worth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from gsm0338 import Codec
from sqlalchemy import select, text

from assistant.delivery.email import render
from assistant.delivery.twilio_api import NotReached, TwilioApi
from assistant.one_time_codes import TRIES, check_code, digits_of, request_code, start_verification
from assistant.opt_out import record_consent
from assistant.texts.models import OneTimeCode, TextReceived, TextSent
from assistant.wording import LANGUAGES, say
from billing.context import Context
from billing.database import SessionFactory
from billing.models import Notice, PortalUser
from tests.billing.builders import NOW, Clock, a_context, a_user, an_account
from tests.support.fake_twilio import SERVICE, FakeTwilio, fake_twilio, text_settings

PHONE, OTHER = "+15145550101", "+15145550102"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def context(sessions: SessionFactory, clock: Clock) -> Context:
    return a_context(sessions, now=clock, settings=text_settings())


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with fake_twilio() as double:
        yield double


@pytest.fixture(autouse=True)
def users(sessions: SessionFactory) -> list[PortalUser]:
    with sessions.begin() as session:
        return [a_user(session, an_account(session, users=0), phone=PHONE) for _ in range(2)]


def asked(context: Context, *, phone: str = PHONE, resumes: int | None = None) -> OneTimeCode | None:
    with context.sessions.begin() as session:
        users = session.scalars(select(PortalUser).where(PortalUser.phone == PHONE).order_by(PortalUser.id)).all()
        return request_code(session, context=context, phone=phone, users=users, resumes=resumes, now=context.now())


def a_code(context: Context) -> tuple[OneTimeCode, str]:
    code = asked(context)
    assert code is not None
    return code, digits_of(code.id, context.settings)


def wrong(right: str) -> str:
    return f"{(int(right) + 1) % 1_000_000:06}"


def check(context: Context, typed: str, phone: str = PHONE) -> bool:
    return check_code(context, phone, typed, context.now()) is not None


# ------------------------------------------------------------------------------------------------------ the code


def test_the_right_code_proves_once(context: Context) -> None:
    code, digits = a_code(context)
    assert code.sent_by == "sms"
    assert len(digits) == 6
    assert digits.isdigit()
    found = check_code(context, PHONE, digits, context.now())
    assert found is not None
    assert (found.id, found.used_at) == (code.id, NOW)
    assert not check(context, digits)


def test_a_code_is_written_nowhere(context: Context) -> None:
    _, digits = a_code(context)
    with context.sessions() as session:
        for table in ("one_time_codes", "texts_sent", "procrastinate_jobs", "notices"):
            content = " ".join(str(row) for row in session.execute(text(f"select * from {table}")))
            assert digits not in content, table


def test_codes_differ_by_row_and_by_secret(context: Context) -> None:
    one, other = (digits_of(number, context.settings) for number in (1, 2))
    assert one != other
    assert one != digits_of(1, text_settings(one_time_code_secret="another secret of the tests"))


@pytest.mark.parametrize("typed", ["", "12345", "abcdef", "1234567", "١٢٣٤٥٦"])
def test_nonsense_proves_nothing(context: Context, typed: str) -> None:
    a_code(context)
    assert not check(context, typed)


def test_a_code_lives_ten_minutes(context: Context, clock: Clock) -> None:
    _, digits = a_code(context)
    clock.forward(minutes=10)
    assert not check(context, digits)


def test_a_new_code_replaces_the_old_one(context: Context) -> None:
    _, old = a_code(context)
    _, new = a_code(context)
    assert not check(context, old)
    assert check(context, new)


def test_a_code_is_for_one_phone(context: Context) -> None:
    _, digits = a_code(context)
    assert not check(context, digits, OTHER)
    assert check(context, digits)


def test_after_five_wrong_tries_the_right_one_is_wrong_too(context: Context) -> None:
    _, digits = a_code(context)
    for _ in range(TRIES):
        assert not check(context, wrong(digits))
    assert not check(context, digits)


@pytest.mark.parametrize("right_ones", [0, 20])
def test_of_twenty_guesses_at_the_same_time_five_count_and_one_proves(
    context: Context, right_ones: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, digits = a_code(context)
    start, found = threading.Barrier(20), []
    compared, really = [], pyotp.HOTP.verify

    def compare(hotp: pyotp.HOTP, typed: str, counter: int) -> bool:
        compared.append(typed)
        return really(hotp, typed, counter)

    monkeypatch.setattr(pyotp.HOTP, "verify", compare)

    def guess(number: int) -> None:
        typed = digits if number < right_ones else wrong(digits)
        start.wait()
        found.append(check_code(context, PHONE, typed, context.now()))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with context.sessions() as session:
        tries = session.get_one(OneTimeCode, code.id).tries
    assert len(compared) == tries <= TRIES
    assert len([one for one in found if one is not None]) == min(right_ones, 1)
    if not right_ones:
        assert tries == TRIES
        assert not check(context, digits)


def test_a_code_that_is_replaced_while_it_is_compared_proves_nothing(
    context: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, digits = a_code(context)
    really = pyotp.HOTP.verify

    def compare(hotp: pyotp.HOTP, typed: str, counter: int) -> bool:
        a_code(context)
        return really(hotp, typed, counter)

    monkeypatch.setattr(pyotp.HOTP, "verify", compare)
    assert not check(context, digits)


# ------------------------------------------------------------------------------------------------------ how often


def test_three_codes_in_a_quarter_of_an_hour_and_ten_a_day(context: Context, clock: Clock) -> None:
    assert [asked(context) is not None for _ in range(4)] == [True, True, True, False]
    given = 3
    for _ in range(8):
        clock.forward(minutes=16)
        given += asked(context) is not None
    assert given == 10
    clock.forward(hours=24)
    assert asked(context) is not None


def test_requests_at_the_same_time_count_like_requests_one_after_the_other(context: Context) -> None:
    found: list[OneTimeCode | None] = []
    threads = [threading.Thread(target=lambda: found.append(asked(context))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([one for one in found if one is not None]) == 3


def test_the_limit_is_of_one_phone(context: Context) -> None:
    for _ in range(4):
        asked(context)
    assert asked(context, phone=OTHER) is not None


# ------------------------------------------------------------------------------------------------------ which way


def test_by_text_the_words_are_left_to_the_sender(context: Context) -> None:
    code, _ = a_code(context)
    with context.sessions() as session:
        sent = session.scalars(select(TextSent)).one()
    assert (sent.kind, sent.code_id, sent.body) == ("code", code.id, None)


def test_a_number_that_changed_lately_is_proved_by_mail_to_everybody_it_belongs_to(
    context: Context, users: list[PortalUser], clock: Clock
) -> None:
    with context.sessions.begin() as session:
        session.get_one(PortalUser, users[1].id).phone_changed_at = NOW - timedelta(days=13)
        session.get_one(PortalUser, users[0].id).language = "fr"
    code, digits = a_code(context)
    assert code.sent_by == "email"
    with context.sessions() as session:
        letters = session.scalars(select(Notice).order_by(Notice.id)).all()
        assert [letter.recipient for letter in letters] == [users[0].email, users[1].email]
        assert session.scalars(select(TextSent)).all() == []
        rendered = [render(session, letter, context) for letter in letters]
    assert [letter.language for letter in rendered] == ["fr", "en"]
    for letter in rendered:
        assert [value for _, value in letter.facts] == [digits]
        assert digits not in letter.subject
    assert check(context, digits)
    clock.forward(days=2)
    later, _ = a_code(context)
    assert later.sent_by == "sms"


def test_one_address_gets_one_letter(context: Context, users: list[PortalUser]) -> None:
    with context.sessions.begin() as session:
        for user in users:
            found = session.get_one(PortalUser, user.id)
            found.phone_changed_at, found.email = NOW, found.email.replace(found.email.split("@")[0], "Same")
        session.get_one(PortalUser, users[0].id).email = "same@northwind.example"
    a_code(context)
    with context.sessions() as session:
        assert len(session.scalars(select(Notice)).all()) == 1


def by_verify(sessions: SessionFactory, twilio: FakeTwilio, clock: Clock) -> tuple[Context, TwilioApi]:
    settings = text_settings(twilio, twilio_verify_service_sid=SERVICE)
    return a_context(sessions, now=clock, settings=settings), TwilioApi(settings)


def test_verify_sends_and_checks_in_our_place(sessions: SessionFactory, twilio: FakeTwilio, clock: Clock) -> None:
    context, api = by_verify(sessions, twilio, clock)
    code = asked(context)
    assert code is not None
    assert code.sent_by == "verify"
    assert twilio.verifications == []  # nobody is called inside the transaction
    with sessions() as session:
        jobs = session.scalars(text("select args from procrastinate_jobs where task_name = 'start_verification'")).all()
    assert jobs == [{"code_id": code.id}]
    start_verification(context, api, code.id)
    assert [verification["To"] for verification in twilio.verifications] == [PHONE]
    assert not check(context, digits_of(code.id, context.settings))  # ours is not the one that was sent
    assert check(context, twilio.right_code)
    assert not check(context, twilio.right_code)


def test_a_verify_that_cannot_be_reached_costs_no_try(
    sessions: SessionFactory, twilio: FakeTwilio, clock: Clock
) -> None:
    context, _ = by_verify(sessions, twilio, clock)
    code = asked(context)
    assert code is not None
    twilio.check_answers = [(429, 20429)] * 8
    for _ in range(8):
        with pytest.raises(NotReached):
            check(context, twilio.right_code)
    assert check(context, twilio.right_code)


@pytest.mark.parametrize("why", ["late", "out", "abroad"])
def test_verify_is_not_asked_to_text_where_we_may_not(
    sessions: SessionFactory, twilio: FakeTwilio, clock: Clock, why: str
) -> None:
    context, api = by_verify(sessions, twilio, clock)
    phone = "+18765550101" if why == "abroad" else PHONE
    code = asked(context, phone=phone)
    assert code is not None
    if why == "late":
        clock.forward(minutes=11)
    if why == "out":
        with sessions.begin() as session:
            record_consent(session, PHONE, "out", "keyword", "STOP", NOW)
    start_verification(context, api, code.id)
    assert twilio.verifications == []


def test_the_code_speaks_the_language_of_what_was_asked(
    sessions: SessionFactory, twilio: FakeTwilio, clock: Clock
) -> None:
    context, api = by_verify(sessions, twilio, clock)
    with sessions.begin() as session:
        received: dict[str, Any] = {"sid": f"SM{'0' * 32}", "phone": PHONE, "to": "+15145550100", "received_at": NOW}
        question = TextReceived(body="je veux payer ma facture", **received)
        session.add(question)
        session.flush()
    code = asked(context, resumes=question.id)
    assert code is not None
    start_verification(context, api, code.id)
    assert twilio.verifications[0]["Locale"] == "fr"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_of_a_code_is_one_segment(language: str) -> None:
    septets = Codec().encode(f"Northwind: {say('text_code', language, 'sms', code='482913')}")[0]
    assert len(septets) <= 160
