"""The sandbox's demo pages under our own address, while the sandbox is on; without it these routes do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx
from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from billing.config import Settings
from webhook.edge import edge
from webhook.errors import Refused
from webhook.guards import guarded, sandbox_visitor

blueprint = Blueprint("demo_proxy", __name__)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TIMEOUT_S = 60.0  # starting the demo over imports its data again
# What belongs to one connection (RFC 9110, 7.6.1), and what our own server writes.
_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "host", "content-length", "content-encoding", "server", "date"),
    }
)


def make_client(settings: Settings) -> httpx.Client:
    return httpx.Client(base_url=settings.sandbox_url, timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)


@blueprint.get("/")
@guarded(who=sandbox_visitor, summary="The way to the demo page (only with the sandbox)", answers={302: "*/*"})
def way_to_the_demo() -> BaseResponse:
    return redirect("/demo/")


@blueprint.route("/demo/", defaults={"path": ""}, methods=METHODS)
@blueprint.route("/demo/<path:path>", methods=METHODS)
@guarded(
    who=sandbox_visitor,
    summary="Demo page and its data (only with the sandbox)",
    max_body=65_536,
    answers={200: "*/*"},
    refusals=("sandbox_down",),
)
def forward(path: str) -> Response:
    return _pass_on("demo", path)


@blueprint.route("/portal/", defaults={"path": ""}, methods=("GET",))
@blueprint.route("/portal/<path:path>", methods=("GET",))
@guarded(
    who=sandbox_visitor,
    summary="A billing portal that shows the assistant (only with the sandbox)",
    answers={200: "*/*"},
    refusals=("sandbox_down",),
)
def portal(path: str) -> Response:
    return _pass_on("portal", path)


def _pass_on(pages: str, path: str) -> Response:
    parts = path.replace("\\", "/").split("/")
    if any(part in (".", "..") for part in parts) or parts[0] == "internal":  # what our commands ask it directly
        raise Refused("not_found")
    query = request.query_string.decode("latin-1")
    client = edge().sandbox
    try:
        asked = client.build_request(
            request.method,
            f"/{pages}/{quote(path)}" + (f"?{query}" if query else ""),
            content=b"" if request.method == "GET" else request.get_data(),
            headers=[(name, value) for name, value in request.headers if name.lower() not in _HOP],
        )
        answer = client.send(asked, stream=True)
        streams = answer.headers.get("Content-Type", "").startswith("text/event-stream")
        content = _as_it_comes(answer) if streams else answer.read()
    except httpx.HTTPError:
        raise Refused("sandbox_down") from None
    headers = [(name, value) for name, value in answer.headers.multi_items() if name.lower() not in _HOP]
    return Response(content, answer.status_code, headers)


def _as_it_comes(answer: httpx.Response) -> Iterator[bytes]:
    """An event stream, until one of its ends is gone."""
    try:
        yield from answer.iter_raw()
    except httpx.HTTPError:
        return
    finally:
        answer.close()
