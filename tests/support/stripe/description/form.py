"""Stripe's form encoding, `a[b][0][c]=x`, to nested values: typed where the schema tells the type."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

Tree = dict[str, Any]


class BadForm(ValueError):
    """Brackets that do not match, or one name used for a value and for a hash."""


def decode_form(text: str, schema: Tree) -> Tree:
    tree: Tree = {}
    for name, value in parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict"):
        _put(tree, name, value)
    typed = _typed(schema, tree)
    assert isinstance(typed, dict)
    return typed


def _put(tree: Tree, name: str, value: str) -> None:
    first, *rest = name.split("[")
    if not first or any(not part.endswith("]") for part in rest):
        raise BadForm(name)
    place = tree
    parts = [first, *(part[:-1] for part in rest)]
    for part, below in pairwise(parts):
        place = place.setdefault(part or str(len(place)), {})
        if not isinstance(place, dict):
            raise BadForm(f"{name}: {below} below a value")
    if isinstance(place.get(parts[-1]), dict):
        raise BadForm(name)
    place[parts[-1] or str(len(place))] = value


def _typed(schema: Tree, value: Any) -> Any:
    for option in (schema, *schema.get("anyOf", [])):
        types = option.get("type")
        found = _as_one_of(types if isinstance(types, list) else [types], option, value)
        if found is not None:
            return found
    return {name: _typed({}, below) for name, below in value.items()} if isinstance(value, dict) else value


def _as_one_of(types: list[Any], schema: Tree, value: Any) -> Any:
    """`value` as one of these types, or None where it is none of them."""
    if isinstance(value, dict):
        if "array" in types and all(name.isdigit() for name in value):
            return [_typed(schema.get("items", {}), value[name]) for name in sorted(value, key=int)]
        if "object" in types:
            others = schema.get("additionalProperties")
            rest = others if isinstance(others, dict) else {}
            return {name: _typed(schema.get("properties", {}).get(name, rest), below) for name, below in value.items()}
        return None
    if "integer" in types and value.removeprefix("-").isdigit() and value.isascii():
        return int(value)
    if "boolean" in types and value in ("true", "false"):
        return value == "true"
    return None
