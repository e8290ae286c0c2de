"""Why a message was not taken as a turn."""

from __future__ import annotations


class TurnRefused(Exception):
    """`code`: message_empty, message_too_long, message_id_reused, too_many_turns, busy or bad_field; `values` fill
    the sentence `error_<code>` of the catalogue.
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code, self.values = code, values
