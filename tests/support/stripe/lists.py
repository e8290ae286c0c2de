"""Lists in pages, searches, and objects shown in place of their ids (`expand`)."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable

from tests.support.stripe.errors import Object, invalid
from tests.support.stripe.store import PREFIXES, Store

MOST = 100
KINDS = {prefix: kind for kind, prefix in PREFIXES.items()}
BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda at, bound: at > bound,
    "gte": lambda at, bound: at >= bound,
    "lt": lambda at, bound: at < bound,
    "lte": lambda at, bound: at <= bound,
}
_CLAUSE = re.compile(r"""\s*(?P<field>[a-z_.]+)(?:\[["'](?P<key>[^"']+)["']\])?\s*:\s*["'](?P<value>[^"']*)["']\s*""")


def page(items: Iterable[Object], asked: Object, url: str) -> Object:
    """One page of `items` (newest first): `created`, `limit`, `starting_after`, `ending_before`."""
    limit = asked.get("limit", 10)
    if not 1 <= limit <= MOST:
        raise invalid(
            f"Invalid integer: limit must be between 1 and {MOST}.", "parameter_invalid_integer", param="limit"
        )
    found = [item for item in items if _within(item, asked.get("created"))]
    ids = [item["id"] for item in found]
    for cursor in ("starting_after", "ending_before"):
        if cursor in asked and asked[cursor] not in ids:
            raise invalid(f"No such object: '{asked[cursor]}'", "resource_missing", param=cursor)
    if "starting_after" in asked:
        found = found[ids.index(asked["starting_after"]) + 1 :]
    if "ending_before" in asked:
        found = found[: ids.index(asked["ending_before"])]
        return {"object": "list", "data": found[-limit:], "has_more": len(found) > limit, "url": url}
    return {"object": "list", "data": found[:limit], "has_more": len(found) > limit, "url": url}


def _within(item: Object, created: object) -> bool:
    if created is None:
        return True
    if isinstance(created, dict):
        return all(BOUNDS[name](item["created"], bound) for name, bound in created.items())
    return bool(item["created"] == created)


def search(store: Store, kind: str, asked: Object, url: str) -> Object:
    """`metadata['a']:'b' AND status:'succeeded'`, blind for whatever is younger than `search_lag_s`."""
    clauses = [_CLAUSE.fullmatch(clause) for clause in asked["query"].split(" AND ")]
    wanted = [(clause["field"], clause["key"], clause["value"]) for clause in clauses if clause]
    if len(wanted) != len(clauses):
        raise invalid("We were unable to parse your search query.", param="query")
    known = [item for item in store.all(kind) if item["created"] <= store.clock() - store.search_lag_s]
    found = [i for i in known if all(_value(i, field, key) == value for field, key, value in wanted)]
    limit = asked.get("limit", 10)
    return {
        "object": "search_result",
        "data": found[:limit],
        "has_more": len(found) > limit,
        "next_page": None,
        "url": url,
    }


def _value(item: Object, field: str, key: str | None) -> object:
    told = item.get(field)
    return (told or {}).get(key) if key else told


# --------------------------------------------------------------------------------------------------------- expand


def expanded(store: Store, told: Object, paths: Iterable[str]) -> tuple[Object, list[Object]]:
    """A copy of `told` with objects in place of the ids that `paths` lead to (`latest_charge.refunds`), and those."""
    shown, found = copy.deepcopy(told), list[Object]()
    for path in paths:
        _expand(store, shown, path.split("."), path, found)
    return shown, found


def _expand(store: Store, place: Object, names: list[str], path: str, found: list[Object]) -> None:
    name, *rest = names
    if name == "data" and place.get("object") in ("list", "search_result"):
        for item in place["data"]:
            _expand(store, item, rest, path, found)
        return
    if name == "refunds" and place.get("object") == "charge":
        refunds = [copy.deepcopy(r) for r in store.all("refund") if r["charge"] == place["id"]]
        place[name] = page(refunds, {}, f"/v1/charges/{place['id']}/refunds")
        found.extend(copy.deepcopy(refunds))
    if name not in place:
        raise invalid(f"This property cannot be expanded ({path}).")
    value = place[name]
    if isinstance(value, str):
        kind = KINDS.get(value.split("_")[0])
        if kind is None or value not in store.objects[kind]:
            return
        found.append(copy.deepcopy(store.objects[kind][value]))
        value = place[name] = copy.deepcopy(store.objects[kind][value])
    if rest and isinstance(value, dict):
        _expand(store, value, rest, path, found)
