from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from billing.database import SessionFactory
from remit.books import import_books, verify_books
from remit.errors import CommandFailed
from remit.operator import list_open, refund, resolve
from tests.billing.builders import some_settings

DEMO = Path(__file__).parents[2] / "sandbox" / "demo" / "northwind.json"


def test_the_demo_file_comes_in_once_and_the_books_hold(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = some_settings(database_url=database_url)
    import_books(settings, DEMO)
    assert "256" in capsys.readouterr().out
    import_books(settings, DEMO)
    assert "nothing changed" in capsys.readouterr().out
    assert verify_books(settings) == 0
    assert "checks hold" in capsys.readouterr().out


def test_what_does_not_hold_is_named_with_its_rows(
    database_url: str, sessions: SessionFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = some_settings(database_url=database_url)
    import_books(settings, DEMO)
    with sessions.begin() as session:
        session.execute(text("update invoices set open_minor = 1, applied_minor = 19999 where number = 'INV-1001'"))
    assert verify_books(settings) == 1
    said = capsys.readouterr().out
    assert "✗ 4" in said and "invoices:" in said


def test_a_file_with_mistakes_is_refused_with_every_line(database_url: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"accounts": [{"number": "1", "currency": "CAD"}]}')
    with pytest.raises(CommandFailed, match=r"nothing imported:\n  .*bad\.json:1: account 1: name is missing"):
        import_books(some_settings(database_url=database_url), bad)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="No such file"):
        import_books(some_settings(), tmp_path / "nothing.csv")


def test_an_empty_desk_says_so(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    list_open(some_settings(database_url=database_url, sandbox_enabled=True))
    assert "Nothing waits" in capsys.readouterr().out


def test_an_unknown_decision_and_an_unknown_payment_are_named(database_url: str) -> None:
    settings = some_settings(database_url=database_url, sandbox_enabled=True)
    with pytest.raises(CommandFailed, match="a decision is one of retrieve"):
        resolve(settings, 1, "perhaps", "because")
    with pytest.raises(CommandFailed, match="no payment ABC"):
        refund(settings, "ABC", "1.00", write_off=False, request_id=None)
