"""The last look at a yes, because a yes pays.

The classifier may call a sentence an affirmation only when nothing in it hedges, asks, refuses, adds a condition or
names something else. This errs towards asking again: a customer who is asked twice loses a moment, a customer who is
charged without having agreed loses money.
"""

from __future__ import annotations

import re

from bot.components.features import AMOUNT, FOUR_DIGITS, NUMBER, tokens


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DOUBTS = _words("""
    maybe perhaps possibly probably presumably guess suppose supposedly think thinking thought believe hope hopefully
    might may could should unsure uncertain unclear doubt doubtful depends depending kind sort kinda sorta well almost
    nearly idk dunno hmm hm umm um uh er
    peut peutêtre probablement possiblement crois pense pensais suppose imagine doute dépend depend hésite hesite
""")
CONDITIONS = _words("""
    but however although though except unless until if when whether or only instead rather before after once first
    provided other another different change half part partial less more lower higher
    mais sauf sinon si quand plutôt plutot seulement autre autres moitié moitie moins plus change changer
""")
REFUSALS = _words("""
    no not never none nope nah dont doesnt didnt isnt arent wasnt wont wouldnt cant cannot couldnt shouldnt without
    stop cancel undo pas non jamais rien désaccord refuse
""")
DELAYS = _words("""
    wait hold hang moment minute second sec later tomorrow tonight soon next monday tuesday wednesday thursday friday
    saturday sunday attends attendez attendre instant tard demain
""")
QUESTIONS = _words("""
    why what how which where who whose ? … pourquoi comment combien quel quelle lequel laquelle
""")
HEDGES = DOUBTS | CONDITIONS | REFUSALS | DELAYS | QUESTIONS

AMOUNT_WORDS = _words("all everything full total whole entire balance tout toute totalité complet solde")
METHOD_WORDS = _words("visa mastercard amex debit débit credit crédit chequing checking savings bank banque paypal")

# Refusals, questions and hesitations in form only.
PLAIN = re.compile(
    r"\b(?:no (?:problem|doubt|worries)|without (?:a )?doubt|uh[- ]?huh|mm[- ]?hmm"
    r"|that'?s (?:what i (?:want|need|meant|said)|how it is)"
    r"|pas de (?:problème|probleme|trouble)|plus que (?:sûr|certain))\b"
)
# A question whose question mark was left out.
QUESTION = re.compile(
    r"^(?:(?:yes|yeah|ok|okay|and|so|oui|et) )*"
    r"(?:is|are|am|was|were|does|did|has|have|will|can|est-ce|do (?:i|you|we|they)) "
)
SARCASM = re.compile(r"\byea?h,? right\b")


def second_thought(text: str) -> str | None:
    """What a normalized sentence that reads as a yes means on second thought, or None where it stays a yes."""
    if AMOUNT.search(text) or (NUMBER.search(text) and not FOUR_DIGITS.search(text)):
        return "inform_amount"
    words = tokens(PLAIN.sub(" ", text))
    if FOUR_DIGITS.search(text) or METHOD_WORDS.intersection(words):
        return "choose_method"
    if HEDGES.intersection(words) or QUESTION.match(text) or SARCASM.search(text):
        return "unsure"
    return "inform_amount" if AMOUNT_WORDS.intersection(words) else None
