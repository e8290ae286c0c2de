"""The billing portal's one page. Its figures come from the service's account API, its assistant from one script tag."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, render_template, request, send_from_directory

from sandbox.demo.people import people

HERE = Path(__file__).parent
blueprint = Blueprint("portal", __name__, template_folder="templates")
TEXTS: dict[str, dict[str, str]] = json.loads((HERE / "texts.json").read_text("utf-8"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)


@blueprint.get("/")
def page() -> Response:
    """`?customer=maya&lang=fr`: who is signed in, the first customer unless told, and in what language, hers if not."""
    known = people()
    person = known.get(request.args.get("customer", ""), next(iter(known.values())))
    language = request.args.get("lang", person.language)
    language = language if language in TEXTS else "en"
    response = make_response(
        render_template(
            "portal.html",
            language=language,
            texts=TEXTS[language],
            person=person,
            people=list(known.values()),
            other="fr" if language == "en" else "en",
            address_in={wanted: "?" + urlencode({"customer": person.key, "lang": wanted}) for wanted in TEXTS},
        )
    )
    response.headers["Content-Security-Policy"] = POLICY
    return response


@blueprint.get("/static/<name>")
def static(name: str) -> Response:
    return send_from_directory(HERE / "static", name)
