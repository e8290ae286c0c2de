"""Who wants no texts: the words that say so, and what is on record.

The carrier knows the words alone (STOP); plain sentences ("stop texting me") are ours to obey, and so is French. What
speaks of a payment, a card, a service or one letter takes back nothing.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from assistant.folding import fold
from assistant.texts.models import TextConsent

Keyword = Literal["stop", "start", "help"]

# Twilio's words (https://help.twilio.com/articles/223134027), then French ones.
_STOP = frozenset(("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out")).union(
    ("arret", "arreter", "desabonner")
)
# These stay clear beside a "please". "Cancel, please" does not: it may well mean the payment.
_CLEAR = r"(?:stop(?: all|all)?|unsubscribe|opt ?out|arret(?:er|ez)?|desabonne(?:r|ment))"
_START = frozenset(("start", "unstop", "debut"))
_HELP = frozenset(("help", "info", "aide"))

_KIND = (
    r"(?:please|pls|plz|hey|hi|hello|just|ok|okay|now|already|thanks|thank you|sorry|wrong number|svp"
    r"|s'il (?:vous|te) plait|merci|bonjour|maintenant|mauvais numero)"
)
_END = rf"(?= *(?:$|{_KIND}\b))"
_TEXTS = r"(?:texts?|txts?|texting|text messages?|messages?|messaging|sms|msgs?)"
_ANY = r"(?:any|more|these|those|the|all|your|my|such|of|with|getting|receiving|to)"
_ME = r"(?:me|us|my (?:cell ?)?(?:phone|number|cell)|this (?:cell ?|phone ?)?(?:phone|number|cell))"
_NOT = r"(?:do not|don't|dont|never|not|stop)"
_AGAIN = r"(?:again|anymore|any more|ever|ever again|no more)"
_TEXTING = r"(?:texting|txting|messaging|contacting|writing|writing to|spamming|bothering|harassing)"
_NUMBER = r"(?:me|(?:my|this) (?:(?:cell|phone|mobile) )?(?:number|phone|cell))"
_LIST = r"(?:(?:your|this|the|that|any|all) )*(?:(?:text|sms|mailing|contact|call|messaging) )?(?:lists?|system)"
_FROM_TEXTS = rf"(?: (?:of|from) (?:{_LIST}|(?:{_ANY} )*{_TEXTS}))"
_TEXTOS = r"(?:textos?|textes?|messages?(?: textes?)?|sms)"
_CES = r"(?:de|des|d'|les|vos|tes|ces|tous|aux|avec|autres|aucun|recevoir|m'envoyer)"
_CEASE = r"(?:arrete[rz]?|arretiez|cesse[rz]?|cessiez|stop)"
_WRITE_ME = r"(?:m'|me |nous )(?:ecrire|texter|contacter|achaler|deranger|harceler)"
_WRITE = r"(?:m'|me |nous )(?:ecrivez|ecris|textez|texte|contactez|contacte)"
_OFF = r"(?:retire|enleve|supprime|efface|ote)[rz]?"
# Somebody who takes back the permission to be texted.
_SENTENCES = tuple(
    re.compile(rf"\b{pattern}")
    for pattern in (
        # English
        rf"(?:stop|quit) {_TEXTING}(?: {_ME})?(?: {_AGAIN})?{_END}",
        rf"(?:stop|quit) {_TEXTING} {_ME}",
        rf"(?:stop|quit) sending(?: {_ME})?(?: {_ANY})*(?: {_TEXTS})?{_END}",
        rf"stop it with (?:the|these|your) {_TEXTS}{_END}",
        rf"(?:stop|cancel)(?: {_ANY})* {_TEXTS}(?: to {_ME}| from you| subscription)?(?: {_AGAIN})?{_END}",
        rf"^(?:(?:{_KIND}|i want) )*(?:no|no more|end)(?: (?:more|of|these|those|the|all|your))* {_TEXTS}{_END}",
        rf"(?:want|like|need)(?: you)? to stop (?:getting|receiving|sending)(?: {_ME})?(?: {_ANY})* {_TEXTS}",
        rf"{_NOT} (?:ever )?(?:text|txt|message|sms|contact|write to) {_ME}(?: {_AGAIN})?{_END}",
        rf"{_NOT} (?:ever )?(?:text|txt|message|sms|contact) {_ME} {_AGAIN}\b",
        rf"{_NOT} (?:ever )?text {_ME} (?:just |only )?(?:call|phone|email|mail)\b",
        rf"want you to (?:text|message|contact) {_ME}(?: {_AGAIN})?{_END}",
        rf"{_NOT} (?:ever )?send {_ME}(?: {_ANY})* {_TEXTS}(?: {_AGAIN})?{_END}",
        rf"(?:take|get|remove|delete) {_NUMBER}(?: off| out)?(?: from| of| off)? {_LIST}\b",
        rf"(?:remove|delete|forget) (?:my|this) (?:(?:cell|phone|mobile) )?number{_END}",
        rf"(?:do not|don't|dont|no longer|never) want(?: to (?:get|receive|see|have))?(?: {_ANY})* {_TEXTS}"
        rf"(?: {_AGAIN}| from you| from this number| to {_ME}| on my phone)*{_END}",
        r"(?:do not|don't|dont) consent to (?:be(?:ing)? )?(?:get|getting|receive|receiving|text|texted|messages)\b",
        rf"unsubscribe {_NUMBER}{_FROM_TEXTS}?{_END}",
        rf"(?:please|pls|want to|wanna|like to|how (?:do|can) i) unsubscribe{_FROM_TEXTS}?{_END}",
        rf"opt (?:{_NUMBER} )?out{_FROM_TEXTS}?{_END}",
        rf"(?:revoke|withdraw|take back) my (?:consent|permission)"
        rf"(?: (?:to|for|of)(?: (?:be|get|receive|send|sending|me|{_ANY}))* (?:{_TEXTS}|texted|contacted))?{_END}",
        # French
        rf"{_CEASE}(?: tout de suite)? (?:de |d')?{_WRITE_ME}{_END}",
        rf"{_CEASE}(?: tout de suite)? (?:de |d')?(?:m'|me |nous )?envoyer (?:{_CES} ?)*{_TEXTOS}{_END}",
        rf"(?:{_CEASE}|arret) (?:{_CES} ?)+{_TEXTOS}{_END}",
        rf"^(?:{_KIND} )*(?:plus|fini|finis|assez) (?:{_CES} ?)+{_TEXTOS}{_END}",
        rf"stop {_TEXTOS}{_END}",
        rf"{_WRITE} (?:plus|pas)(?: jamais)?(?: par (?:texto|sms|message))?{_END}",
        rf"(?:m'|me |nous )(?:envoyez|envoie) (?:plus|pas)(?: (?:rien|(?:{_CES} ?)+{_TEXTOS}))?{_END}",
        rf"ne (?:plus|pas|jamais) (?:{_WRITE_ME}|(?:m'|me |nous )envoyer (?:{_CES} ?)+{_TEXTOS}){_END}",
        rf"ve(?:ux|ut) (?:plus|pas)(?: jamais)? (?:en )?(?:{_CES} ?)+{_TEXTOS}{_END}",
        rf"{_OFF}(?:r)?(?: moi| (?:mon|ce) numero)(?: (?:de|des) (?:(?:la|votre|vos|cette|ta|tes) )?listes?)?{_END}",
        rf"{_OFF}(?: moi| (?:mon|ce) numero) (?:de|des) (?:(?:la|votre|vos|cette|ta|tes) )?listes?\b",
        r"(?:me )?desabonne[rz]?(?: moi| mon numero)?"
        rf"(?: (?:de|des)(?: (?:{_CES}|votre|cette|la))* (?:{_TEXTOS}|listes?))?{_END}",
        rf"retire mon consentement(?: (?:a|pour|de) (?:recevoir )?(?:{_CES} ?)*{_TEXTOS})?{_END}",
    )
)
_WHOLE = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:{_KIND} )*{_CLEAR}(?: (?:{_KIND}|stop))*",
        rf"(?:.* )?(?:remove me|take me off)(?: {_KIND})*",
        rf"(?:{_KIND} )*(?:leave me alone|lose (?:my|this) number|laisse[rz]? moi tranquille)(?: {_KIND})*",
    )
)


def keyword_of(body: str) -> Keyword | None:
    """What a text says to the texting itself: stop (a word, or a plain sentence), start or help."""
    words = _plain(body)
    if words in _STOP or any(whole.fullmatch(words) for whole in _WHOLE):
        return "stop"
    if any(sentence.search(words) for sentence in _SENTENCES):
        return "stop"
    if words in _START:
        return "start"
    return "help" if words in _HELP else None


def wants_back_in(body: str) -> bool:
    """A YES is a START to Twilio; it means that only for a phone that is opted out."""
    return _plain(body) in ("yes", "oui")


def _plain(body: str) -> str:
    """Lower case without accents; nothing between the words but single blanks."""
    return " ".join(re.sub(r"[^\w']+", " ", fold(body).text).split()).strip("' ")


def is_opted_out(session: Session, phone: str) -> bool:
    newest = _newest(session, phone)
    return newest is not None and newest.state == "out"


def is_opted_in(session: Session, phone: str) -> bool:
    """Texts are wanted: it wrote first, or said so."""
    newest = _newest(session, phone)
    return newest is not None and newest.state == "in"


def record_consent(session: Session, phone: str, state: str, source: str, words: str, now: datetime) -> None:
    """Writes down a change of mind, with what was said. Saying the same again in the same way adds nothing."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"consent {phone}", 0))))
    newest = _newest(session, phone)
    if newest is None or (newest.state, newest.source) != (state, source):
        session.add(TextConsent(phone=phone, state=state, source=source, words=words, at=now))
        session.flush()


def _newest(session: Session, phone: str) -> TextConsent | None:
    newest = select(TextConsent).where(TextConsent.phone == phone).order_by(TextConsent.id.desc()).limit(1)
    return session.scalars(newest).one_or_none()
