"""Import of a billing system's file: wholly or not at all, twice the same as once, every problem with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from billing.accounts import position, top_user
from billing.database import SessionFactory
from billing.errors import ImportRefused
from billing.imports import Counts, ImportReport, import_file
from billing.models import Account, Allocation, Audit, Credit, Invoice, Payment, PortalUser
from tests.billing import builders as b
from tests.billing.builders import cad

DEMO = Path(__file__).parents[2] / "sandbox" / "demo" / "northwind.json"

Importer = Callable[..., ImportReport]


@pytest.fixture
def imported(sessions: SessionFactory, tmp_path: Path) -> Importer:
    """Writes what it is given to a file (a dict as JSON, text as CSV) and imports it."""

    def run(content: dict[str, Any] | str | bytes, name: str | None = None) -> ImportReport:
        path = tmp_path / (name or ("file.json" if isinstance(content, dict) else "file.csv"))
        if isinstance(content, dict):
            content = json.dumps(content, indent=1)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return import_file(sessions, path, today=b.TODAY, now=b.NOW)

    return run


def an_account(**changes: Any) -> dict[str, Any]:
    """One account of a file, complete; `changes` replace or add keys, None takes one away."""
    account = {
        "number": "100",
        "name": "Ana",
        "currency": "CAD",
        "portal_users": [
            {"external_id": "u1", "position": 1, "name": "Ana", "email": "ana@x.example", "notifications": True}
        ],
        "invoices": [
            {"external_id": "i1", "number": "INV-1", "total": "100.00", "issued_on": "today-30d", "due_on": "today-9d"}
        ],
        "credits": [{"external_id": "c1", "amount": "5.00", "reason": "Late", "on": "today-2d"}],
        "payments": [{"external_id": "p1", "amount": "40.00", "on": "today-3d"}],
    } | changes
    return {key: value for key, value in account.items() if value is not None}


def a_file(*accounts: dict[str, Any]) -> dict[str, Any]:
    return {"accounts": list(accounts or [an_account()])}


def problems(imported: Importer, content: dict[str, Any] | str | bytes, name: str | None = None) -> list[str]:
    """`line: sentence` for everything that is wrong; fails if nothing is."""
    with pytest.raises(ImportRefused) as refused:
        imported(content, name)
    return [f"{line}: {sentence}" for line, sentence in refused.value.problems]


def nothing_was_written(sessions: SessionFactory) -> bool:
    with sessions() as session:
        return not any(
            session.scalar(text(f"select count(*) from {table}"))
            for table in ("accounts", "portal_users", "invoices", "credits", "payments", "ledger_entries", "audit")
        )


# --------------------------------------------------------------------------------------------------- what works


def test_the_demo_file_gives_the_balances_that_the_documentation_names(sessions: SessionFactory) -> None:
    report = import_file(sessions, DEMO, today=b.TODAY, now=b.NOW)
    assert report.counts["account"] == Counts(5, 0, 0)
    with sessions() as session:
        balances = {
            account.number: str(position(session, account.id, b.TODAY).balance)
            for account in session.scalars(select(Account))
        }
        assert balances == {
            "100200": "452.10 CAD",
            "100300": "-35.00 CAD",
            "100400": "84.20 CAD",
            "100500": "61.33 CAD",
            "100600": balances["100600"],
        }
        maya = session.scalars(select(Account).where(Account.number == "100200")).one()
        business = session.scalars(select(Account).where(Account.number == "100600")).one()
        standing = position(session, maya.id, b.TODAY)
        assert (standing.open_count, str(standing.past_due)) == (3, "352.10 CAD")
        assert top_user(session, maya.id).email == "maya@northwind.example"
        assert position(session, business.id, b.TODAY).open_count == 240


def test_the_same_file_again_changes_nothing(sessions: SessionFactory) -> None:
    first = import_file(sessions, DEMO, today=b.TODAY, now=b.NOW)
    with sessions() as session:
        before = session.execute(
            text("select (select count(*) from ledger_entries), (select count(*) from audit)")
        ).one()
    again = import_file(sessions, DEMO, today=b.TODAY, now=b.NOW)
    assert not again.changed_anything
    assert {kind: c.unchanged for kind, c in again.counts.items()} == {kind: c.new for kind, c in first.counts.items()}
    with sessions() as session:
        after = session.execute(
            text("select (select count(*) from ledger_entries), (select count(*) from audit)")
        ).one()
    assert before == after


def test_money_goes_through_the_ledger(imported: Importer, sessions: SessionFactory) -> None:
    imported(a_file())
    with sessions() as session:
        invoice = session.scalars(select(Invoice)).one()
        assert (invoice.open_minor, invoice.applied_minor) == (5500, 4500)
        payment = session.scalars(select(Payment)).one()
        assert (payment.gateway, payment.state, payment.allocated_minor) == ("elsewhere", "succeeded", 4000)
        assert payment.quote_id is None and payment.reference == "p1"
        kinds = session.scalars(text("select kind from ledger_transactions order by id")).all()
        assert kinds == ["invoice_issued", "payment", "credit_granted", "credit_applied"]
        assert session.scalar(text("select count(*) from notices")) == 0


def test_a_payment_elsewhere_beyond_what_is_owed_becomes_credit(imported: Importer, sessions: SessionFactory) -> None:
    paid = [{"external_id": "p1", "amount": "130.00", "on": "today-3d"}]
    imported(a_file(an_account(payments=paid, credits=[])))
    with sessions() as session:
        assert session.scalars(select(Credit.remaining_minor)).all() == [3000]


def test_payments_pay_the_oldest_first_in_the_order_of_their_days(imported: Importer, sessions: SessionFactory) -> None:
    invoices = [
        {"external_id": f"i{n}", "number": f"N{n}", "total": "10.00", "issued_on": "today-90d", "due_on": f"today-{n}d"}
        for n in (10, 30, 20)
    ]
    payments = [
        {"external_id": "late", "amount": "15.00", "on": "today-1d"},
        {"external_id": "early", "amount": "10.00", "on": "today-25d"},
    ]
    imported(a_file(an_account(invoices=invoices, payments=payments, credits=[])))
    with sessions() as session:
        rows = session.execute(
            select(Payment.external_id, Invoice.number, Allocation.amount_minor)
            .join_from(Allocation, Payment, Allocation.payment_id == Payment.id)
            .join(Invoice, Invoice.id == Allocation.invoice_id)
            .order_by(Allocation.id)
        ).all()
        assert [tuple(row) for row in rows] == [("early", "N30", 1000), ("late", "N20", 1000), ("late", "N10", 500)]


def test_a_new_invoice_takes_the_credit_that_waits_for_it(imported: Importer, sessions: SessionFactory) -> None:
    imported(a_file(an_account(invoices=[], payments=[])))
    imported(a_file(an_account(credits=[], payments=[])))
    with sessions() as session:
        assert session.scalars(select(Invoice.open_minor)).all() == [9500]
        assert session.scalars(select(Credit.remaining_minor)).all() == [0]


def test_changed_attributes_are_taken_over_and_audited(imported: Importer, sessions: SessionFactory) -> None:
    imported(a_file())
    user = {"external_id": "u1", "position": 2, "name": "Ana B", "email": "b@x.example", "notifications": False}
    invoice = {"external_id": "i1", "number": "INV-1", "total": "100", "issued_on": "today-30d", "due_on": "today"}
    report = imported(a_file(an_account(name="Ana B", portal_users=[user], invoices=[invoice])))
    assert {kind: counts.updated for kind, counts in report.counts.items()} == {
        "account": 1,
        "portal_user": 1,
        "invoice": 1,
        "credit": 0,
        "payment": 0,
    }
    with sessions() as session:
        found = session.scalars(select(PortalUser)).one()
        assert (found.position, found.name, found.email, found.notifications) == (2, "Ana B", "b@x.example", False)
        assert session.scalars(select(Invoice.due_on)).one() == b.TODAY
        changes = session.scalars(select(Audit).where(Audit.cause == "updated").order_by(Audit.entity)).all()
        assert [(a.entity, a.before, a.after) for a in changes if a.entity != "portal_user"] == [
            ("account", {"name": "Ana"}, {"name": "Ana B"}),
            ("invoice", {"due_on": "2026-11-13"}, {"due_on": "2026-11-22"}),
        ]


def test_two_users_can_change_places_and_addresses(imported: Importer, sessions: SessionFactory) -> None:
    def users(first: str, second: str) -> list[dict[str, Any]]:
        return [
            {"external_id": name, "position": place, "name": name, "email": email, "notifications": True}
            for place, name, email in ((1, first, "one@x.example"), (2, second, "two@x.example"))
        ]

    imported(a_file(an_account(portal_users=users("ana", "ben"))))
    imported(a_file(an_account(portal_users=users("ben", "ana"))))
    with sessions() as session:
        found = session.scalars(select(PortalUser).order_by(PortalUser.position)).all()
        assert [(u.external_id, u.email) for u in found] == [("ben", "one@x.example"), ("ana", "two@x.example")]


def test_users_take_the_language_of_their_account(imported: Importer, sessions: SessionFactory) -> None:
    imported(a_file(an_account(language="fr")))
    with sessions() as session:
        assert session.scalars(select(PortalUser.language)).all() == ["fr"]


def test_a_second_file_can_speak_of_accounts_that_are_in_the_books(
    imported: Importer, sessions: SessionFactory
) -> None:
    imported(a_file())
    report = imported(
        "type,account,external_id,number,total,issued_on,due_on\ninvoice,100,i2,INV-2,7.5,today,today+30d\n"
    )
    assert report.counts["invoice"] == Counts(1, 0, 0)


def test_a_csv_says_the_same_as_a_json(imported: Importer, sessions: SessionFactory) -> None:
    header = (
        "type,account,external_id,number,name,currency,language,position,email,phone,notifications,"
        "total,amount,reason,issued_on,due_on,on,address_line1,address_city"
    )
    report = imported(
        f"{header}\n"
        'account,100,,,"Tremblay, Maya",CAD,fr,,,,,,,,,,,"1, rue du Parc",Québec\n'
        "portal_user,100,u1,,Maya,,,1,maya@x.example,+1 (514) 555-0101,yes,,,,,,,,\n"
        "\n"
        "invoice,100,i1,INV-1,,,,,,,,100.00,,,2026-10-01,2026-10-22,,,\n"
        "credit,100,c1,,,,,,,,,,5,Sorry,,,2026-11-01,,\n"
        "payment,100,p1,,,,,,,,,,40.00,,,,2026-11-02,,\n"
    )
    assert {kind: counts.new for kind, counts in report.counts.items()} == dict.fromkeys(report.counts, 1)
    with sessions() as session:
        account = session.scalars(select(Account)).one()
        assert account.name == "Tremblay, Maya"
        assert account.billing_address == {"line1": "1, rue du Parc", "city": "Québec"}
        assert session.scalars(select(PortalUser.phone)).one() == "+15145550101"
        assert position(session, account.id, b.TODAY).balance == cad("55.00")


def test_a_mark_in_front_of_the_file_is_no_trouble(imported: Importer) -> None:
    imported(b"\xef\xbb\xbf" + json.dumps(a_file()).encode(), "bom.json")
    imported(b"\xef\xbb\xbftype,number,name,currency\r\naccount,7,Bo,CAD\r\n", "bom.csv")


def test_numbers_are_read_to_the_cent_never_through_floats(imported: Importer, sessions: SessionFactory) -> None:
    amounts = (0.1, 0.7, 4.35, 1.005e2, 19.99, 1e3)
    invoices = [
        {"external_id": f"i{n}", "number": f"N{n}", "total": amount, "issued_on": "today", "due_on": "today"}
        for n, amount in enumerate(amounts)
    ]
    imported(a_file(an_account(invoices=invoices, credits=[], payments=[])))
    with sessions() as session:
        assert session.scalars(select(Invoice.total_minor).order_by(Invoice.id)).all() == [
            10, 70, 435, 10050, 1999, 100000,
        ]  # fmt: skip


def test_a_currency_without_cents_has_none(imported: Importer, sessions: SessionFactory) -> None:
    imported(a_file(an_account(currency="JPY")))
    with sessions() as session:
        assert session.scalars(select(Invoice.total_minor)).all() == [100]
    broken = an_account(number="101", currency="JPY", portal_users=[], credits=[], payments=[])
    broken["invoices"][0] |= {"external_id": "i2", "total": "100.50"}
    assert problems(imported, a_file(broken)) == ["12: invoice i2: total 100.50 has more than the 0 decimals of JPY"]


def test_progress_counts_every_record_once(sessions: SessionFactory, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    path = tmp_path / "file.json"
    path.write_text(
        json.dumps(
            a_file(an_account(), an_account(number="101", portal_users=[], invoices=[], credits=[], payments=[]))
        )
    )
    import_file(sessions, path, today=b.TODAY, now=b.NOW, progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (6, 6)
    assert heard == sorted(heard)


def test_thousands_of_payments_take_as_many_statements_as_ten(imported: Importer, sessions: SessionFactory) -> None:
    from sqlalchemy import event

    def file(prefix: str, count: int) -> dict[str, Any]:
        return a_file(
            *(
                an_account(
                    number=f"{prefix}{n}",
                    portal_users=[],
                    credits=[],
                    invoices=[
                        {
                            "external_id": f"{prefix}i{n}",
                            "number": f"N{n}",
                            "total": "10.00",
                            "issued_on": "today",
                            "due_on": "today",
                        }
                    ],
                    payments=[{"external_id": f"{prefix}p{n}", "amount": "15.00", "on": "today"}],
                )
                for n in range(count)
            )
        )

    counted: list[str] = []
    event.listen(sessions.kw["bind"], "before_cursor_execute", lambda *a: counted.append(a[2]))
    imported(file("a", 10))
    few = len(counted)
    counted.clear()
    imported(file("b", 900))
    assert len(counted) == few


def test_the_examples_of_the_documentation_can_be_imported(imported: Importer) -> None:
    page = (DEMO.parents[2] / "docs" / "import-format.md").read_text()
    as_json, as_csv = re.search(r"```json\n(.*?)```", page, re.S), re.search(r"```csv\n(.*?)```", page, re.S)
    assert as_json and as_csv
    assert imported(json.loads(as_json[1])).counts["payment"] == Counts(1, 0, 0)
    same_again = imported(as_csv[1]).counts
    assert {kind: counts.new for kind, counts in same_again.items()} == dict.fromkeys(same_again, 0)


# ------------------------------------------------------------------------------------------------ what is refused


def test_every_problem_is_listed_with_its_line_and_nothing_is_imported(
    imported: Importer, sessions: SessionFactory
) -> None:
    wrong = problems(
        imported,
        "type,account,external_id,number,name,currency,total,issued_on,due_on\n"
        "account,100,,,Ana,CAD,,,\n"
        "invoice,100,i1,INV-1,,,100.005,today,today\n"
        "invoice,100,i2,INV-2,,,-5,today,today\n"
        "invoice,100,i3,INV-3,,,1.00,2026-02-30,today\n"
        "invoice,999,i4,INV-4,,,1.00,today,today\n"
        "invoice,100,i2,INV-5,,,1.00,today,yesterday\n"
        "invoice,100,i6,INV-1,,,1.00,today,today-3d\n",
    )
    assert wrong == [
        "3: invoice i1: total 100.005 has more than the 2 decimals of CAD",
        "4: invoice i2: total '-5' is negative",
        "5: invoice i3: issued_on '2026-02-30' is a day that does not exist",
        "6: invoice i4: account 999 is neither in this file nor in the books",
        "7: invoice i2: due_on 'yesterday' is not a date (2026-11-22, today, today-60d)",
        "8: invoice i6: due_on 2026-11-19 is before it was issued (2026-11-22)",
    ]
    assert nothing_was_written(sessions)


INVOICE = {"external_id": "i1", "number": "INV-1", "total": "1.00", "issued_on": "today", "due_on": "today"}
USER = {"external_id": "u1", "position": 1, "name": "Ana", "email": "ana@x.example", "notifications": True}


# What stands in the file, and what is said about it.
WRONG_VALUES: list[tuple[str, Any, str]] = [
    ("invoices", INVOICE | {"total": "0"}, "invoice i1: total must be more than zero"),
    ("invoices", INVOICE | {"total": "1,000.00"}, "invoice i1: total '1,000.00' is not a plain amount like 1234.50"),
    ("invoices", INVOICE | {"total": "$5"}, "invoice i1: total '$5' is not a plain amount like 1234.50"),
    ("invoices", INVOICE | {"total": True}, "invoice i1: total must be an amount like 1234.50, not true or false"),
    ("invoices", INVOICE | {"total": [1]}, "invoice i1: total must be an amount like 1234.50, not a list"),
    ("invoices", INVOICE | {"total": None}, "invoice i1: total is missing"),
    ("invoices", INVOICE | {"total": 1e300}, "invoice i1: total is more than 1000000000000: that is no bill"),
    ("invoices", INVOICE | {"total": "9" * 5000}, "invoice i1: total is more than 1000000000000: that is no bill"),
    ("invoices", INVOICE | {"total": -3}, "invoice i1: total -3 is negative"),
    (
        "invoices",
        INVOICE | {"due_on": "today+99999d"},
        "invoice i1: due_on 2300-09-06 is outside the years 1990 to 2100",
    ),
    (
        "invoices",
        INVOICE | {"due_on": "20261122"},
        "invoice i1: due_on '20261122' is not a date (2026-11-22, today, today-60d)",
    ),
    ("invoices", INVOICE | {"due_on": 20261122}, "invoice i1: due_on must be text, not a number"),
    ("invoices", INVOICE | {"number": "INV\x00"}, "invoice i1: number has control characters in it"),
    ("invoices", INVOICE | {"number": "9" * 300}, "invoice i1: number is longer than 200 characters"),
    ("invoices", INVOICE | {"amount": "1"}, "invoice i1: amount is not a field that this record has"),
    ("invoices", "INV-1", "this must be an object, {…}"),
    ("portal_users", USER | {"email": "ana"}, "portal_user u1: email 'ana' is not an email address"),
    (
        "portal_users",
        USER | {"phone": "555-0101"},
        "portal_user u1: phone '555-0101' is not a phone number with its country code (+1 514 555 0101)",
    ),
    ("portal_users", USER | {"notifications": "maybe"}, "portal_user u1: notifications must be true or false"),
    (
        "portal_users",
        USER | {"position": 0},
        "portal_user u1: position must be a whole number from 1 to 1000: the order on Manage Users",
    ),
    ("portal_users", USER | {"language": "de"}, "portal_user u1: language 'de' is unknown; it is one of en, fr"),
    ("credits", {"external_id": "c1", "amount": "1", "reason": " ", "on": "today"}, "credit c1: reason is missing"),
    ("credits", {"amount": "1", "reason": "x", "on": "today"}, "credit: external_id is missing"),
    ("payments", {"external_id": "p1", "amount": "1", "on": "today+2d"}, "payment p1: on 2026-11-24 has not come yet"),
]


def test_one_wrong_value_is_one_sentence(imported: Importer, sessions: SessionFactory) -> None:
    nothing = an_account(portal_users=[], invoices=[], credits=[], payments=[])
    said = [problems(imported, a_file(nothing | {key: [entry]})) for key, entry, _ in WRONG_VALUES]
    assert [[problem.split(": ", 1)[1] for problem in found] for found in said] == [[s] for _, _, s in WRONG_VALUES]
    assert nothing_was_written(sessions)


WRONG_ACCOUNTS: list[tuple[dict[str, Any], str]] = [
    ({"currency": "cad"}, "account 100: currency 'cad' is not a currency (three capital letters, like CAD)"),
    ({"currency": "ZZZ"}, "account 100: currency 'ZZZ' is not a currency (three capital letters, like CAD)"),
    ({"name": None}, "account 100: name is missing"),
    (
        {"billing_address": {"street": "x"}},
        "account 100: billing_address has unknown parts: street; known are city, country, line1, line2, name, "
        "postal_code, region",
    ),
    ({"nickname": "A"}, "account 100: nickname is not a field that this record has"),
    ({"invoices": {}}, "invoices must be a list"),
]


def test_a_wrong_account_is_said_once_and_not_again_for_each_of_its_records(imported: Importer) -> None:
    said = [problems(imported, a_file(an_account(**changes))) for changes, _ in WRONG_ACCOUNTS]
    assert [[problem.split(": ", 1)[1] for problem in found] for found in said] == [[s] for _, s in WRONG_ACCOUNTS]


def test_an_account_without_a_number_is_said_once_too(imported: Importer) -> None:
    assert problems(imported, a_file(an_account(number=""))) == ["4: account: number is missing"]
    assert problems(imported, a_file(an_account(number=100))) == ["4: account: number must be text, not a number"]
    csv = "type,account,external_id,amount,on\npayment,,p1,5,today\n"
    assert problems(imported, csv) == ["2: payment p1: account is missing"]


NO_IMPORT_FILES: list[tuple[bytes, str, str]] = [
    (b"", "a.json", "1: the file is empty"),
    (b" \n ", "a.csv", "1: the file is empty"),
    (
        b'{"accounts": [\n{]}',
        "a.json",
        "2: this is not JSON: Expecting property name enclosed in double quotes (column 2)",
    ),
    (b'{"accounts": [', "a.json", "1: this is not JSON: Expecting value (column 15)"),
    (b"[]", "a.json", '1: the file must be an object with one key, {"accounts": […]}'),
    (b'{"accounts": [], "x": 1}', "a.json", '1: the file must be an object with one key, {"accounts": […]}'),
    (b'{"accounts": NaN}', "a.json", "1: this is not JSON: NaN is no number"),
    (b"[" * 200_000, "a.json", "1: this is nested too deeply to be an import file"),
    (
        '{"accounts":\n[{"number": "é"}]}'.encode("latin-1"),
        "a.json",
        "2: byte 0xe9 is not UTF-8: save the file as UTF-8",
    ),
    ("type,number\n".encode("utf-16"), "a.csv", "1: byte 0xff is not UTF-8: save the file as UTF-8"),
    (b"\x89PNG\r\n\x1a\n", "a.csv", "1: byte 0x89 is not UTF-8: save the file as UTF-8"),
    (b"number,name\n1,2\n", "a.csv", "1: the first line must name the columns, `type` among them; found number, name"),
    (b"type,number,number\n", "a.csv", "1: column(s) number named twice"),
    (b'type,number,name,currency\naccount,1,"Ana,CAD\n', "a.csv", "2: this is not CSV: unexpected end of data"),
    (
        b"type,number,name,currency\ncustomer,1,Ana,CAD\n",
        "a.csv",
        "2: type 'customer' is unknown; it is one of account, portal_user, invoice, credit, payment",
    ),
    (b"type,number,name,currency\naccount,1,Ana,CAD,x\n", "a.csv", "2: 5 cells under 4 columns"),
    (
        b"type,number,name,currency,total\naccount,1,Ana,CAD,5\n",
        "a.csv",
        "2: total: no such column in a row of type account",
    ),
    (b"type,number,name,currency\naccount,1,An\x00a,CAD\n", "a.csv", "2: account 1: name has control characters in it"),
]


def test_what_is_no_import_file_is_said_so(imported: Importer, sessions: SessionFactory) -> None:
    said = [problems(imported, content, name) for content, name, _ in NO_IMPORT_FILES]
    assert said == [[problem] for _, _, problem in NO_IMPORT_FILES]
    assert nothing_was_written(sessions)


def test_an_unknown_column_is_named_with_those_that_exist(imported: Importer) -> None:
    (problem,) = problems(imported, "type,number,colour\n")
    assert problem.startswith("1: unknown column(s) 'colour'; known are account, address_city,")


def test_a_key_that_stands_twice_is_a_problem(imported: Importer) -> None:
    content = b'{"accounts": [\n {"number": "1", "name": "A",\n "name": "B", "currency": "CAD"}]}'
    assert problems(imported, content, "a.json") == ["2: the key 'name' stands here twice"]


def test_a_problem_in_json_has_the_line_of_its_value(imported: Importer) -> None:
    content = (
        b'{"accounts": [{"number": "1", "name": "a \\"b\\" {[,:", "currency": "CAD",\n"invoices": [\n'
        b'{"external_id": "i",\n"number": "N",\n"total": "x",\n"issued_on": "today", "due_on": "today"}\n,\n{}]}]}'
    )
    assert [p.split(":")[0] for p in problems(imported, content, "a.json")] == ["5", "8", "8", "8", "8", "8"]


def test_what_is_booked_does_not_change(imported: Importer, sessions: SessionFactory) -> None:
    imported(a_file())
    changed = an_account(currency="USD")
    assert problems(imported, a_file(changed)) == ["6: account 100: currency USD is CAD in the books and cannot change"]
    changed = an_account()
    changed["invoices"][0]["total"] = "90.00"
    changed["credits"][0]["amount"] = "6.00"
    changed["payments"][0]["amount"] = "41.00"
    wrong = [problem.split(": ", 1)[1] for problem in problems(imported, a_file(changed))]
    assert wrong == [
        "invoice i1: total 90.00 CAD is 100.00 CAD in the books, and what is booked does not change",
        "credit c1: amount 6.00 CAD is 5.00 CAD in the books, and what is booked does not change",
        "payment p1: amount 41.00 CAD is 40.00 CAD in the books, and what is booked does not change",
    ]
    with sessions() as session:
        assert session.scalars(select(Invoice.total_minor)).all() == [10000]


def test_a_record_cannot_move_to_another_account(imported: Importer) -> None:
    imported(a_file())
    wrong = problems(imported, a_file(an_account(number="200")))
    assert [problem.split(": ", 1)[1] for problem in wrong] == [
        f"{kind}: belongs to another account than 200 in the books"
        for kind in ("portal_user u1", "invoice i1", "credit c1", "payment p1")
    ]


def test_two_users_cannot_share_a_place_or_an_address(imported: Importer) -> None:
    imported(a_file())
    users = [
        {"external_id": "u2", "position": 1, "name": "B", "email": "b@x.example", "notifications": True},
        {"external_id": "u3", "position": 3, "name": "C", "email": "ana@x.example", "notifications": True},
        {"external_id": "u4", "position": 3, "name": "D", "email": "d@x.example", "notifications": True},
    ]
    wrong = problems(imported, a_file(an_account(portal_users=users)))
    assert [problem.split(": ", 1)[1] for problem in wrong] == [
        "portal_user u2: position 1 is that of u1 too",
        "portal_user u3: email ana@x.example is that of u1 too",
        "portal_user u4: position 3 is that of u3 too",
    ]


def test_an_invoice_number_means_one_invoice_of_an_account(imported: Importer) -> None:
    imported(a_file())
    more = "type,account,external_id,number,total,issued_on,due_on\ninvoice,100,i9,INV-1,7.5,today,today+30d\n"
    assert problems(imported, more) == ["2: invoice i9: number INV-1 is that of i1 too"]


def test_a_payment_elsewhere_cannot_take_the_reference_of_one_of_ours(
    imported: Importer, sessions: SessionFactory
) -> None:
    with sessions.begin() as session:
        account = b.an_account(session, number="100")
        b.an_invoice(session, account)
    ours = b.pay(b.a_context(sessions), account)
    more = f"type,account,external_id,amount,on\npayment,100,{ours.reference},7.5,today\n"
    assert problems(imported, more) == [f"2: payment {ours.reference}: a payment made here has this reference"]


def test_a_missing_file_is_the_callers_error(sessions: SessionFactory, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        import_file(sessions, tmp_path / "none.json", today=b.TODAY, now=b.NOW)
