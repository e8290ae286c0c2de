"""A typed yes that moves money has to be a clear one: the second look after the classifier's.

The classifier learns from examples and can be wrong in new ways; this list cannot. What it stops is asked again, which
costs a turn; what it let pass by mistake would cost money.
"""

from __future__ import annotations

import re

from assistant.folding import fold
from assistant.later import later_day

_WORD = re.compile(r"[a-z0-9]+")

# Conditions, doubts, delays and denials, in English and French. One of them, and it is no clear yes.
_HEDGES = frozenset(
    """
    but if unless except though although however wait hold later tomorrow tonight not no dont isn cannot cant won
    wont maybe perhaps probably possibly guess think suppose unsure doubt hesitate might could should would before
    after until only instead half part some less more change other another different why what when how which who
    mais si sauf quoique attendez attends attendre tard demain pas non peut etre probablement possiblement suppose
    doute hesite crois pense devrais pourrais avant apres jusqu seulement plutot moitie partie moins plus autre
    pourquoi quoi quand comment combien quel quelle
    """.split()  # noqa: SIM905  (a list literal would be a page long)
)
_HARMLESS = (
    re.compile(r"\bwhy not\b|\bno (?:problem|worries|doubt|issues?)\b|\bpas de (?:probleme|souci)\b|\bpourquoi pas\b"),
    re.compile(r"\bi (?:would|d) (?:like|love) (?:to|that)\b|\bthat would be (?:a )?(?:yes|good|great|fine|perfect)\b"),
    re.compile(r"\bs'il (?:vous|te) plait\b|\bc'est (?:ca|bon|correct|parfait)\b"),
)


_YES = frozenset(
    """
    yes yep yup yeah yea ya ok okay sure alright absolutely definitely certainly
    oui ouais ouaip accord certainement
    """.split()  # noqa: SIM905  (as above)
)


def begins_with_yes(text: str) -> bool:
    """ "Yes, 80" to a quote of 80: whatever else the sentence looks like, it begins with a yes."""
    words = _WORD.findall(fold(text).text.replace("d'accord", "accord"))
    return bool(words) and words[0] in _YES


_REFUSALS = re.compile(
    r"\b(?:don'?t|do not|didn'?t|not|never|won'?t|will not|wouldn'?t|no longer|refuse)\b[^.;,!?]{0,24}"
    r"\b(?:pay|paying|charge|charged|take|want|do (?:it|that|this))\b"
    r"|\b(?:veux|vais|peux|voudrais|paierai|paye|paie|payer|payez) (?:pas|plus|jamais)\b"
    r"|\bne pas\b|\bpas (?:payer|question)\b"
)


def refuses(text: str) -> bool:
    """ "I don't want to pay 50", "je ne veux pas payer": a no, although it speaks of paying."""
    return _REFUSALS.search(fold(text).text) is not None


def is_clear_yes(text: str) -> bool:
    """Is there a word in `text`, no question mark, and nothing that hedges, delays, asks or takes back?

    To be asked only of what was understood as a yes: it looks for what speaks against it. An emoji, a number or silence
    never is one.
    """
    folded = fold(text).text
    if "?" in folded or later_day(text) is not None:
        return False
    for harmless in _HARMLESS:
        folded = harmless.sub(" ", folded)
    words = _WORD.findall(folded)
    has_a_word = any(word.isalpha() for word in _WORD.findall(fold(text).text))
    return has_a_word and not _HEDGES.intersection(words)
