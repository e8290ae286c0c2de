"""The demo page and what it asks of the sandbox: portal tokens, the bank's decisions, mailbox, phone, starting over."""

from __future__ import annotations

import hmac
import json
import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, current_app, jsonify, redirect, request, send_from_directory
from werkzeug.wrappers import Response as BaseResponse

from sandbox.bank import payments
from sandbox.bank.errors import BankError, invalid, missing
from sandbox.bank.events import Mode
from sandbox.box import box
from sandbox.database import Row, Transaction
from sandbox.demo import seed
from sandbox.demo.people import Person, people
from sandbox.demo.portal import portal_token
from sandbox.demo.scenes import scenes
from sandbox.mailbox import store
from sandbox.twilio import texts

blueprint = Blueprint("demo", __name__)
STATIC = Path(__file__).parent / "static"
TEXTS_SHOWN = 100
LOOK_S, HEARTBEAT_S, STREAM_S = 0.25, 8.0, 600.0  # a browser comes back by itself
TRAVEL: dict[str, dict[str, Any]] = {"at_once": {}, "late": {"delay_s": 8}, "twice": {"repeat": 1}, "lost": {"lose": 1}}
DECIDES = ("at_once", "when_told")
START_OVER_S = 120  # a slow machine's time for a whole reset
_starting_over = threading.Lock()
log = logging.getLogger(__name__)


@blueprint.get("/")
def page() -> Response:
    response = send_from_directory(STATIC, "index.html")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )
    return response


@blueprint.get("")
def without_slash() -> BaseResponse:
    return redirect("demo/")


@blueprint.get("/static/<name>")
def static(name: str) -> Response:
    return send_from_directory(STATIC, name)


@blueprint.before_request
def _posts_are_json() -> None:
    """A page elsewhere cannot send JSON without asking first, and nobody says yes: guard enough for a demo."""
    if request.method == "POST" and not request.is_json and request.endpoint != "demo.internal_reset":
        raise BankError(415, "json_only", "Send JSON.")


@blueprint.get("/api/customers")
def list_customers() -> Response:
    """`phone` is null for all of them where there is no telephone."""
    has_telephone = box().settings.twilio is not None
    listed = [
        {
            **{"key": p.key, "name": p.name, "language": p.language, "account": p.account_number, "email": p.email},
            "phone": p.phone if has_telephone else None,
            "pin": p.pin,
        }
        for p in people().values()
    ]
    return jsonify(customers=listed)


@blueprint.post("/api/portal-token")
def make_portal_token() -> Response:
    """`{"customer": "maya"}`, or her address."""
    person = _person(str(_asked().get("customer", "")))
    token = portal_token(person, box().settings.portal_signing_secret)
    return jsonify(token=token, name=person.name, language=person.language)


@blueprint.get("/api/state")
def state() -> Response:
    """`?customer=maya`: the account's payments at the bank (newest first), what can be decided, the mail, the texts."""
    return jsonify(_state(_person(request.args.get("customer", ""))))


@blueprint.get("/api/stream")
def stream() -> Response:
    """The same as server-sent events: at once, and whenever any of it changes. One stream for the whole page."""
    person = _person(request.args.get("customer", ""))
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy's own way to what it stands for

    def events() -> Iterator[str]:
        told, quiet_since = "", time.monotonic()
        until = time.monotonic() + STREAM_S
        while time.monotonic() < until:
            with app.app_context():
                now = json.dumps(_state(person), sort_keys=True)
            if now != told:
                told, quiet_since = now, time.monotonic()
                yield f"data: {now}\n\n"
            elif time.monotonic() - quiet_since > HEARTBEAT_S:
                quiet_since = time.monotonic()
                yield ": still here\n\n"
            time.sleep(LOOK_S)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(events(), mimetype="text/event-stream", headers=headers)


