"""The 3-D Secure page: the bank asks its customer, who passes the check or fails it."""

from __future__ import annotations

import secrets

from flask import Blueprint, Response, render_template, request

from sandbox.bank import payments
from sandbox.bank.errors import BankError
from sandbox.bank.fields import TEXTS, framed
from sandbox.box import box

blueprint = Blueprint("challenge", __name__, template_folder="templates")


@blueprint.get("/<payment_id>")
def page(payment_id: str) -> Response:
    with box().database.transaction() as tx:
        payment = payments.get(tx, payment_id)
        if not secrets.compare_digest(payment["action_key"].encode(), request.args.get("key", "").encode()):
            raise BankError(404, "resource_missing", "No such page.")
        method = payments.as_json(tx, payment)["method"]
    return _page(payment["status"], payment, method)


@blueprint.post("/<payment_id>")
def finish(payment_id: str) -> Response:
    shared = box()
    with shared.database.transaction() as tx:
        passed = request.form.get("answer") == "pass"
        try:
            payment = payments.finish_challenge(tx, shared.post, payment_id, request.args.get("key", ""), passed)
        except BankError as error:
            if error.code != "payment_unexpected_state":
                raise
            payment = payments.get(tx, payment_id)  # decided or cancelled meanwhile: say what became of it
        method = payments.as_json(tx, payment)["method"]
    shared.post.bell.set()
    return _page(payment["status"], payment, method)


def _page(status: str, payment: dict[str, object], method: dict[str, object]) -> Response:
    language = request.args.get("lang", "en")[:2]
    nonce = secrets.token_urlsafe(16)
    html = render_template(
        "challenge.html",
        language=language if language in TEXTS else "en",
        texts=TEXTS.get(language, TEXTS["en"]),
        status=status,
        amount=f"{int(str(payment['amount'])) / 100:.2f} {payment['currency']}",
        method=method,
        nonce=nonce,
    )
    return framed(html, nonce)
