from __future__ import annotations

import pytest

from assistant.later import later_day, without_later_day


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("pay 50 on nov 30", "pay 50"), ("pay 50 on November 30th", "pay 50"), ("pay 50 nov. 30", "pay 50"),
        ("pay 50 by march 3", "pay 50"), ("pay 20 dec 1", "pay 20"), ("pay 50 on the 15th", "pay 50"),
        ("50 on friday", "50"), ("yes, on friday", "yes,"), ("pay it tomorrow", "pay it"),
        ("pay the rest next week", "pay the rest"), ("in 2 weeks", ""),
        ("pay half at the end of the month", "pay half"),
        ("take it on payday", "take it"), ("pay 30 when I get paid", "pay 30"), ("2026-12-01", ""),
        ("payer 50 le 30 novembre", "payer 50"), ("payer le 15", "payer"), ("payer 50 le 1er décembre", "payer 50"),
        ("oui vendredi", "oui"), ("la moitié vendredi prochain", "la moitié"), ("payer demain", "payer"),
        ("le reste la semaine prochaine", "le reste"), ("dans deux semaines", ""), ("50 à la fin du mois", "50"),
        ("payer 40 à ma prochaine paye", "payer 40"), ("50 le premier du mois", "50"),
    ],
)  # fmt: skip
def test_a_day_to_come_is_found_and_can_be_left_out(said: str, left: str) -> None:
    assert later_day(said) is not None
    assert without_later_day(said).strip() == left


@pytest.mark.parametrize(
    "said",
    [
        "pay 50", "pay my bill now", "pay my November bill", "the bill due on friday", "pay the invoice dated nov 15",
        "pay the one from nov 3", "pay the first invoice", "pay the second one", "may I pay 20", "visa 4242",
        "INV-1002", "pay 15", "pay $50 on my visa", "50 on the visa ending 4242", "march 1001", "today",
        "payer ma facture de novembre", "la facture due le 15", "payer le 4242", "le premier", "la 2", "payer 15",
        "mets 40 au lieu de 50", "le 50", "aujourd'hui", "pay 30 piasses", "",
    ],
)  # fmt: skip
def test_what_names_a_bill_or_nothing_is_no_day_to_come(said: str) -> None:
    assert later_day(said) is None
    assert without_later_day(said) == said
