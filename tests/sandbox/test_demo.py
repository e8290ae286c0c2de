"""The demo: its data, its token, its reset, and what the page may do."""

from __future__ import annotations

import json
import re
import shlex
import sys
import threading
from decimal import Decimal
from pathlib import Path

import jwt
import pytest

import sandbox.demo
from remit.postgres import EmbeddedPostgres
from tests.sandbox.databases import empty_database
from tests.sandbox.running import PORTAL_SECRET, RunningSandbox, running_sandbox
from tests.sandbox.telephone import Telephone

DEMO = Path(sandbox.demo.__file__).parent
ACCOUNTS = {account["number"]: account for account in json.loads((DEMO / "northwind.json").read_text())["accounts"]}


def owed(number: str) -> Decimal:
    account = ACCOUNTS[number]
    invoiced = [Decimal(invoice["total"]) for invoice in account["invoices"]]
    return sum(invoiced, -sum((Decimal(p["amount"]) for p in (*account["payments"], *account["credits"])), Decimal(0)))


def test_the_five_customers_owe_what_the_documentation_says() -> None:
    balances = {account["name"]: owed(number) for number, account in ACCOUNTS.items()}
    assert balances == {
        "Maya Tremblay": Decimal("452.10"),
        "Liam Roy": Decimal("-35.00"),
        "Chloé Gagnon": Decimal("84.20"),
        "Noah Singh": Decimal("61.33"),
        "Zoe Martin": Decimal("4800.00"),
    }


def test_mayas_open_invoices_are_the_three_newest_and_the_rest_is_paid_exactly() -> None:
    maya = ACCOUNTS["100200"]
    newest = [(i["number"], i["total"], i["due_on"]) for i in maya["invoices"][-3:]]
    assert newest == [
        ("INV-1001", "200.00", "today-60d"),
        ("INV-1002", "152.10", "today-30d"),
        ("INV-1003", "100.00", "today+5d"),
    ]
    older = sum(Decimal(invoice["total"]) for invoice in maya["invoices"][:-3])
    assert older == sum(Decimal(payment["amount"]) for payment in maya["payments"])
    assert [user["notifications"] for user in maya["portal_users"]] == [True, True, False]


def test_zoe_has_240_open_invoices_and_external_ids_are_unique() -> None:
    assert len(ACCOUNTS["100600"]["invoices"]) == 240
    ids = [row["external_id"] for account in ACCOUNTS.values() for kind in account.values() if isinstance(kind, list)
           for row in kind]  # fmt: skip
    assert len(ids) == len(set(ids))


def test_a_reset_leaves_exactly_the_saved_methods(sandbox: RunningSandbox) -> None:
    sandbox.paid(customer=sandbox.customer("100500"), save=True)
    assert sandbox.post("/demo/internal/reset").json() == {"status": "done", "methods": 6}
    kept = {}
    for number in ACCOUNTS:
        methods = sandbox.client.get(f"/bank/v1/customers/{sandbox.customer(number)}/methods").json()["data"]
        kept[number] = [(m["kind"], m["brand"], m["last4"]) for m in methods]
    assert kept["100200"] == [("card", "visa", "4242"), ("card", "mastercard", "4444"), ("card", "visa", "0002")]
    assert kept["100400"] == [("bank_debit", "bank", "6789")]
    assert kept["100500"] == []


def test_a_reset_succeeds_while_others_pay_and_read(sandbox: RunningSandbox) -> None:
    done = threading.Event()

    def pay() -> None:
        while not done.is_set():
            payment = sandbox.client.post("/bank/v1/payments", json=order(sandbox.token()))
            if payment.status_code == 200:  # its token may be wiped already
                sandbox.post(f"/bank/v1/payments/{payment.json()['id']}/confirm")

    statuses = []

    def read() -> None:
        while not done.is_set():
            statuses.append(sandbox.client.get("/demo/api/state", params={"customer": "maya"}).status_code)

    threads = [threading.Thread(target=target) for target in (pay, pay, read, read)]
    for thread in threads:
        thread.start()
    resets = [sandbox.post("/demo/internal/reset").status_code for _ in range(20)]
    done.set()
    for thread in threads:
        thread.join()
    assert (set(resets), set(statuses)) == ({200}, {200})


