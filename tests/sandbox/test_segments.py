"""How many messages a text is on the air."""

from __future__ import annotations

import pytest

from sandbox.twilio.segments import segments


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [
        ("", "GSM-7", 1),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("é" * 160, "GSM-7", 1),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),  # its two septets are not parted: 152, 153 + 1
        ("ê" + "a" * 69, "UCS-2", 1),
        ("ê" + "a" * 70, "UCS-2", 2),
        ("84,20\u00a0$", "UCS-2", 1),
        ("It’s", "UCS-2", 1),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        ("😀" * 67, "UCS-2", 3),  # 33 fit into 67 units, not 33.5
    ],
)
def test_a_text_is_cut_as_the_network_cuts_it(text: str, encoding: str, count: int) -> None:
    counted = segments(text)
    assert (counted.encoding, counted.count) == (encoding, count)
