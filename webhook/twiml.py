"""The plan of a call's step as TwiML: https://www.twilio.com/docs/voice/twiml"""

from __future__ import annotations

from twilio.twiml.voice_response import Gather, VoiceResponse

from assistant.calls.plan import Plan
from billing.config import Settings

LISTENS_S = 6  # for the first key or word
KEYING_S = 5  # between two keys
LOCALES = {"en": "en-CA", "fr": "fr-CA"}
OTHER = {"en": "fr", "fr": "en"}


def twiml_of(plan: Plan, settings: Settings, *, following: str) -> str:
    """`following` is the path of the step that hears what comes."""
    answer = VoiceResponse()
    for words in plan.says:
        _say(answer, words, plan.language, settings)
    if plan.ends == "listen":
        answer.append(_gather(plan, settings, following))
    elif plan.ends == "dial":
        answer.dial(settings.call_person_number, action=following, method="POST", timeout=25)
    elif plan.ends == "pay":
        # Twilio takes the number, in its PCI mode, and hands us a token. Canadian postal codes have letters: no keys.
        answer.pay(
            input="dtmf",
            action=following,
            payment_connector=settings.twilio_pay_connector,
            token_type="payment-method",  # noqa: S106  a kind of token
            charge_amount="0",  # our own core charges the token, by the quote
            security_code=True,
            postal_code=False,
            max_attempts=3,
            timeout=KEYING_S,
            language=LOCALES[plan.language] if plan.language == "fr" else "en-US",
        )
    else:
        answer.hangup()
    return str(answer)


def hold_line(words: str, language: str, settings: Settings, *, waiting: str) -> str:
    """Something to hear while the answer is made; `waiting` is the path that looks for it."""
    answer = VoiceResponse()
    _say(answer, words, language, settings)
    answer.pause(length=1)
    answer.redirect(waiting, method="POST")
    return str(answer)


def last_words(words: str, other_words: str, settings: Settings) -> str:
    """In both languages: nobody can be asked any more which one it is."""
    answer = VoiceResponse()
    _say(answer, words, "en", settings)
    _say(answer, other_words, "fr", settings)
    answer.hangup()
    return str(answer)


def _gather(plan: Plan, settings: Settings, following: str) -> Gather:
    """Keys always; speech where it may be. Twilio tells of silence too, or it would just go on to nothing."""
    ends_with = {"num_digits": 1} if plan.keys == "one" else {"finish_on_key": "#"}
    listens = {"speech_timeout": "auto", "language": LOCALES[plan.language]} if plan.speech else {}
    gather = Gather(
        input="dtmf speech" if plan.speech else "dtmf",
        action=following,
        method="POST",
        timeout=LISTENS_S if plan.keys == "one" else KEYING_S,
        action_on_empty_result=True,
        **ends_with,
        **listens,
    )
    for words in plan.asks:
        _say(gather, words, plan.language, settings)
    if plan.aside:
        _say(gather, plan.aside, OTHER[plan.language], settings)
    return gather


def _say(into: VoiceResponse | Gather, words: str, language: str, settings: Settings) -> None:
    voice = settings.call_voice_fr if language == "fr" else settings.call_voice_en
    into.say(words, voice=voice, language="fr-CA" if language == "fr" else "en-US")  # type: ignore[no-untyped-call]
