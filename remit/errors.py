"""What ends a command: one line for whoever typed it, and exit code 1."""

from __future__ import annotations


class CommandFailed(Exception):
    """Root of every error that a command ends with on purpose."""


class CannotStart(CommandFailed):
    pass


class NotRunning(CommandFailed):
    """No stack runs here, and no settings say where else one does."""


class TrainingFailed(CommandFailed):
    pass


class DemoRefused(CommandFailed):
    pass


class NoSuchUser(CommandFailed):
    pass


class NoPhone(CommandFailed):
    """There is nothing to text with: no sandbox, no telephone in it, or no number in the portal."""
