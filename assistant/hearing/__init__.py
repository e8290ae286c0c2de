"""Amounts that a speech recogniser heard: which others sound alike, and whether to believe it. See docs/hearing.md."""

from assistant.hearing.guard import Believed, Bill, Doubtful, Verdict, weigh
from assistant.hearing.neighbours import neighbours
from assistant.hearing.spoken import ways_to_say

__all__ = ["Believed", "Bill", "Doubtful", "Verdict", "neighbours", "ways_to_say", "weigh"]
