"""What can go wrong in a turn, apart from the store (bot/tracker_store.py) and the caller (bot/channel.py)."""

from __future__ import annotations


class TurnFailed(Exception):
    """An action did not finish. Nothing of the turn was stored, so the conversation stands where it stood before."""


class NoAnswer(TurnFailed):
    """No rule matched, or actions followed one another without end."""


class RasaDiffers(Exception):
    """The installed Rasa is not the one that a change of ours was written for."""
