"""The sandbox's pages under our own address: passed on as they are, and nothing else of the sandbox is reachable."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webhook.conftest import error_of


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = json.dumps({"method": self.command, "path": self.path, "body": body, "headers": headers}).encode()
        self.send_response(201)
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Security-Policy", "default-src 'self'"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Connection", "keep-alive"),
            ("Content-Length", str(len(told))),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def sandbox_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def demo(make_app: Callable[..., Flask], sandbox_url: str) -> FlaskClient:
    return make_app(sandbox_url=sandbox_url).test_client()


def test_the_bare_address_leads_to_the_demo(demo: FlaskClient) -> None:
    answer = demo.get("/")
    assert (answer.status_code, answer.location) == (302, "/demo/")


def test_request_and_answer_are_passed_on(demo: FlaskClient) -> None:
    response = demo.post("/demo/api/start?x=1&y=a%20b", data=b'{"a": 1}', content_type="application/json")
    told = response.get_json()
    assert response.status_code == 201
    assert (told["method"], told["path"], told["body"]) == ("POST", "/demo/api/start?x=1&y=a%20b", '{"a": 1}')
    assert told["headers"]["content-type"] == "application/json"
    assert response.headers["Content-Security-Policy"] == "default-src 'self'"
    assert response.headers.getlist("Set-Cookie") == ["a=1", "b=2"]


def test_the_billing_portal_is_passed_on_too_and_only_read(demo: FlaskClient) -> None:
    told = demo.get("/portal/static/portal.js?x=1").get_json()
    assert (told["method"], told["path"], told["body"]) == ("GET", "/portal/static/portal.js?x=1", "")
    assert demo.get("/portal/?customer=chloe&lang=fr").get_json()["path"] == "/portal/?customer=chloe&lang=fr"
    assert error_of(demo.post("/portal/", json={})) == (405, "method_not_allowed")
    assert error_of(demo.get("/portal/../bank/v1/payments"))[0] == 404


def test_headers_of_one_connection_stay_behind(demo: FlaskClient) -> None:
    response = demo.get("/demo/", headers={"Proxy-Authorization": "Basic eDp5", "TE": "trailers"})
    told = response.get_json()["headers"]
    assert not {"proxy-authorization", "te"} & set(told)
    assert "Connection" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/demo/../bank/v1/payments",
        "/demo/%2e%2e/bank/v1",
        "/demo/a/..%2fb",
        "/demo/..%5cbank",
        "/demo/./x",
        "/demo/internal/reset",
    ],
)
def test_nothing_else_of_the_sandbox_is_reachable(demo: FlaskClient, path: str) -> None:
    assert error_of(demo.get(path))[0] == 404


def test_odd_characters_of_a_path_are_kept(demo: FlaskClient) -> None:
    assert demo.get("/demo/a%20b%3Fc/é").get_json()["path"] == "/demo/a%20b%3Fc/%C3%A9"


def test_stopped_sandbox_is_named(client: FlaskClient) -> None:
    assert error_of(client.get("/demo/")) == (502, "sandbox_down")
