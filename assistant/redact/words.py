"""What a word means inside or beside a card number, in English and French at once: people mix them, and at the door
nobody knows the language yet. All words are folded (lower case, no accents)."""

from __future__ import annotations

from enum import IntEnum, auto

from assistant.amounts.english import ENGLISH
from assistant.amounts.french import FRENCH
from assistant.amounts.lexicon import MONTHS, Lexicon, words
from assistant.amounts.numbers import cardinal


class Kind(IntEnum):  # hashed as the number it is
    """What a part of a spelled number is; the comment says what its value is."""

    DIGITS = auto()  # a numeral, as it was typed
    UNIT = auto()  # "four": 4
    TEEN = auto()  # "eleven": 11
    TENS = auto()  # "forty": 40
    HUNDRED = auto()
    THOUSAND = auto()
    REPEAT = auto()  # "double": 2
    TIMES = auto()  # "trois fois zero"
    PLURAL = auto()  # "two zeros": 0
    SOUNDS_LIKE = auto()  # "for": 4, between two spoken digits only
    AND = auto()
    ORDER = auto()  # "the first four": the number after it may only count digits
    FILLER = auto()
    END = auto()


Meaning = tuple[Kind, int]
SILENT = frozenset((Kind.FILLER, Kind.AND, Kind.ORDER, Kind.TIMES))  # no digits by themselves

MARKERS = CARD, CODE, EXPIRY = "⟦card⟧", "⟦code⟧", "⟦expiry⟧"

_FILLERS = words(
    """
    dash hyphen space slash dot point comma underscore um uh er hmm the is are its it s rest half part digit digits
    number numbers tiret trait espace virgule barre euh le la les l est sont c ce reste suite fin moitie partie chiffre
    chiffres ensuite
    """
)
_ORDER = words(
    """
    first last next second third fourth other remaining final premier premiers premiere dernier derniers prochain
    prochains suivant suivants autres deuxieme troisieme
    """
)
_SOUNDS_LIKE = {"to": 2, "too": 2, "for": 4, "fore": 4, "won": 1, "ate": 8, "tree": 3, "cinque": 5, "set": 7, "cet": 7}
_MORE_DIGITS = {"niner": 9, "nought": 0, "naught": 0, "nil": 0, "null": 0}  # beside what the lexicons hold
_REPEATS = {"double": 2, "doubles": 2, "triple": 3, "treble": 3, "quadruple": 4}
_PLURALS = "zeros ones twos threes fours fives sixes sevens eights nines"

# What says that the number beside it belongs to a card, and what says that it does not.
CARD_WORDS = words(
    """
    card cards cc pan visa mastercard amex discover diners jcb unionpay maestro credit debit
    carte cartes
    """
)
OTHER_WORDS = words(
    """
    account acct acc ac accounts invoice invoices inv bill bills order orders po ref reference confirmation transaction
    receipt ticket case claim policy contract customer client member employee serial model id phone telephone tel cell
    cellphone mobile fax call text sms ssn sin social tax zip postal postcode po iban routing transit institution swift
    date dated time dob born address street amount total session user username code otp passcode
    compte comptes facture factures fac commande commandes recu dossier contrat police membre abonne serie modele
    portable cellulaire telecopieur appeler appelez appelle nas montant adresse rue courriel transit succursale
    """
)
DOCUMENT_WORDS = words("invoice invoices inv bill bills order orders po facture factures commande commandes")
DEVICE_WORDS = words("imei imeisv meid esn eid iccid sim tracking parcel shipment package suivi colis envoi")
NUMBER_WORDS = words("number numbers no num nr nbr n numero numeros id")  # "order number 4…": surely the order's name
# Between a word and the number it names.
BESIDE = NUMBER_WORDS | words(
    """
    is are was be it its s this that these those here my your our the a an of for to and on in as please ok full
    complete new old other actually
    est sont etait c ce cet cette ces ca voici voila mon ma mes votre vos notre nos le la les l un une de du des d pour
    sur et a au svp nouveau nouvelle ancien ancienne complet autre
    """
)

