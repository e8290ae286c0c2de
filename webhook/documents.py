"""Receipts and invoices as PDF: for the holder of a chat session, and for whoever was sent a signed link."""

from __future__ import annotations

from flask import Blueprint, Response, g, request
from sqlalchemy.orm import Session

from assistant.documents.links import read_document_token
from assistant.documents.papers import Document, invoice_document, receipt_document
from assistant.wording import LANGUAGES
from billing.errors import NotFound
from billing.invoices import invoice_by_number
from billing.payment_records import payment_by_reference
from webhook.edge import edge
from webhook.errors import Refused
from webhook.guards import account_reader, document_link, guarded

blueprint = Blueprint("documents", __name__)
PDF = "application/pdf"


@blueprint.get("/api/account/receipts/<reference>.pdf")
@guarded(
    who=account_reader,
    summary="The receipt of a payment, in the session's language or in ?lang=",
    answers={200: PDF},
    refusals=("not_found", "bad_field"),
)
def receipt(reference: str) -> Response:
    language = wanted_language()
    with edge().context.sessions() as session:
        try:
            payment = payment_by_reference(session, g.principal.account_id, reference)
            made = receipt_document(session, payment.id, language, edge().settings)
        except NotFound:  # somebody else's, no such payment, or one that took nothing: all the same from outside
            raise Refused("not_found") from None
    return _answer(made)


@blueprint.get("/api/account/invoices/<number>.pdf")
@guarded(
    who=account_reader,
    summary="An invoice, in the session's language or in ?lang=",
    answers={200: PDF},
    refusals=("not_found", "bad_field"),
)
def invoice(number: str) -> Response:
    language = wanted_language()
    with edge().context.sessions() as session:
        try:
            found = invoice_by_number(session, g.principal.account_id, number)
            made = invoice_document(session, found.id, language, edge().settings)
        except NotFound:
            raise Refused("not_found") from None
    return _answer(made)


@blueprint.get("/documents/<token>")
@guarded(
    who=document_link,
    summary="A receipt or an invoice by its signed link, as often as it is opened within 15 minutes",
    answers={200: PDF},
    refusals=("document_unknown", "document_expired"),
)
def linked(token: str) -> Response:
    shared = edge()
    link = read_document_token(shared.settings, token)
    if link is None:
        raise Refused("document_unknown")
    g.language = link.language
    if link.expires_at <= shared.context.now():
        raise Refused("document_expired")
    with shared.context.sessions() as session:
        try:
            made = _made(session, link.kind, link.id, link.language)
        except NotFound:
            raise Refused("document_unknown") from None
    return _answer(made)


def wanted_language() -> str:
    """`?lang=`, else the session's own. Raises Refused."""
    language = request.args.get("lang", g.principal.language)
    if language not in LANGUAGES:
        raise Refused("bad_field", field="lang")
    return str(language)


def _made(session: Session, kind: str, identity: int, language: str) -> Document:
    make = receipt_document if kind == "receipt" else invoice_document
    return make(session, identity, language, edge().settings)


def _answer(made: Document) -> Response:
    response = Response(made.content, mimetype=PDF)
    response.headers["Content-Disposition"] = f'inline; filename="{made.name}"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
