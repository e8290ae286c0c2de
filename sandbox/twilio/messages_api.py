"""Twilio's Messages: send one, look at one, look for some. https://www.twilio.com/docs/messaging/api"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from sandbox.box import box
from sandbox.twilio import phones, sending, texts
from sandbox.twilio.access import account, authenticate, lose_when_hanging, refuse_when_down
from sandbox.twilio.errors import TwilioError, not_found, opted_out
from sandbox.twilio.numbers import is_number
from sandbox.twilio.search import search

blueprint = Blueprint("twilio_messages", __name__)
LONGEST_BODY = 1600
blueprint.before_request(authenticate)


@blueprint.post("/Accounts/<account_sid>/Messages.json")
def send(account_sid: str) -> tuple[Response, int]:
    """Committed before it is answered: a hanging answer loses nothing but itself."""
    text, shared = _asked(), box()
    with shared.database.transaction() as tx:
        phone = phones.behaviour(tx, text.phone)
        refuse_when_down(phone)
        if phone["opted_out"]:
            raise opted_out()
        sent = sending.send(tx, shared.line.callbacks, text)
    shared.line.callbacks.bell.set()
    return lose_when_hanging(phone, (jsonify(texts.as_resource(sent, account_sid)), 201))


@blueprint.get("/Accounts/<account_sid>/Messages/<sid>.json")
def fetch(account_sid: str, sid: str) -> Response:
    with box().database.transaction() as tx:
        text = texts.by_sid(tx, sid)
    if text is None or text["direction"] == "outbound-verify":
        raise not_found(request.path.removeprefix("/twilio"))
    return jsonify(texts.as_resource(text, account_sid))


@blueprint.get("/Accounts/<account_sid>/Messages.json")
def list_messages(account_sid: str) -> Response:
    with box().database.transaction() as tx:
        return jsonify(search(tx, account_sid, request.args))


def _asked() -> texts.Text:
    """The text that the form asks for. Raises TwilioError, in Twilio's own order of complaints."""
    form, ours = request.form, account()
    to, body, service, callback = (form.get(name) for name in ("To", "Body", "MessagingServiceSid", "StatusCallback"))
    if not to:
        raise TwilioError(400, 21604, "A 'To' phone number is required.")
    if not is_number(to):
        raise TwilioError(400, 21211, f"Invalid 'To' Phone Number: {to}")
    _check_sender(form.get("From"), service)
    if not body:
        raise TwilioError(400, 21602, "Message body is required.")
    if len(body) > LONGEST_BODY:
        raise TwilioError(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    if callback and not callback.startswith(("http://", "https://")):
        raise TwilioError(400, 21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
    return texts.Text(
        "outbound-api", to, ours.number, body, "queued",
        messaging_service_sid=service, status_callback=callback,
    )  # fmt: skip


def _check_sender(number: str | None, service: str | None) -> None:
    ours = account()
    if not number and not service:
        raise TwilioError(400, 21603, "A 'From' phone number is required.")
    if service and service != ours.messaging_service_sid:
        raise TwilioError(404, 21701, "The Messaging Service does not exist.")
    if number and number != ours.number:
        raise TwilioError(400, 21606, f"The 'From' phone number {number} is not a valid, SMS-capable number of yours.")
