"""What a step of a call says and waits for. `webhook/twiml.py` writes it down for Twilio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Ends = Literal["listen", "dial", "hang_up", "pay"]
Keys = Literal["one", "many"]  # one is taken at once, many end with #


@dataclass(frozen=True, slots=True)
class Plan:
    """`says` is heard to its end, whatever is keyed in meanwhile; `asks` is cut short by the first key.

    A quote is said, never asked: nobody pays for what they have not heard. `aside` is in the other language.
    """

    language: str
    says: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    aside: str = ""
    keys: Keys = "one"
    speech: bool = True
    ends: Ends = "listen"
    quote: str = ""  # id of what a card that is keyed in now will pay
    save: bool = False

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Plan:
        return cls(**{**stored, "says": tuple(stored["says"]), "asks": tuple(stored["asks"])})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Heard:
    """What Twilio has gathered. `user_id` is whom account number and PIN prove, `dialled` how a transfer ended."""

    digits: str = ""
    speech: str = ""
    confidence: float | None = None
    card_removed: bool = False
    user_id: int | None = None
    dialled: str = ""
    card: str = ""  # how keying in a card ended, in Twilio's words
    token: str = ""  # the gateway's, for that card

    @property
    def nothing(self) -> bool:
        return not (self.digits or self.speech or self.card_removed)
