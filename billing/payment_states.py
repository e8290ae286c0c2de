"""The life of a payment, as a table. It limits what *we* start: a capture that the gateway verifies is always booked.

submitting → succeeded | processing | requires_action | declined | not_attempted | unknown
"""

from __future__ import annotations

SUBMITTING = "submitting"  # committed, the gateway is being asked
REQUIRES_ACTION = "requires_action"  # the customer has a step to do at the bank
PROCESSING = "processing"  # the bank is deciding
UNKNOWN = "unknown"  # a confirm without an answer: neither paid nor declined
SUCCEEDED = "succeeded"
DECLINED = "declined"
CANCELED = "canceled"  # a bank step that was never done
NOT_ATTEMPTED = "not_attempted"  # the gateway was never asked to charge

EDGES: frozenset[tuple[str, str]] = frozenset(
    {
        (SUBMITTING, SUCCEEDED),
        (SUBMITTING, PROCESSING),
        (SUBMITTING, REQUIRES_ACTION),
        (SUBMITTING, DECLINED),
        (SUBMITTING, NOT_ATTEMPTED),
        (SUBMITTING, UNKNOWN),
        (PROCESSING, SUCCEEDED),
        (PROCESSING, DECLINED),
        (DECLINED, PROCESSING),  # charged by somebody else before it could be closed (closing.py), never by an answer
        (REQUIRES_ACTION, SUCCEEDED),
        (REQUIRES_ACTION, PROCESSING),
        (REQUIRES_ACTION, DECLINED),
        (REQUIRES_ACTION, CANCELED),
        (UNKNOWN, SUCCEEDED),
        (UNKNOWN, PROCESSING),
        (UNKNOWN, REQUIRES_ACTION),
        (UNKNOWN, DECLINED),
        (UNKNOWN, CANCELED),
        (UNKNOWN, NOT_ATTEMPTED),
    }
)

STATES = (SUBMITTING, REQUIRES_ACTION, PROCESSING, UNKNOWN, SUCCEEDED, DECLINED, CANCELED, NOT_ATTEMPTED)
OPEN_STATES = frozenset({SUBMITTING, REQUIRES_ACTION, PROCESSING, UNKNOWN})  # no second payment meanwhile
FINAL_STATES = frozenset(STATES) - OPEN_STATES


def allowed(before: str, after: str) -> bool:
    """May a payment go from `before` to `after` by our own doing?"""
    return (before, after) in EDGES
