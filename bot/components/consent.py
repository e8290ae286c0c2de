"""The last look at a yes, because a yes pays.

The classifier may call a sentence an affirmation only when nothing in it hedges, asks, refuses, adds a condition or
names something else. This errs towards asking again: a customer who is asked twice loses a moment, a customer who is
charged without having agreed loses money.
"""

from __future__ import annotations

import re

from bot.components.features import AMOUNT, FOUR_DIGITS, NUMBER, tokens, unaccented


def _words(text: str) -> frozenset[str]:
    return frozenset(unaccented(text).split())


DOUBTS = _words("""
    maybe perhaps possibly probably presumably guess suppose supposedly think thinking thought believe hope hopefully
    might may could should unsure uncertain unclear doubt doubtful depends depending kind sort kinda sorta well almost
    nearly idk dunno hmm hm umm um uh er hesitant reluctant unless apparently
    peut peutêtre ptet ptetre probablement possiblement possible crois croire pense penser pensais suppose imagine
    doute douter dépend depend hésite hesite indécis indécise bof mouais moui euh heu hum semble dirait mettons disons
    éventuellement faudrait devrais devrait pourrais pourrait serait sais sait
""")
CONDITIONS = _words("""
    but however although though except unless until if when whether or only instead rather before after once first
    provided other another different change half part partial less more lower higher
    mais sauf sinon si quand plutôt plutot seulement juste autre autres moitié moitie moins plus change changer changez
    condition lorsque dès avant après apres jusqu tant
""")
REFUSALS = _words("""
    no not never none nope nah dont doesnt didnt isnt arent wasnt wont wouldnt cant cannot couldnt shouldnt without
    stop cancel undo pas non jamais rien désaccord refuse aucun aucune ni arrête arrêtez annule annulez annuler
    pantoute nenni sans oublie oubliez laisse laissez ne suffit assez enough rendez redonnez rembourse remboursez
    refund back
""")
DELAYS = _words("""
    wait hold hang moment minute second sec later tomorrow tonight soon next monday tuesday wednesday thursday friday
    saturday sunday attends attendez attendre attend instant tard demain minute seconde secondes tantôt bientôt
    prochain prochaine lundi mardi mercredi jeudi vendredi samedi dimanche weekend week month semaine mois
""")
QUESTIONS = _words("""
    why what how which where who whose ? … pourquoi comment combien quel quelle quels quelles lequel laquelle quoi
    qui pk pkoi
""")
HEDGES = DOUBTS | CONDITIONS | REFUSALS | DELAYS | QUESTIONS

AMOUNT_WORDS = _words("all everything full total whole entire balance tout toute totalité complet solde")
METHOD_WORDS = _words("visa mastercard amex debit débit credit crédit chequing checking savings bank banque paypal")

# Refusals, questions and hesitations in form only.
PLAIN = re.compile(
    r"\b(?:no (?:problem|doubt|worries)|without (?:a )?doubt|uh[- ]?huh|mm[- ]?hmm"
    r"|that'?s (?:what i (?:want|need|meant|said)|how (?:it is|i want it))|that is what i (?:want|need|meant|said)"
    r"|what you (?:just )?(?:say|said)|all right|by all means|very well|(?:it'?s )?all good|you may|10-4"
    r"|everything(?:'s| is) (?:right|correct|fine|good|okay|ok)"
    r"|tout a fait|tout est (?:beau|bon|correct|exact|parfait|en ordre)|mais oui|c'est juste|sans hesiter"
    r"|pas de (?:probleme|trouble|souci)|(?:aucun|sans) (?:doute|probleme)|plus que (?:sur|certain))\b"
)
# A question whose question mark was left out.
QUESTION = re.compile(
    r"^(?:(?:yes|yeah|ok|okay|and|so|oui|et) )*"
    r"(?:is|are|am|was|were|does|did|has|have|will|can|est-ce|do (?:i|you|we|they)) "
)
SARCASM = re.compile(r"\byea?h,? right\b|\b(?:sure|yea?h?|ok(?:ay)?|oh),? like (?:i|you|we)\b|\bas if\b")


def second_thought(text: str) -> str | None:
    """What a normalized sentence that reads as a yes means on second thought, or None where it stays a yes."""
    text = unaccented(text)
    if AMOUNT.search(text) or (NUMBER.search(text) and not FOUR_DIGITS.search(text)):
        return "inform_amount"
    words = tokens(PLAIN.sub(" ", text))
    if FOUR_DIGITS.search(text) or METHOD_WORDS.intersection(words):
        return "choose_method"
    if HEDGES.intersection(words) or QUESTION.match(text) or SARCASM.search(text):
        return "unsure"
    return "inform_amount" if AMOUNT_WORDS.intersection(words) else None
