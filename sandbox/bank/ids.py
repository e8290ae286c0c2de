"""Names of the bank's objects. Letters only: no run of digits in them can be taken for a card number."""

from __future__ import annotations

import secrets
import string

LETTERS = 20  # 26**20 ≈ 94 bits: not to be guessed


def new_id(prefix: str) -> str:
    """`prefix` is cus, pm, tok, pay, re, dp or evt."""
    return f"{prefix}_" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(LETTERS))
