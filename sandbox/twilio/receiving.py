"""A text from a phone: told to the service, and its answer read."""

from __future__ import annotations

import re
from typing import Any

from sandbox.bank.errors import invalid
from sandbox.bank.events import Post
from sandbox.box import Box
from sandbox.config import TwilioAccount
from sandbox.database import Row, Transaction, all_of, run
from sandbox.twilio import phones, sending, texts, twiml
from sandbox.twilio.line import Answer
from sandbox.twilio.numbers import is_number, place_fields
from sandbox.twilio.segments import segments

LONGEST_BODY = 1600
MOST_MEDIA = 10
SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
ANOTHER_RECIPIENT = "+15145550199"  # of a group message


def receive(shared: Box, account: TwilioAccount, phone: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What `POST …/texts` answers. A known `message_sid` tells of that text again. Raises BankError."""
    sid = asked.get("message_sid")
    with shared.database.transaction() as tx:
        known = texts.by_sid(tx, sid) if isinstance(sid, str) else None
        text = known or _take(tx, shared.line.texts, account, phone, asked)
        if known is None:
            _obey(tx, shared.line.callbacks, account, text)
    shared.line.callbacks.bell.set()
    answer = None if text["held"] else tell(shared, account, text)
    told = None if answer is None else {"status": answer.status, "ms": answer.ms, "error": answer.error}
    return {"message_sid": text["sid"], "webhook": told}


def release(shared: Box, account: TwilioAccount, order: str) -> int:
    """Tells of the held texts, one after the other, in `order`."""
    with shared.database.transaction() as tx:
        rows = all_of(tx, "update texts set held = false where held returning *")
    held = {row["id"]: row for row in rows}
    for text_id in sending.in_order(sorted(held), order, shared.line.texts.chance):
        tell(shared, account, held[text_id])
    return len(held)


def tell(shared: Box, account: TwilioAccount, text: Row) -> Answer | None:
    """Posts the webhook, as often as the mode wants it; the first answer, or None when all of them got lost."""
    line, answers = shared.line, []
    for _ in range(1 + line.texts.mode.repeat):
        if line.texts.chance.random() >= line.texts.mode.lose:
            answer = line.post(account, account.sms_webhook_url, text["form"])
            answers.append(_read(shared, text, answer))
    return answers[0] if answers else None


def _take(tx: Transaction, mode_of: Post, account: TwilioAccount, phone: str, asked: dict[str, Any]) -> Row:
    body, media, to = asked.get("body", ""), _media(asked.get("media", 0)), asked.get("to", account.number)
    extra, sid = asked.get("extra", {}), asked.get("message_sid") or texts.new_sid("MM" if media else "SM")
    if not isinstance(body, str) or len(body) > LONGEST_BODY:
        raise invalid(f"body: a text of at most {LONGEST_BODY} characters")
    if not is_number(to):
        raise invalid("to: a number like +15145550100")
    if not isinstance(sid, str) or not SID.fullmatch(sid):
        raise invalid("message_sid: SM or MM and 32 hexadecimal digits")
    if not isinstance(extra, dict) or not all(isinstance(value, str) for value in extra.values()):
        raise invalid("extra: form fields and their texts")
    form = _form(account, phone, to, body, media, sid)
    if asked.get("group"):
        form["OtherRecipients0"] = ANOTHER_RECIPIENT
    return texts.add(
        tx,
        texts.Text(
            "inbound", phone, to, body, "received",
            sid=sid, media=media, messaging_service_sid=account.messaging_service_sid or None,
            form=form | extra, held=mode_of.mode.hold,
        ),
    )  # fmt: skip


def _form(account: TwilioAccount, phone: str, to: str, body: str, media: tuple[str, ...], sid: str) -> dict[str, str]:
    """https://www.twilio.com/docs/messaging/guides/webhook-request"""
    form = {
        "AccountSid": account.sid,
        "ApiVersion": texts.API_VERSION,
        "Body": body,
        "From": phone,
        **place_fields("From", phone),
        "MessageSid": sid,
        "NumMedia": str(len(media)),
        "NumSegments": str(segments(body).count),
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": to,
        **place_fields("To", to),
    }
    if account.messaging_service_sid:
        form["MessagingServiceSid"] = account.messaging_service_sid
    files = f"https://api.twilio.com/{texts.API_VERSION}/Accounts/{account.sid}/Messages/{sid}/Media"
    for place, content_type in enumerate(media):
        form[f"MediaContentType{place}"] = content_type
        form[f"MediaUrl{place}"] = f"{files}/{texts.new_sid('ME')}"
    return form


def _media(asked: object) -> tuple[str, ...]:
    types = ["image/jpeg"] * asked if isinstance(asked, int) and 0 <= asked <= MOST_MEDIA else asked
    if not isinstance(types, list) or len(types) > MOST_MEDIA or not all(isinstance(type_, str) for type_ in types):
        raise invalid(f"media: how many, or their content types; at most {MOST_MEDIA}")
    return tuple(types)


def _obey(tx: Transaction, callbacks: Post, account: TwilioAccount, text: Row) -> None:
    """STOP and START, to which Twilio itself says something; the service hears of the text all the same."""
    changed = phones.obey(tx, text["phone"], text["body"])
    if changed is not None:
        words = phones.STOPPED if changed == "stopped" else phones.STARTED
        sending.send(tx, callbacks, texts.Text("outbound-reply", text["phone"], account.number, words, "queued"))


def _read(shared: Box, text: Row, answer: Answer) -> Answer:
    """Sends what the answer says; what is wrong with it stands with the text from then on."""
    error, answers = answer.error, []
    if error is None:
        try:
            answers = twiml.messages(answer.content)
        except twiml.NoTwiml:
            error = twiml.PARSE_FAILURE
    with shared.database.transaction() as tx:
        run(tx, "update texts set error_code = %s, updated_at = now() where id = %s", error, text["id"])
        for body, callback in answers:
            out = texts.Text(
                "outbound-reply", text["phone"], text["other"], body, "queued",
                messaging_service_sid=text["messaging_service_sid"], status_callback=callback,
            )  # fmt: skip
            sending.reply(tx, shared.line.callbacks, out)
    shared.line.callbacks.bell.set()
    return Answer(answer.status, answer.ms, error=error)
