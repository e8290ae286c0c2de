"""Holds requests and answers against Stripe's OpenAPI description.

Stricter than the description itself: parameters and keys that it does not name are errors at every depth.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import stripe
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).with_name("openapi_payments.json.gz")
FORM = "application/x-www-form-urlencoded"
BASE = "urn:stripe"
CURRENT = str(stripe.api_version)
Schema = dict[str, Any]
NO_PARAMETERS: Schema = {"type": "object", "properties": {}, "additionalProperties": False}


class Description:
    def __init__(self, file: Path = FILE) -> None:
        self.document: Schema = json.loads(gzip.decompress(file.read_bytes()))
        for node in _nodes(self.document):
            _to_json_schema(node)
        endpoint = self.parameters("post", "/v1/webhook_endpoints")["properties"]
        endpoint["api_version"]["enum"].append(CURRENT)  # a list of all versions up to its own
        self._registry: Registry[Any] = Registry().with_resource(
            BASE, Resource(contents=self.document, specification=DRAFT202012)
        )
        self._validators: dict[tuple[str, ...], Draft202012Validator] = {}
        # Fixed paths before those with a placeholder: /v1/customers/search is no customer.
        paths = sorted(self.document["paths"], key=lambda path: path.count("{"))
        self._routes = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in paths]

    @property
    def version(self) -> str:
        return str(self.document["info"]["version"])

    def route(self, method: str, path: str) -> str | None:
        """The described path that `path` is an instance of; None where `method` (lower case) does not know it."""
        found = next((known for pattern, known in self._routes if pattern.fullmatch(path)), None)
        return found if found and method in self.document["paths"][found] else None

    def parameters(self, method: str, route: str) -> Schema:
        """The schema of a request's parameters: form for a POST, query otherwise."""
        operation = self.document["paths"][route][method]
        if method == "post":
            content = operation.get("requestBody", {}).get("content", {})
            return dict(content[FORM]["schema"]) if FORM in content else NO_PARAMETERS
        query = [p for p in operation.get("parameters", []) if p["in"] == "query"]
        return NO_PARAMETERS | {
            "properties": {p["name"]: p["schema"] for p in query},
            "required": [p["name"] for p in query if p.get("required")],
        }

    def request_errors(self, method: str, route: str, parameters: Mapping[str, Any]) -> list[str]:
        return self._errors(("request", method, route), lambda: self.parameters(method, route), parameters)

    def answer_errors(self, method: str, route: str, status: int, body: object) -> list[str]:
        answers = self.document["paths"][route][method]["responses"]
        named = str(status) if str(status) in answers else "default"
        schema = answers[named]["content"]["application/json"]["schema"]
        return self._errors(("answer", method, route, named), lambda: schema, body)

    def object_errors(self, name: str, body: object) -> list[str]:
        return self._errors(("object", name), lambda: {"$ref": f"{BASE}#/components/schemas/{name}"}, body)

    def knows(self, name: str) -> bool:
        return name in self.document["components"]["schemas"]

    def nulls(self, name: str) -> dict[str, None]:
        """Every key of an object of this kind that may be null: Stripe sends them, with null for nothing."""
        properties = self.document["components"]["schemas"][name]["properties"]
        return {key: None for key, schema in properties.items() if _takes_null(schema)}

    def _errors(self, key: tuple[str, ...], schema: Any, body: object) -> list[str]:
        if key not in self._validators:
            self._validators[key] = Draft202012Validator(schema(), registry=self._registry)
        return [describe(error) for error in self._validators[key].iter_errors(body)]


@cache
def description() -> Description:
    """Loaded once a process: it takes about half a second."""
    return Description()


def describe(error: Any) -> str:
    """Where and what. Of an `anyOf` the alternative that came closest says why: not the one of another type."""
    while error.context:
        error = max(error.context, key=lambda e: (e.validator not in ("type", "enum"), len(e.absolute_path)))
    return f"{'/'.join(map(str, error.absolute_path)) or '.'}: {error.message[:200]}"


def _nodes(node: object) -> Iterator[Schema]:
    if isinstance(node, dict):
        yield node
        for child in list(node.values()):
            yield from _nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _nodes(child)


def _to_json_schema(node: Schema) -> None:
    """OpenAPI 3.0 to JSON Schema: references, `nullable`; and no unknown keys where the known ones are listed."""
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        node["$ref"] = BASE + reference
    if node.get("type") == "object" and node.get("properties") and "additionalProperties" not in node:
        node["additionalProperties"] = False
    if node.get("nullable") is not True:
        return
    del node["nullable"]
    if isinstance(node.get("type"), str):
        node["type"] = [node["type"], "null"]
    if "enum" in node:
        node["enum"] = [*node["enum"], None]
    for several in ("anyOf", "oneOf"):
        if several in node:
            node[several] = [*node[several], {"type": "null"}]
    if "$ref" in node:
        node["anyOf"] = [{"$ref": node.pop("$ref")}, {"type": "null"}]


def _takes_null(schema: Schema) -> bool:
    return "null" in schema.get("type", []) or {"type": "null"} in schema.get("anyOf", [])
