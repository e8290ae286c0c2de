"""Questions about the secure page: answered, and the link that is waiting is given again, so that it is not lost."""

from __future__ import annotations

import re

from rasa_sdk.events import EventType

from actions.pay_questions import hand_over_link
from actions.task import Task
from actions.turn import Turn
from actions.wish import Wish
from assistant.folding import fold
from billing.models import Quote
from billing.quotes import open_quote

# What is asked, by the words that ask it; the first that fits is answered.
_TOPICS = (
    ("page_valid_for", r"expir|valid|how long|how much time|combien de temps|encore bon|still good|good for"),
    ("page_keeps", r"save|saving|store|keep|kept|remember|enregistr|garde|conserv|memoris"),
    ("page_safe", r"safe|secur|scam|fraud|trust|real|who sees|do you see|confiance|arnaque|qui voit|vous voyez"),
    ("page_charges_at_pay", r"charged|happens|press|open the link|debite|appuie|ouvre le lien"),
)  # fmt: skip


class ActionPageQuestion(Task):
    called = "action_page_question"

    def answer(self, turn: Turn) -> list[EventType]:
        folded = fold(turn.text).text
        key = next((key for key, words in _TOPICS if re.search(words, folded)), "page_how")
        waiting = _waiting(turn)
        if key != "page_how" or waiting is None:
            minutes = turn.context.settings.quote_ttl_link_s // 60
            turn.say(turn.word(key, minutes=minutes))
        return link_again(turn)


def link_again(turn: Turn) -> list[EventType]:
    """A link to the same quote, while a new card is to be entered for it; inside the form its own question follows."""
    quote = _waiting(turn)
    if quote is None or turn.in_form:
        return []
    wish = Wish.of(turn)
    same = Wish(wish.methods, quote.amount, None, new_card=True, invoice_id=quote.invoice_id, whole=wish.whole)
    return hand_over_link(turn, same, quote)


def _waiting(turn: Turn) -> Quote | None:
    """The quote that this conversation sent to the secure page, if nothing has become of it yet."""
    quote = open_quote(turn.session, turn.account_id, turn.now)
    ours = quote is not None and quote.method_id is None and quote.sender == turn.principal.sender
    return quote if ours else None
