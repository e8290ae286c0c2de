"""The bank's API, /bank/v1: JSON in and out, `Authorization: Bearer`, `Idempotency-Key` on every POST."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox.bank import customers, debits, disputes, events, payments, refunds
from sandbox.bank.cards import SLOW_S, bank_account
from sandbox.bank.errors import BankError, ConnectionCut, invalid, missing
from sandbox.bank.idempotency import Answer, answer_once, fingerprint
from sandbox.bank.windows import Window
from sandbox.box import box
from sandbox.database import Row, Transaction, all_of, one
from sandbox.trouble import spoil

blueprint = Blueprint("bank", __name__)
MOST_REPEATS = 20
DECISIONS = ("approve", "decline")


@blueprint.before_request
def _only_with_the_key() -> None:
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {box().settings.secret_key}".encode()):
        raise BankError(401, "unauthorized", "A valid API key is needed: Authorization: Bearer …")


def _asked() -> dict[str, Any]:
    """The JSON object of the request, `{}` for an empty body."""
    if not request.get_data():
        return {}
    try:
        asked = request.get_json(force=True)
    except RecursionError:
        raise invalid("The body is nested too deeply.") from None
    if not isinstance(asked, dict):
        raise invalid("The body must be a JSON object.")
    return asked


def _once(work: Callable[[Transaction], Answer], before: Callable[[], None] = lambda: None) -> Response:
    """Carries `work` out once per idempotency key, rings for the delivery, and lets trouble have the answer."""
    shared = box()
    answer = answer_once(
        shared.database,
        shared.keys_under_way,
        request.headers.get("Idempotency-Key"),
        fingerprint(request.method, request.path, _asked()),
        work,
        before,
    )
    shared.post.bell.set()
    if answer.trouble is not None:
        return spoil(answer.trouble, shared.settings.hang_s)
    response = jsonify(answer.body)
    response.status_code = answer.status
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _done(change: Callable[[Transaction], dict[str, Any]]) -> Response:
    return _once(lambda tx: Answer(200, change(tx)))


def _read(look: Callable[[Transaction], dict[str, Any]]) -> Response:
    with box().database.transaction() as tx:
        return jsonify(look(tx))


def _listed(rows: list[dict[str, Any]], has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": rows, "has_more": has_more}


def _page(page: tuple[list[Row], bool], tell: Callable[[Row], dict[str, Any]]) -> dict[str, Any]:
    rows, has_more = page
    return _listed([tell(row) for row in rows], has_more)


def _payment(tx: Transaction, payment: Row) -> dict[str, Any]:
    return payments.as_json(tx, payment, box().settings.url)


# ------------------------------------------------------------------------------------------ customers and methods


@blueprint.post("/customers")
def ensure_customer() -> Response:
    asked = _asked()
    number, name, email = (str(asked.get(key) or "") for key in ("account_number", "name", "email"))
    return _done(lambda tx: customers.customer_json(customers.ensure_customer(tx, number, name, email)))


@blueprint.get("/customers/<customer_id>/methods")
def list_methods(customer_id: str) -> Response:
    return _read(lambda tx: _listed([customers.method_json(m) for m in customers.methods_of(tx, customer_id)]))


@blueprint.post("/methods")
def add_method() -> Response:
    """Attaches a card token (`token`) or a bank account (`bank_account: {last4}`) to a customer."""
    asked, post = _asked(), box().post
    details = customers.read_details(asked.get("billing_details"))
    customer, account = str(asked.get("customer") or ""), asked.get("bank_account")

    def attach(tx: Transaction) -> dict[str, Any]:
        customers.methods_of(tx, customer)  # 404 for a customer that is none
        if isinstance(account, dict):
            last4 = str(account.get("last4"))
            if not re.fullmatch("[0-9]{4}", last4):
                raise invalid("bank_account.last4: four digits")
            method = customers.add_method(tx, bank_account(last4, key=box().settings.secret_key), details, None)
        else:
            method = customers.spend_token(tx, str(asked.get("token") or ""), details)
        return customers.method_json(customers.attach(tx, post, method["id"], customer))

    return _done(attach)


@blueprint.get("/methods/<method_id>")
def get_method(method_id: str) -> Response:
    return _read(lambda tx: customers.method_json(customers.get_method(tx, method_id)))


@blueprint.post("/methods/<method_id>")
def update_method(method_id: str) -> Response:
    details, post = customers.read_details(_asked().get("billing_details")), box().post
    return _done(lambda tx: customers.method_json(customers.update_details(tx, post, method_id, details)))


@blueprint.get("/tokens/<token>")
def get_token(token: str) -> Response:
    """What a token of the card fields would charge, as a method that is nobody's yet."""
    return _read(lambda tx: customers.token_json(customers.get_token(tx, token)))


