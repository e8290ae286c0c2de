"""Reads the amount that somebody types or says, in English and in French: one reader for every channel.

See docs/amounts.md.
"""

from assistant.amounts.reader import named_invoice, read_amount
from assistant.amounts.readings import Ambiguous, AmountReading, Exact, NoAmount, Relative

__all__ = ["Ambiguous", "AmountReading", "Exact", "NoAmount", "Relative", "named_invoice", "read_amount"]
