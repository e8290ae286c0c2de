"""A telephone that calls the service: posts what Twilio would, and does what the TwiML says.

Nothing is spoken and nothing takes time but the pauses; what would be heard stands in `captions`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal
from urllib.parse import urljoin

from sandbox.config import TwilioAccount
from sandbox.twilio.card_keys import QUESTIONS, Tokenise
from sandbox.twilio.line import Line
from sandbox.twilio.numbers import place_fields
from sandbox.twilio.texts import API_VERSION, new_sid
from sandbox.twilio.voice_twiml import Document, Gather, Go, NoCall, Pause, Pay, Said, read

MOST_DOCUMENTS = 40  # in a row without the caller; more goes round in circles
DIAL_OUTCOMES = ("completed", "busy", "no-answer", "failed")
By = Literal["service", "caller", "line"]


@dataclass(frozen=True, slots=True)
class Caption:
    by: By
    text: str
    language: str = "en-US"


@dataclass
class Call:
    """`listening` is what the service waits for; None while it talks, and after the end."""

    sid: str
    phone: str
    to: str
    dialled: str  # how it ends when the service puts the caller through
    captions: list[Caption] = field(default_factory=list)
    listening: Gather | Pay | None = None
    keyed: list[str] = field(default_factory=list)  # of a card: number, expiry, code; never shown, forgotten at once
    status: str = "ringing"
    error: int | None = None
    address: str = ""  # of the document that is being carried out
    rest: Document = field(default_factory=Document)  # of it, behind what is listened to
    line: Lock = field(default_factory=Lock)  # one thing at a time

    def as_json(self) -> dict[str, Any]:
        listening = self.listening
        waits_for: dict[str, Any] | None = None
        if isinstance(listening, Pay):
            waits_for = {"keys": "card", "speech": False}
        elif listening is not None:
            waits_for = {"keys": "one" if listening.keys == 1 else "many", "speech": listening.speech}
        captions = [{"by": c.by, "text": c.text, "language": c.language} for c in self.captions]
        return {
            **{"sid": self.sid, "phone": self.phone, "to": self.to, "status": self.status, "error": self.error},
            **{"listening": waits_for, "captions": captions},
        }


class Switchboard:
    """The calls since the sandbox was started, or the demo begun anew."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._lock = Lock()

    def find(self, sid: str) -> Call | None:
        return self._calls.get(sid)

    def forget(self) -> None:
        with self._lock:
            self._calls.clear()

    # ------------------------------------------------------------------------------------------ what a caller does

    def place(self, line: Line, account: TwilioAccount, phone: str, *, to: str, dialled: str) -> Call:
        """Calls the service, and listens until it is the caller's turn."""
        call = Call(new_sid("CA"), phone, to, dialled)
        with self._lock:
            self._calls[call.sid] = call
        with call.line:
            self._follow(line, account, call, account.voice_webhook_url, {})
        return call

    def key(self, line: Line, account: TwilioAccount, call: Call, digits: str, tokenise: Tokenise) -> None:
        """Presses keys. Those that nothing waits for are lost, as on any telephone."""
        with call.line:
            gather = call.listening
            if gather is None:
                return
            if isinstance(gather, Pay):
                self._key_card(line, account, call, gather, digits, tokenise)
                return
            if gather.keys is not None:
                taken = digits[: gather.keys]
            else:
                taken = digits.partition(gather.ends_with)[0] if gather.ends_with else digits
            call.captions.append(Caption("caller", f"[{digits}]"))
            self._follow(line, account, call, urljoin(call.address, gather.action), {"Digits": taken})

    def say(self, line: Line, account: TwilioAccount, call: Call, words: str, confidence: float) -> None:
        """Speaks; `words` is what the recogniser makes of it. Where only keys are taken nobody listens."""
        with call.line:
            gather = call.listening
            if gather is None or isinstance(gather, Pay):
                return
            call.captions.append(Caption("caller", words, gather.language))
            if gather.speech:
                heard = {"SpeechResult": words, "Confidence": f"{confidence:.8f}"}
                self._follow(line, account, call, urljoin(call.address, gather.action), heard)

    def be_silent(self, line: Line, account: TwilioAccount, call: Call) -> None:
        """Lets the time run out that the service waits."""
        with call.line:
            gather = call.listening
            if gather is None:
                return
            call.captions.append(Caption("caller", "…"))
            if isinstance(gather, Pay):
                self._card_is(line, account, call, gather, {"Result": "too-many-failed-attempts"})
                return
            if gather.tells_of_nothing:
                self._follow(line, account, call, urljoin(call.address, gather.action), {"Digits": ""})
            else:
                call.listening = None
                self._carry_out(line, account, call, call.rest)

    def hang_up(self, line: Line, account: TwilioAccount, call: Call) -> None:
        with call.line:
            if call.status != "completed":
                self._end(line, account, call, "The caller has hung up.")

    # -------------------------------------------------------------------------------------------- keying in a card

    def _key_card(
        self, line: Line, account: TwilioAccount, call: Call, pay: Pay, digits: str, tokenise: Tokenise
    ) -> None:
        """Number, expiry (MMYY) and code, each ended by #; * goes back."""
        for part in digits.replace("#", "# ").split():
            call.captions.append(Caption("caller", "[…]"))
            if "*" in part:
                self._card_is(line, account, call, pay, {"Result": "caller-interrupted-with-star"})
                return
            call.keyed.append(part.removesuffix("#"))
            questions = QUESTIONS[pay.language[:2]]
            if len(call.keyed) < len(questions):
                call.captions.append(Caption("service", questions[len(call.keyed)], pay.language))
            else:
                self._card_is(line, account, call, pay, tokenise(*call.keyed))
                return

    def _card_is(self, line: Line, account: TwilioAccount, call: Call, pay: Pay, told: dict[str, str]) -> None:
        call.keyed.clear()
        self._follow(line, account, call, urljoin(call.address, pay.action), told)

    # ------------------------------------------------------------------------------------------------ what it does

    def _follow(self, line: Line, account: TwilioAccount, call: Call, url: str, heard: dict[str, str]) -> None:
        """Asks for the document at `url`, and goes on as it says."""
        call.listening, document = None, self._ask(line, account, call, url, heard)
        for _ in range(MOST_DOCUMENTS):
            if document is None:
                return
            document = self._carry_out(line, account, call, document)
        self._end(line, account, call, "The service goes round in circles.")

    def _ask(
        self, line: Line, account: TwilioAccount, call: Call, url: str, more: dict[str, str]
    ) -> Document | None:  # fmt: skip
        """The document, or None where there is none: the call is over then, as Twilio ends it."""
        call.address = url
        answer = line.post(account, url, self._form(account, call) | more)
        if call.status == "ringing":
            call.status = "in-progress"
        try:
            if answer.error is not None:
                raise NoCall(answer.error, "no answer")
            return read(answer.content)
        except NoCall as wrong:
            call.error = wrong.code
            self._end(line, account, call, f"An application error has occurred. ({wrong.code}: {wrong})")
            return None

    def _carry_out(self, line: Line, account: TwilioAccount, call: Call, document: Document) -> Document | None:
        """The next document, if this one leads to one."""
        for place, verb in enumerate(document.verbs):
            match verb:
                case Said():
                    call.captions.append(Caption("service", verb.text, verb.language))
                case Pause():
                    time.sleep(verb.seconds)
                case Gather():
                    call.captions += [
                        Caption("service", prompt.text, prompt.language)
                        for prompt in verb.prompts
                        if isinstance(prompt, Said)
                    ]
                    call.listening, call.rest = verb, Document(document.verbs[place + 1 :])
                    return None
                case Pay():
                    call.captions.append(Caption("service", QUESTIONS[verb.language[:2]][0], verb.language))
                    call.listening, call.rest = verb, Document(document.verbs[place + 1 :])
                    return None
                case Go(kind="redirect"):
                    return self._ask(line, account, call, urljoin(call.address, verb.to), {})
                case Go(kind="dial"):
                    call.captions.append(Caption("line", f"{verb.to}: {call.dialled}"))
                    if verb.action:
                        ended = {"DialCallStatus": call.dialled, "DialCallSid": new_sid("CA")}
                        return self._ask(line, account, call, urljoin(call.address, verb.action), ended)
                case Go():
                    self._end(line, account, call, "The service has hung up.")
                    return None
        self._end(line, account, call, "The service has hung up.")
        return None

    def _end(self, line: Line, account: TwilioAccount, call: Call, words: str) -> None:
        call.status, call.listening = "completed", None
        call.captions.append(Caption("line", words))
        line.post(account, account.voice_status_url, self._form(account, call))

    @staticmethod
    def _form(account: TwilioAccount, call: Call) -> dict[str, str]:
        """https://www.twilio.com/docs/voice/twiml#request-parameters"""
        return {
            "AccountSid": account.sid,
            "ApiVersion": API_VERSION,
            "CallSid": call.sid,
            "CallStatus": call.status,
            "Called": call.to,
            **place_fields("Called", call.to),
            "Caller": call.phone,
            **place_fields("Caller", call.phone),
            "Direction": "inbound",
            "From": call.phone,
            **place_fields("From", call.phone),
            "To": call.to,
            **place_fields("To", call.to),
        }