@blueprint.post("/methods/<method_id>/detach")
def detach_method(method_id: str) -> Response:
    return _done(lambda tx: customers.method_json(customers.detach(tx, method_id)))


# --------------------------------------------------------------------------------------------------- payments


@blueprint.post("/payments")
def create_payment() -> Response:
    asked = _asked()
    return _done(lambda tx: _payment(tx, payments.create(tx, asked)))


@blueprint.get("/payments")
def search_payments() -> Response:
    """With `since` or `until`: what was made then, oldest first, in pages. Else newest first, at most a hundred."""
    window = Window.of_query(request.args)
    if window is not None:
        return _read(lambda tx: _page(window.rows(tx, "payments"), lambda payment: _payment(tx, payment)))
    names = {"payment_reference": "payment_reference", "status": "status", "customer": "customer_id"}
    by = {column: request.args[name] for name, column in names.items() if name in request.args}
    return _read(lambda tx: _listed([_payment(tx, payment) for payment in payments.search(tx, **by)]))


@blueprint.get("/payments/<payment_id>")
def retrieve_payment(payment_id: str) -> Response:
    return _read(lambda tx: _payment(tx, payments.get(tx, payment_id)))


@blueprint.post("/payments/<payment_id>/confirm")
def confirm_payment(payment_id: str) -> Response:
    shared = box()

    def before() -> None:
        with shared.database.transaction() as tx:
            behaviour = payments.behaviour_of(tx, payment_id)
        if behaviour == "resets":
            raise ConnectionCut
        if behaviour == "is_slow":
            time.sleep(SLOW_S)

    def confirm(tx: Transaction) -> Answer:
        late = shared.decisions.when_told
        answer = payments.confirm(tx, shared.post, payment_id, shared.settings.url, when_told=late)
        debits.plan(tx, payment_id, payments.behaviour_of(tx, payment_id, "processing") or "", shared.settings.debit_s)
        return answer

    return _once(confirm, before)


@blueprint.post("/payments/<payment_id>/cancel")
def cancel_payment(payment_id: str) -> Response:
    post = box().post
    return _done(lambda tx: _payment(tx, payments.cancel(tx, post, payment_id)))


@blueprint.post("/payments/<payment_id>/decide")
def decide_payment(payment_id: str) -> Response:
    """`{"decision": "approve" | "decline", "reason"?, "captured"?}` for a pending payment."""
    asked, post = _asked(), box().post
    decision, reason, captured = asked.get("decision"), str(asked.get("reason") or ""), asked.get("captured")
    if decision not in DECISIONS:
        raise invalid("decision: approve or decline")
    return _done(
        lambda tx: _payment(tx, payments.decide(tx, post, payment_id, decision == "approve", reason, captured))
    )


# ----------------------------------------------------------------------------------------- refunds and disputes


@blueprint.post("/refunds")
def create_refund() -> Response:
    asked, post = _asked(), box().post
    return _done(lambda tx: refunds.as_json(refunds.create(tx, post, asked)))


@blueprint.get("/refunds")
def list_refunds() -> Response:
    payment = request.args.get("payment", "")
    return _read(lambda tx: _listed([refunds.as_json(refund) for refund in refunds.of_payment(tx, payment)]))


