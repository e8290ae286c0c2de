"""The sandbox's HTTP side: bank API, card fields, mailbox, Twilio, demo page and portal in one Flask application."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from flask import Flask, Response, jsonify
from psycopg_pool import PoolTimeout
from werkzeug.exceptions import HTTPException

from sandbox.bank import api, challenge, fields
from sandbox.bank.errors import BankError, ConnectionCut, error_body
from sandbox.box import Box, box
from sandbox.demo import api as demo
from sandbox.mailbox import api as mailbox
from sandbox.portal import api as portal
from sandbox.trouble import cut_connection
from sandbox.twilio import calls_api, messages_api, phones_api, verify_api
from sandbox.twilio.errors import TwilioError

LARGEST_BODY = 256 * 1024
log = logging.getLogger(__name__)


def create_app(shared: Box) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.extensions["sandbox"] = shared
    app.register_blueprint(api.blueprint, url_prefix="/bank/v1")
    app.register_blueprint(challenge.blueprint, url_prefix="/bank/3ds")
    app.register_blueprint(fields.blueprint, url_prefix="/fields")
    app.register_blueprint(mailbox.blueprint, url_prefix="/mailbox")
    app.register_blueprint(demo.blueprint, url_prefix="/demo")
    # The edge passes /demo/ on and nothing else: the page reads the mailbox below it.
    app.register_blueprint(mailbox.blueprint, url_prefix="/demo/mailbox", name="demo_mailbox")
    if shared.settings.twilio:
        app.register_blueprint(messages_api.blueprint, url_prefix="/twilio/2010-04-01")
        app.register_blueprint(verify_api.blueprint, url_prefix="/twilio/v2")
        app.register_blueprint(phones_api.control, url_prefix="/twilio/control")
        app.register_blueprint(phones_api.blueprint, url_prefix="/twilio/phones")
        app.register_blueprint(phones_api.blueprint, url_prefix="/demo/phones", name="demo_phones")
        app.register_blueprint(calls_api.blueprint, url_prefix="/twilio/calls")
        app.register_blueprint(calls_api.blueprint, url_prefix="/demo/calls", name="demo_calls")
    app.register_blueprint(portal.blueprint, url_prefix="/portal")
    app.add_url_rule("/healthz", view_func=_health)
    app.register_error_handler(BankError, _bank_error)
    app.register_error_handler(TwilioError, _twilio_error)
    app.register_error_handler(ConnectionCut, _cut)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(psycopg.DataError, _data_error)
    app.register_error_handler(UnicodeError, _data_error)
    app.register_error_handler(Exception, _own_error)
    app.after_request(_headers)
    return app


def _health() -> tuple[Response, int]:
    try:
        with box().database.transaction() as tx:
            tx.execute("select 1 from customers limit 1")
    except (psycopg.Error, PoolTimeout):
        return jsonify(status="no database"), 503
    return jsonify(status="ok"), 200


def _bank_error(error: BankError) -> tuple[dict[str, Any], int]:
    return error.body(), error.status


def _twilio_error(error: TwilioError) -> tuple[dict[str, Any], int]:
    return error.body(), error.status


def _http_error(error: HTTPException) -> tuple[dict[str, Any], int]:
    code = error.name.lower().replace(" ", "_")
    return error_body("invalid_request", code, error.description or ""), error.code or 500


def _data_error(_error: psycopg.DataError | UnicodeError) -> tuple[dict[str, Any], int]:
    return error_body("invalid_request", "parameter_invalid", "A text or number that cannot be stored."), 400


def _cut(_error: ConnectionCut) -> Response:
    return cut_connection()


def _own_error(error: Exception) -> tuple[dict[str, Any], int]:
    """The type and the place only: the message could quote what was sent."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
    log.error("sandbox: %s at %s", type(error).__name__, where)
    return error_body("api_error", "internal", "An error occurred on our side."), 500


def _headers(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