def _state(person: Person) -> dict[str, Any]:
    others = [email for p in people().values() if p is not person for email in p.emails]
    with box().database.transaction() as tx:
        customer = tx.execute("select id from customers where account_number = %s", [person.account_number]).fetchone()
        made = payments.search(tx, customer_id=customer["id"]) if customer else []
        shown = [_shown(tx, p) for p in made if p["status"] != "requires_confirmation"][:20]
        mails = store.listed(tx, to=[], not_to=others, limit=50)
        texted = texts.thread(tx, person.phone, after=None, limit=TEXTS_SHOWN) if person.phone else []
        behind = scenes(tx, box().line.wire)
    travel = next((name for name, mode in TRAVEL.items() if box().post.mode == Mode(**mode)), "")
    return {
        "payments": shown,
        "mails": mails,
        "texts": texted,
        "scenes": behind,
        "travel": travel,
        "decides": DECIDES[box().decisions.when_told],
        "decline_reasons": list(payments.DECLINES),
    }


@blueprint.post("/api/bank/payments/<payment_id>/decide")
def decide(payment_id: str) -> Response:
    """`{"decision": "approve" | "decline", "reason"?}`: the visitor plays the bank."""
    asked, shared = _asked(), box()
    decision = asked.get("decision")
    if decision not in ("approve", "decline"):
        raise invalid("decision: approve or decline")
    with shared.database.transaction() as tx:
        decided = payments.decide(tx, shared.post, payment_id, decision == "approve", str(asked.get("reason") or ""))
        answer = _shown(tx, decided)
    shared.post.bell.set()
    return jsonify(answer)


@blueprint.post("/api/bank/travel")
def travel() -> Response:
    """`{"how": "at_once" | "late" | "twice" | "lost"}`: how the bank's events travel from now on."""
    how = str(_asked().get("how", ""))
    if how not in TRAVEL:
        raise invalid(f"how: {', '.join(TRAVEL)}")
    box().post.set_mode(TRAVEL[how])
    return jsonify(travel=how)


@blueprint.post("/api/bank/decides")
def decides() -> Response:
    """`{"how": "at_once" | "when_told"}`: whether the bank accepts by itself, or waits for the visitor's word."""
    how = str(_asked().get("how", ""))
    if how not in DECIDES:
        raise invalid(f"how: {', '.join(DECIDES)}")
    box().decisions.when_told = how == "when_told"
    return jsonify(decides=how)


@blueprint.post("/api/start-over")
def start_over() -> tuple[Response, int]:
    """Runs `remit demo reset`, which in the end asks for /demo/internal/reset here. One at a time."""
    if not _starting_over.acquire(blocking=False):
        raise BankError(409, "under_way", "Starting over is under way.")
    try:
        command = box().settings.reset_command
        done = subprocess.run(command, timeout=START_OVER_S, capture_output=True, check=False)  # noqa: S603 our setting
    except (OSError, subprocess.TimeoutExpired) as error:
        log.error("start over: %s", type(error).__name__)
        raise BankError(500, "reset_failed", "Starting over did not work.") from None
    finally:
        _starting_over.release()
    if done.returncode != 0:
        log.error("start over: exit code %d: %s", done.returncode, done.stderr.decode(errors="replace")[-500:])
        raise BankError(500, "reset_failed", "Starting over did not work.")
    return jsonify(status="done"), 200


@blueprint.post("/internal/reset")
def internal_reset() -> Response:
    """The bank's part of `remit demo reset`: wipes bank and mailbox, recreates the methods. Needs the API key."""
    shared = box()
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {shared.settings.secret_key}".encode()):
        raise BankError(401, "unauthorized", "A valid API key is needed: Authorization: Bearer …")
    return jsonify(status="done", methods=seed.reset(shared))


def _asked() -> dict[str, Any]:
    asked = request.get_json(silent=True)
    if not isinstance(asked, dict):
        raise invalid("The body must be a JSON object.")
    return asked


def _person(key: str) -> Person:
    person = people().get(key.partition("@")[0].lower())
    if person is None:
        raise missing("customer", quote(key))
    return person


def _shown(tx: Transaction, payment: Row) -> dict[str, Any]:
    told = payments.as_json(tx, payment)
    method = {key: told["method"][key] for key in ("kind", "brand", "last4")}
    return {
        **{key: told[key] for key in ("id", "status", "amount", "currency", "decline_code", "description", "created")},
        "reference": payment["payment_reference"],
        "method": method,
    }
