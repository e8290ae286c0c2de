from __future__ import annotations

import pytest

from assistant.redact import Redaction, redact


@pytest.mark.parametrize(
    "typed", ["4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "４２４２ 4242 4242 4242"]
)
def test_card_number_is_replaced_by_a_marker(typed: str) -> None:
    assert redact(f"pay with {typed} please") == Redaction("pay with ⟦card⟧ please", True)


def test_other_text_stays() -> None:
    assert redact("pay $452.10 please") == Redaction("pay $452.10 please", False)
