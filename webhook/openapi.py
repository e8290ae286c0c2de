"""The OpenAPI document, written from the routes, their guards and the shapes: what is not declared does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from webhook import schemas
from webhook.edge import EXTENSION
from webhook.errors import STATUS_OF
from webhook.guards import (
    Guard,
    account_reader,
    chat_messages,
    chat_session,
    gateway_signature,
    guard_of,
    operations,
    twilio_signature,
)

_SECURITY: dict[Any, list[dict[str, list[str]]]] = {
    chat_session: [{"chatSession": []}],
    chat_messages: [{"chatSession": []}],
    account_reader: [{"chatSession": []}],
    gateway_signature: [{"gatewaySignature": []}],
    twilio_signature: [{"twilioSignature": []}],
    operations: [{"metricsToken": []}, {}],
}
_SCHEMES = {
    "chatSession": {"type": "http", "scheme": "bearer", "description": "The token of POST /api/chat/sessions."},
    "twilioSignature": {"type": "apiKey", "in": "header", "name": "X-Twilio-Signature"},
    "metricsToken": {"type": "http", "scheme": "bearer", "description": "METRICS_TOKEN; without it loopback only."},
}
_OURS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def openapi_document(app: Flask) -> dict[str, Any]:
    operations_of: list[tuple[str, str, str, Guard]] = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        guard = guard_of(app, rule.endpoint)
        if guard is not None:
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            operations_of += [(path, m, rule.endpoint, guard) for m in _OURS if m in (rule.methods or ())]
    models = {model for *_, guard in operations_of for model in _models(guard)} | {schemas.Error}
    refs, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    reference = {model: refs[model, "validation"] for model in models}
    signature = _signature_of(app.extensions[EXTENSION].context.gateway.name)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, endpoint, guard in operations_of:
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, endpoint, guard, reference)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Remit edge",
            "version": version("remit"),
            "description": "Pay a bill in a conversation. Amounts are integers in minor units. Every error is `Error`.",
        },
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": _SCHEMES | {"gatewaySignature": signature},
        },
    }


def _signature_of(gateway: str) -> dict[str, str]:
    return {"type": "apiKey", "in": "header", "name": f"{gateway.capitalize()}-Signature"}


def _models(guard: Guard) -> Iterable[type[BaseModel]]:
    if guard.body is not None:
        yield guard.body
    yield from (answer for answer in guard.answers.values() if isinstance(answer, type))


def _operation(path: str, method: str, endpoint: str, guard: Guard, reference: dict[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, answer in guard.answers.items():
        responses[str(status)] = {"description": "As asked." if status < 400 else "Not ready."}  # noqa: PLR2004
        if isinstance(answer, str):
            responses[str(status)]["content"] = {answer: {}}
        elif answer is not None:
            responses[str(status)]["content"] = {"application/json": {"schema": reference[answer]}}
    for status, codes in sorted(_refusals(guard).items()):
        content = {"application/json": {"schema": reference[schemas.Error]}}
        responses.setdefault(str(status), {"description": f"Codes: {', '.join(codes)}.", "content": content})
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.replace('.', '_')}_{method.lower()}" + ("" if "{path}" not in path else "_path"),
        "summary": guard.summary,
        "responses": responses,
        "security": _SECURITY.get(guard.who, []),
    }
    if names := re.findall(r"{(\w+)}", path):
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if guard.body is not None:
        content = {"application/json": {"schema": reference[guard.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _refusals(guard: Guard) -> dict[int, list[str]]:
    """Codes by status: those that the route names and those that follow from its guard."""
    codes = [*guard.refusals, guard.too_large, "internal", "busy", "database_down"]
    if guard.who in (chat_session, chat_messages, account_reader):
        codes += ["unauthorized", "session_unknown", "session_expired"]
    if guard.who not in (gateway_signature, operations):
        codes.append("too_many_requests")
    if guard.body is not None:
        codes += ["bad_json", "bad_field", "json_only"]
    found: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        found.setdefault(STATUS_OF[code], []).append(code)
    return found
