"""TwiML for calls, read as strictly as Twilio reads it: https://www.twilio.com/docs/voice/twiml

A document that Twilio would complain about is an error here, so that it is found by whoever tries it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from xml.etree import ElementTree

PARSE_FAILURE = 12100  # https://www.twilio.com/docs/api/errors/12100
NO_CONNECTOR = 64020  # https://www.twilio.com/docs/api/errors/64020
INVALID_VERB, INVALID_ATTRIBUTE = 12200, 13327  # schema; speechModel and speechTimeout="auto" exclude each other

ATTRIBUTES: dict[str, frozenset[str]] = {
    "Say": frozenset(("voice", "language", "loop")),
    "Pause": frozenset(("length",)),
    "Gather": frozenset(
        (
            *("input", "action", "method", "timeout", "speechTimeout", "numDigits", "finishOnKey", "language", "hints"),
            *("actionOnEmptyResult", "speechModel", "profanityFilter", "bargeIn", "enhanced"),
        )
    ),
    "Redirect": frozenset(("method",)),
    "Pay": frozenset(
        (
            *("input", "action", "paymentConnector", "tokenType", "chargeAmount", "securityCode", "postalCode"),
            *("maxAttempts", "timeout", "language", "validCardTypes", "currency", "description", "paymentMethod"),
        )
    ),
    "Dial": frozenset(("action", "method", "timeout", "callerId", "answerOnBridge", "timeLimit")),
    "Hangup": frozenset(),
}
INSIDE_GATHER = ("Say", "Pause")
INPUTS = ("dtmf", "speech", "dtmf speech", "speech dtmf")


class NoCall(Exception):
    """Twilio would end the call over this answer; `code` is the error that it would note."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    language: str
    voice: str


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Gather:
    prompts: Sequence[Said | Pause]
    action: str
    keys: int | None  # how many digits are taken at once; None: until `ends_with`
    ends_with: str
    speech: bool
    language: str
    timeout_s: float
    tells_of_nothing: bool


@dataclass(frozen=True, slots=True)
class Pay:
    """Twilio asks for a card itself, and tells of a token."""

    action: str
    language: str


@dataclass(frozen=True, slots=True)
class Go:
    """On to another document, or off the line."""

    kind: Literal["redirect", "dial", "hang_up"]
    to: str = ""
    action: str = ""


Verb = Said | Pause | Gather | Pay | Go


@dataclass(frozen=True, slots=True)
class Document:
    verbs: Sequence[Verb] = field(default_factory=tuple)


def read(content: bytes) -> Document:
    """Raises NoCall."""
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 the service's own answer
    except ElementTree.ParseError as error:
        raise NoCall(PARSE_FAILURE, str(error)) from None
    if root.tag != "Response":
        raise NoCall(PARSE_FAILURE, f"<{root.tag}> is no <Response>")
    return Document([_verb(element) for element in root])


def _verb(element: ElementTree.Element) -> Verb:  # noqa: PLR0911  (one return a verb)
    known = ATTRIBUTES.get(element.tag)
    if known is None:
        raise NoCall(INVALID_VERB, f"<{element.tag}> is no verb that is known here")
    if unknown := set(element.attrib) - known:
        raise NoCall(INVALID_VERB, f"<{element.tag}> has no {', '.join(sorted(unknown))}")
    match element.tag:
        case "Say":
            return _say(element)
        case "Pause":
            return Pause(float(element.get("length", "1")))
        case "Gather":
            return _gather(element)
        case "Pay":
            return _pay(element)
        case "Redirect":
            return Go("redirect", (element.text or "").strip())
        case "Dial":
            return Go("dial", (element.text or "").strip(), element.get("action", ""))
        case _:
            return Go("hang_up")


def _say(element: ElementTree.Element) -> Said:
    text = " ".join((element.text or "").split())
    if not text:
        raise NoCall(INVALID_VERB, "<Say> has nothing to say")
    return Said(text, element.get("language", "en-US"), element.get("voice", ""))


def _pay(element: ElementTree.Element) -> Pay:
    """Only tokens: a connector that charged by itself would know nothing of quotes."""
    given = element.attrib
    if not given.get("paymentConnector"):
        raise NoCall(NO_CONNECTOR, "<Pay> without a connector")
    if given.get("chargeAmount") != "0" or given.get("tokenType") not in ("payment-method", "one-time", "reusable"):
        raise NoCall(INVALID_VERB, "<Pay> must tokenise, and charge nothing")
    return Pay(given.get("action", ""), given.get("language", "en-US"))


def _gather(element: ElementTree.Element) -> Gather:
    given, input_ = element.attrib, element.get("input", "dtmf")
    if input_ not in INPUTS:
        raise NoCall(INVALID_VERB, f'<Gather input="{input_}">')
    if given.get("speechTimeout") == "auto" and "speechModel" in given:
        raise NoCall(INVALID_ATTRIBUTE, 'speechModel cannot be had with speechTimeout="auto"')
    if "speech" not in input_ and (odd := {"speechTimeout", "speechModel", "hints"} & given.keys()):
        raise NoCall(INVALID_VERB, f"{', '.join(sorted(odd))} without speech")
    prompts = []
    for child in element:
        if child.tag not in INSIDE_GATHER:
            raise NoCall(INVALID_VERB, f"<{child.tag}> inside <Gather>")
        verb = _verb(child)
        assert isinstance(verb, Said | Pause)  # of INSIDE_GATHER
        prompts.append(verb)
    digits = given.get("numDigits")
    if digits is not None and not (digits.isdigit() and int(digits) > 0):
        raise NoCall(INVALID_VERB, f'<Gather numDigits="{digits}">')
    return Gather(
        prompts,
        given.get("action", ""),
        int(digits) if digits is not None else None,
        given.get("finishOnKey", "#"),
        "speech" in input_,
        given.get("language", "en-US"),
        float(given.get("timeout", "5")),
        given.get("actionOnEmptyResult", "false") == "true",
    )
