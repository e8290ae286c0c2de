"""The phones over HTTP, for tests, the demo page and `remit chat`: text, read the thread, make trouble."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox.bank.errors import BankError, invalid
from sandbox.box import box
from sandbox.twilio import phones, receiving, sending, texts
from sandbox.twilio.access import account
from sandbox.twilio.numbers import is_number

blueprint = Blueprint("phones", __name__)
control = Blueprint("twilio_control", __name__)
MOST_LISTED = 500
ORDERS = ("in_order", "reverse", "shuffle")


@blueprint.before_request
@control.before_request
def _bodies_are_json() -> None:
    """A page elsewhere cannot send JSON without asking first, and nobody says yes."""
    if request.method in ("POST", "PUT") and not request.is_json:
        raise BankError(415, "json_only", "Send JSON.")


@blueprint.get("")
def list_phones() -> Response:
    with box().database.transaction() as tx:
        return jsonify(phones=phones.listed(tx))


@blueprint.post("/<number>")
def set_behaviour(number: str) -> Response:
    """`opted_out`, `fails_with`, `send_hangs`, `api_down`; what is not named stays as it is."""
    with box().database.transaction() as tx:
        return jsonify(phones.set_behaviour(tx, _number(number), _asked()))


@blueprint.get("/<number>/texts")
def list_texts(number: str) -> Response:
    """`?after=ID&limit=`; oldest first, without `after` the newest of them."""
    limit = min(max(request.args.get("limit", 100, type=int), 1), MOST_LISTED)
    after = request.args.get("after", type=int)
    with box().database.transaction() as tx:
        found = texts.thread(tx, _number(number), after=after, limit=limit)
        return jsonify(phone=phones.behaviour(tx, number), texts=found)


@blueprint.post("/<number>/texts")
def send_text(number: str) -> Response:
    """`body`, `media`, `group`, `to`, `message_sid`, `extra`; answered when the service has been told."""
    return jsonify(receiving.receive(box(), account(), _number(number), _asked()))


@control.get("/delivery")
def look_at_delivery() -> Response:
    line = box().line
    return jsonify(texts=line.texts.mode, callbacks=line.callbacks.mode)


@control.put("/delivery")
def set_delivery() -> Response:
    """`texts` (repeat, lose, hold) and `callbacks` (also delay_s, shuffle_s), as at the bank; `{}` is calm again."""
    asked, line = _asked(), box().line
    if unknown := asked.keys() - {"texts", "callbacks"}:
        raise invalid(f"{', '.join(sorted(unknown))}: there are texts and callbacks")
    of_texts, of_callbacks = asked.get("texts", {}), asked.get("callbacks", {})
    if not isinstance(of_texts, dict) or not isinstance(of_callbacks, dict):
        raise invalid("texts, callbacks: an object each")
    if late := of_texts.keys() & {"delay_s", "shuffle_s"}:
        raise invalid(f"texts.{late.pop()}: a text is told of at once; hold it instead")
    return jsonify(texts=line.texts.set_mode(of_texts), callbacks=line.callbacks.set_mode(of_callbacks))


@control.post("/release")
def release() -> Response:
    """`order`: in_order, reverse or shuffle. Answered when the service has been told of the texts."""
    order, shared = _asked().get("order", "in_order"), box()
    if order not in ORDERS:
        raise invalid(f"order: {', '.join(ORDERS)}")
    with shared.database.transaction() as tx:
        callbacks = sending.release(tx, shared.line.callbacks.chance, order)
    shared.line.callbacks.bell.set()
    return jsonify(texts=receiving.release(shared, account(), order), callbacks=callbacks)


def _asked() -> dict[str, Any]:
    asked = request.get_json(silent=True)
    if not isinstance(asked, dict):
        raise invalid("The body must be a JSON object.")
    return asked


def _number(number: str) -> str:
    if not is_number(number):
        raise invalid("A phone's number is like +15145550101.")
    return number
