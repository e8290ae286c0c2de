"""The PIN that a caller keys in, with the account number, to be known on the phone. Only its Argon2 hash is kept.

A PIN has few digits, so what holds a guesser back is the number of tries (assistant/calls/signing_in.py); the hash
keeps a PIN from whoever reads the table.
"""

from __future__ import annotations

import re
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

PIN = re.compile(r"\d{4,8}")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's least for Argon2id


def hash_pin(pin: str) -> str:
    """Raises ValueError for what is no PIN: four to eight digits."""
    if not PIN.fullmatch(pin):
        raise ValueError("a PIN has four to eight digits")
    return _HASHER.hash(pin)


def is_pin(pin_hash: str | None, pin: str) -> bool:
    """Whether `pin` is the one behind the hash. Takes the same time where there is no hash to compare with."""
    try:
        right = _HASHER.verify(pin_hash or _nobodys(), pin)
    except VerificationError:
        return False
    return right and pin_hash is not None


@cache
def _nobodys() -> str:
    return _HASHER.hash("0000")
