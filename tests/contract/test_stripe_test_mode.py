"""The world of Stripe's test mode, which nobody can visit here: its verbs are tried at the double instead."""

from __future__ import annotations

import pytest

from tests.contract import stripe_test_mode
from tests.contract.orders import AMOUNT, charged, confirmed, customer, order
from tests.contract.stripe_test_mode import StripeTestModeWorld, key_of_the_run
from tests.contract.worlds import Ability
from tests.support.stripe.server import running_double


@pytest.mark.parametrize("key", ["", "sk_live_51abc", "rk_live_51abc", "pk_test_51abc", "sk_tests"])
def test_only_a_secret_key_of_test_mode_is_taken(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    with pytest.raises(pytest.UsageError, match="test mode"):
        key_of_the_run()


def test_its_verbs_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_double() as double:
        monkeypatch.setenv("STRIPE_SECRET_KEY", double.secret_key)
        monkeypatch.setattr(stripe_test_mode, "LIVE_API", double.url)
        world = StripeTestModeWorld()
        assert confirmed(world, "waits").status == "processing"
        assert confirmed(world, "declines").decline_code == "insufficient_funds"
        disputed = confirmed(world, "is disputed")
        assert [dispute.status for dispute in world.gateway.list_disputes(disputed.id)] == ["open"]
        owner = customer(world)
        paid = charged(world, order(world, save_for=owner))
        world.refund_at_gateway(paid.id, AMOUNT)
        assert [(refund.amount, refund.key) for refund in world.gateway.list_refunds(paid.id)] == [(AMOUNT, None)]
        (method,) = world.gateway.list_methods(owner)
        world.detach(method.reference)
        assert list(world.gateway.list_methods(owner)) == []


def test_what_it_lacks_is_what_cannot_be_had_without_a_browser_a_bank_or_days() -> None:
    played_locally = {Ability.ACCOUNTS, Ability.MODES, Ability.SEVERAL_SECRETS}
    assert set(Ability) - set(StripeTestModeWorld.lacks) == played_locally
    assert all(StripeTestModeWorld.lacks.values())
