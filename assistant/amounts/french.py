"""French as it is written and spoken in Canada: "42,50 $", "quatre-vingt-dix piasses", "vingt piasses et quart"."""

from __future__ import annotations

from decimal import Decimal

from assistant.amounts.lexicon import Lexicon, misspellings, one_slip_away, phrases, spoken_digits, words

_TENS = "vingt trente quarante cinquante soixante septante huitante octante nonante"
_REAL_WORDS = words(
    """
        cents vingts milles quartante treize seize trentes quinte dollar tente rente trend cinquantaine
        """
)
_NUMBERS = words(
    f"""
        zero un une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize {_TENS}
        vingts cent cents mille milles million millions
        """
)

FRENCH = Lexicon(
    language="fr",
    decimal_comma=True,
    numbers=_NUMBERS,
    digits=spoken_digits("zero un deux trois quatre cinq six sept huit neuf", une="1"),
    oh=words("zero"),
    point=words("virgule point"),
    linkers=words("et &"),
    articles=words("un une"),
    half=words("demi demie"),
    quarter=words("quart"),
    units={
        **dict.fromkeys(words("dollar dollars piasse piasses piastre piastres balles huard huards"), Decimal(1)),
    },
    cents=words("cent cents ¢ cenne cennes sou sous centime centimes"),
    minus=words("moins negatif"),
    typos=misspellings(
        """
        cinquante: cinqante cincante cinquant sincante
        soixante: soisante soissante
        quarante: quarente carante
        vingt: vint
        trente: trante
        mille: mil
        dollar: dolar dolard dollard
        dollars: dolars dollards
        piasses: piace piaces piase piass
        huit: uit
        quatre: quattre katre
        deux: deu
        """
    ),
    starters=words(
        """
        et mais alors donc puis parce oui non ouais ok okay accord correct bonjour salut allo svp stp maintenant
        enfin euh heu desole pardon juste seulement plutot etre merci bon ben bien voila parfait si aujourd'hui
        finalement attendez attends oups hum eh
        """
    ),
    anchors=words(
        """
        va vas vais diviser divisez separer separez laisser laisse laissez garder garde gardez payer paie paye payez
        payons paierai payerai paierais payerais paies regler regle reglez verser verse versez versement mettre mets
        mettez met faire fais fait faites donner donne donnez envoyer envoie envoyez prendre prends prenez debiter
        debitez debite prelever prelevez deposer depose disons dire dis veux voudrais voudrait aimerais peux
        pourrais souhaite souhaiterais desire pour que ca c' paiement montant somme total acompte depot vaut coute
        dois doit doivent possible ajuster appliquer appliquez transferer rembourser seulement soit moins sauf
        autour vers changer changez baisser monter mettons partiel partielle maximum max minimum passer reduire
        limiter arrondir arrondissez pense pensais entrer inscrire inscrivez plus ajouter ajoutez retirer retirez
        confirmer confirme ai as avance avancer
        """
    ),
    card_verbs=words(
        """
        utiliser utilise utilisez prendre prends prenez avec charger chargez essayer essaie
        """
    ),
    pronouns=words("le la les ca cela moi y lui en"),
    transparent=words(
        """
        environ juste seulement peut etre exactement un une le la les ma mon mes de d' des du euh heu plutot meme
        total montant somme autre simplement uniquement a peu pres genre comme disons svp
        """
    ),
    definite=words("le la les du"),
    copulas=words("est etait sera serait = fait soit"),
    subjects=words(
        """
        montant paiement ca c' cela total somme facture solde budget limite maximum prix cout frais versement
        acompte ce minimum depot
        """
    ),
    identifiers=words(
        """
        nip pin numero numeros no code compte comptes carte cartes visa mastercard amex postal nas telephone tel
        cellulaire id naissance adresse rue chiffres dossier reference confirmation commande billet cvv securite
        utilisateur poste age
        """
    ),
    of=words("de d'"),
    to=words("a"),
    at=words("a"),
    with_=words("avec"),
    at_verbs=words(
        """
        garder garde gardez laisser laisse laissez limiter limite limitez fixer fixe fixez mettre mets mettez
        """
    ),
    with_verbs=words("commencer commence commencez commencons debuter"),
    change_verbs=words(
        """
        changer change changez modifier modifie modifiez baisser baisse baissez monter monte montez augmenter
        augmentez reduire reduis reduisez passer passe passez ajuster ajustez corriger corrigez corrige montant
        paiement descendre descends descendez remplacer remplacez mettre mets mettez ramener ramenez
        """
    ),
    between=words("entre"),
    alternatives=words("ou"),
    followers=words(
        """
        quand meme pareil svp stp s' merci maintenant aujourd'hui ce cette sur avec pour a au aux vers par et mais
        seulement environ plutot max maximum minimum pas non oui ok tout toute ou alors puis si c' ca s'il sous
        demain des tantot bientot correct parfait je j' on peut serait est comme que parce donc en de d' du la le ma
        mon sauf moins plus au-lieu svp. quand avant apres ainsi dessus comptant dollars excusez desole pardon euh
        finalement suffit suffira ira va piles tapant piasses exactement pile voila bon ben dedans enfin
        """
    ),
    after_in=frozenset(),  # "en" is a follower by itself
    after_of=words("ma mon mes la le ce ca cela cette ces l' notre"),
    approving=words("correct bon bien ok parfait tout assez beaucoup le possible"),
    more=words("plus supplementaires supplementaire additionnels extra"),
    per=words("par chaque"),
    periods=words(
        """
        mois semaine semaines jour an annee paie versement fois carte
        """
    ),
    stated=words(
        """
        dois doit devais facture factures solde du due restant reste recu frais indique affiche etait etaient
        """
    ),
    stated_phrases=phrases("vous avez dit, vous dites, on m' a dit, ca dit"),
    documents=words("facture factures releve"),
    nots=words("pas ni jamais sans"),
    nots_asked_by=words("pourquoi"),
    nots_asked_of=frozenset(),
    instead_of=phrases(
        """
        au lieu de, au lieu d', plutot que, plutot que de, a la place de, a la place d', au lieu des, au lieu du
        """
    ),
    corrections=phrases(
        """
        non, plutot, en fait, je veux dire, je voulais dire, pardon, desole, oups, finalement, attendez, attends,
        changez ca pour, mettez, mets, correction, j' ai dit, excusez, excuse, enfin, disons, nan, ou plutot
        """
    ),
    bounds=phrases(
        """
        plus de, plus que, moins de, moins que, au moins, au plus, jusqu' a, pas plus de, ajouter, ajoutez, ajoute,
        extra, encore, un autre, quelques, versements de, paiements de, tranches de, au dessus de, en dessous de,
        plus d', moins d', maximum de, une couple de
        """
    ),
    parts_of=words("sur de d' des du les mes la ma le mon l' total solde facture"),
    near=one_slip_away(
        words(
            """
        trente quarante cinquante soixante quatorze quinze dollars piasses piastres
        """
        ),
        _REAL_WORDS | _NUMBERS,
    ),
)
