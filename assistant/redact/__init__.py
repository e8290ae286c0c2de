"""Takes card numbers, and the security codes and expiry dates beside them, out of what customers write.

It runs before anything stores, logs or understands a message. See docs/card-numbers.md.
"""

from assistant.redact.cleaning import TAIL_CHARS, Redaction, redact

__all__ = ["TAIL_CHARS", "Redaction", "redact"]