# Beside a card number.
EXPIRY_WORDS = words(
    """
    exp expiry expires expire expired expiring expiration expirations valid thru expdate
    expirant valide validite echeance
    """
)
CODE_WORDS = words("cvv cvv2 cvc cvc2 csc cvn cvd cryptogramme")  # never stored, with or without a card number
CODE_PHRASES = frozenset(
    tuple(phrase.split())
    for phrase in (
        "security code", "security number", "security digits", "security pin", "card code", "digit code",
        "verification value", "card verification code", "card verification number", "on the back", "on back",
        "back of my card", "back of the card", "back of card", "behind the card", "behind my card",
        "code de securite", "code securite", "code de la carte", "code a trois chiffres", "numero de securite",
        "chiffres de securite", "code de verification de la carte", "au dos", "au verso", "a l endos", "a l arriere",
        "derriere la carte", "derriere ma carte", "dos de la carte", "dos de ma carte",
    )
)  # fmt: skip
CODE_WORDS_BESIDE_CARDS = CODE_WORDS | words("code security securite pin nip cid")
BESIDE_CODES = BESIDE | words(
    """
    digit digits code codes card visa mastercard amex number back three four side
    carte chiffre chiffres dos verso endos arriere trois quatre
    """
)
ALONE_WITH = (  # in a message that is one number
    BESIDE | _FILLERS | _ORDER | CARD_WORDS | EXPIRY_WORDS | CODE_WORDS
    | words("ok okay yes yeah sure hi hello sorry thanks then oui bon bonjour merci desole puis et")
)  # fmt: skip
MONEY_WORDS = words("dollar dollars buck bucks cent cents cad usd euros piasse piasses")  # after a sum
AMOUNT_WORDS = words(  # before one
    """
    pay charge of amount total for owe balance bill make send put payer payez paie paye montant solde facture dois
    mettre mettez verser
    """
)


def _meaning_of(value: int) -> Meaning:
    for kind, below in ((Kind.UNIT, 10), (Kind.TEEN, 20), (Kind.TENS, 100), (Kind.HUNDRED, 101), (Kind.THOUSAND, 1001)):
        if value < below:
            return kind, value
    return Kind.FILLER, 0  # a million is in no card number


def _numbers(lexicon: Lexicon) -> dict[str, Meaning]:
    """The number words of a language, as they are spelled and misspelled."""
    known = {word: _meaning_of(found[0]) for word in lexicon.numbers if (found := cardinal((word,), lexicon.language))}
    known |= {word: (Kind.UNIT, int(digit)) for word, digit in lexicon.digits.items()}
    slips = {slip: known[word] for slip, word in (lexicon.near | lexicon.typos).items() if word in known}
    return slips | known


def _meanings() -> dict[str, Meaning]:
    tables = (
        dict.fromkeys(_FILLERS, (Kind.FILLER, 0)),
        dict.fromkeys(_ORDER, (Kind.ORDER, 0)),
        {word: (Kind.SOUNDS_LIKE, digit) for word, digit in _SOUNDS_LIKE.items()},
        _numbers(FRENCH),
        _numbers(ENGLISH),
        {word: (Kind.UNIT, digit) for word, digit in _MORE_DIGITS.items()},
        {word: (Kind.PLURAL, digit) for digit, word in enumerate(_PLURALS.split())},
        {word: (Kind.REPEAT, times) for word, times in _REPEATS.items()},
        dict.fromkeys(("times", "fois"), (Kind.TIMES, 0)),
        dict.fromkeys(("and", "et", "n", "then", "puis"), (Kind.AND, 0)),
    )
    return {word: meaning for table in tables for word, meaning in table.items()}


MEANINGS = _meanings()
NUMBER_SPELLINGS = (ENGLISH.numbers | FRENCH.numbers | set(ENGLISH.digits) | set(_REPEATS)) & set(MEANINGS)
MONTH_WORDS = MONTHS