@blueprint.get("/refunds/<refund_id>")
def retrieve_refund(refund_id: str) -> Response:
    return _read(lambda tx: refunds.as_json(refunds.get(tx, refund_id)))


@blueprint.post("/refunds/<refund_id>/decide")
def decide_refund(refund_id: str) -> Response:
    decision, post = _asked().get("decision"), box().post
    if decision not in DECISIONS:
        raise invalid("decision: approve or decline")
    return _done(lambda tx: refunds.as_json(refunds.decide(tx, post, refund_id, decision == "approve")))


@blueprint.post("/disputes")
def open_dispute() -> Response:
    """`payment`, `amount`, `reason`; with `is_return` true it is a bank debit that comes back, lost at once."""
    asked, post = _asked(), box().post

    def start(tx: Transaction) -> dict[str, Any]:
        payment = payments.get(tx, str(asked.get("payment")))
        amount = asked.get("amount", payment["captured"])
        if type(amount) is not int:
            raise invalid("amount: a whole number of minor units")
        reason, is_return = str(asked.get("reason") or "general"), asked.get("is_return") is True
        return disputes.as_json(disputes.start(tx, post, payment, amount, reason, is_return=is_return))

    return _done(start)


@blueprint.get("/disputes")
def list_disputes() -> Response:
    payment = request.args.get("payment", "")
    return _read(lambda tx: _listed([disputes.as_json(dispute) for dispute in disputes.of_payment(tx, payment)]))


@blueprint.post("/disputes/<dispute_id>/close")
def close_dispute(dispute_id: str) -> Response:
    outcome, post = str(_asked().get("outcome")), box().post
    return _done(lambda tx: disputes.as_json(disputes.close(tx, post, dispute_id, outcome)))


# ----------------------------------------------------------------------------------------- events and their ways


@blueprint.get("/events")
def list_events() -> Response:
    """Newest first, at most a hundred, with every delivery's state; `?payment=` narrows.

    With `since` or `until`: the events themselves, delivered or not, oldest first, in pages.
    """
    window = Window.of_query(request.args)
    if window is not None:
        return _read(lambda tx: _page(window.rows(tx, "events"), lambda event: json.loads(event["body"])))
    query = (
        "select e.id, e.type, e.payment_id as payment, e.created_at::text as created,"
        " coalesce(jsonb_agg(jsonb_build_object('state', d.state, 'tries', d.tries, 'last_answer', d.last_answer)"
        " order by d.id) filter (where d.id is not null), '[]') as deliveries"
        " from events e left join deliveries d on d.event_id = e.id"
        " where (%s::text is null or e.payment_id = %s) group by e.seq, e.id order by e.seq desc limit 100"
    )
    payment = request.args.get("payment")
    return _read(lambda tx: _listed(all_of(tx, query, payment, payment)))


@blueprint.post("/events/<event_id>/repeat")
def repeat_event(event_id: str) -> Response:
    times = _asked().get("times", 1)
    if type(times) is not int or not 1 <= times <= MOST_REPEATS:
        raise invalid(f"times: 1 to {MOST_REPEATS}")

    def again(tx: Transaction) -> dict[str, Any]:
        if one(tx, "select 1 from events where id = %s", event_id) is None:
            raise missing("event", event_id)
        events.repeat(tx, event_id, times)
        return {"id": event_id, "times": times}

    return _done(again)


@blueprint.get("/control/delivery")
def delivery_mode() -> Response:
    return jsonify(asdict(box().post.mode))


@blueprint.put("/control/delivery")
def set_delivery_mode() -> Response:
    """How events travel from now on: repeat, lose, delay_s, shuffle_s, hold, seed; `{}` is the plain way."""
    return jsonify(asdict(box().post.set_mode(_asked())))


@blueprint.post("/control/release")
def release_events() -> Response:
    asked, post = _asked(), box().post
    order, seed = str(asked.get("order", "in_order")), asked.get("seed")
    return _done(lambda tx: {"released": events.release(tx, post, order, seed)})
