"""Which words take back the permission to be texted, which look like it, and what is on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from assistant.opt_out import is_opted_out, keyword_of, record_consent, wants_back_in
from assistant.texts.models import TextConsent
from billing.database import SessionFactory
from tests.billing.builders import NOW

PHONE = "+15145550101"
WORDS = """
    STOP
    stop
    Stop.
    STOP!!!
    STOPALL
    Stop all
    UNSUBSCRIBE
    unsubscribe.
    CANCEL
    cancel
    END
    QUIT
    Quit!
    REVOKE
    OPTOUT
    OPT OUT
    opt-out
    Opt out please
    ARRET
    ARRÊT
    arrêt
    ARRÊTER
    arrêter
    Arrêtez
    DESABONNER
    DÉSABONNER
    désabonner
    ＳＴＯＰ
    STOP 🛑
    stop please
    please stop
    arrêt svp
"""
ENGLISH = """
    stop texting me
    Stop texting me!
    please stop texting me
    can you please stop texting me
    stop sending me texts
    stop sending me these messages
    STOP SENDING ME MESSAGES
    stop messaging me
    stop contacting me
    stop the texts
    stop these messages
    no more texts
    no more texts please
    no more messages
    don't text me
    dont text me
    Don’t text me anymore
    please don't text me anymore
    do not text me again
    do not text this number
    never text me again
    do not message me
    don't send me any more texts
    dont send me messages
    please do not send me any more messages
    do not contact me again
    take me off this list
    take me off your list
    please take me off your mailing list
    remove me from your list
    remove me from this list please
    get me off this list
    remove my number
    please remove my number
    remove my number from your list
    delete my number
    remove my number from your system
    unsubscribe me
    unsubscribe me please
    please unsubscribe
    I want to unsubscribe
    how do I unsubscribe
    I want to opt out
    opt me out
    i'd like to opt out of these messages
    I do not want any more texts
    I don't want to receive texts
    i don't want texts from you
    I don't want these messages anymore
    I no longer want to receive messages
    I revoke my consent
    I withdraw my consent to receive texts
    quit texting me
    quit sending me messages
    leave me alone
    wrong number stop texting
    wrong number, stop
    lose my number
    you have the wrong number, please stop texting me
    stop bothering me
    stop spamming me
    stop it with the texts
    I want to stop receiving texts
    I'd like to stop getting these messages
    stop all messages
    stop all texts
    cancel these texts
    cancel text messages
    cancel my text subscription
    I didn't sign up for this, remove me
    remove me
    take me off
    I do not consent to receiving texts
    stop txting me
    stop text
    stop sms
    stop msgs
    u need to stop texting me
    hey stop texting this phone
    could you not text me anymore
    pls stop
    stop now
    STOP NOW
    stop stop stop
    end texts
    no texts
    no texts please
"""
FRENCH = """
    arrêtez de m'envoyer des textos
    arrêtez de m’envoyer des messages
    arrete de m'envoyer des textos
    Arrêtez de me texter
    arrêtez de m'écrire
    cessez de m'écrire
    cessez de m'envoyer des messages
    ne m'écrivez plus
    ne m’écrivez plus svp
    ne me textez plus
    ne m'envoyez plus de textos
    ne m'envoyez plus rien
    m'envoyez plus de messages
    ne me contactez plus
    plus de textos
    plus de textos svp
    plus de messages svp
    retirez mon numéro de votre liste
    retirez-moi de votre liste
    enlevez-moi de la liste
    supprimez mon numéro
    enlevez mon numéro svp
    effacez mon numéro
    désabonnez-moi
    désabonnez moi svp
    je veux me désabonner
    je voudrais me désabonner
    me désabonner
    je ne veux plus recevoir de textos
    je ne veux plus de messages
    je veux plus de textos
    je ne veux plus recevoir vos messages
    je ne veux pas recevoir de textos
    arrêtez les textos
    arrêtez les messages
    arrêter les textos
    stop aux textos
    stop textos
    stop les messages
    fini les textos
    je retire mon consentement
    svp ne plus m'envoyer de textos
    ne plus m'écrire
    ne plus me texter svp
    pouvez-vous arrêter de m'envoyer des textos
    j'aimerais que vous arrêtiez de m'écrire
    veuillez ne plus me contacter
    mauvais numéro, arrêtez de m'écrire
    otez-moi de votre liste
    laissez-moi tranquille
    arrêt des textos
    ne m'envoyez plus de messages
    veuillez arrêter de me contacter
    don't text me, email me
    I don't want you to text me
    please take my number off your list
    retirez moi svp
    enlevez-moi de vos listes
    stop the messages please
    désabonnement
    se désabonner
