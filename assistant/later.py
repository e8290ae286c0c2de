"""Days to come in a wish to pay: "pay 50 on nov 30", "demain", "the rest next week".

A payment is made now or not at all, so a customer who names a day must hear that before the yes; and the digits of the
day are no amount. What a day belongs to decides: "the bill due on the 15th" and "my November invoice" name a bill.
"""

from __future__ import annotations

import re

from assistant.folding import fold

_MONTH_EN = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_MONTH_FR = (
    r"(?:janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre"
    r"|janv|fev|avr|juil|sept|oct|nov|dec)"
)
_DAY_EN = r"(?:mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_DAY_FR = r"(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)"
_1_TO_31 = r"(?:[12]\d|3[01]|0?[1-9])"
_DATE = (
    rf"(?:{_MONTH_EN}\.? {_1_TO_31}(?:st|nd|rd|th)?|{_1_TO_31}(?:st|nd|rd|th)? (?:of )?{_MONTH_EN}(?! \d{{1,2}}\b)"
    r"|\d{4}-\d\d-\d\d)"
)
_DATE_FR = rf"(?:(?:1er|premier|{_1_TO_31}) {_MONTH_FR}(?! \d{{1,2}}\b)|{_MONTH_FR} {_1_TO_31}|\d{{4}}-\d\d-\d\d)"

_LATER = re.compile(
    r"\b(?:"
    r"(?:for |by |until |till )?(?:the day after )?tomorrow(?: morning| night)?"
    rf"|(?:on|by|for|until|till) (?:the )?(?:{_DATE}|{_1_TO_31}(?:st|nd|rd|th)|fifteenth|thirtieth|first(?= of| ?$))"
    r"(?: of (?:the|next|each|every) month)?"
    rf"|{_DATE}"
    rf"|(?:on|by|for|until|till|this|next|coming) (?:coming |next )?{_DAY_EN}\b(?! (?:bill|invoice))"
    r"|(?:next|in a|in one|in two|in 2|in three|in 3|in a few|in \d+) (?:days?|weeks?|months?|pay(?:day|check|cheque))"
    r"|(?:(?:at|by|until) )?(?:the )?(?:end|beginning|start|first|middle) of (?:the|next) (?:week|month)"
    r"|(?:on|at|by|until|next) (?:my )?(?:next )?pay ?day"
    r"|when i get paid|once i get paid|later (?:this|in the) (?:week|month)"
    r"|tonight at \w+|(?:some other|another) (?:day|time)"
    # French
    r"|(?:apres[- ])?demain(?: matin| soir)?"
    rf"|(?:le |pour le |d'ici le |au |avant le )?{_DATE_FR}"
    rf"|(?:le|pour le|d'ici le|au|avant le) (?:{_1_TO_31}|1er|quinze|trente|premier(?= du))"
    r"(?: du mois| de chaque mois)?"
    r"(?=$|[ ,.!?;])(?! (?:facture|piastre|piasse|dollar|cent|\$))"
    rf"|(?:(?:ce|le|pour|d'ici) )?{_DAY_FR}(?: prochain| qui vient)?"
    r"|(?:la semaine|le mois|l'annee) prochaine?|dans (?:un|une|deux|trois|quelques|\d+) (?:jours?|semaines?|mois)"
    r"|(?:a |d'ici )?la fin (?:du|de la) (?:mois|semaine)|au debut du mois|(?:a |le jour de )?ma (?:prochaine )?paye"
    r"|quand je (?:vais etre|serai|suis) payee?|plus tard (?:cette semaine|ce mois)"
    r")(?![\w'])"
)
# What such words say of a bill, not of the payment: its due date, its month, when it came.
_OF_A_BILL = re.compile(
    r"\b(?:due|dated|issued|from|since|of|for the bill|bill|invoice|statement|received|came)"
    r"(?: (?:on|by|the|for|of))* $"
    r"|\b(?:due?s?|dates?|datee?|emise?|recue?|depuis|facture|compte)(?: (?:le|du|de|pour|au))* $"
)


def later_day(text: str) -> tuple[int, int] | None:
    """Where `text` says on which day to come the payment is meant; None where it says none."""
    folded = fold(text)
    for found in _LATER.finditer(folded.text):
        if not _OF_A_BILL.search(folded.text[: found.start()]):
            return folded.span(found.start(), found.end())
    return None


def without_later_day(text: str) -> str:
    """`text` with every such day taken out, so that its digits are read as nothing else."""
    while span := later_day(text):
        text = f"{text[: span[0]]} {text[span[1] :]}"
    return text
