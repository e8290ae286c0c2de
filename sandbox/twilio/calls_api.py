"""Calls over HTTP, for tests, the demo page and `remit chat`: call, press keys, speak, be silent, hang up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox.bank.errors import BankError, invalid, missing
from sandbox.box import box
from sandbox.twilio.access import account
from sandbox.twilio.calls import DIAL_OUTCOMES, Call
from sandbox.twilio.card_keys import tokeniser
from sandbox.twilio.numbers import is_number

blueprint = Blueprint("calls", __name__)
KEYS = frozenset("0123456789*#")
MOST_KEYS, LONGEST_SPEECH = 40, 500
SURE = 0.97  # a recogniser's confidence on a good line


@blueprint.before_request
def _bodies_are_json() -> None:
    """A page elsewhere cannot send JSON without asking first, and nobody says yes."""
    if request.method == "POST" and not request.is_json:
        raise BankError(415, "json_only", "Send JSON.")


@blueprint.post("")
def place() -> Response:
    """`from`, a number like +15145550101; `to`, `dialled` (completed, busy, no-answer, failed)."""
    asked, ours = _asked(), account()
    phone, to, dialled = asked.get("from"), asked.get("to", ours.number), asked.get("dialled", "completed")
    if not isinstance(phone, str) or not is_number(phone) or not is_number(to):
        raise invalid("from, to: numbers like +15145550101")
    if dialled not in DIAL_OUTCOMES:
        raise invalid(f"dialled: {', '.join(DIAL_OUTCOMES)}")
    shared = box()
    return jsonify(shared.switchboard.place(shared.line, ours, phone, to=to, dialled=dialled).as_json())


@blueprint.get("/<sid>")
def look(sid: str) -> Response:
    return jsonify(_call(sid).as_json())


@blueprint.post("/<sid>/keys")
def press(sid: str) -> Response:
    """`digits`; answered when it is the caller's turn again."""
    digits = _asked().get("digits")
    if not isinstance(digits, str) or not 0 < len(digits) <= MOST_KEYS or not set(digits) <= KEYS:
        raise invalid(f"digits: up to {MOST_KEYS} of 0123456789*#")
    shared, call = box(), _call(sid)
    shared.switchboard.key(shared.line, account(), call, digits, tokeniser(shared))
    return jsonify(call.as_json())


@blueprint.post("/<sid>/speech")
def speak(sid: str) -> Response:
    """`text`, as the recogniser hears it; `confidence`."""
    asked, shared, call = _asked(), box(), _call(sid)
    words, confidence = asked.get("text"), asked.get("confidence", SURE)
    if not isinstance(words, str) or not 0 < len(words) <= LONGEST_SPEECH:
        raise invalid(f"text: up to {LONGEST_SPEECH} characters")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise invalid("confidence: from 0 to 1")
    shared.switchboard.say(shared.line, account(), call, words, confidence)
    return jsonify(call.as_json())


@blueprint.post("/<sid>/silence")
def be_silent(sid: str) -> Response:
    shared, call = box(), _call(sid)
    shared.switchboard.be_silent(shared.line, account(), call)
    return jsonify(call.as_json())


@blueprint.post("/<sid>/hang-up")
def hang_up(sid: str) -> Response:
    shared, call = box(), _call(sid)
    shared.switchboard.hang_up(shared.line, account(), call)
    return jsonify(call.as_json())


def _call(sid: str) -> Call:
    call = box().switchboard.find(sid)
    if call is None:
        raise missing("call", sid)
    return call


def _asked() -> dict[str, Any]:
    asked = request.get_json(silent=True)
    if not isinstance(asked, dict):
        raise invalid("The body must be a JSON object.")
    return asked