"""
SOMETHING_ELSE = """
    stop the payment
    cancel the payment
    cancel my payment
    Cancel payment please
    don't text me the receipt, email it
    don't text me the receipt
    can you stop my autopay
    stop my autopay
    stop autopay
    end of the month
    at the end of the month
    I'll pay at the end of the month
    annuler
    annuler le paiement
    annulez mon paiement
    pay
    pay my bill
    yes
    no
    1
    27
    what do I owe
    balance
    solde
    payer
    help
    start
    please stop the payment
    stop payment
    stop charging me
    stop charging my card
    stop charging my visa
    stop taking money
    don't charge me
    do not charge my card
    don't pay
    do not pay that
    cancel that
    cancel it
    cancel my plan
    cancel my account
    cancel my subscription
    cancel my service
    remove my card
    remove my visa
    delete my card
    take my visa off
    take me to my bill
    take off the late fee
    remove the late fee
    remove my old card number
    change my number
    my number is 5145550101
    my card ends in 4242
    the card ending 4242
    i quit my job so I can't pay
    how do I stop late fees
    unsubscribe me from paper bills
    stop txting? no wait
    do not send me text about my visa
    remove me as a user
    take me to the payment page
    take me off autopay
    stop contacting my bank
    please do not cancel
    cancel please
    no text receipt please
    send no text, email the receipt
    I got no texts
    i received no messages
    it was at the end of the messages
    in the end no text came
    why no texts today
    I was told to text you
    unsubscribe from autopay
    unsubscribe from paperless billing
    text me the receipt
    send me a text when it's paid
    text me when it's done
    send me the link
    don't send me paper bills
    don't send me a paper bill, text me
    don't send me the link by text, send it by email
    I don't want to pay
    I don't want to pay in full
    I don't want to use that card
    i dont want that one
    I didn't get your text
    I never got a text
    I don't get any texts
    did you stop my service
    when does my service stop
    my internet stopped working
    stop, I meant 50
    stop wait not that card
    opt for half
    I revoke the autopay
    no more than 50
    no more payments this month
    info on invoice INV-1001
    contact me tomorrow
    don't contact my bank
    message
    I want texts
    start texting me
    get me my list of invoices
    list my invoices
    remove invoice 1001 from the list
    the list of invoices
    take INV-1001 off this list
    leave it
    lose my service
    did I lose my number
    will i lose my number
    can you text me the invoice list
    no text on the invoice
    this message is wrong
    end my contract
    stop my service
    I want to opt out of autopay
    opt out of paperless
    i want to opt out of late fees
    withdraw my payment
    I withdraw my consent to pay by debit
    revoke my consent to debit my bank account
    stop the texts about payment? no keep them
"""
AUTRE_CHOSE = """
    arrêter le paiement
    arrêtez le paiement
    arrêtez le prélèvement
    arrête tout
    fin du mois
    à la fin du mois
    je ne veux plus payer
    je ne veux pas payer
    je veux pas payer tout
    retirez la carte
    retirez ma visa
    supprimez ma carte
    supprimez mon ancienne carte
    enlevez les frais de retard
    plus de détails
    plus tard
    plus de 50
    pas plus de 50
    ne m'envoyez pas la facture par la poste
    ne m'envoyez pas le reçu par texto
    je n'ai pas reçu de texto
    je ne reçois plus vos textos
    j'ai reçu votre message
    je n'ai plus de textos dans mon forfait
    je n'ai plus vos messages
    envoyez-moi un texto
    textez-moi le reçu
    arrêt de service
    quand arrêtez-vous mon service
    débit
    debut du mois
    fini de payer
    combien je dois
    annule
    oui
    non
    aide-moi à payer
    désabonnez-moi des factures papier
    je veux me désabonner du paiement automatique
    arrêter le paiement automatique
    changer mon numéro
    mon numéro est 5145550101
    plus de messages d'erreur?
"""


def lines(table: str) -> list[str]:
    return [line.strip() for line in table.strip().splitlines()]


@pytest.mark.parametrize(
    "body", [*lines(WORDS), *lines(ENGLISH), *lines(FRENCH), "  stop  ", '"STOP"', "s\u200btop", "\nStop\n"]
)
def test_it_says_stop(body: str) -> None:
    assert keyword_of(body) == "stop"


@pytest.mark.parametrize("body", [*lines(SOMETHING_ELSE), *lines(AUTRE_CHOSE), "", " ", "."])
def test_it_does_not_say_stop(body: str) -> None:
    assert keyword_of(body) != "stop"


@pytest.mark.parametrize("body", ["START", "start", "Unstop!", "DEBUT", "début", " Début. "])
def test_it_says_start(body: str) -> None:
    assert keyword_of(body) == "start"


@pytest.mark.parametrize("body", ["HELP", "help!", "Info", "AIDE", "aide?"])
def test_it_says_help(body: str) -> None:
    assert keyword_of(body) == "help"


@pytest.mark.parametrize(
    "body", ["yes", "start texting me", "help me pay", "info on my bill", "aide-moi à payer", "au début du mois"]
)
def test_a_word_among_others_is_for_the_dialogue(body: str) -> None:
    assert keyword_of(body) is None


def test_a_yes_means_start_only_to_whoever_is_opted_out() -> None:
    assert wants_back_in("Yes!")
    assert wants_back_in("OUI")
    assert not wants_back_in("yes pay it")


def test_a_long_text_is_read_in_no_time() -> None:
    for body in ("stop " * 320, "de " * 530, "stop all the " * 120, "please " * 220 + "x"):
        keyword_of(body)  # the test's own time-out speaks for it: no pattern backtracks


def test_the_newest_row_holds(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        assert not is_opted_out(session, PHONE)
        record_consent(session, PHONE, "out", "keyword", "STOP", NOW)
        assert is_opted_out(session, PHONE)
        assert not is_opted_out(session, "+15145550102")
        record_consent(session, PHONE, "in", "keyword", "START", NOW + timedelta(minutes=1))
        assert not is_opted_out(session, PHONE)


def test_the_same_said_twice_in_the_same_way_is_one_row(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        for words in ("STOP", "stop!"):
            record_consent(session, PHONE, "out", "keyword", words, NOW)
        record_consent(session, PHONE, "out", "carrier", "error 21610", NOW)
        record_consent(session, PHONE, "out", "keyword", "STOP", NOW)
    with sessions() as session:
        sources = session.scalars(select(TextConsent.source).order_by(TextConsent.id)).all()
    assert sources == ["keyword", "carrier", "keyword"]
