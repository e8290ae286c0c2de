"""The part of Twilio's `<Pay>` that asks for a card: what is keyed in goes to the bank, and a token comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox.bank import customers
from sandbox.bank.cards import BadCard, read_card

if TYPE_CHECKING:
    from sandbox.box import Box

# Twilio's own prompts, more or less. It takes three tries; the third one is left out here, and the second.
QUESTIONS = {
    "en": ("Please enter your card number.", "Two digits each for month and year of expiry.", "And the security code."),
    "fr": (
        "Entrez le numéro de votre carte.",
        "Deux chiffres pour le mois et l’année d’expiration.",
        "Et le code de sécurité.",
    ),
}
Tokenise = Callable[[str, str, str], dict[str, str]]


def tokeniser(shared: Box) -> Tokenise:
    """Number, expiry (MMYY) and code in; the form fields in which Twilio tells of them out."""

    def tokenise(number: str, expiry: str, code: str) -> dict[str, str]:
        typed = {"number": number, "exp_month": expiry[:2], "exp_year": expiry[2:], "cvc": code}
        try:
            card = read_card(typed, key=shared.settings.secret_key, today=datetime.now(UTC).date())
        except BadCard:
            return {"Result": "too-many-failed-attempts"}
        with shared.database.transaction() as tx:
            token = customers.make_token(tx, card)
        return {
            "Result": "success",
            "PaymentToken": str(token["id"]),
            "PaymentMethod": "credit-card",
            "PaymentCardType": card.brand,
            "PaymentCardNumber": f"xxxxxxxxxxxx{card.last4}",
            "ExpirationDate": expiry,
        }

    return tokenise
