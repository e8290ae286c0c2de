"""Every route says who may call it, and the document of the interface is written from the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from assistant.wording import catalogue
from tests.webhook.conftest import Customer, error_of
from webhook.errors import STATUS_OF
from webhook.guards import anyone, guard_of, register_guards
from webhook.openapi import openapi_document

PUBLIC = {"/healthz", "/readyz", "/widget.js", "/widget/", "/widget/<name>", "/openapi.json", "/assets/<name>"}


def test_every_route_is_guarded_and_only_these_are_public(app: Flask) -> None:
    rules = list(app.url_map.iter_rules())
    guards = {rule.rule: guard_of(app, rule.endpoint) for rule in rules}
    assert None not in guards.values()
    assert {rule for rule, guard in guards.items() if guard is not None and guard.who is anyone} == PUBLIC


def test_route_without_a_guard_does_not_start() -> None:
    app = Flask("unguarded", static_folder=None)
    app.add_url_rule("/open", view_func=lambda: "come in")
    with pytest.raises(RuntimeError, match="/open"):
        register_guards(app, 10)


def test_every_body_has_a_limit(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        guard = guard_of(app, rule.endpoint)
        assert guard is not None
        if "POST" in (rule.methods or ()):
            assert 0 < guard.max_body <= 262_144, rule.rule
        else:
            assert guard.max_body == 0, rule.rule


def test_document_is_valid_openapi_and_holds_every_route(app: Flask, client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    validate(document)
    documented = {(path, method) for path, item in document["paths"].items() for method in item}
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<path:", "<").replace("<", "{").replace(">", "}")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert (path, method.lower()) in documented


def test_document_names_security_bodies_and_errors(app: Flask) -> None:
    turn = openapi_document(app)["paths"]["/api/chat/messages"]["post"]
    assert turn["security"] == [{"chatSession": []}]
    assert turn["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/MessageRequest")
    assert turn["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Answer")
    assert "button_expired" in turn["responses"]["410"]["description"]
    assert {"401", "413", "415", "422", "429", "503"} <= set(turn["responses"])


def test_sandbox_routes_exist_only_with_the_sandbox(make_app: Callable[..., Flask]) -> None:
    app = make_app(sandbox_enabled=False)
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    assert not any(rule.startswith(("/demo", "/portal", "/webhooks/sandbox")) for rule in rules)
    assert error_of(app.test_client().get("/demo/")) == (404, "not_found")


def test_every_error_has_its_sentence_in_both_languages() -> None:
    worded = {key.removeprefix("error_") for key in catalogue() if key.startswith("error_")}
    assert worded == set(STATUS_OF)
    for code in STATUS_OF:
        assert {(language, None) for language in ("en", "fr")} <= set(catalogue()[f"error_{code}"])


def test_error_speaks_the_language_of_the_caller(client: FlaskClient) -> None:
    french = client.get("/nowhere", headers={"Accept-Language": "fr-CA,fr;q=0.9"}).get_json()
    assert french["error"]["message"].startswith("Vérifiez")
    english = client.get("/nowhere", headers={"Accept-Language": "tlh"}).get_json()
    assert english["error"]["message"].startswith("Check")


def test_reader_of_a_page_gets_a_page(client: FlaskClient) -> None:
    page = client.get("/pay/unknown", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "ask for a new one" in page.get_data(as_text=True)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


# ------------------------------------------------------------------------------------------------- rates and room


def test_messages_of_one_conversation_have_a_rate(
    make_app: Callable[..., Flask], sign_in: Callable[..., Customer]
) -> None:
    client = make_app(chat_messages_per_minute=3).test_client()
    customer, other = sign_in(client=client), sign_in(client=client)
    statuses = [customer.send(id=f"m{n}", text="hi").status_code for n in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert other.send(id="m", text="hi").status_code == 200


def test_address_without_a_session_has_a_rate(make_app: Callable[..., Flask]) -> None:
    client = make_app(requests_per_minute=5).test_client()
    answers = [client.get("/pay/guess") for _ in range(6)]
    assert [a.status_code for a in answers] == [404] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_wrong_bearer_tokens_have_a_low_rate(make_app: Callable[..., Flask]) -> None:
    client = make_app(requests_per_minute=20).test_client()
    codes = [client.get("/api/chat/history", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(3)]
    assert codes == [401, 401, 429]


def test_address_is_the_customers_behind_a_known_proxy_only(make_app: Callable[..., Flask]) -> None:
    def statuses(app: Flask) -> list[int]:
        client = app.test_client()
        return [client.get("/pay/x", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(3)]

    assert statuses(make_app(requests_per_minute=2, trusted_proxies=1)) == [404, 404, 404]
    assert statuses(make_app(requests_per_minute=2)) == [404, 404, 429]


def test_more_requests_than_room_are_shed_and_room_is_given_back(
    make_app: Callable[..., Flask], sign_in: Callable[..., Customer], bot: Any
) -> None:
    app = make_app(request_limit=1)
    customer = sign_in(client=app.test_client())
    seen = []

    def answer(_: Any) -> dict[str, Any]:
        seen.append(app.test_client().get("/healthz"))
        seen.append(app.test_client().get("/metrics"))
        return {"messages": [{"text": "hi"}]}

    bot.answer = answer
    customer.says("hi")
    assert error_of(seen[0]) == (503, "busy")
    assert seen[0].headers["Retry-After"] == "2"
    assert seen[1].status_code == 200  # what watches over the edge is never kept out
    for _ in range(3):
        assert customer.says("again")


# ------------------------------------------------------------------------------------------------------- metrics


def test_metrics_count_turns_and_requests(maya: Customer, client: FlaskClient) -> None:
    maya.says("hello")
    client.get("/pay/secret-token-of-somebody")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'remit_edge_turns_total{result="answered"} 1.0' in text
    assert 'remit_edge_request_seconds_count{method="POST",route="/api/chat/messages",status="200"} 1.0' in text
    assert "secret-token" not in text
    assert maya.token not in text


def test_metrics_are_for_this_machine_or_for_their_token(make_app: Callable[..., Flask]) -> None:
    client = make_app().test_client()
    assert error_of(client.get("/metrics", environ_base={"REMOTE_ADDR": "10.1.2.3"})) == (403, "forbidden")
    assert error_of(client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})) == (403, "forbidden")
    client = make_app(metrics_token="a-token-for-metrics").test_client()
    assert error_of(client.get("/metrics")) == (401, "unauthorized")
    allowed = client.get("/metrics", headers={"Authorization": "Bearer a-token-for-metrics"})
    assert allowed.status_code == 200
