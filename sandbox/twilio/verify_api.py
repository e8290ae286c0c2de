"""Twilio's Verify over HTTP. At Twilio it has a host of its own; here the path tells."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from sandbox.box import box
from sandbox.twilio import phones, verifications
from sandbox.twilio.access import account, authenticate, lose_when_hanging, refuse_when_down
from sandbox.twilio.errors import TwilioError, not_found
from sandbox.twilio.numbers import is_number

blueprint = Blueprint("twilio_verify", __name__)
blueprint.before_request(authenticate)


@blueprint.post("/Services/<service_sid>/Verifications")
def start(service_sid: str) -> tuple[Response, int]:
    number, shared = _number(service_sid), box()
    if request.form.get("Channel") != "sms":
        raise TwilioError(400, 60200, f"Invalid parameter `Channel`: {request.form.get('Channel', '')}")
    with shared.database.transaction() as tx:
        phone = phones.behaviour(tx, number)
        refuse_when_down(phone)
        started = verifications.start(tx, shared.line.callbacks, number)
    shared.line.callbacks.bell.set()
    answer = jsonify(verifications.with_attempts(started, account().sid, service_sid))
    return lose_when_hanging(phone, (answer, 201))


@blueprint.post("/Services/<service_sid>/VerificationCheck")
def check(service_sid: str) -> Response:
    number = _number(service_sid)
    code = request.form.get("Code", "")
    if not code:
        raise TwilioError(400, 60200, "Invalid parameter: Code")
    with box().database.transaction() as tx:
        refuse_when_down(phones.behaviour(tx, number))
        checked = verifications.check(tx, number, code)
    if checked is None:
        raise not_found(f"/Services/{service_sid}/VerificationCheck")
    return jsonify(verifications.as_resource(checked, account().sid, service_sid))


def _number(service_sid: str) -> str:
    if service_sid != account().verify_service_sid:
        raise not_found(f"/Services/{service_sid}")
    number = request.form.get("To", "")
    if not is_number(number):
        raise TwilioError(400, 60200, f"Invalid parameter `To`: {number}")
    return number
