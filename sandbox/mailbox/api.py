"""The mailbox over HTTP: list, read, look at the HTML (which runs nothing), take an attachment."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from sandbox.bank.errors import missing
from sandbox.box import box
from sandbox.database import Row
from sandbox.mailbox import store

blueprint = Blueprint("mailbox", __name__)
MOST_LISTED = 500
# Mail is other people's markup: no script, no request to anywhere, an origin of its own.
HTML_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


@blueprint.get("/messages")
def list_messages() -> Response:
    """`?to=` (repeatable) narrows, `?limit=`; newest first."""
    limit = min(max(request.args.get("limit", 100, type=int), 1), MOST_LISTED)
    to = [address.lower() for address in request.args.getlist("to")]
    with box().database.transaction() as tx:
        return jsonify(messages=store.listed(tx, to=to, not_to=[], limit=limit))


@blueprint.get("/messages/<int:mail_id>")
def read_message(mail_id: int) -> Response:
    return jsonify(store.as_json(_mail(mail_id)))


@blueprint.get("/messages/<int:mail_id>/html")
def read_html(mail_id: int) -> Response:
    response = Response(_mail(mail_id)["html"], content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = HTML_POLICY
    return response


@blueprint.get("/messages/<int:mail_id>/attachments/<int:index>")
def read_attachment(mail_id: int, index: int) -> Response:
    parts = store.attachments(bytes(_mail(mail_id)["raw"]))
    if index >= len(parts):
        raise missing("attachment", index)
    content = parts[index].get_payload(decode=True)
    response = Response(content if isinstance(content, bytes) else b"", content_type="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=parts[index].get_filename() or "attachment")
    return response


def _mail(mail_id: int) -> Row:
    with box().database.transaction() as tx:
        mail = store.get(tx, mail_id)
    if mail is None:
        raise missing("mail", mail_id)
    return mail
