"""The chat widget as it is delivered: who may show it, how much it weighs, what a browser may keep."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webhook.widget import FILES

MakeApp = Callable[..., Flask]
BUDGET = 25 * 1024  # bytes on the wire before the first message


def test_everything_before_the_first_message_stays_within_the_budget(client: FlaskClient) -> None:
    page = client.get("/widget/")
    loaded = re.findall(r'(?:src|href)="(/[^"]+)"', page.get_data(as_text=True))
    assert sorted(set(loaded)) == sorted(f"/widget/{path.name}" for path in FILES.iterdir() if path.name != "loader.js")
    weight = len(gzip.compress(page.data))
    for path in ["/widget.js", *dict.fromkeys(loaded)]:
        answer = client.get(path, headers={"Accept-Encoding": "gzip, br"})
        assert answer.headers["Content-Encoding"] == "gzip"
        weight += len(answer.data)
    assert weight <= BUDGET, f"{weight} bytes"


def test_only_named_origins_may_show_it_and_are_listened_to(make_app: MakeApp) -> None:
    client = make_app(allowed_origins="https://my.northwind.example https://shop.northwind.example").test_client()
    page = client.get("/widget/")
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith(
        "frame-ancestors 'self' http://127.0.0.1:8000 https://my.northwind.example https://shop.northwind.example"
    )
    assert "unsafe" not in policy
    origins = re.search(r'data-origins="([^"]*)"', page.get_data(as_text=True))
    assert origins is not None
    assert json.loads(html.unescape(origins[1])) == [
        *("http://127.0.0.1:8000", "https://my.northwind.example", "https://shop.northwind.example")
    ]


def test_the_policy_lets_the_page_run_as_it_is(client: FlaskClient) -> None:
    page = client.get("/widget/").get_data(as_text=True)
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert " style=" not in page and "<style" not in page


@pytest.mark.parametrize(
    ("asked", "spoken"), [("fr", "fr"), ("en", "en"), ("xx", "en"), ('"><script>', "en"), (None, "en")]
)
def test_the_page_begins_in_the_language_of_the_tag(client: FlaskClient, asked: str | None, spoken: str) -> None:
    page = client.get("/widget/", query_string={"lang": asked} if asked else None).get_data(as_text=True)
    assert f'<html lang="{spoken}">' in page


def test_files_are_not_sent_again_while_they_are_the_same(client: FlaskClient) -> None:
    first = client.get("/widget/main.js", headers={"Accept-Encoding": "gzip"})
    plain = client.get("/widget/main.js")
    assert gzip.decompress(first.data) == plain.data
    assert first.headers["ETag"] != plain.headers["ETag"]
    headers = {"Accept-Encoding": "gzip", "If-None-Match": first.headers["ETag"]}
    again = client.get("/widget/main.js", headers=headers)
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "..%2fpay.js", "%2e%2e/pay.js", "main.js%00", "widget.html"])
def test_nothing_else_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/widget/{name}").status_code == 404


def test_its_words_are_in_both_languages() -> None:
    source = (FILES / "words.js").read_text("utf-8")
    english, french = (set(re.findall(r"(?<![\w’\"])([a-z_0-9]+): \"", half)) for half in source.split("const fr = {"))
    assert english == french
    page = (FILES.parent.parent / "templates" / "widget.html").read_text("utf-8")
    assert set(re.findall(r'data-(?:word|label|placeholder)="(\w+)"', page)) <= english
    scripts = "".join(path.read_text("utf-8") for path in FILES.glob("*.js") if path.name != "words.js")
    assert set(re.findall(r'\bword\("(\w+)"', scripts)) <= english
