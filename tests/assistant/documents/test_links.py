"""Signed addresses of documents: what they hold, and that nobody else can write one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from assistant.documents.links import DocumentLink, document_url, link_until, read_document_token
from tests.billing.builders import some_settings

SETTINGS = some_settings(public_url="https://pay.example/")
LINK = DocumentLink("invoice", 7, "fr", link_until(datetime(2026, 11, 22, 15, 0, 0, 5, tzinfo=UTC)))


def token_of(link: DocumentLink) -> str:
    url = document_url(SETTINGS, link)
    assert url.startswith("https://pay.example/documents/")
    return url.rpartition("/")[2]


def test_a_token_says_what_it_opens_and_until_when() -> None:
    assert read_document_token(SETTINGS, token_of(LINK)) == LINK
    assert LINK.expires_at == datetime(2026, 11, 22, 15, 15, tzinfo=UTC)


def test_a_link_is_short_enough_for_a_text_message() -> None:
    assert len(token_of(LINK)) <= 40


def test_every_changed_character_is_noticed() -> None:
    token = token_of(LINK)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        assert read_document_token(SETTINGS, token[:place] + other + token[place + 1 :]) is None


@pytest.mark.parametrize("token", ["", "x", "é", "=", "A" * 40, "A" * 5000, "a b", "\x00", "-_" * 20])
def test_what_we_did_not_sign_opens_nothing(token: str) -> None:
    assert read_document_token(SETTINGS, token) is None


def test_another_secret_signs_other_links() -> None:
    other = some_settings(portal_signing_secret="another-secret-of-the-tests")
    assert read_document_token(other, token_of(LINK)) is None
