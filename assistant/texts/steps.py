"""What can follow from a text message: a fixed sentence, the question which account, or a turn of the dialogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assistant.dialogue.turns import Message
from assistant.identity import Principal
from billing.models import PortalUser


@dataclass(frozen=True, slots=True)
class Sentence:
    """`outcome` is what the operator reads. `key` None: nothing is answered."""

    outcome: str
    key: str | None = None
    language: str = "en"
    values: Mapping[str, object] = field(default_factory=dict)
    despite_opt_out: bool = False


@dataclass(frozen=True, slots=True)
class WhichAccount:
    """The number serves several accounts; a reply chooses one of these portal users."""

    users: Sequence[PortalUser]
    language: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What goes to the dialogue engine; `preface` is the key of a sentence that goes before its answer."""

    principal: Principal
    message: Message
    preface: str | None = None


Step = Sentence | WhichAccount | Turn
