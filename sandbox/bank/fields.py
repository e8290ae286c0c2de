"""The bank's own card fields, framed by the secure page. The number goes to the bank and nowhere else."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, send_from_directory

from sandbox.bank import customers
from sandbox.bank.cards import BadCard, read_card
from sandbox.bank.errors import BankError
from sandbox.box import box

HERE = Path(__file__).parent
blueprint = Blueprint("fields", __name__, template_folder="templates")
TEXTS: dict[str, dict[str, str]] = json.loads((HERE / "texts.json").read_text("utf-8"))
THEMES = ("auto", "light", "dark")


@blueprint.get("")
def page() -> Response:
    """`?lang=en|fr&theme=auto|light|dark&parent=<origin>`: the page that frames it, one of the allowed ones."""
    language = request.args.get("lang", "en")[:2]
    texts = TEXTS.get(language, TEXTS["en"])
    theme = request.args.get("theme", "auto")
    parents = box().settings.parents
    parent = request.args.get("parent", parents[0])
    nonce = secrets.token_urlsafe(16)
    html = render_template(
        "fields.html",
        language=language if language in TEXTS else "en",
        theme=theme if theme in THEMES else "auto",
        texts=texts,
        settings={"parent": parent if parent in parents else parents[0], "texts": texts},
        nonce=nonce,
    )
    return framed(html, nonce)


def framed(html: str, nonce: str) -> Response:
    """A page of the bank that only the public site may frame, and that runs nothing but its own script."""
    response = make_response(html)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self';"
        f" form-action 'self'; base-uri 'none'; frame-ancestors {' '.join(box().settings.parents)}"
    )
    return response


@blueprint.get("/static/<name>")
def static(name: str) -> Response:
    return send_from_directory(HERE / "static", name)


@blueprint.post("/tokens")
def make_token() -> tuple[dict[str, Any], int]:
    """Number, expiry and code in; a single-use token and what may be shown out.

    Only JSON is taken: a page elsewhere cannot send that without being asked first, and nobody says yes.
    """
    if not request.is_json:
        raise BankError(415, "json_only", "Send JSON.")
    typed = request.get_json(silent=True)
    try:
        card = read_card(
            typed if isinstance(typed, dict) else {}, key=box().settings.secret_key, today=datetime.now(UTC).date()
        )
    except BadCard as bad:
        message = TEXTS["en"][bad.code]
        return {"error": {"type": "invalid_card", "code": bad.code, "field": bad.field, "message": message}}, 400
    with box().database.transaction() as tx:
        token = customers.make_token(tx, card)
    shown = {key: token[key] for key in ("brand", "last4", "exp_month", "exp_year")}
    return {"object": "token", "token": token["id"], **shown}, 200
