"""What a short reply means: a number of the list that was texted, the code of a quote, or one of the known words.

"1", "1.", "#1", "one" and "un" choose from the newest text that offered something, while its list is good. The two
digits of a quote are its yes, and only those are: a code whose quote is gone still names that quote, so that the answer
says what became of it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from assistant.folding import fold
from assistant.texts.models import TextChoice, TextSent

OLD_LISTS = timedelta(days=1)  # whoever answers a list as old as this means it; nobody remembers an older one
_NUMBER = re.compile(r"(?:(?:reply|repondez|repondre|reponse|option|choice|choix|number|numero|no)\b\.?:? ?)?[#(]? ?"
                     r"(\d{1,2}) ?[).:!]?")  # fmt: skip
_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "un": "1", "une": "1", "deux": "2", "trois": "3", "quatre": "4", "cinq": "5", "sept": "7",
    "huit": "8", "neuf": "9", "first": "1", "second": "2", "third": "3", "premier": "1", "premiere": "1",
    "deuxieme": "2", "troisieme": "3", "the first": "1", "le premier": "1", "la premiere": "1",
}  # fmt: skip

# The word of every prompt, whatever the classifier would make of a single word: intent, and the language it is in.
KEYWORDS = {
    "pay": ("pay", None), "payer": ("pay", "fr"), "paye": ("pay", "fr"), "paiement": ("pay", "fr"),
    "balance": ("balance", None), "bal": ("balance", None), "solde": ("balance", "fr"),
    "history": ("history", None), "historique": ("history", "fr"),
    "status": ("payment_status", None), "statut": ("payment_status", "fr"),
}  # fmt: skip
ACCOUNTS = frozenset(("account", "accounts", "compte", "comptes"))


def plain(body: str) -> str:
    """Lower case, no accents, single blanks, no punctuation at the ends."""
    return " ".join(fold(body).text.split()).strip(" .,!?;:\"'")


def as_number(body: str) -> str | None:
    """ "1" for "1.", "#1", "one" and "reply 1"; None for what is no bare number of one or two digits."""
    folded = " ".join(fold(body).text.split())
    if found := _NUMBER.fullmatch(folded):
        return str(int(found[1]))
    return _WORDS.get(plain(body))


def choice_of(session: Session, phone: str, body: str, now: datetime, *, ttl_s: int) -> TextChoice | None:
    """The choice that `body` makes: of the newest answer and what came after it, or by a quote's code."""
    number = as_number(body)
    if number is None:
        return None
    offered = _offered(phone, now - timedelta(seconds=ttl_s)).where(TextChoice.reply == number)
    if len(number) == 1:  # a list is good until the next answer; a quote's code names its quote for longer
        offered = offered.where(TextSent.id >= _newest_answer(phone))
    return session.scalar(offered)


def chose_from_an_old_list(session: Session, phone: str, body: str, now: datetime, *, ttl_s: int) -> bool:
    """Is `body` a number of a list that has run out? Beside a list that is good, another number is an amount."""
    number = as_number(body)
    if number is None or len(number) > 1:
        return False
    good = _offered(phone, now - timedelta(seconds=ttl_s)).where(TextSent.id >= _newest_answer(phone))
    old = _offered(phone, now - OLD_LISTS).where(TextChoice.reply == number)
    return session.scalar(good) is None and session.scalar(old) is not None


def _offered(phone: str, since: datetime) -> Select[TextChoice]:
    """Choices that were texted, the latest first."""
    return (
        select(TextChoice)
        .join(TextSent, TextSent.id == TextChoice.text_id)
        .where(TextSent.phone == phone, TextSent.created_at > since)
        .order_by(TextSent.id.desc())
        .limit(1)
    )


def _newest_answer(phone: str) -> ColumnElement[int]:
    newest = select(func.max(TextSent.id)).where(TextSent.phone == phone, TextSent.kind == "answer")
    return func.coalesce(newest.scalar_subquery(), 0)
