"""`remit compare`: what it prints, and what its exit code says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

import remit.connect
from billing.config import Settings
from billing.database import SessionFactory
from billing.models import Account
from remit.compare import compare_books
from remit.errors import CommandFailed
from tests.billing import builders as b
from tests.billing.builders import cad
from tests.support.fake_gateway import FakeGateway

NOW = datetime.now(UTC)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    gateway = FakeGateway(now=lambda: NOW - timedelta(hours=2))
    monkeypatch.setattr(remit.connect, "make_gateway", lambda _: gateway)
    return gateway


@pytest.fixture
def settings(database_url: str) -> Settings:
    return b.some_settings(database_url=database_url)


@pytest.fixture
def account(sessions: SessionFactory, gateway: FakeGateway) -> Account:
    with sessions.begin() as session:
        account = b.an_account(session)
        b.an_invoice(session, account, "300.00")
    return account


def paid(sessions: SessionFactory, gateway: FakeGateway, account: Account, amount: str) -> str:
    """Two hours ago. Its id at the gateway."""
    context = b.a_context(sessions, gateway, now=gateway.now)
    b.pay(context, account, amount)
    return list(gateway.payments)[-1]


def test_books_that_agree_are_one_screen_and_exit_code_0(
    sessions: SessionFactory,
    settings: Settings,
    gateway: FakeGateway,
    account: Account,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paid(sessions, gateway, account, "10.00")
    assert compare_books(settings, None, None, as_json=False) == 0
    said = capsys.readouterr().out
    assert "fake against the books" in said and "(America/Toronto)" in said
    assert "1  payment compared" in said and "0  differences" in said
    assert said.endswith("✓ Gateway and books agree.\n")
    assert len(said.splitlines()) < 24


def test_what_differs_is_named_with_what_was_done_and_exit_code_1(
    sessions: SessionFactory,
    settings: Settings,
    gateway: FakeGateway,
    account: Account,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    wrong, back = (paid(sessions, gateway, account, amount) for amount in ("10.00", "20.00"))
    gateway.decide(wrong, "succeeded", captured=cad("9.00"))
    gateway.refund_at_the_bank(back, cad("5.00"))
    gateway.event(back, "refund.created")
    assert compare_books(settings, None, None, as_json=False) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "2 differences" in said and "1 event missed, received now" in said
    assert f"{wrong} booked 10.00 CAD; there: 9.00 CAD → in the operator's queue" in said
    assert f"{back} re_1: nothing here, succeeded, 5.00 CAD there → booked" in said
    assert "event missed refund.created evt_1" in said
    assert "remit operator list" in said


def test_as_json_the_same_is_one_document(
    sessions: SessionFactory,
    settings: Settings,
    gateway: FakeGateway,
    account: Account,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = paid(sessions, gateway, account, "10.00")
    gateway.decide(wrong, "succeeded", captured=cad("9.00"))
    assert compare_books(settings, None, None, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["agrees"], told["payments"], told["differences"]["count"]) == (False, 1, 1)
    assert told["differences"]["first"][0]["kind"] == "booked_differs"
    assert told["events_missed"] == {"count": 0, "first": []}
    assert datetime.fromisoformat(told["until"]) - datetime.fromisoformat(told["since"]) >= timedelta(days=1)


def test_times_without_a_zone_are_the_companys(
    settings: Settings, gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    since, until = datetime(2026, 7, 1), datetime(2026, 7, 1, 2)  # noqa: DTZ001  as typed
    assert compare_books(settings, since, until, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["since"] == "2026-07-01T00:00:00-04:00"


@pytest.mark.parametrize("since", [datetime(2026, 7, 3), datetime(2199, 1, 1)])  # noqa: DTZ001  as typed
def test_a_period_that_is_none_is_one_line(settings: Settings, gateway: FakeGateway, since: datetime) -> None:
    until = None if since.year > 2100 else datetime(2026, 7, 1)  # noqa: DTZ001
    with pytest.raises(CommandFailed, match="no time lies between"):
        compare_books(settings, since, until, as_json=False)
