"""The conversation by text from a terminal: against a real sandbox, and an edge that answers what the test wants."""

from __future__ import annotations

import json
import smtplib
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from billing.config import Settings
from billing.database import SessionFactory
from remit import phone_client
from remit.errors import NoPhone, NoSuchUser
from remit.postgres import EmbeddedPostgres
from remit.text_chat import text_chat
from tests.billing.builders import a_user, an_account, some_settings
from tests.sandbox.databases import empty_database
from tests.sandbox.edge import Edge, running_edge
from tests.sandbox.running import running_sandbox
from tests.sandbox.telephone import LIAM, MAYA, SETTINGS, Telephone

EMAIL = "maya@northwind.example"


@pytest.fixture(scope="module")
def shared_telephone(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telephone]:
    folder = tmp_path_factory.mktemp("telephone")
    with (
        empty_database(postgres) as url,
        running_edge() as edge,
        running_sandbox(url, folder, edge.url, **SETTINGS) as running,
    ):
        yield Telephone(running, edge)


@pytest.fixture
def telephone(shared_telephone: Telephone, monkeypatch: pytest.MonkeyPatch) -> Telephone:
    monkeypatch.setattr(phone_client, "ANSWER_S", 3.0)
    monkeypatch.setattr(phone_client, "QUIET_S", 0.4)
    assert shared_telephone.sandbox.post("/demo/internal/reset").status_code == 200
    shared_telephone.edge.forget()
    return shared_telephone


@pytest.fixture
def settings(telephone: Telephone, database_url: str, sessions: SessionFactory) -> Settings:
    with sessions.begin() as session:
        account = an_account(session)
        a_user(session, account, email=EMAIL, phone=MAYA)
        a_user(session, account, email="accounting@northwind.example")
    return some_settings(database_url=database_url, sandbox_enabled=True, sandbox_url=telephone.sandbox.url)


def answers(edge: Edge, *bodies: str) -> None:
    """The answer to a coming text: one message for each of `bodies`."""
    inner = "".join(f"<Message>{body}</Message>" for body in bodies)
    edge.answers.put((200, f"<Response>{inner}</Response>".encode()))


def said(telephone: Telephone) -> list[str]:
    return telephone.bodies("in")


def test_a_transcript_has_every_text_and_its_segments(
    telephone: Telephone, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(telephone.edge, "You owe $84.20.", "Répondez 27 pour payer – ou un autre montant.")
    assert text_chat(settings, EMAIL, "BALANCE", as_json=False) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.rstrip() for line in shown] == [
        "Maya   BALANCE",
        "Remit  You owe $84.20.",
        "       1 segment, GSM-7",
        "Remit  Répondez 27 pour payer – ou un autre montant.",
        "       1 segment, UCS-2",
    ]


@pytest.mark.parametrize("words", ["Reply 27 to pay $84.20.", "Répondez 27 pour payer 84,20 $."])
def test_pay_stands_for_the_two_digits_of_the_newest_quote(
    telephone: Telephone, settings: Settings, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    answers(telephone.edge, "Reply 11 to pay $1.00.")
    answers(telephone.edge, words)
    answers(telephone.edge, "Paid.")
    assert text_chat(settings, EMAIL, "PAY 1| pay all |[pay]", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert [turn["said"] for turn in told] == said(telephone) == ["PAY 1", "pay all", "27"]
    assert told[2] == {
        **{"said": "27", "answered": "Paid."},
        "texts": [{"body": "Paid.", "segments": 1, "encoding": "GSM-7", "status": "delivered", "error_code": None}],
    }


def test_code_stands_for_the_one_time_code_of_the_newest_text(telephone: Telephone, settings: Settings) -> None:
    answers(telephone.edge, "Your code is 111111.")
    answers(telephone.edge, "Your code is 222222.", "It is good for 10 minutes.")
    answers(telephone.edge, "Welcome.")
    assert text_chat(settings, EMAIL, "BALANCE|again|[code]", as_json=True) == 0
    assert said(telephone)[-1] == "222222"


def test_or_of_the_newest_mail_which_takes_a_moment(telephone: Telephone, settings: Settings) -> None:
    mail(telephone, "333333")  # of an earlier conversation
    answers(telephone.edge, "We mailed you a code.")
    answers(telephone.edge, "Welcome.")
    later = threading.Timer(1.5, mail, (telephone, "444444"))
    later.start()
    assert text_chat(settings, EMAIL, "BALANCE|[code]", as_json=True) == 0
    later.join()
    assert said(telephone)[-1] == "444444"


def mail(telephone: Telephone, code: str) -> None:
    letter = EmailMessage()
    letter["Subject"], letter["To"] = "Your code", EMAIL
    letter.set_content(f"Your code is {code}.")
    with smtplib.SMTP("127.0.0.1", telephone.sandbox.smtp_port, timeout=10) as server:
        server.send_message(letter, "billing@northwind.example", EMAIL)


def test_texts_that_come_later_belong_to_the_turn_that_waits(telephone: Telephone, settings: Settings) -> None:
    later = threading.Timer(1.0, telephone.send, ("Late",))
    later.start()
    assert text_chat(settings, EMAIL, "BALANCE", as_json=True) == 0
    later.join()


def test_silence_is_no_answer(telephone: Telephone, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    telephone.send("An earlier text")
    begun = time.monotonic()
    assert text_chat(settings, EMAIL, "BALANCE", as_json=False) == 1
    assert 3 <= time.monotonic() - begun < 8
    assert "no text came back" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("[pay]", "[pay]: no text says which two digits pay"),
        ("[code]", "[code]: no text and no mail has a one-time code"),
        ("refused", "the service did not take the text: HTTP 403, Twilio's error 11200"),
    ],
)
def test_what_cannot_be_said_ends_the_script(
    telephone: Telephone, settings: Settings, capsys: pytest.CaptureFixture[str], script: str, complaint: str
) -> None:
    telephone.edge.answers.put((403, b""))
    assert text_chat(settings, EMAIL, f"{script}|never said", as_json=True) == 1
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert told == [{"said": script, "answered": None, "error": {"message": complaint}}]


def test_without_sandbox_phone_or_telephone_it_says_so(
    postgres: EmbeddedPostgres, tmp_path: Path, settings: Settings
) -> None:
    with pytest.raises(NoPhone, match="the sandbox is off"):
        text_chat(settings.model_copy(update={"sandbox_enabled": False}), EMAIL, "PAY", as_json=False)
    with pytest.raises(NoPhone, match="no phone number in the portal"):
        text_chat(settings, "accounting@northwind.example", "PAY", as_json=False)
    with pytest.raises(NoSuchUser):
        text_chat(settings, "nobody@northwind.example", "PAY", as_json=False)
    with (
        empty_database(postgres) as url,
        running_sandbox(url, tmp_path) as bare,
        pytest.raises(NoPhone, match="this sandbox has no telephone"),
    ):
        text_chat(settings.model_copy(update={"sandbox_url": bare.url}), EMAIL, "PAY", as_json=False)


def test_by_hand_texts_are_shown_as_they_arrive(
    telephone: Telephone, settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(telephone.edge, "You owe $84.20.")
    typed = iter(["", "BALANCE"])

    def type_(_prompt: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            time.sleep(1)  # to read what came back
            raise EOFError from None

    monkeypatch.setattr("builtins.input", type_)
    telephone.send("Somebody else's", to=LIAM)
    assert text_chat(settings, EMAIL, None, as_json=False) == 0
    shown = capsys.readouterr().out
    assert "Remit  You owe $84.20." in shown and "Somebody" not in shown
