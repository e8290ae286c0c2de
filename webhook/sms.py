"""Text messages from Twilio: verified, stored once, acknowledged. The worker answers them (worker/tasks.py).

Without an account at Twilio there is no way to send, so the answer rides back in the webhook's own answer as TwiML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, request
from twilio.twiml.messaging_response import MessagingResponse

from assistant.delivery.sms import note_status, take_for_answer
from assistant.dialogue.errors import TurnRefused
from assistant.language import written_in
from assistant.texts.answering import answer_text, give_up
from assistant.texts.receiving import IncomingText, receive_text
from assistant.wording import say
from webhook.edge import Edge, edge
from webhook.errors import Refused, is_database_down
from webhook.guards import guarded, twilio_signature
from webhook.log import log

blueprint = Blueprint("sms", __name__)

LARGEST_FORM = 65_536  # bytes; a text of 1,600 characters with ten pictures is about 10,000
SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
LONGEST_BODY = 1_600
LONGEST_NUMBER = 40
MOST_MEDIA = 10


@blueprint.post("/twilio/sms")
@guarded(
    who=twilio_signature,
    summary="A text message, from Twilio",
    max_body=LARGEST_FORM,
    too_large="bad_request",
    answers={200: "text/xml"},
    refusals=("bad_signature", "bad_request", "bad_field"),
)
def receive() -> Response:
    shared, incoming = edge(), _incoming(request.form)
    try:
        with shared.context.sessions.begin() as session:
            text_id = receive_text(session, incoming, shared.context.now(), settings=shared.settings)
        shared.metrics.texts.labels("repeated" if text_id is None else "new").inc()
        return _twiml(_answered_here(shared, text_id) if text_id is not None and not shared.settings.can_text else ())
    except Exception as error:
        if not is_database_down(error):
            raise
        # Twilio would not send it again: the customer has to know that nobody has it.
        log.error("text_not_stored", error=type(error).__name__)
        language = written_in(incoming.body) or "en"
        return _twiml([say("text_trouble", language, "sms", contact=shared.settings.company_contact)])


@blueprint.post("/twilio/sms/status")
@guarded(
    who=twilio_signature,
    summary="What became of a text message of ours, from Twilio",
    max_body=LARGEST_FORM,
    too_large="bad_request",
    answers={200: None},
    refusals=("bad_signature", "bad_request", "bad_field"),
)
def status() -> tuple[str, int]:
    shared, form = edge(), request.form
    text_id, error_code = request.args.get("text", ""), form.get("ErrorCode", "")
    if not _is_sid(form.get("MessageSid", "")) or not _is_small_number(text_id):
        raise Refused("bad_field", field="MessageSid or text")
    with shared.context.sessions.begin() as session:
        note_status(
            session,
            sid=form["MessageSid"],
            text_id=int(text_id),
            status=form.get("MessageStatus", "")[:LONGEST_NUMBER],
            error_code=int(error_code) if _is_small_number(error_code) else None,
            now=shared.context.now(),
            settings=shared.settings,
        )
    return "", 200


def _incoming(form: Mapping[str, str]) -> IncomingText:
    """What we need of Twilio's fields. Raises Refused: a field that is missing or is not what Twilio sends."""
    sid, media = form.get("MessageSid", ""), form.get("NumMedia", "0")
    if not _is_sid(sid):
        raise Refused("bad_field", field="MessageSid")
    if not _is_small_number(media):
        raise Refused("bad_field", field="NumMedia")
    for name in ("From", "To"):
        number = form.get(name, "")
        if not (0 < len(number) <= LONGEST_NUMBER and number.isprintable()):
            raise Refused("bad_field", field=name)
    return IncomingText(
        sid=sid,
        phone=form["From"],
        to=form["To"],
        body=form.get("Body", "")[:LONGEST_BODY],
        media=min(int(media), MOST_MEDIA),
        is_group=any(name.startswith("OtherRecipients") for name in form),
        told_by_carrier=bool(form.get("OptOutType")),
    )


def _is_sid(text: str) -> bool:
    return SID.fullmatch(text) is not None


def _is_small_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18  # noqa: PLR2004  a bigint holds it


def _answered_here(shared: Edge, text_id: int) -> Sequence[str]:
    """The answer, made while Twilio waits: at most as long as a turn may take."""
    try:
        answer_text(shared.dialogue, text_id)
    except TurnRefused:
        give_up(shared.context, text_id)
    with shared.context.sessions.begin() as session:
        return take_for_answer(session, text_id, context=shared.context)


def _twiml(texts: Sequence[str]) -> Response:
    answer = MessagingResponse()
    for text in texts:
        answer.message(text)
    return Response(str(answer), mimetype="text/xml")
