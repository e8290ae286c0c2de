"""Phone calls from Twilio: every request verified, stored once and answered the same again, within seconds.

A step that takes longer is gone on with beside the request; the caller hears that it does, and Twilio asks again.
"""

from __future__ import annotations

import re
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillAtIt
from threading import Lock

from flask import Blueprint, Response, request

from assistant.calls.desk import StepRefused, answer_of, answer_step, begin_call, hear
from assistant.calls.ending import hang_up
from assistant.calls.models import Call
from assistant.calls.plan import Heard, Plan
from assistant.dialogue.errors import TurnRefused
from assistant.dialogue.turns import Dialogue
from assistant.wording import say
from webhook.edge import Edge, edge
from webhook.errors import Refused, is_database_down
from webhook.guards import guarded, twilio_signature
from webhook.log import log
from webhook.twiml import hold_line, last_words, twiml_of

blueprint = Blueprint("voice", __name__)

LARGEST_FORM = 65_536
CALL_SID = re.compile(r"CA[0-9a-f]{32}")
NUMBER = re.compile(r"\d{1,6}")
LONGEST_NUMBER = 40
LONGEST_TOKEN = 200
CALLS_AT_ONCE = 64
MOST_WAITS = 20
ENDED = frozenset(("completed", "busy", "failed", "no-answer", "canceled"))
_FORM = {
    "who": twilio_signature,
    "max_body": LARGEST_FORM,
    "too_large": "bad_request",
    "refusals": ("bad_signature", "bad_request", "bad_field"),
}


class CallDesk:
    """Steps that are being answered, each by one thread however often it is asked for."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="call")
        self._steps: dict[tuple[str, int], Future[Plan]] = {}
        self._lock = Lock()

    def answer(self, dialogue: Dialogue, sid: str, number: int, within_s: float) -> Plan | None:
        """The plan, or None if it takes longer. Raises what answering raised."""
        with self._lock:
            future = self._steps.get((sid, number))
            if future is None:
                future = self._threads.submit(answer_step, dialogue, sid, number)
                self._steps[sid, number] = future
                future.add_done_callback(lambda _: self._steps.pop((sid, number), None))
        try:
            return future.result(within_s)
        except StillAtIt:
            return None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@blueprint.post("/twilio/voice")
@guarded(summary="A call comes in, from Twilio", answers={200: "text/xml"}, **_FORM)
def begin() -> Response:
    caller = request.form.get("From", "")
    if not (len(caller) <= LONGEST_NUMBER and caller.isprintable()):
        raise Refused("bad_field", field="From")
    return _step(0)


@blueprint.post("/twilio/voice/step")
@guarded(summary="What a caller keyed in or said, from Twilio", answers={200: "text/xml"}, **_FORM)
def step() -> Response:
    return _step(_number())


@blueprint.post("/twilio/voice/wait")
@guarded(summary="Is the answer to a caller's step there? From Twilio", answers={200: "text/xml"}, **_FORM)
def wait() -> Response:
    return _answer(_sid(), _number(), heard=True)


@blueprint.post("/twilio/voice/status")
@guarded(summary="What became of a call, from Twilio", answers={200: None}, **_FORM)
def status() -> tuple[str, int]:
    sid = _sid()
    if request.form.get("CallStatus") in ENDED:
        with edge().context.sessions.begin() as session:
            hang_up(session, edge().context, sid)
    return "", 200


def _step(number: int) -> Response:
    return _answer(_sid(), number, heard=False)


def _answer(sid: str, number: int, *, heard: bool) -> Response:
    shared = edge()
    try:
        if not heard:
            _hear(shared, sid, number)
        plan = shared.calls.answer(shared.dialogue, sid, number, shared.settings.call_hold_after_s)
        if plan is None:
            return _hold(shared, sid, number)
        return _xml(twiml_of(plan, shared.settings, following=f"/twilio/voice/step?n={number + 1}"))
    except StepRefused:
        raise Refused("bad_field", field="CallSid or n") from None
    except TurnRefused as refused:  # the dialogue has too much to do: it passes by itself
        log.warning("call_waits", code=refused.code)
        return _hold(shared, sid, number)
    except Exception as error:
        if not is_database_down(error):
            raise
        # Whoever is on the line must not hear a silence or a machine's error.
        log.error("call_not_answered", error=type(error).__name__)
        return _trouble(shared)


def _hear(shared: Edge, sid: str, number: int) -> None:
    form, now = request.form, shared.context.now()
    with shared.context.sessions.begin() as session:
        if number == 0:
            begin_call(session, sid, form.get("From", ""), now)
            return
        if answer_of(session, sid, number) is not None:
            return
        told = Heard(
            digits=form.get("Digits", ""),
            speech=form.get("SpeechResult", ""),
            confidence=_confidence(form.get("Confidence", "")),
            dialled=form.get("DialCallStatus", "")[:LONGEST_NUMBER],
            card=form.get("Result", "")[:LONGEST_NUMBER],
            token=form.get("PaymentToken", "")[:LONGEST_TOKEN],
        )
        hear(session, sid, number, told, now)


def _hold(shared: Edge, sid: str, number: int) -> Response:
    waits = request.args.get("w", "0")
    waited = int(waits) if NUMBER.fullmatch(waits) else 0
    if waited >= MOST_WAITS:
        return _trouble(shared)
    with shared.context.sessions() as session:
        call = session.get(Call, sid)
        language = call.language if call is not None else "en"
    words = say("call_hold" if not waited else "call_hold_on", language, "voice")
    waiting = f"/twilio/voice/wait?n={number}&w={waited + 1}"
    return _xml(hold_line(words, language, shared.settings, waiting=waiting))


def _trouble(shared: Edge) -> Response:
    contact = " ".join(c if c.isdigit() else " " for c in shared.settings.company_contact)
    words = [say("call_trouble", language, "voice", contact=contact) for language in ("en", "fr")]
    return _xml(last_words(words[0], words[1], shared.settings))


def _sid() -> str:
    sid = request.form.get("CallSid", "")
    if not CALL_SID.fullmatch(sid):
        raise Refused("bad_field", field="CallSid")
    return sid


def _number() -> int:
    number = request.args.get("n", "")
    if not NUMBER.fullmatch(number):
        raise Refused("bad_field", field="n")
    return int(number)


def _confidence(text: str) -> float | None:
    """0…1, or None for what is no such number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _xml(content: str) -> Response:
    return Response(content, mimetype="text/xml")
