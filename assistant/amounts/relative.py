"""Amounts that depend on what is owed: "all of it", "half", "what's overdue", "only the oldest invoice"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.amounts.numbers import Quantity
from assistant.amounts.quantities import Item
from assistant.amounts.readings import Base

QUANTITY, STOP = "#", ","  # what a quantity and a punctuation mark become in the skeleton


@dataclass(frozen=True, slots=True)
class Share:
    base: Base
    position: int  # of its first item
    end: int  # after its last item


@dataclass(frozen=True)
class Patterns:
    """Over the skeleton: words, "#" for a quantity, "50%" for a percentage, "," for punctuation, single blanks."""

    shares: Sequence[tuple[Base, re.Pattern[str]]]  # narrower before wider: what one claims, the next does not see
    idioms: re.Pattern[str]  # "that's all", "all good": hold the words, mean no amount
    questions: re.Pattern[str]  # "how much is overdue"
    except_words: re.Pattern[str]  # what a subtracted quantity stands directly after
    leave: re.Pattern[str]  # "leave # on it"
    short_of: re.Pattern[str]  # "# less than the full amount"
    half_of: re.Pattern[str]  # "half of #"


def _compile(text: str) -> re.Pattern[str]:
    """Blanks in `text` are for the reader; a blank of the skeleton is a "_"."""
    return re.compile(r"(?<![^ ])(?:" + text.replace("\n", "").replace(" ", "").replace("_", " ") + r")(?![^ ])")


_OWED = "(?:amount|balance|thing|bill|sum|total|invoice|lot|payment|debt|amount_due|total_due|statement)"
ENGLISH = Patterns(
    shares=(
        ("half", _compile("half|50%|half_of|one_half|fifty_percent|50_percent")),
        (
            "oldest_invoice",
            _compile(
                "(?:oldest|earliest)(?:_(?:unpaid|open|overdue|outstanding))?(?:_(?:invoice|bill|one|statement|charge))?"
                "|first_(?:invoice|bill|unpaid_(?:invoice|bill|one))|(?:invoice|bill)_that_(?:is_)?oldest"
            ),
        ),
        (
            "past_due",
            _compile(
                "past_due|pastdue|over_?due|in_arrears|arrears|delinquent|behind_on|"
                "(?:the_|whats_|what's_|what_is_|everything_)(?:that_is_|thats_|that's_)?late|late_(?:part|amount|ones?|bills?|invoices?)"
            ),
        ),
        (
            "full",
            _compile(
                "(?:the_|my_)?(?:full|whole|entire|complete|total|outstanding|remaining|current)"
                f"(?:_(?:outstanding|remaining|current|unpaid|open))?_{_OWED}(?:_due)?"
                "|everything|in_full|pay_full|full|the_lot|100%|(?:a_|one_)?hundred_percent|the_works"
                "|all_(?:of_)?(?:it|that|them|this|the|my|what|i|invoices|bills)(?:_(?:invoices|bills|balance|amount|money))?"
                "|all(?=$|_(?:,|~|please|pls|plz|now|today|right|with|on|from|to|using|via|at|for|and|but|except|minus|less|then|"
                "thanks|thank|by|off|owing|due|outstanding|unpaid|open|overdue|past|invoices|bills|of|i|what|that|#_(?:invoices|bills)))"
                "|(?:pay|paying|clear|clearing|settle|cover)(?:_off)?_(?:the|my)_(?:balance|debt|total|rest)"
                "|(?:pay|clear|settle)_(?:it|everything|that)_(?:off|all|completely|entirely)|pay_off_(?:it|everything|all)"
                "|(?:what|whatever|everything|the_amount|all)_(?:i|we)_owe|what(?:'s|s|_is)_owed|the_total|total_due|the_rest"
                "|(?:pay|clear)_(?:the|my)_(?:total|remainder)|the_remainder"
            ),
        ),
    ),
    idioms=_compile(
        "(?:cancel|stop|forget|undo|delete|erase|remove)_(?:it_all|everything|all_of_(?:it|that|this)|all)|(?:that(?:'s|s|_is)|thatll_be|that_will_be|this_is|is_that|and_that's|thats_it)_all|all_(?:good|right|set|done|the_(?:best|time|way|same)|"
        "day|clear|my_(?:cards?|accounts?|info|information|details|payments|methods|history)|of_my_(?:cards?|accounts?)|"
        "payments?|cards?|of_(?:you|us|a_sudden)|over|along|too|night|week|year|month|in_all|ears|your|these|those|#(?!_(?:invoices|bills)))|(?:at|after|above|first_of|for|once_and_for)_all|"
        "not_at_all|(?:full|whole|entire)_(?:name|address|story|time|number|day)|half_(?:an_hour|hour|past|way|price|million|day)|"
        "all_the_(?:way|time|best)|you_all|(?:we|you|they)(?:'re|_are)_all|that(?:'s|s|_is|_was)_everything|everything_(?:is|ok|okay|good|fine|looks|seems)|is_everything|total_(?:of|is|was)"
        "|full_#|all_other|all_about|nothing_(?:overdue|past_due)|the_rest_(?:later|next|after|tomorrow|on|another|when|in)"
        "|(?:pay|do)_the_rest_(?:later|next|after|tomorrow|on|another|when|in)|the_total_(?:is|was)"
    ),
    questions=_compile(
        "how_much|how_many|how_come|why|which|when|whens|does|did|tell_me|show_me|see|view|check|know|explain"
    ),
    except_words=_compile(
        "except|except_for|minus|less|but|besides|save|save_for|without|other_than|apart_from|aside_from|excluding|bar"
    ),
    leave=_compile(
        "(?:leave|leaving|keep|keeping|hold|hold_back|holding_back)_(?:about_|just_|a_|only_)*#(?:_(?:on|for|owing|unpaid|behind|left|back|outstanding|over|in|out|of|to|as|,)|(?=_,)|$)"
        "|(?:all_but|everything_but)_(?:the_)?(?:last_)?#"
    ),
    short_of=_compile(
        "#_(?:less_than|short_of|under|below|off)_(?:the_|my_|what_)?(?:full|whole|total|entire|balance|i_owe|everything)"
    ),
    half_of=_compile("(?:half|50%|half_of|half_the)(?:_of)?_(?:the_|that_|my_)?#"),
)
_DU = "(?:montant|solde|facture|somme|total|balance|compte|du|paiement)"
FRENCH = Patterns(
    shares=(
        ("half", _compile("(?:la_)?moitie|50%|50_pour_cent|cinquante_pour_cent|(?:la_)?demie?")),
        (
            "oldest_invoice",
            _compile(
                "(?:facture_)?(?:la_)?plus_(?:vieille|ancienne|vieux|ancien)(?:_(?:facture|impayee))*|premiere_facture|vieille_facture"
            ),
        ),
        ("past_due", _compile("en_retard|en_souffrance|arrieres?|arrerages|echue?s?|passee?_due?|(?:le|mon)_retard")),
        (
            "full",
            _compile(
                f"(?:le_|la_|mon_|ma_)?{_DU}_(?:au_)?(?:complete?|totale?|entiere?|integrale?|restante?)|au_complet|au_total|le_total|en_entier"
                f"|en_totalite|la_totalite|l'_ensemble|l'_integralite|integralement|(?:tout|toute|toutes|tous)_(?:le|la|les|ma|mon|mes)_{_DU}s?"
                "|tout(?=$|_(?:,|~|svp|stp|s'|maintenant|aujourd'hui|avec|sur|sauf|moins|excepte|ce_qui|ce_que|ca|et|mais|payer|regler|pour|a|par|en|au|"
                "d'_un|merci|oui|de_ma|de_mon|du))|toutes(?=$|_,)|la_totale|100%|cent_pour_cent|le_reste|le_restant|ce_que_je_(?:vous_)?dois|le_(?:solde|montant_du|plein_montant)"
                "|le_montant|le_gros_total|le_plein_montant"
            ),
        ),
    ),
    idioms=_compile(
        "(?:annuler|annule|annulez|oublier|oublie|oubliez|effacez|efface|arretez|arrete)_tout|tout_de_(?:meme|suite)|(?:c'_est|ce_sera|ca_sera|ca_va_etre|voila)_tout|tout_(?:va|est|de_suite|a|le_monde|court|a_fait|simplement|seul|juste|d'_abord|"
        "a_l'_heure|correct|bon|ok|beau|ce_temps|le_temps|#)|pas_du_tout|malgre_tout|en_tout_cas|apres_tout|avant_tout|une_demie_heure|"
        "et_demie?|demi_heure|le_(?:solde|total|montant)_(?:est|etait)|toutes_mes_(?:cartes|coordonnees|infos)|"
        "le_(?:reste|restant)_(?:plus|demain|apres|la|le|au|dans|quand|sur)|tous_les_(?:jours|mois)|toute_la_(?:journee|semaine)|de_toutes?_facons?|le_montant_(?:de|a)"
    ),
    questions=_compile(
        "combien|quel|quelle|quels|quelles|pourquoi|quand|montrez|voir|savoir|consulter|verifier|expliquez|c'_est_quoi"
    ),
    except_words=_compile("sauf|moins|excepte|hormis|mais_pas|a_part|sans|en_dehors_de"),
    leave=_compile(
        "(?:laisser|laisse|laissez|garder|garde|gardez|laissant)_(?:environ_|juste_|un_)*#(?:_(?:sur|pour|de|du|en|a|dessus|,)|(?=_,)|$)"
    ),
    short_of=_compile("#_de_moins_que_(?:le_|la_|mon_)?(?:total|solde|montant|totalite)"),
    half_of=_compile("(?:la_)?(?:moitie|50%)_(?:de_|des_|du_|d'_)(?:la_|les_|ce_|mon_|ma_)?#"),
)
PATTERNS = {"en": ENGLISH, "fr": FRENCH}


@dataclass(frozen=True, slots=True)
class Skeleton:
    text: str
    starts: Sequence[int]  # of each item in `text`

    def item_at(self, offset: int) -> int:
        low = 0
        for index, start in enumerate(self.starts):
            if start <= offset:
                low = index
        return low

    def sees(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        return pattern.search(self.text)


def skeleton(items: Sequence[Item]) -> Skeleton:
    parts, starts, offset = [], [], 0
    for item in items:
        if isinstance(item, Quantity):
            part = QUANTITY
        elif item.kind == "percent" and item.values:
            part = f"{item.values[0].normalize():f}%"
        else:
            part = item.text if item.kind == "word" else STOP
        parts.append(part)
        starts.append(offset)
        offset += len(part) + 1
    return Skeleton(" ".join(parts), starts)


def find_shares(bones: Skeleton, patterns: Patterns) -> list[Share]:
    """The relative amounts that are named, in the order of the sentence; none inside a question or an idiom."""
    if bones.sees(patterns.questions):
        return []
    text = patterns.idioms.sub(lambda found: "~" * len(found[0]), bones.text)
    shares = []
    for base, pattern in patterns.shares:
        for found in pattern.finditer(text):
            shares.append(Share(base, bones.item_at(found.start()), bones.item_at(found.end() - 1) + 1))
        text = pattern.sub(lambda found: "~" * len(found[0]), text)
    return sorted(shares, key=lambda share: share.position)
