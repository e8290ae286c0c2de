"""Texts in one process: stored, answered by a dialogue engine over real HTTP, and written down to be sent."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from assistant.dialogue.turns import Dialogue, make_dialogue
from assistant.one_time_codes import digits_of
from assistant.texts.answering import answer_text
from assistant.texts.models import OneTimeCode, TextReceived, TextSent
from assistant.texts.receiving import IncomingText, receive_text
from billing.context import Context
from billing.database import SessionFactory
from billing.models import Account
from tests.billing.builders import Clock, a_context, a_user, an_account, an_invoice, some_settings
from tests.support.fake_bot import FakeBot
from tests.support.fake_twilio import text_settings

PHONE = "+15145550101"


@dataclass
class Line:
    """The phones' way to us and back; nothing leaves this process but the turns."""

    context: Context
    dialogue: Dialogue
    bot: FakeBot
    clock: Clock
    _serial: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def store(self, body: str, *, phone: str = PHONE, **more: Any) -> int | None:
        sid = more.pop("sid", f"SM{next(self._serial):032x}")
        incoming = IncomingText(sid, phone, "+15145550100", body, **more)
        with self.context.sessions.begin() as session:
            return receive_text(session, incoming, self.context.now(), settings=self.context.settings)

    def text(self, body: str, *, phone: str = PHONE, **more: Any) -> str:
        """What is texted back, one text a line; nothing is ""."""
        text_id = self.store(body, phone=phone, **more)
        assert text_id is not None
        answer_text(self.dialogue, text_id)
        return self.answer_to(text_id)

    def answer_to(self, text_id: int) -> str:
        with self.context.sessions() as session:
            sent = session.scalars(select(TextSent).where(TextSent.answers == text_id).order_by(TextSent.id))
            return "\n".join(text.body or "a code" for text in sent if text.state != "withheld")

    def prove(self, phone: str = PHONE) -> str:
        """Replies the code that was sent last."""
        return self.text(self.code(phone), phone=phone)

    def code(self, phone: str = PHONE) -> str:
        with self.context.sessions() as session:
            newest = select(OneTimeCode.id).where(OneTimeCode.phone == phone).order_by(OneTimeCode.id.desc()).limit(1)
            return digits_of(session.scalars(newest).one(), self.context.settings)

    def received(self, phone: str = PHONE) -> list[TextReceived]:
        with self.context.sessions() as session:
            found = select(TextReceived).where(TextReceived.phone == phone).order_by(TextReceived.id)
            return list(session.scalars(found))

    def outcome(self) -> str | None:
        """What was done about the latest text of all."""
        with self.context.sessions() as session:
            return session.scalars(select(TextReceived).order_by(TextReceived.id.desc()).limit(1)).one().outcome


@pytest.fixture
def bot() -> Iterator[FakeBot]:
    bot = FakeBot(some_settings().bot_token)
    yield bot
    bot.stop()


@pytest.fixture
def line(sessions: SessionFactory, bot: FakeBot) -> Iterator[Line]:
    clock = Clock()
    context = a_context(sessions, now=clock, settings=text_settings(bot_url=bot.url, turn_timeout_s=20.0))
    dialogue = make_dialogue(context)
    yield Line(context, dialogue, bot, clock)
    dialogue.close()


@pytest.fixture
def maya(sessions: SessionFactory) -> Account:
    """Owes 352.10; her phone is known."""
    with sessions.begin() as session:
        account = an_account(session, number="100200", users=0)
        a_user(session, account, phone=PHONE)
        an_invoice(session, account, "200.00", due_days=-60, number="INV-1")
        an_invoice(session, account, "152.10", due_days=-30, number="INV-2")
    return account