def order(token: str) -> dict[str, object]:
    return {"amount": 100, "currency": "CAD", "method": token, "payment_reference": "R"}


def test_a_reset_needs_the_key(sandbox: RunningSandbox) -> None:
    for header in ("", "Bearer wrong"):
        assert sandbox.client.post("/demo/internal/reset", headers={"Authorization": header}).status_code == 401


def test_saved_cards_behave_like_the_test_cards_of_their_ending(sandbox: RunningSandbox) -> None:
    customer = sandbox.customer("100200")
    outcomes = {}
    for method in sandbox.client.get(f"/bank/v1/customers/{customer}/methods").json()["data"]:
        payment = sandbox.payment(method=method["id"], customer=customer)["id"]
        outcomes[method["last4"]] = sandbox.post(f"/bank/v1/payments/{payment}/confirm").status_code
    assert outcomes == {"4242": 200, "4444": 200, "0002": 402}


def test_the_portal_token_says_who_and_for_five_minutes(sandbox: RunningSandbox) -> None:
    told = [sandbox.client.post("/demo/api/portal-token", json={"customer": who}).json() for who in ("chloe", "chloe")]
    claims = [jwt.decode(t["token"], PORTAL_SECRET, ["HS256"], audience="remit", issuer="portal") for t in told]
    assert (told[0]["language"], claims[0]["sub"], claims[0]["account"]) == ("fr", "u-chloe", "100400")
    assert claims[0]["exp"] - claims[0]["iat"] == 300
    assert claims[0]["jti"] != claims[1]["jti"]
    address = sandbox.client.post("/demo/api/portal-token", json={"customer": "maya@northwind.example"})
    assert address.json()["name"] == "Maya Tremblay"


@pytest.mark.parametrize("body", [{}, {"customer": "mallory"}, {"customer": None}, {"customer": ["maya"]}, [], "maya"])
def test_nobody_else_gets_a_token(sandbox: RunningSandbox, body: object) -> None:
    assert 400 <= sandbox.client.post("/demo/api/portal-token", json=body).status_code < 500


def test_the_page_decides_pending_payments_and_sees_them(sandbox: RunningSandbox) -> None:
    customer = sandbox.customer("100400")
    debit = sandbox.client.get(f"/bank/v1/customers/{customer}/methods").json()["data"][0]["id"]
    payment = sandbox.paid(method=debit, customer=customer)["id"]
    state = sandbox.client.get("/demo/api/state", params={"customer": "chloe"}).json()
    assert [(p["id"], p["status"]) for p in state["payments"]] == [(payment, "processing")]
    assert sandbox.client.get("/demo/api/state", params={"customer": "maya"}).json()["payments"] == []
    path = f"/demo/api/bank/payments/{payment}/decide"
    assert sandbox.client.post(path, json={"decision": "decline", "reason": "account_closed"}).json()["status"] == (
        "declined"
    )
    assert sandbox.client.post(path, json={"decision": "approve"}).status_code == 400


def test_the_page_texts_from_a_customers_phone_and_sees_the_thread(telephone: Telephone) -> None:
    customers = {c["key"]: c for c in telephone.http.get("/demo/api/customers").json()["customers"]}
    maya = customers["maya"]["phone"]
    telephone.http.post(f"/demo/phones/{maya}/texts", json={"body": "BALANCE"})
    telephone.send("You owe $452.10.", to=maya)
    state = telephone.http.get("/demo/api/state", params={"customer": "maya"}).json()
    assert [(text["direction"], text["body"]) for text in state["texts"]] == [
        ("in", "BALANCE"),
        ("out", "You owe $452.10."),
    ]
    assert telephone.http.get("/demo/api/state", params={"customer": "liam"}).json()["texts"] == []


def test_without_a_telephone_the_page_shows_none(sandbox: RunningSandbox) -> None:
    customers = sandbox.client.get("/demo/api/customers").json()["customers"]
    assert {customer["phone"] for customer in customers} == {None}


