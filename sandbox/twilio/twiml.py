"""TwiML, as much of it as answers a text: https://www.twilio.com/docs/messaging/twiml"""

from __future__ import annotations

from xml.etree import ElementTree

PARSE_FAILURE = 12100  # https://www.twilio.com/docs/api/errors/12100


class NoTwiml(Exception):
    """The answer cannot be read; Twilio notes error 12100 and sends nothing."""


def messages(document: bytes) -> list[tuple[str, str | None]]:
    """Body and status callback of every `<Message>`, in order. Raises NoTwiml."""
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 the service's own answer
    except ElementTree.ParseError:
        raise NoTwiml from None
    if root.tag != "Response":
        raise NoTwiml
    return [(_body(message), message.get("statusCallback")) for message in root.iter("Message")]


def _body(message: ElementTree.Element) -> str:
    parts = [body.text or "" for body in message.iter("Body")]
    return "".join(parts) if parts else (message.text or "").strip()
