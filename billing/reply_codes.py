"""The two digits that are the yes to a quote by text: they mean this quote and nothing else that was said.

A number in a text can be an amount, a choice or a card. So the digits are none of those at hand, nor those of another
quote of the day: an old text cannot pay a new quote.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from billing.models import Quote
from billing.money import Money

NOT_AGAIN = timedelta(days=1)
ALL = tuple(str(number) for number in range(11, 100) if number % 5)  # people like to pay 20 or 75


def reply_code(session: Session, account_id: int, *, amounts: Iterable[Money], card_ending: str, now: datetime) -> str:
    """Digits for a new quote, other than `amounts` in whole dollars and two neighbours of the card's ending.

    An account that has used them all in a day gets the one that was used the longest ago.
    """
    latest = (
        select(Quote.reply_code, func.max(Quote.created_at))
        .where(Quote.account_id == account_id, Quote.reply_code.is_not(None), Quote.created_at > now - NOT_AGAIN)
        .group_by(Quote.reply_code)
    )
    used = {code: at for code, at in session.execute(latest) if code is not None}
    unused = [code for code in ALL if code not in used]
    if not unused:
        return min(ALL, key=lambda code: used[code])
    elsewhere = {str(abs(amount.minor) // 100) for amount in amounts} | {a + b for a, b in pairwise(card_ending)}
    return secrets.choice([code for code in unused if code not in elsewhere] or unused)