def test_a_page_elsewhere_can_post_nothing(sandbox: RunningSandbox) -> None:
    for path in ("portal-token", "start-over", "bank/payments/x/decide"):
        assert sandbox.client.post(f"/demo/api/{path}", content=b'{"customer": "maya"}').status_code == 415


def test_the_page_loads_only_what_is_its_own(sandbox: RunningSandbox) -> None:
    page = sandbox.client.get("/demo/")
    assert "frame-src 'self';" in page.headers["Content-Security-Policy"]
    addresses = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert addresses
    for address in addresses:
        assert not address.startswith(("/", "http"))
        assert sandbox.client.get(f"/demo/{address}").status_code == 200
    for name in ("../api.py", "..%2fapi.py", "nothing.js"):
        assert sandbox.client.get(f"/demo/static/{name}").status_code == 404


def test_the_page_has_its_words_in_both_languages() -> None:
    source = (DEMO / "static" / "words.js").read_text()
    english, french = source.split("const fr = {")
    keys = [re.findall(r"(?<![\w’\"])([a-z_0-9]+): [\"\[e]", half.split("why:")[0]) for half in (english, french)]
    assert sorted(keys[0]) == sorted(keys[1])
    used = set(re.findall(r'data-(?:word|label|placeholder)="(\w+)"', (DEMO / "static" / "index.html").read_text()))
    assert used <= set(keys[0])


def test_starting_over_runs_the_command_and_tells_when_it_failed(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = f"from pathlib import Path; p = Path({str(mark)!r}); p.touch(); raise SystemExit(p.stat().st_size)"
    command = shlex.join([sys.executable, "-c", script])
    with (
        empty_database(postgres) as url,
        running_sandbox(url, tmp_path, SANDBOX_RESET_COMMAND=command) as bank,
    ):
        assert bank.client.post("/demo/api/start-over", json={}).status_code == 200
        mark.write_text("x")
        failed = bank.client.post("/demo/api/start-over", json={})
        assert (failed.status_code, failed.json()["error"]["code"]) == (500, "reset_failed")


def test_the_page_has_one_stream_that_tells_of_every_change(telephone: Telephone) -> None:
    with telephone.http.stream("GET", "/demo/api/stream", params={"customer": "maya"}) as stream:
        told = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        assert next(told)["texts"] == []
        telephone.send("You owe $452.10.", to="+15145550101")
        assert [text["body"] for text in next(told)["texts"]] == ["You owe $452.10."]


def test_how_events_travel_is_a_choice_of_four(sandbox: RunningSandbox) -> None:
    travel = "/demo/api/bank/travel"
    assert sandbox.client.post(travel, json={"how": "late"}).json() == {"travel": "late"}
    assert sandbox.client.get("/demo/api/state?customer=maya").json()["travel"] == "late"
    assert sandbox.client.post(travel, json={"how": "by pigeon"}).status_code == 400
    assert sandbox.client.post(travel, json={"how": "at_once"}).status_code == 200


def test_the_bank_decides_at_once_or_when_the_visitor_says(sandbox: RunningSandbox) -> None:
    decides = "/demo/api/bank/decides"
    assert sandbox.client.get("/demo/api/state?customer=maya").json()["decides"] == "at_once"
    assert sandbox.client.post(decides, json={"how": "when_told"}).json() == {"decides": "when_told"}
    assert sandbox.client.get("/demo/api/state?customer=maya").json()["decides"] == "when_told"
    assert sandbox.client.post(decides, json={"how": "on a whim"}).status_code == 400
    assert sandbox.client.post(decides, json={"how": "at_once"}).status_code == 200


def test_the_log_shows_what_went_over_the_wire_and_no_pin(telephone: Telephone) -> None:
    sid = telephone.http.post("/twilio/calls", json={"from": "+15145550101"}).json()["sid"]
    assert sid
    telephone.text("BALANCE")
    told = telephone.http.get("/demo/api/state", params={"customer": "maya"}).json()["scenes"]
    lines = [scene["what"] for scene in told if scene["who"] == "twilio"]
    assert any(line.startswith("POST /twilio/voice") for line in lines)
    assert "POST /twilio/sms Body=BALANCE" in lines
