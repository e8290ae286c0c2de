"""The chat widget: the loader that a portal includes with one tag, and the page in its frame."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, make_response, render_template, request

from assistant.wording import LANGUAGES
from webhook.edge import edge
from webhook.errors import Refused
from webhook.guards import anyone, guarded
from webhook.page_policy import framers, widget_headers

blueprint = Blueprint("widget", __name__, template_folder="templates")

FILES = Path(__file__).parent / "static" / "widget"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
MODULES = ("main.js", "conversation.js", "api.js", "cards.js", "dom.js", "host.js", "words.js")
KEPT = "public, max-age=300"


@dataclass(frozen=True)
class _File:
    content: bytes
    zipped: bytes
    etag: str
    type: str


@cache
def _file(name: str) -> _File | None:
    path = FILES / name
    if path.suffix not in TYPES or path.parent != FILES or not path.is_file():
        return None
    content = path.read_bytes()
    etag = hashlib.sha256(content).hexdigest()[:16]
    return _File(content, gzip.compress(content, mtime=0), etag, TYPES[path.suffix])


@blueprint.get("/widget.js")
@guarded(who=anyone, summary="The script that puts the assistant on a portal's page", answers={200: "text/javascript"})
def loader() -> Response:
    return _answer("loader.js")


@blueprint.get("/widget/<name>")
@guarded(
    who=anyone, summary="Scripts and styles of the assistant's frame", answers={200: "*/*"}, refusals=("not_found",)
)
def part(name: str) -> Response:
    return _answer(name)


@blueprint.get("/widget/")
@guarded(who=anyone, summary="The assistant's frame", answers={200: "text/html"})
def frame() -> Response:
    """Only pages of `ALLOWED_ORIGINS` and our own may show it, and only they are listened to."""
    settings = edge().settings
    language = request.args.get("lang", "")
    html = render_template(
        "widget.html",
        language=language if language in LANGUAGES else "en",
        company=settings.company_name,
        origins=framers(settings),
        modules=MODULES,
    )
    response = make_response(html)
    response.headers.update(widget_headers(settings))
    response.headers["Cache-Control"] = "no-cache"
    return response


def _answer(name: str) -> Response:
    """Compressed once a process: the whole widget is to be there before a customer has found the button."""
    file = _file(name)
    if file is None:
        raise Refused("not_found")
    zipped = request.accept_encodings.quality("gzip") > 0
    response = Response(file.zipped if zipped else file.content, content_type=file.type)
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = KEPT
    response.set_etag(f"{file.etag}{'-gzip' if zipped else ''}")
    response.make_conditional(request)
    return response
