"""Is it alive, is it ready, what does it count, what does it offer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from webhook import schemas
from webhook.edge import Edge, edge
from webhook.guards import anyone, guarded, operations
from webhook.openapi import openapi_document

blueprint = Blueprint("health", __name__)

CHECK_TIMEOUT_S = 2.0
KEPT_S = 1.0  # a flood of readiness checks asks each neighbour once a second
_lock = threading.Lock()


@blueprint.get("/healthz")
@guarded(who=anyone, summary="The process answers", answers={200: schemas.Health})
def healthz() -> Response:
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
@guarded(
    who=anyone,
    summary="A turn would be answered: database, bot with its tracker store, action server",
    answers={200: schemas.Readiness, 503: schemas.Readiness},
)
def readyz() -> tuple[Response, int]:
    checks = _checked(edge())
    ready = all(result == "ok" for result in checks.values())
    return jsonify({"status": "ready" if ready else "not_ready", "checks": checks}), 200 if ready else 503


@blueprint.get("/metrics")
@guarded(who=operations, summary="Prometheus metrics", answers={200: "text/plain"}, refusals=("forbidden",))
def metrics() -> Response:
    return Response(edge().metrics.text(), content_type=CONTENT_TYPE_LATEST)


@blueprint.get("/openapi.json")
@guarded(who=anyone, summary="This document", answers={200: "application/json"})
def openapi() -> Response:
    return jsonify(openapi_document(current_app))


def _checked(shared: Edge) -> dict[str, str]:
    """The result of each check, at most KEPT_S old."""
    with _lock:
        known = current_app.extensions.get("remit_readiness")
        if known is None or known[0] < time.monotonic() - KEPT_S:
            known = (time.monotonic(), _check_all(shared))
            current_app.extensions["remit_readiness"] = known
        results: dict[str, str] = known[1]
        return results


def _check_all(shared: Edge) -> dict[str, str]:
    settings = shared.settings
    checks: dict[str, Callable[[], str]] = {
        "database": lambda: _database(shared),
        "bot": lambda: _http(f"{settings.bot_url}/webhooks/remit/health"),  # looks into its tracker store itself
        "actions": lambda: _http(f"http://127.0.0.1:{settings.actions_port}/health"),
    }
    if settings.sandbox_enabled:
        checks["sandbox"] = lambda: _http(f"{settings.sandbox_url}/healthz")
    with ThreadPoolExecutor(len(checks)) as pool:
        return dict(zip(checks, pool.map(lambda check: check(), checks.values()), strict=True))


def _database(shared: Edge) -> str:
    try:
        with shared.context.sessions() as session:
            session.execute(text("select version_num from alembic_version"))
    except SQLAlchemyError as error:
        return f"failed: {type(error).__name__}"
    return "ok"


def _http(url: str) -> str:
    try:
        answer = httpx.get(url, timeout=CHECK_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        return f"failed: {type(error).__name__}"
    return "ok" if answer.status_code == httpx.codes.OK else f"failed: status {answer.status_code}"
