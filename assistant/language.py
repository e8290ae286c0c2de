"""In which language a message is written, where that is clear: a conversation follows the customer's own words.

Words that both languages know ("ok", "total", "visa") say nothing, and a mixture says nothing either: who writes
"je veux payer my bill" is answered as before. One short word is not enough; "oui" alone changes no language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from assistant.folding import fold

_ENGLISH = """
    the my your you is are was were do does did have has what when where why how which who i'm i'll i'd it's don't
    can't won't didn't isn't want would could should need with from for this that these those there they not just
    please pay bill owe due much many show make use change into about all half yes thanks thank hello of to and it be
    been will
"""
_FRENCH = """
    le la les des du une mon ma mes votre vos je j'ai j'aimerais vous c'est est suis sont ai avez veux voudrais peux
    pouvez puis dois devez faut quoi quand comment pourquoi combien quel quelle quels quelles qui avec pour dans sur
    pas ne n'ai ca cette ces sans mais ou et moi facture factures payer paye paie paiement solde montant carte s'il
    plait svp merci bonjour oui voir montrez jveux jai cest chui tu ton ta moitie
"""
WORDS: Mapping[str, frozenset[str]] = {"en": frozenset(_ENGLISH.split()), "fr": frozenset(_FRENCH.split())}
CLEAR = 2  # words of the one language and none of the other
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)*")
_ELISION = re.compile(r"\b(?:[ldjmtsnc]|qu|jusqu|lorsqu)'(?=[a-z])")  # "l'autre": French, whatever follows


def written_in(text: str) -> str | None:
    """ "en" or "fr" when the words leave no doubt, otherwise None."""
    folded = fold(text).text
    words = _TOKEN.findall(folded)
    counts = {language: sum(word in known for word in words) for language, known in WORDS.items()}
    elided = [word for word in words if "'" in word and _ELISION.match(word)]
    counts["fr"] += sum(word not in WORDS["fr"] for word in elided)
    clear = [language for language, count in counts.items() if count >= CLEAR and sum(counts.values()) == count]
    return clear[0] if clear else None
