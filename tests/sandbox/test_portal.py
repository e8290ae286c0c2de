"""The billing portal's page as the sandbox serves it; tests/browser/test_portal.py opens it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import sandbox.portal
from tests.sandbox.running import RunningSandbox

PORTAL = Path(sandbox.portal.__file__).parent
TEXTS = json.loads((PORTAL / "texts.json").read_text())


def test_the_page_speaks_the_language_of_who_is_signed_in_unless_asked_for_another(sandbox: RunningSandbox) -> None:
    def page(query: str) -> str:
        answer = sandbox.client.get(f"/portal/{query}")
        assert answer.status_code == 200
        return str(answer.text)

    assert '<html lang="en" data-customer="maya">' in page("")
    assert "Account Dashboard" in page("?customer=maya")
    assert '<html lang="fr" data-customer="chloe">' in page("?customer=chloe")
    assert "Tableau de bord du compte" in page("?customer=maya&lang=fr")
    assert '<html lang="en" data-customer="maya">' in page("?customer=nobody&lang=xx")


def test_the_assistant_is_one_script_tag_with_the_language(sandbox: RunningSandbox) -> None:
    page = sandbox.client.get("/portal/?customer=chloe").text
    assert '<script src="/widget.js" data-lang="fr" async></script>' in page
    assert "window.Remit.token = async" in sandbox.client.get("/portal/static/host.js").text


def test_the_page_loads_only_what_is_its_own(sandbox: RunningSandbox) -> None:
    answer = sandbox.client.get("/portal/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy and "unsafe" not in policy
    assert not re.search(r"<script>|<style|\son\w+=|https?://", answer.text)


@pytest.mark.parametrize("name", ["portal.html", "../api.py", "%2e%2e/texts.json"])
def test_nothing_but_its_files_is_served(sandbox: RunningSandbox, name: str) -> None:
    assert sandbox.client.get(f"/portal/static/{name}").status_code == 404


def test_every_word_is_there_in_both_languages_and_is_used() -> None:
    assert TEXTS["en"].keys() == TEXTS["fr"].keys()
    for key, english in TEXTS["en"].items():
        assert english.count("{}") == TEXTS["fr"][key].count("{}"), key
    code = (PORTAL / "static" / "portal.js").read_text() + (PORTAL / "templates" / "portal.html").read_text()
    built = {"auto_pay_off", "invoice", "payment", "credit", "refund"}  # named by what the account API says
    named = set(re.findall(r"""(?:texts\.|say\("|say\(account \? "|" : ")(\w+)""", code))
    assert not set(TEXTS["en"]) - named - built
