"""Every request and every answer, held against what Stripe says its API is like. Deviations are remembered."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.stripe.description import library
from tests.support.stripe.description.form import BadForm, decode_form
from tests.support.stripe.description.openapi import Schema, description
from tests.support.stripe.errors import Object
from tests.support.stripe.played import unplayed
from tests.support.stripe.routes import Route

# In the description, which is older, and refused by the API since 2026-09-30. The library's types know it already.
REFUSED = "payment_method_types"


class Deviation(Exception):
    """A request that Stripe would not take, or an answer that it would not give."""


@dataclass
class Checks:
    """What was looked at so far. `unchecked` counts what the description does not know, by address."""

    requests: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    unchecked: Counter[str] = field(default_factory=Counter)
    deviations: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def summary(self) -> Object:
        with self._lock:
            return {
                "requests": sum(self.requests.values()),
                "answers": sum(self.answers.values()),
                "events": sum(self.events.values()),
                "by_address": dict(sorted(self.requests.items())),
                "held_against_the_library_alone": dict(sorted(self.unchecked.items())),
                "deviations": list(self.deviations),
            }

    def request(self, route: Route, text: str, headers: Mapping[str, str]) -> Object:
        """The decoded parameters of a request. Raises Deviation for what Stripe's description does not allow."""
        where = f"{route.method.upper()} {route.path}"
        api, types = description(), library.parameters(route.parameters)
        known = api.route(route.method, route.path)
        schema = api.parameters(route.method, known) if known else types
        try:
            asked = decode_form(text, schema)
        except (BadForm, ValueError) as error:
            raise self.deviates(where, [f"not form-encoded: {error}"]) from None
        errors = api.request_errors(route.method, known, asked) if known else []
        errors += [f"{error} (stripe.params, {library.VERSION})" for error in library.errors(types, asked)]
        if REFUSED in asked:
            errors.append(f"{REFUSED}: refused since API version 2026-09-30")
        errors += self._header_errors(route, text, headers)
        errors = errors or unplayed(route.method, route.path, asked)
        with self._lock:
            self.requests[where] += 1
            if not known:
                self.unchecked[where] += 1
        if errors:
            raise self.deviates(where, errors)
        return asked

    def answer(self, route: Route, status: int, body: Object, expanded: list[Object]) -> None:
        """`body` as it is with ids in place of the `expanded` objects: the description knows it like that only."""
        where = f"answer to {route.method.upper()} {route.path}"
        api = description()
        known = api.route(route.method, route.path)
        if known:
            errors = api.answer_errors(route.method, known, status, body)
        elif status == 200 and route.answers:
            item = library.answer(route.answers.removeprefix("[]"))
            schema: Schema = library.listed(item) if route.answers.startswith("[]") else item
            errors = library.errors(schema, body)
        else:
            errors = api.object_errors("error", body)
        errors += [error for told in expanded for error in self._object_errors(told)]
        with self._lock:
            self.answers[where] += 1
        if errors:
            raise self.deviates(where, errors)

    def event(self, event: Object) -> None:
        told, where = event["data"]["object"], f"event {event['type']}"
        errors = description().object_errors("event", event) + self._object_errors(told)
        with self._lock:
            self.events[event["type"]] += 1
        if errors:
            raise self.deviates(where, errors)

    @staticmethod
    def _object_errors(told: Object) -> list[str]:
        if description().knows(told["object"]):
            return description().object_errors(told["object"], told)
        return library.errors(library.answer(told["object"].title()), told)

    def deviates(self, where: str, errors: list[str]) -> Deviation:
        told = f"{where}: " + "; ".join(errors)
        with self._lock:
            self.deviations.append(told)
        return Deviation(told)

    @staticmethod
    def _header_errors(route: Route, text: str, headers: Mapping[str, str]) -> list[str]:
        errors = []
        if headers.get("Stripe-Version") != library.VERSION:
            errors.append(f"Stripe-Version {headers.get('Stripe-Version')} and not {library.VERSION}")
        sent = headers.get("Content-Type", "").partition(";")[0]
        if route.method == "post" and text and sent != "application/x-www-form-urlencoded":
            errors.append(f"Content-Type {sent}")
        return errors
