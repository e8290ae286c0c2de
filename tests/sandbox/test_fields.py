"""The card fields: for the allowed page only, in its language, and with nothing on them that could leak."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

import sandbox.bank
from sandbox.bank.cards import BadCard
from tests.sandbox.running import Listener, RunningSandbox

BANK = Path(sandbox.bank.__file__).parent


def page(running: RunningSandbox, **query: str) -> httpx.Response:
    return httpx.get(f"{running.url}/fields", params=query, trust_env=False)


def told_parent(response: httpx.Response) -> str:
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', response.text, re.S)
    assert found is not None
    return str(json.loads(found.group(1))["parent"])


def test_only_the_public_page_may_frame_the_fields(sandbox: RunningSandbox, listener: Listener) -> None:
    response = page(sandbox)
    policy = response.headers["Content-Security-Policy"]
    localhost = listener.url.replace("127.0.0.1", "localhost")
    assert policy.endswith(f"frame-ancestors {listener.url} {localhost}")
    nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
    assert nonce is not None
    assert f'nonce="{nonce.group(1)}"' in response.text
    assert nonce.group(1) not in page(sandbox).text


def test_the_token_goes_to_an_allowed_parent_or_to_the_public_one(sandbox: RunningSandbox, listener: Listener) -> None:
    localhost = listener.url.replace("127.0.0.1", "localhost")
    assert told_parent(page(sandbox, parent=localhost)) == localhost
    for parent in ("https://evil.example", "*", "", f"{listener.url}.evil.example"):
        assert told_parent(page(sandbox, parent=parent)) == listener.url


def test_the_fields_speak_english_and_french_and_can_be_filled_by_the_browser(sandbox: RunningSandbox) -> None:
    english, french = page(sandbox, lang="en"), page(sandbox, lang="fr-CA")
    assert "Card number" in english.text and 'lang="en"' in english.text
    assert "Numéro de carte" in french.text and 'lang="fr"' in french.text
    assert 'lang="en"' in page(sandbox, lang="<script>").text
    for name in ("cc-number", "cc-exp", "cc-csc"):
        assert f'autocomplete="{name}"' in english.text
    assert english.text.count('inputmode="numeric"') == 3


def test_the_form_can_send_nothing_without_its_script(sandbox: RunningSandbox) -> None:
    html = page(sandbox).text
    assert " name=" not in html.split("<body>")[1]
    assert "action=" not in html.split("<body>")[1]


def test_both_languages_have_every_text_and_every_mistake_has_one() -> None:
    texts = json.loads((BANK / "texts.json").read_text())
    assert texts["en"].keys() == texts["fr"].keys()
    raised = set(re.findall(r'BadCard\("\w+", "(\w+)"\)', (BANK / "cards.py").read_text()))
    assert raised <= texts["en"].keys()
    assert issubclass(BadCard, Exception) and len(raised) == 8


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_page_elsewhere_cannot_ask_for_tokens(sandbox: RunningSandbox, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    assert (
        httpx.post(f"{sandbox.url}/fields/tokens", content=b"{}", headers=headers, trust_env=False).status_code == 415
    )


def test_a_token_tells_what_may_be_shown_and_no_more(sandbox: RunningSandbox) -> None:
    card = {"number": "5555 5555 5555 4444", "exp_month": "4", "exp_year": "2039", "cvc": "123"}
    told = httpx.post(f"{sandbox.url}/fields/tokens", json=card, trust_env=False).json()
    assert told.pop("token").startswith("tok_")
    assert told == {"object": "token", "brand": "mastercard", "last4": "4444", "exp_month": 4, "exp_year": 2039}
